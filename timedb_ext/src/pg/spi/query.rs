//! A SELECT in progress that returns its rows in pieces, without a cursor.
//!
//! A cursor has a name, and whoever can send SQL in the session can close, move or replace it between two pieces. So
//! this drives the executor itself, as a portal does. Everything that it holds belongs to the query or call in which
//! it is used: memory to one of its contexts, pins and locks to its resource owner. They end with it at the latest. If
//! that happens first, it is noticed, and nothing of it is touched again.

use super::args::Arg;
use super::memory_context;
use super::row::{Row, has_columns};
use crate::pg::error::{Error, Result, SqlState, shielded};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};
use std::ptr;
use std::rc::Rc;

/// How long a query may last: it is over when this memory context is deleted, whatever happens.
#[derive(Clone, Copy)]
pub struct Home(pg_sys::MemoryContext);

impl Home {
    /// As long as the caller's memory context; for queries that end before the call does.
    pub fn here() -> Self {
        // SAFETY: reads the backend's own state.
        Self(unsafe { pg_sys::CurrentMemoryContext })
    }

    /// As long as the query that calls a set-returning function: through all of its calls.
    ///
    /// # Errors
    /// 0A000 if the function is not called from a query.
    ///
    /// # Safety
    /// `fcinfo` is that of a call in progress.
    pub unsafe fn of_query(fcinfo: pg_sys::FunctionCallInfo) -> Result<Self> {
        // SAFETY: `resultinfo` is null or a node; the executor's has an expression context that outlives
        // the call.
        let memory = unsafe {
            let result = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            let result = result.as_ref();
            result
                .filter(|result| result.type_ == pg_sys::NodeTag::T_ReturnSetInfo)
                .and_then(|result| result.econtext.as_ref())
                .map(|context| context.ecxt_per_query_memory)
        };
        match memory {
            Some(memory) if !memory.is_null() => Ok(Self(memory)),
            _ => Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "set-valued function called in context that cannot accept a set",
            )),
        }
    }
}

/// A SELECT in progress. Dropping it ends it.
pub struct Query {
    context: pg_sys::MemoryContext,
    owner: pg_sys::ResourceOwner,
    is_over: Rc<IsOver>,
    plan: *mut pg_sys::CachedPlan,
    desc: *mut pg_sys::QueryDesc,
    receiver: *mut Receiver,
    /// The executor is at work, or has ended in an error: then only PostgreSQL's own clean-up may follow.
    is_running: bool,
}

/// Whether what a query holds in PostgreSQL has gone.
type IsOver = Cell<bool>;

thread_local! {
    // The queries in progress, by the resource owner with which they end.
    static OWNERS: RefCell<Vec<(pg_sys::ResourceOwner, Rc<IsOver>)>> = const { RefCell::new(Vec::new()) };
}

/// Asks PostgreSQL to tell when resource owners end; called once, when the library is loaded.
pub fn define() {
    // SAFETY: the callback lives as long as the library, which is never unloaded.
    unsafe { pg_sys::RegisterResourceReleaseCallback(Some(owner_released), ptr::null_mut()) };
}

// Runs for every resource owner, also while a transaction aborts or the process ends, when what a thread has of
// its own may be gone already: it raises nothing and allocates nothing.
unsafe extern "C-unwind" fn owner_released(
    _phase: pg_sys::ResourceReleasePhase::Type,
    _is_commit: bool,
    _is_top_level: bool,
    _arg: *mut c_void,
) {
    // SAFETY: PostgreSQL makes the one that ends the current one while it calls.
    let owner = unsafe { pg_sys::CurrentResourceOwner };
    let _gone = OWNERS.try_with(|owners| {
        if let Ok(mut owners) = owners.try_borrow_mut() {
            owners.retain(|(of, is_over)| {
                if *of == owner {
                    is_over.set(true);
                }
                *of != owner
            });
        }
    });
}

unsafe extern "C-unwind" fn context_deleted(arg: *mut c_void) {
    // SAFETY: `start` has given this callback a count of its own.
    let is_over = unsafe { Rc::from_raw(arg.cast::<IsOver>()) };
    is_over.set(true);
}

/// Where the executor sends rows: PostgreSQL's head, followed by ours.
#[repr(C)]
struct Receiver {
    head: pg_sys::DestReceiver,
    /// Of the rows, as declared; and the descriptor that has been found to have them.
    columns: &'static [Oid],
    checked: pg_sys::TupleDesc,
    /// Only while rows are fetched.
    sink: *mut Sink<'static>,
}

/// What becomes of the rows of one fetch.
struct Sink<'a> {
    each: &'a mut dyn FnMut(&Row) -> Result<()>,
    rows: usize,
    outcome: Result<()>,
}

