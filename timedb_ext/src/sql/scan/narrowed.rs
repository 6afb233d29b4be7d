//! The arguments of a read, narrowed by the query's conditions. What comes out never leaves out a row that meets them;
//! whether a row does is for the query to check.

use super::call::Mode;
use super::conditions::{Axis, Comparison, Condition};
use super::loose::Reach;
use super::values::{id_of, ids_of, instant_of, instants_of, labels_in, text};
use crate::pg::json::jsonb_datum;
use crate::pg::spi::Arg;
use crate::sql::arguments::READ;
use pgrx::pg_sys::{self, Datum, ExprState};
use std::collections::{BTreeMap, HashSet};
use timedb_rules::labels::Labels;
use timedb_rules::limits::MAX_SERIES;
use timedb_wire::reads::Argument;

/// The least and the first too great `timestamptz`, in its microseconds.
const LEAST: i64 = -211_813_488_000_000_000;
const END: i64 = 9_223_371_331_200_000_000;

/// What the arguments and the conditions of a read are computed from.
pub struct Asked {
    pub mode: Mode,
    pub arguments: Vec<*mut ExprState>,
    pub conditions: Vec<Condition<*mut ExprState>>,
}

/// Instants from one on, up to but excluding another: PostgreSQL's microseconds, with its infinities for no bound.
#[derive(Clone, Copy)]
struct Bounds {
    start: i64,
    end: i64,
}

impl Bounds {
    fn meet(&mut self, comparison: Comparison, instant: i64) {
        // What is stored is finite, so that there is nothing from infinity on, and nothing after what saturates to it.
        let after = instant.saturating_add(1);
        let (start, end) = match comparison {
            Comparison::Less => (i64::MIN, instant),
            Comparison::AtMost => (i64::MIN, after),
            Comparison::Same => (instant, after),
            Comparison::AtLeast => (instant, i64::MAX),
            Comparison::Greater => (after, i64::MAX),
        };
        self.start = self.start.max(start);
        self.end = self.end.min(end);
    }

    /// The same for what is made of the times, and no further from them.
    fn meet_about(&mut self, comparison: Comparison, instant: i64, within: Reach) {
        let start = instant.saturating_sub(within.before);
        let end = instant.saturating_add(within.after);
        match comparison {
            Comparison::Less | Comparison::AtMost => self.meet(Comparison::AtMost, end),
            Comparison::AtLeast | Comparison::Greater => self.meet(Comparison::AtLeast, start),
            Comparison::Same => {
                self.meet(Comparison::AtLeast, start);
                self.meet(Comparison::AtMost, end);
            }
        }
    }

    fn is_empty(self) -> bool {
        self.start >= self.end || self.start >= END || self.end <= LEAST
    }
}

/// Which series are asked for; nothing stands for no restriction.
#[derive(Default)]
struct Series {
    ids: Option<HashSet<[u8; 16]>>,
    name: Option<String>,
    labels: BTreeMap<String, String>,
}

impl Asked {
    /// The values of the arguments, in the current memory context; `None` if no row can meet the conditions.
    ///
    /// # Safety
    /// The expressions belong to a node whose context of expressions this is.
    pub unsafe fn arguments(
        &self,
        context: *mut pg_sys::ExprContext,
    ) -> Option<Vec<Option<Datum>>> {
        let value = |expression: *mut ExprState| {
            let mut is_null = false;
            // SAFETY: the caller's promise.
            let value = unsafe { pg_sys::ExecEvalExpr(expression, context, &mut is_null) };
            (!is_null).then_some(value)
        };
        let arguments = self.arguments.iter().map(|argument| value(*argument));
        let mut arguments = Values(arguments.collect());
        let mut times = [
            arguments.bounds(Argument::StartValid, Argument::EndValid),
            arguments.bounds(Argument::StartKnown, Argument::EndKnown),
        ];
        let mut series = Series::default();
        for condition in &self.conditions {
            // A comparison with NULL is true of no row.
            match *condition {
                Condition::Time(axis, comparison, instant, of_type) => {
                    let instant = instant_of(value(instant)?, of_type)?;
                    times[axis as usize].meet(comparison, instant);
                }
                Condition::About(axis, comparison, instant, of_type, by) => {
                    let instant = instant_of(value(instant)?, of_type)?;
                    times[axis as usize].meet_about(comparison, instant, by);
                }
                Condition::OneOfTimes(axis, instants, of_type) => {
                    let instants = instants_of(value(instants)?, of_type);
                    let bounds = &mut times[axis as usize];
                    bounds.meet(Comparison::AtLeast, *instants.iter().min()?);
                    bounds.meet(Comparison::AtMost, *instants.iter().max()?);
                }
                Condition::Series(id) => series.keep(id_of(value(id)?)),
                Condition::OneOfSeries(ids) => series.keep(ids_of(value(ids)?)),
                Condition::Name(name) => {
                    let name = text(value(name)?)?;
                    if *series.name.get_or_insert_with(|| name.clone()) != name {
                        return None;
                    }
                }
                Condition::Labels(labels) => {
                    // Of what cannot be labels no series has any; the query finds that out by itself.
                    let labels = labels_in(value(labels)?).unwrap_or_default();
                    for (label, value) in labels.pairs() {
                        series.keep_label(label.to_owned(), value.to_owned())?;
                    }
                }
                Condition::Label(label, of_label) => {
                    let (label, of_label) = (text(value(label)?)?, text(value(of_label)?)?);
                    series.keep_label(label, of_label)?;
                }
                Condition::OfSeries(_) => {}
            }
        }
        // What the arguments alone say of times may be wrong, which is for the read to say.
        let is_over = |axis: Axis| self.has_times(axis) && times[axis as usize].is_empty();
        if is_over(Axis::Valid) || is_over(Axis::Known) {
            return None;
        }
        // The cut-offs of windows are counted from where the range begins, unless it is said from where.
        let start_is_free = self.mode != Mode::Relative
            || arguments.get(Argument::StartWindow).is_some()
            || arguments.get(Argument::WindowLength).is_none();
        let [valid, known] = times;
        if self.has_times(Axis::Valid) {
            if start_is_free {
                arguments.set(Argument::StartValid, start(valid));
            }
            arguments.set(Argument::EndValid, end(valid));
        }
        if self.has_times(Axis::Known) {
            arguments.set(Argument::StartKnown, start(known));
            arguments.set(Argument::EndKnown, end(known));
        }
        series.narrow(&mut arguments)?;
        Some(arguments.0)
    }

