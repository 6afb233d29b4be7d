//! From when to when a read is asked for, as far as the planner knows: from the query alone.

use super::conditions::{Axis, Comparison, Condition};
use super::offer::Offer;
use super::values::instant_of;
use pgrx::PgList;
use pgrx::pg_sys::{self, NodeTag, Oid};
use timedb_wire::reads::Argument;

/// What the query says about `valid_time` without other relations.
#[derive(Default)]
pub struct Period {
    start: Option<i64>,
    end: Option<i64>,
    has_unknown: bool,
}

impl Period {
    /// That of the arguments of a read and of the conditions on it.
    ///
    /// # Safety
    /// The planner is looking for paths of the relation.
    pub unsafe fn of(offer: &Offer) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let reader = offer.reader();
            let mut period = Self::default();
            for (argument, comparison) in [
                (Argument::StartValid, Comparison::AtLeast),
                (Argument::EndValid, Comparison::Less),
            ] {
                if offer.call.is_given(argument)
                    && let Some(instant) = offer.call.argument(argument)
                {
                    let instant = known_instant(offer, instant, pg_sys::TIMESTAMPTZOID);
                    period.note(comparison, instant);
                }
            }
            let clauses = PgList::<pg_sys::RestrictInfo>::from_pg((*offer.rel).baserestrictinfo);
            for clause in clauses.iter_ptr() {
                if let Some(
                    Condition::Time(Axis::Valid, comparison, instant, of_type)
                    | Condition::About(Axis::Valid, comparison, instant, of_type, _),
                ) = reader.condition((*clause).clause.cast())
                {
                    let instant = known_instant(offer, instant.cast(), of_type);
                    period.note(comparison, instant);
                }
            }
            period
        }
    }

    /// Whether it is longer than so many microseconds for certain. Where an end is missing, there is mostly nothing
    /// after now.
    pub fn is_longer_than(&self, length: i64) -> bool {
        // SAFETY: reads the clock of the statement.
        let now = || unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
        match self.start {
            _ if self.has_unknown => false,
            None => true,
            Some(start) => self.end.unwrap_or_else(now).saturating_sub(start) > length,
        }
    }

    /// How long it is, in microseconds, if both ends are known.
    pub fn length(&self) -> Option<i64> {
        match self.has_unknown {
            true => None,
            false => Some(self.end?.saturating_sub(self.start?)),
        }
    }

    fn note(&mut self, comparison: Comparison, instant: Option<i64>) {
        let Some(instant) = instant else {
            self.has_unknown = true;
            return;
        };
        let (starts, ends) = comparison.bounds();
        if starts {
            self.start = Some(self.start.map_or(instant, |start| start.max(instant)));
        }
        if ends {
            self.end = Some(self.end.map_or(instant, |end| end.min(instant)));
        }
    }
}

/// What the planner knows of an instant.
unsafe fn known_instant(offer: &Offer, instant: *mut pg_sys::Node, of_type: Oid) -> Option<i64> {
    // SAFETY: as in `Period::of`; a constant has the type of the expression.
    unsafe {
        let value = pg_sys::estimate_expression_value(offer.root, instant);
        if (*value).type_ != NodeTag::T_Const {
            return None;
        }
        let value = value.cast::<pg_sys::Const>();
        match (*value).constisnull {
            true => None,
            false => instant_of((*value).constvalue, of_type),
        }
    }
}
