//! What a read asks for.

use super::Instants;
use crate::series::SeriesFilter;
use std::rc::Rc;
use timedb_calendar::Cutoffs;
use timedb_segment::{Filter, Mode, Points};

/// What a read asks for.
pub struct ReadRequest {
    pub mode: Mode,
    pub series: SeriesFilter,
    pub range: Filter,
    /// Only points at these instants, within the range.
    pub instants: Option<Rc<Instants>>,
    /// The read is one as of this change_time, which `range` has as its end.
    pub as_of_change: Option<i64>,
    /// Of each point only versions count that were known by the cut-off of its window.
    pub cutoffs: Option<Cutoffs>,
    /// Of each series only its last point is answered.
    pub last_only: bool,
    /// Series are found and listed even if no point can be in the range.
    pub list_all: bool,
    /// Whether the known_time of each version is answered.
    pub with_known_time: bool,
    /// The unit that values are converted to.
    pub unit: Option<String>,
}

impl ReadRequest {
    /// Everything of some series.
    pub fn new(mode: Mode, series: SeriesFilter) -> Self {
        Self {
            mode,
            series,
            range: Filter::default(),
            instants: None,
            as_of_change: None,
            cutoffs: None,
            last_only: false,
            list_all: false,
            with_known_time: mode != Mode::Flat,
            unit: None,
        }
    }

    /// Whether no point can be in the range: one that is reversed or of no length.
    pub fn is_empty(&self) -> bool {
        let Filter {
            start_valid,
            end_valid,
            start_known,
            end_known,
            min_lead,
            max_lead,
            ..
        } = self.range;
        let nothing = |start: Option<i64>, end: Option<i64>| matches!((start, end), (Some(s), Some(e)) if e <= s);
        nothing(start_valid, end_valid)
            || nothing(start_known, end_known)
            || matches!((min_lead, max_lead), (Some(min), Some(max)) if max < min)
    }

    /// The versions that were known by the cut-off of their window.
    pub fn before_cutoffs(&mut self, points: Points) -> Points {
        let Some(cutoffs) = &mut self.cutoffs else {
            return points;
        };
        let mut kept = Vec::with_capacity(points.len());
        for (i, &valid_time) in points.valid_time.iter().enumerate() {
            if points.known_time.get(i) <= cutoffs.cutoff(valid_time) {
                kept.push(i);
            }
        }
        if kept.len() == points.len() {
            points
        } else {
            points.select(&kept)
        }
    }
}
