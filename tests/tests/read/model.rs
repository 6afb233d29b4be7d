//! The naive model: a list of all points ever written, and what each read makes of it.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::rows::{Filter, Mode, Point};

/// All that one tenant has written, in the order of writing.
#[derive(Default)]
pub struct Model {
    /// Names of the series by id.
    pub names: BTreeMap<Uuid, String>,
    /// Every version of every point.
    pub written: Vec<Point>,
}

impl Model {
    /// What a read must return, in its order.
    pub fn read(&self, mode: Mode, filter: &Filter) -> Vec<Point> {
        let [start_valid, end_valid, start_known, end_known] = filter.range;
        let within = |time: i64, start: Option<i64>, end: Option<i64>| {
            start.is_none_or(|start| start <= time) && end.is_none_or(|end| time < end)
        };
        let wanted = |point: &&Point| {
            let name = &self.names[&point.series_id];
            filter
                .series_id
                .as_ref()
                .is_none_or(|ids| ids.contains(&point.series_id))
                && filter.name.as_ref().is_none_or(|wanted| wanted == name)
                && within(point.valid, start_valid, end_valid)
                && within(point.known, start_known, end_known)
        };
        let mut newest: BTreeMap<_, Point> = BTreeMap::new();
        for (place, point) in self.written.iter().filter(wanted).enumerate() {
            // What makes two versions versions of the same thing.
            let key = match mode {
                Mode::Flat => (point.series_id, point.valid, point.end, 0, 0),
                Mode::Overlapping => (point.series_id, point.valid, point.end, point.known, 0),
                Mode::Versions => (point.series_id, point.valid, point.end, point.known, place),
            };
            let kept = newest.entry(key).or_insert_with(|| point.clone());
            if (point.known, point.change) > (kept.known, kept.change) {
                *kept = point.clone();
            }
        }
        let mut rows: Vec<Point> = newest.into_values().collect();
        for row in &mut rows {
            if mode != Mode::Versions {
                row.change = 0;
            }
            if mode == Mode::Flat {
                row.known = 0;
            }
        }
        rows.sort();
        rows
    }
}