#[pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    this: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: the executor passes the receiver that `start` made, which is whole, and a slot with a row; the
    // sink is set, or null.
    shielded(|| unsafe {
        let receiver = &mut *this.cast::<Receiver>();
        let Some(sink) = receiver.sink.as_mut() else {
            return false;
        };
        let desc = (*slot).tts_tupleDescriptor;
        if desc != receiver.checked {
            if !has_columns(desc, receiver.columns) {
                sink.outcome = Err(Error::other_columns());
                return false;
            }
            receiver.checked = desc;
        }
        sink.rows += 1;
        sink.outcome = (sink.each)(&Row::of_slot(slot, receiver.columns));
        sink.outcome.is_ok()
    })
}

#[pg_guard]
unsafe extern "C-unwind" fn start_up(
    this: *mut pg_sys::DestReceiver,
    _operation: i32,
    _desc: pg_sys::TupleDesc,
) {
    // The slot's descriptor counts; what was checked in an earlier fetch could be gone.
    // SAFETY: as in `receive`.
    unsafe { (*this.cast::<Receiver>()).checked = ptr::null_mut() };
}

unsafe extern "C-unwind" fn nothing_to_do(_this: *mut pg_sys::DestReceiver) {}

/// Makes a query's memory context and resource owner the current ones; dropping it gives back what was before,
/// also where an error unwinds.
struct Inside {
    context: pg_sys::MemoryContext,
    owner: pg_sys::ResourceOwner,
}

impl Inside {
    /// # Safety
    /// Both are live.
    unsafe fn of(context: pg_sys::MemoryContext, owner: pg_sys::ResourceOwner) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let before = Self {
                context: pg_sys::CurrentMemoryContext,
                owner: pg_sys::CurrentResourceOwner,
            };
            pg_sys::CurrentMemoryContext = context;
            pg_sys::CurrentResourceOwner = owner;
            before
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // SAFETY: they were the current ones, and outlive what is done inside.
        unsafe {
            pg_sys::CurrentMemoryContext = self.context;
            pg_sys::CurrentResourceOwner = self.owner;
        }
    }
}

impl Query {
    /// Starts a kept plan of one SELECT, under the caller's snapshot. Call with SPI connected.
    pub(super) fn start(
        plan: pg_sys::SPIPlanPtr,
        sql: &'static CStr,
        parameters: &'static [Oid],
        columns: &'static [Oid],
        args: &[Arg],
        home: Home,
    ) -> Result<Self> {
        // SAFETY: `home` outlives the query, or ends it by the callback. What is made here belongs to the
        // new context and the new owner, so that an error in between leaves nothing that PostgreSQL would
        // not clean up. `makeParamList` gives room for as many parameters as there are.
        unsafe {
            let name = c"timedb: query";
            let context = memory_context(home.0, name);
            let owner = pg_sys::ResourceOwnerCreate(pg_sys::CurrentResourceOwner, name.as_ptr());
            let inside = Inside::of(context, owner);
            let is_over = Rc::new(IsOver::new(false));
            let callback = pg_sys::palloc0(size_of::<pg_sys::MemoryContextCallback>())
                .cast::<pg_sys::MemoryContextCallback>();
            (*callback).func = Some(context_deleted);
            (*callback).arg = Rc::into_raw(Rc::clone(&is_over)).cast_mut().cast();
            pg_sys::MemoryContextRegisterResetCallback(context, callback);
            OWNERS.with(|owners| owners.borrow_mut().push((owner, Rc::clone(&is_over))));

            let receiver = pg_sys::palloc0(size_of::<Receiver>()).cast::<Receiver>();
            receiver.write(Receiver {
                head: pg_sys::DestReceiver {
                    receiveSlot: Some(receive),
                    rStartup: Some(start_up),
                    rShutdown: Some(nothing_to_do),
                    rDestroy: Some(nothing_to_do),
                    mydest: pg_sys::CommandDest::DestNone,
                },
                columns,
                checked: ptr::null_mut(),
                sink: ptr::null_mut(),
            });
            let mut query = Self {
                context,
                owner,
                is_over,
                plan: ptr::null_mut(),
                desc: ptr::null_mut(),
                receiver,
                is_running: true,
            };

            let list = pg_sys::makeParamList(args.len() as i32);
            let values = (*list).params.as_mut_slice(args.len());
            for ((value, arg), of) in values.iter_mut().zip(args).zip(parameters) {
                value.value = arg.datum().unwrap_or(pg_sys::Datum::null());
                value.isnull = arg.datum().is_none();
                value.pflags = pg_sys::PARAM_FLAG_CONST as u16;
                value.ptype = *of;
            }
            // What the values point to may end before the query does.
            let list = pg_sys::copyParamList(list);

            query.plan = pg_sys::SPI_plan_get_cached_plan(plan);
            let statement = planned(query.plan)?;
            query.desc = pg_sys::CreateQueryDesc(
                statement,
                sql.as_ptr(),
                pg_sys::GetActiveSnapshot(),
                ptr::null_mut(),
                receiver.cast(),
                list,
                ptr::null_mut(),
                0,
            );
            pg_sys::ExecutorStart(query.desc, 0);
            query.is_running = false;
            let fits = has_columns((*query.desc).tupDesc, columns);
            // Before the query may end: it must not do so in its own context.
            drop(inside);
            match fits {
                true => Ok(query),
                false => Err(Error::other_columns()),
            }
        }
    }