    fn has_times(&self, of: Axis) -> bool {
        self.conditions.iter().any(|condition| match condition {
            Condition::Time(axis, ..)
            | Condition::About(axis, ..)
            | Condition::OneOfTimes(axis, ..) => *axis == of,
            _ => false,
        })
    }
}

impl Series {
    fn keep(&mut self, ids: HashSet<[u8; 16]>) {
        match &mut self.ids {
            Some(kept) => kept.retain(|id| ids.contains(id)),
            none => *none = Some(ids),
        }
    }

    /// `None` if the label must have another value already.
    fn keep_label(&mut self, label: String, value: String) -> Option<()> {
        let kept = self.labels.entry(label).or_insert_with(|| value.clone());
        (*kept == value).then_some(())
    }

    /// Narrows the arguments that choose series; `None` if that leaves none.
    fn narrow(mut self, arguments: &mut Values) -> Option<()> {
        if self.ids.is_some()
            && let Some(given) = arguments.get(Argument::SeriesId)
        {
            self.keep(ids_of(given));
        }
        if let Some(ids) = &self.ids {
            if ids.is_empty() {
                return None;
            }
            if ids.len() <= MAX_SERIES {
                arguments.set(Argument::SeriesId, Arg::uuids(ids.iter()).datum());
            }
        }
        if let Some(name) = &self.name {
            match arguments.get(Argument::Name) {
                Some(given) if text(given).as_ref() != Some(name) => return None,
                _ => arguments.set(Argument::Name, Arg::text(name).datum()),
            }
        }
        if !self.labels.is_empty() {
            if let Some(given) = arguments.get(Argument::Labels) {
                // It is refused when the read begins.
                let Some(given) = labels_in(given) else {
                    return Some(());
                };
                for (label, value) in given.pairs() {
                    self.keep_label(label.to_owned(), value.to_owned())?;
                }
            }
            let json = serde_json::to_string(&self.labels).unwrap_or_default();
            // No series has labels that are too long, or without a name.
            if Labels::parse(&json).is_ok() {
                arguments.set(Argument::Labels, jsonb_datum(&json));
            }
        }
        Some(())
    }
}

/// The values of the arguments of a read.
struct Values(Vec<Option<Datum>>);

impl Values {
    fn get(&self, argument: Argument) -> Option<Datum> {
        *self.0.get(READ.place(argument)?)?
    }

    fn set(&mut self, argument: Argument, value: Option<Datum>) {
        if let Some(place) = READ.place(argument)
            && let Some(slot) = self.0.get_mut(place)
        {
            *slot = value;
        }
    }

    fn bounds(&self, start: Argument, end: Argument) -> Bounds {
        let instant = |argument| self.get(argument).map(|datum| datum.value() as i64);
        Bounds {
            start: instant(start).unwrap_or(i64::MIN),
            end: instant(end).unwrap_or(i64::MAX),
        }
    }
}

fn start(bounds: Bounds) -> Option<Datum> {
    (bounds.start > LEAST).then(|| Datum::from(bounds.start))
}

fn end(bounds: Bounds) -> Option<Datum> {
    (bounds.end < END).then(|| Datum::from(bounds.end))
}
