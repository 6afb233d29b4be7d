//! What the scan can compute of groups of rows, and how a plan says it.

use super::columns::{OF_SERIES, VALID_TIME, VALUE};
use super::conditions::{Axis, Condition, Reader};
use super::expressions::{attributes, may_be_computed};
use pgrx::PgList;
use pgrx::pg_sys::{self, AggSplit, NodeTag};
use std::ptr;

/// What is computed of the rows of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Sum {
    Rows,
    Values,
    Total,
    /// Number, sum and sum of squares, of which averages and deviations are made.
    Moments,
    Least,
    Greatest,
    FirstTime,
    LastTime,
}

const SUMS: [Sum; 8] = [
    Sum::Rows,
    Sum::Values,
    Sum::Total,
    Sum::Moments,
    Sum::Least,
    Sum::Greatest,
    Sum::FirstTime,
    Sum::LastTime,
];

impl Sum {
    /// By its number.
    pub fn of_number(number: i32) -> Option<Self> {
        SUMS.into_iter().find(|sum| *sum as i32 == number)
    }

    /// The state that an aggregate of the rows starts from, if it is one of these. Oids of aggregates are fixed.
    ///
    /// # Safety
    /// The aggregate is one of a planned query.
    pub unsafe fn of(aggregate: &pg_sys::Aggref, reader: &Reader) -> Option<Self> {
        // SAFETY: the caller's promise.
        unsafe {
            let is_plain = aggregate.aggdistinct.is_null()
                && aggregate.aggorder.is_null()
                && aggregate.aggfilter.is_null()
                && aggregate.aggdirectargs.is_null()
                && aggregate.aggsplit == AggSplit::AGGSPLIT_SIMPLE
                && aggregate.agglevelsup == 0;
            if !is_plain {
                return None;
            }
            let function = aggregate.aggfnoid.to_u32();
            let arguments = PgList::<pg_sys::TargetEntry>::from_pg(aggregate.args);
            let Some(argument) = arguments.get_ptr(0) else {
                return (function == 2803).then_some(Self::Rows);
            };
            let column = reader.column((*argument).expr.cast())?;
            match (function, column) {
                (2147, VALUE) => Some(Self::Values),
                (2147, 0..OF_SERIES | VALID_TIME) => Some(Self::Rows),
                (2111, VALUE) => Some(Self::Total),
                // avg, var_pop, var_samp, variance, stddev_pop, stddev_samp, stddev
                (2105 | 2722 | 2645 | 2152 | 2728 | 2716 | 2158, VALUE) => Some(Self::Moments),
                (2136, VALUE) => Some(Self::Least),
                (2120, VALUE) => Some(Self::Greatest),
                (2143, VALID_TIME) => Some(Self::FirstTime),
                (2127, VALID_TIME) => Some(Self::LastTime),
                _ => None,
            }
        }
    }
}

/// Whether an expression is one of valid_time and nothing else, and neither valid_time itself nor an aggregate.
///
/// # Safety
/// The expression is a live one of a planned query.
pub unsafe fn is_of_time(reader: &Reader, expr: *mut pg_sys::Node) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let used = attributes(expr, reader.read).filter(|used| !used.is_empty());
        let of_time = |used: &Vec<i16>| {
            (used.iter()).all(|attribute| reader.column_at(*attribute) == Some(VALID_TIME))
        };
        ![NodeTag::T_Var, NodeTag::T_Aggref].contains(&(*expr).type_)
            && used.as_ref().is_some_and(of_time)
            && may_be_computed(expr)
    }
}

/// What the plan of a path of groups has the scan compute: conditions of a series, conditions of a row, and expressions of
/// time; then the numbers of [`Sum`]s.
pub struct Summing {
    pub of_series: *mut pg_sys::List,
    pub of_rows: *mut pg_sys::List,
    pub times: *mut pg_sys::List,
    pub sums: Vec<Sum>,
}

impl Summing {
    /// The work of such a path, with conditions that it has to check.
    ///
    /// # Safety
    /// Called while the plan is made.
    pub unsafe fn of(
        reader: &Reader,
        target: *mut pg_sys::PathTarget,
        qual: *mut pg_sys::List,
    ) -> Self {
        let none = ptr::null_mut();
        let (mut of_series, mut of_rows, mut times, mut sums) = (none, none, none, Vec::new());
        // SAFETY: the caller's promise.
        unsafe {
            for clause in PgList::<pg_sys::Node>::from_pg(qual).iter_ptr() {
                let copy = pg_sys::copyObjectImpl(clause.cast());
                match reader.condition(clause) {
                    // The read is of no other times.
                    Some(Condition::Time(Axis::Valid | Axis::Known, ..)) => {}
                    _ if reader.is_about_series(clause) => {
                        of_series = pg_sys::lappend(of_series, copy);
                    }
                    _ => of_rows = pg_sys::lappend(of_rows, copy),
                }
            }
            for expr in PgList::<pg_sys::Node>::from_pg((*target).exprs).iter_ptr() {
                if (*expr).type_ == NodeTag::T_Aggref {
                    let mut plain = *expr.cast::<pg_sys::Aggref>();
                    plain.aggsplit = AggSplit::AGGSPLIT_SIMPLE;
                    match Sum::of(&plain, reader) {
                        Some(sum) => sums.push(sum),
                        None => {
                            pgrx::error!("a timedb read of an aggregate that it cannot compute")
                        }
                    }
                } else if is_of_time(reader, expr) {
                    times = pg_sys::lappend(times, pg_sys::copyObjectImpl(expr.cast()));
                }
            }
        }
        Self {
            of_series,
            of_rows,
            times,
            sums,
        }
    }

    /// The numbers that stand for it in the plan: how many there are of each, and the sums.
    ///
    /// # Safety
    /// Called while the plan is made.
    pub unsafe fn numbers(&self) -> *mut pg_sys::List {
        // SAFETY: the caller's promise.
        unsafe {
            let lists = [self.of_series, self.of_rows, self.times];
            let lengths = lists.map(|list| PgList::<pg_sys::Node>::from_pg(list).len() as i32);
            let sums = self.sums.iter().map(|sum| *sum as i32);
            (lengths.into_iter().chain(sums))
                .fold(ptr::null_mut(), |list, n| pg_sys::lappend_int(list, n))
        }
    }

    /// The expressions, in that order.
    ///
    /// # Safety
    /// Called while the plan is made.
    pub unsafe fn expressions(&self) -> *mut pg_sys::List {
        // SAFETY: the caller's promise.
        unsafe {
            let first = pg_sys::list_concat(ptr::null_mut(), self.of_series);
            pg_sys::list_concat(pg_sys::list_concat(first, self.of_rows), self.times)
        }
    }
}
