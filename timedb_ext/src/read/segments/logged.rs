//! What the log holds of the stretches of a walk, by their places.

use super::query::SegmentSearch;
use super::row::SegmentRow;
use crate::pg::error::Result;
use crate::store::log::Lists;
use std::collections::{BTreeMap, HashMap};
use timedb_segment::{Points, combine};

/// Up to so many stretches are looked for one by one.
const FEW: usize = 4;

#[derive(Default)]
pub struct Logged {
    lists: Lists,
    /// The places of each series; made once there is a row, of more than a few stretches.
    places: HashMap<[u8; 16], Vec<usize>>,
    found: BTreeMap<usize, Vec<Points>>,
}

impl Logged {
    /// Takes what a row has of the stretches.
    ///
    /// # Errors
    /// XX001 for a damaged row.
    pub fn add(&mut self, row: &SegmentRow, search: &SegmentSearch) -> Result<()> {
        let stretches = &search.stretches;
        if self.places.is_empty() && stretches.len() > FEW {
            for (place, stretch) in stretches.iter().enumerate() {
                self.places.entry(stretch.series).or_default().push(place);
            }
        }
        let Self {
            lists,
            places,
            found,
        } = self;
        row.open_log(&search.tenant, lists, |log| {
            let mut take = |at: usize, places: &mut dyn Iterator<Item = usize>| {
                let positions = log.positions(at);
                if positions.is_empty() {
                    return Ok(());
                }
                let points = log.points(positions)?;
                for place in places {
                    found.entry(place).or_default().push(points.clone());
                }
                Ok(())
            };
            let series = log.series();
            if stretches.len() > FEW {
                for (at, series) in series.iter().enumerate() {
                    if let Some(places) = places.get(series) {
                        take(at, &mut places.iter().copied())?;
                    }
                }
                return Ok(());
            }
            for (place, stretch) in stretches.iter().enumerate() {
                if let Some(at) = series.iter().position(|series| *series == stretch.series) {
                    take(at, &mut std::iter::once(place))?;
                }
            }
            Ok(())
        })
    }

    /// The first place before another one that has points.
    pub fn first_before(&self, before: Option<usize>) -> Option<usize> {
        let first = *self.found.first_key_value()?.0;
        before.is_none_or(|before| first < before).then_some(first)
    }

    /// The points of a place, in order.
    pub fn take(&mut self, place: usize, tenant: [u8; 16]) -> Option<Points> {
        let mut parts = self.found.remove(&place)?;
        match parts.len() {
            1 => parts.pop(),
            _ => Some(combine(parts, tenant)),
        }
    }
}
