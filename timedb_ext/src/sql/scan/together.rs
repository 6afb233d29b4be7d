//! The node as one of the participants of a parallel read: what PostgreSQL calls before workers start, in them, and before
//! the memory ends that all of them share.

use super::node::ReadScan;
use super::shared::{Shared, ToShare};
use super::sharing;
use crate::identity::caller;
use crate::pg::error::{entry, shielded};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::c_void;

/// Looks which series there are and how much of them, and says how much memory that takes.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn estimate(
    node: *mut pg_sys::CustomScanState,
    _pcxt: *mut pg_sys::ParallelContext,
) -> usize {
    // SAFETY: PostgreSQL calls it for a node that has been through `begin`.
    unsafe {
        let found = look(node);
        let room = Shared::size(&found.all);
        entry(|| {
            (*(*node.cast::<ReadScan>()).read).found = Some(found);
            Ok(())
        });
        room
    }
}

/// Writes it down, and asks for no more workers than are worth starting.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn initialize(
    node: *mut pg_sys::CustomScanState,
    pcxt: *mut pg_sys::ParallelContext,
    memory: *mut c_void,
) {
    // SAFETY: as in `estimate`, which has been called before.
    shielded(|| unsafe {
        let read = &mut *(*node.cast::<ReadScan>()).read;
        let found = read.found.take().unwrap_or_default();
        read.room = Shared::size(&found.all);
        begin(node, pcxt, memory, &found);
    })
}

/// The same where the read begins anew, in the memory that there is.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn reinitialize(
    node: *mut pg_sys::CustomScanState,
    pcxt: *mut pg_sys::ParallelContext,
    memory: *mut c_void,
) {
    // SAFETY: as in `initialize`.
    unsafe {
        let found = look(node);
        shielded(|| begin(node, pcxt, memory, &found))
    }
}

/// Joins, as a worker.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn join(
    node: *mut pg_sys::CustomScanState,
    _toc: *mut pg_sys::shm_toc,
    memory: *mut c_void,
) {
    // SAFETY: the leader has written it; the node has been through `begin`.
    unsafe {
        let shared = Shared::at(memory);
        entry(|| {
            // PostgreSQL has given it the leader's settings.
            if shared.tenant() != caller::tenant() {
                return Err(caller::refuse_changed_tenant());
            }
            (*(*node.cast::<ReadScan>()).read).share(shared);
            Ok(())
        });
    }
}

/// Leaves before the shared memory ends.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn leave(node: *mut pg_sys::CustomScanState) {
    // SAFETY: as in `join`.
    shielded(|| unsafe {
        if let Some(read) = (*node.cast::<ReadScan>()).read.as_mut() {
            read.leave();
        }
    })
}

unsafe fn look(node: *mut pg_sys::CustomScanState) -> ToShare {
    // SAFETY: as in `estimate`.
    unsafe {
        let read = &mut *(*node.cast::<ReadScan>()).read;
        entry(|| {
            read.rewind();
            read.what_to_share(&mut (*node).ss)
        })
    }
}

unsafe fn begin(
    node: *mut pg_sys::CustomScanState,
    pcxt: *mut pg_sys::ParallelContext,
    memory: *mut c_void,
    found: &ToShare,
) {
    // SAFETY: as in `initialize`.
    unsafe {
        let read = &mut *(*node.cast::<ReadScan>()).read;
        let workers = sharing::workers_for(found.points).clamp(0, (*pcxt).nworkers);
        pg_sys::ReinitializeParallelWorkers(pcxt, workers);
        let participants = workers as u64 + 1;
        let segments = read.segments();
        let tenant = caller::tenant();
        let shared = Shared::begin(
            memory,
            read.room,
            &found.all,
            tenant,
            participants,
            segments,
        );
        read.share(shared);
    }
}
