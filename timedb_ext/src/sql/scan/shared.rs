//! What the participants of a parallel read share: which series they read, and which of them are taken. A series is read
//! by one of them as a whole, so that each gives its rows in the order of a read that is not shared.

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use timedb_rules::limits::MAX_SERIES;

/// How many times in a row each participant may take its part of what is left, at least: near the end the parts are small,
/// so that all end together, but each costs a statement.
const LEAST_PARTS: u64 = 8;

/// What stands at the beginning of the shared memory; the ids follow.
#[repr(C)]
struct Head {
    /// The tenant whose series these are.
    tenant: [u8; 16],
    has_tenant: u64,
    /// How many series there are, or that the read is not divided.
    series: u64,
    is_whole: u64,
    participants: u64,
    /// The first one that nobody has taken.
    next: AtomicU64,
    /// Segments that participants have read.
    segments: AtomicU64,
}

/// A parallel read, as one of its participants sees it.
#[derive(Clone, Copy)]
pub struct Shared(*mut Head);

/// What there is to read, or what a participant has taken of it.
#[derive(Default)]
pub enum Part {
    /// These series, ascending.
    Series(Vec<[u8; 16]>),
    /// All of it: it is not divided.
    #[default]
    Whole,
}

/// What the leader has found before it starts workers.
#[derive(Default)]
pub struct ToShare {
    pub all: Part,
    /// How many points it has, about.
    pub points: u64,
}

impl Shared {
    /// How much memory sharing it takes.
    pub fn size(all: &Part) -> usize {
        let ids = match all {
            Part::Series(ids) => ids.len(),
            Part::Whole => 0,
        };
        size_of::<Head>() + ids * size_of::<[u8; 16]>()
    }

    /// Memory that a leader has shared.
    ///
    /// # Safety
    /// The memory lives until PostgreSQL says that it ends, and [`Self::begin`] has been called for it.
    pub unsafe fn at(memory: *mut std::ffi::c_void) -> Self {
        Self(memory.cast())
    }

    /// Puts what there is to read into memory that is to be shared, or says that it is not divided where it does not fit.
    ///
    /// # Safety
    /// There are so many bytes, aligned as PostgreSQL aligns what it shares, and no worker looks at them yet.
    pub unsafe fn begin(
        memory: *mut std::ffi::c_void,
        room: usize,
        all: &Part,
        tenant: Option<[u8; 16]>,
        participants: u64,
        segments: u64,
    ) -> Self {
        let (ids, is_whole): (&[[u8; 16]], bool) = match all {
            Part::Series(ids) if Self::size(all) <= room => (ids, false),
            _ => (&[], true),
        };
        let head = memory.cast::<Head>();
        // SAFETY: the caller's promise; the ids fit behind the head.
        unsafe {
            head.write(Head {
                tenant: tenant.unwrap_or_default(),
                has_tenant: tenant.is_some().into(),
                series: ids.len() as u64,
                is_whole: is_whole.into(),
                participants: participants.max(1),
                next: AtomicU64::new(0),
                segments: AtomicU64::new(segments),
            });
            ptr::copy_nonoverlapping(ids.as_ptr(), head.add(1).cast(), ids.len());
        }
        Self(head)
    }

    fn head(&self) -> &Head {
        // SAFETY: as promised to `at` or `begin`.
        unsafe { &*self.0 }
    }

    /// The tenant of the leader.
    pub fn tenant(&self) -> Option<[u8; 16]> {
        let head = self.head();
        (head.has_tenant != 0).then_some(head.tenant)
    }

    /// Takes the next part; `None` if none is left.
    pub fn take(&self) -> Option<Part> {
        let head = self.head();
        if head.is_whole != 0 {
            return (head.next.fetch_add(1, Ordering::Relaxed) == 0).then_some(Part::Whole);
        }
        let step = |next: u64| {
            let left = head.series.saturating_sub(next);
            let least = head.series / (head.participants * LEAST_PARTS);
            let wanted = (left / (head.participants * 2)).max(least).max(1);
            // A call takes no more.
            wanted.min(left).min(MAX_SERIES as u64)
        };
        let taken = head
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                (next < head.series).then(|| next + step(next))
            });
        let first = taken.ok()?;
        let number = step(first) as usize;
        // SAFETY: so many ids follow the head, which nobody changes while participants read.
        let ids = unsafe {
            let ids = self.0.add(1).cast::<[u8; 16]>().add(first as usize);
            std::slice::from_raw_parts(ids, number)
        };
        Some(Part::Series(ids.to_vec()))
    }

    /// Counts segments that this participant has read.
    pub fn count(&self, segments: u64) {
        self.head().segments.fetch_add(segments, Ordering::Relaxed);
    }

    /// How many segments all participants have read.
    pub fn segments(&self) -> u64 {
        self.head().segments.load(Ordering::Relaxed)
    }
}