    /// Hands up to `limit` rows to `each`, and returns whether there may be more; without more it has ended.
    ///
    /// # Errors
    /// XX000 for rows of other types than declared; 55000 when the query has ended with what it belonged to;
    /// whatever `each` returns. After an error nothing more can be fetched.
    pub fn fetch(
        &mut self,
        limit: usize,
        mut each: impl FnMut(&Row) -> Result<()>,
    ) -> Result<bool> {
        if self.is_over.get() || self.is_running || self.desc.is_null() {
            return Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "the read was interrupted and cannot continue",
            ));
        }
        let mut sink = Sink {
            each: &mut each,
            rows: 0,
            outcome: Ok(()),
        };
        // SAFETY: the query is alive and idle. The sink outlives the run, in which alone it is used; an error
        // in it leaves `is_running`, so that nothing is fetched any more.
        unsafe {
            let _inside = Inside::of(self.context, self.owner);
            self.is_running = true;
            (*self.receiver).sink = ptr::from_mut(&mut sink).cast();
            pg_sys::PushActiveSnapshot((*self.desc).snapshot);
            run_executor(self.desc, limit);
            pg_sys::PopActiveSnapshot();
            (*self.receiver).sink = ptr::null_mut();
            self.is_running = false;
        }
        let Sink { rows, outcome, .. } = sink;
        if let Err(error) = outcome {
            self.end();
            return Err(error);
        }
        if rows < limit {
            self.end();
            return Ok(false);
        }
        Ok(true)
    }

    /// Ends the executor and releases what it holds, if PostgreSQL has not done so and will not.
    fn end(&mut self) {
        // SAFETY: reads the backend's own state.
        let may_call = !std::thread::panicking() && unsafe { pg_sys::IsTransactionState() };
        if self.is_over.replace(true) || self.is_running || !may_call {
            return;
        }
        // SAFETY: the query is alive and idle, and from here on counts as over. The order is that of a portal.
        unsafe {
            {
                let _inside = Inside::of(self.context, self.owner);
                if !self.desc.is_null() {
                    pg_sys::ExecutorFinish(self.desc);
                    pg_sys::ExecutorEnd(self.desc);
                    pg_sys::FreeQueryDesc(self.desc);
                }
                if !self.plan.is_null() {
                    pg_sys::ReleaseCachedPlan(self.plan, self.owner);
                }
            }
            use pg_sys::ResourceReleasePhase as Phase;
            // As at a portal's end: its locks pass to its owner.
            for phase in [
                Phase::RESOURCE_RELEASE_BEFORE_LOCKS,
                Phase::RESOURCE_RELEASE_LOCKS,
                Phase::RESOURCE_RELEASE_AFTER_LOCKS,
            ] {
                pg_sys::ResourceOwnerRelease(self.owner, phase, true, false);
            }
            pg_sys::ResourceOwnerDelete(self.owner);
            pg_sys::MemoryContextDelete(self.context);
        }
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        self.end();
    }
}

/// The one SELECT of a plan, in the current memory context. It is not compiled by JIT: the planner's guess of
/// its cost says nothing of what a small read takes.
///
/// # Errors
/// XX000 for another plan.
///
/// # Safety
/// The plan is null or held by the current resource owner.
unsafe fn planned(plan: *mut pg_sys::CachedPlan) -> Result<*mut pg_sys::PlannedStmt> {
    let other = || Error::internal("an internal statement is not a plain SELECT");
    // SAFETY: the caller's promise; a cached plan holds PlannedStmts.
    unsafe {
        let plan = plan.as_ref().ok_or_else(other)?;
        let list = pgrx::PgList::<pg_sys::PlannedStmt>::from_pg(plan.stmt_list);
        let statement = list
            .get_ptr(0)
            .filter(|&statement| {
                list.len() == 1
                    && (*statement).type_ == pg_sys::NodeTag::T_PlannedStmt
                    && (*statement).commandType == pg_sys::CmdType::CMD_SELECT
                    && !(*statement).hasModifyingCTE
                    && !(*statement).parallelModeNeeded
            })
            .ok_or_else(other)?;
        let copy = pg_sys::palloc(size_of::<pg_sys::PlannedStmt>()).cast::<pg_sys::PlannedStmt>();
        ptr::copy_nonoverlapping(statement, copy, 1);
        (*copy).jitFlags = 0;
        Ok(copy)
    }
}

/// # Safety
/// The executor has been started with this descriptor, under the active snapshot.
unsafe fn run_executor(desc: *mut pg_sys::QueryDesc, limit: usize) {
    let forward = pg_sys::ScanDirection::ForwardScanDirection;
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::ExecutorRun(desc, forward, limit as u64, false);
        #[cfg(feature = "pg18")]
        pg_sys::ExecutorRun(desc, forward, limit as u64);
    }
}
