//! Which versions count: applied to each segment before the newest versions are chosen.

use crate::{Bounds, Points};

/// Half-open ranges that a version has to lie in, applied before the newest one is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// The least valid_time.
    pub start_valid: Option<i64>,
    /// The valid_time that is too late.
    pub end_valid: Option<i64>,
    /// The least known_time.
    pub start_known: Option<i64>,
    /// The known_time that is too late.
    pub end_known: Option<i64>,
    /// The change_time that is too late.
    pub end_change: Option<i64>,
    /// The least lead time, valid_time - known_time, in microseconds.
    pub min_lead: Option<i64>,
    /// The greatest lead time, which still counts, in microseconds.
    pub max_lead: Option<i64>,
}

impl Filter {
    fn keeps_known(&self, known_time: i64) -> bool {
        self.start_known.is_none_or(|start| known_time >= start)
            && self.end_known.is_none_or(|end| known_time < end)
    }

    fn keeps_change(&self, change_time: i64) -> bool {
        self.end_change.is_none_or(|end| change_time < end)
    }

    fn keeps_lead(&self, valid_time: i64, known_time: i64) -> bool {
        let lead = valid_time.saturating_sub(known_time);
        self.min_lead.is_none_or(|min| lead >= min) && self.max_lead.is_none_or(|max| lead <= max)
    }

    fn keeps(&self, points: &Points, i: usize) -> bool {
        let known_time = points.known_time.get(i);
        self.keeps_known(known_time)
            && self.keeps_change(points.change_time.get(i))
            && self.keeps_lead(points.valid_time[i], known_time)
    }

    /// Whether it says more than which valid_times count.
    fn chooses_versions(&self) -> bool {
        self.start_known.is_some()
            || self.end_known.is_some()
            || self.end_change.is_some()
            || self.min_lead.is_some()
            || self.max_lead.is_some()
    }

    /// Whether every version of a segment with these bounds counts, as far as its valid_time does.
    pub fn keeps_all_versions(&self, bounds: &Bounds) -> bool {
        self.keeps_known(bounds.min_known)
            && self.keeps_known(bounds.max_known)
            && self.keeps_change(bounds.max_change)
            && self.min_lead.is_none()
            && self.max_lead.is_none()
    }

    /// What is left of the points, and where it starts.
    pub(super) fn apply(&self, mut points: Points) -> (Points, usize) {
        let (mut start, mut end) = (self.start_valid, self.end_valid);
        let known = points.known_time.constant();
        let change = points.change_time.constant();
        if let Some(known) = known {
            // With one known_time the lead times are a range of valid times.
            let from = self.min_lead.map(|min| known.saturating_add(min));
            let to = self.max_lead.map(|max| known.saturating_add(max));
            start = start.max(from);
            end = least(end, to.map(|to| to.saturating_add(1)));
        }
        let times = &points.valid_time;
        let from = start.map_or(0, |start| times.partition_point(|&t| t < start));
        let to = end.map_or(times.len(), |end| times.partition_point(|&t| t < end));
        if from >= to
            || !known.is_none_or(|known| self.keeps_known(known))
            || !change.is_none_or(|change| self.keeps_change(change))
        {
            points.truncate(0);
            return (points, 0);
        }
        if (known.is_none() || change.is_none())
            && self.chooses_versions()
            && !(from..to).all(|i| self.keeps(&points, i))
        {
            let kept: Vec<usize> = (from..to).filter(|&i| self.keeps(&points, i)).collect();
            return (points.select(&kept), 0);
        }
        points.truncate(to);
        (points, from)
    }
}

/// The smaller bound, where None means no bound.
fn least(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
