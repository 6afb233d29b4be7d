//! Which version each update means, and the errors for updates that match none or more than one.

use super::{CurrentVersion, PointUpdate, Target, place};
use crate::error::{Error, Result, SqlState, uuid_text};
use crate::time;
use std::collections::{BTreeSet, HashMap, HashSet};
use timedb_segment::{Merged, NO_END, Stamp};

/// At most this many problems are reported; a request with more of them has a single cause.
const MOST_PROBLEMS: usize = 100;
/// The ends that are reported of points that an update may mean.
const MOST_ENDS: usize = 3;

/// What has been found so far for each update.
pub struct Candidates {
    places: HashMap<Target, usize>,
    /// Whether updates name end, known_time and batch: few combinations.
    shapes: BTreeSet<[bool; 3]>,
    found: Vec<Option<CurrentVersion>>,
    ends: Vec<Vec<i64>>,
}

impl Candidates {
    /// Nothing found yet.
    ///
    /// # Errors
    /// 21000 for two updates that name the same version.
    pub fn of(updates: &[PointUpdate]) -> Result<Self> {
        let mut places = HashMap::with_capacity(updates.len());
        for (i, update) in updates.iter().enumerate() {
            if let Some(first) = places.insert(update.target, i) {
                return Err(twice(first, i));
            }
        }
        let shape = |update: &PointUpdate| {
            let target = &update.target;
            [
                target.end.is_some(),
                target.known_time.is_some(),
                target.batch.is_some(),
            ]
        };
        Ok(Self {
            places,
            shapes: updates.iter().map(shape).collect(),
            found: vec![None; updates.len()],
            ends: vec![Vec::new(); updates.len()],
        })
    }

    /// Takes versions of a series.
    pub fn take(&mut self, series: &[u8; 16], run: &Merged) {
        for i in 0..run.len() {
            let end = run.valid_time_end.as_ref().map_or(NO_END, |ends| ends[i]);
            let stamp = Stamp {
                known_time: run.known_time[i],
                change_time: run.change_time[i],
            };
            for [with_end, with_known_time, with_batch] in &self.shapes {
                let target = Target {
                    series: *series,
                    valid_time: run.valid_time[i],
                    end: with_end.then_some(end),
                    known_time: with_known_time.then_some(stamp.known_time),
                    batch: with_batch.then_some(run.batch[i]),
                };
                let Some(&place) = self.places.get(&target) else {
                    continue;
                };
                let (ends, found) = (&mut self.ends[place], &mut self.found[place]);
                if ends.len() < MOST_ENDS && !ends.contains(&end) {
                    ends.push(end);
                }
                if found.as_ref().is_none_or(|found| found.stamp < stamp) {
                    let null = run.nulls.as_ref().is_some_and(|nulls| nulls[i]);
                    *found = Some(CurrentVersion {
                        end,
                        stamp,
                        batch: run.batch[i],
                        value: (!null).then_some(run.value[i]),
                        note: run.notes.as_ref().and_then(|notes| notes[i].clone()),
                    });
                }
            }
        }
    }

    /// Whether an update means a version other than the ones here.
    pub fn differ(&self, found: &[CurrentVersion]) -> bool {
        let same = |(one, other): (&Option<CurrentVersion>, &CurrentVersion)| {
            one.as_ref().is_some_and(|one| one.stamp == other.stamp)
        };
        !self.found.iter().zip(found).all(same)
    }

    /// The version that each update means.
    ///
    /// # Errors
    /// 42704 if one means none, P0003 if one may mean several: every such update with its reason.
    pub fn resolve(
        self,
        updates: &[PointUpdate],
        series: &HashSet<[u8; 16]>,
    ) -> Result<Vec<CurrentVersion>> {
        let mut problems = Vec::new();
        let (mut missing, mut ambiguous) = (false, false);
        for (i, PointUpdate { target, .. }) in updates.iter().enumerate() {
            let ends = &self.ends[i];
            let problem = if !series.contains(&target.series) {
                missing = true;
                format!("series \"{}\" does not exist", uuid_text(&target.series))
            } else if ends.is_empty() {
                missing = true;
                no_point(target)
            } else if ends.len() > 1 {
                ambiguous = true;
                several_points(target, ends)
            } else {
                continue;
            };
            problems.push(format!("{}: {problem}", place(i)));
        }
        if problems.is_empty() {
            return Ok(self.found.into_iter().flatten().collect());
        }
        let code = match missing {
            true => SqlState::UNDEFINED_OBJECT,
            false => SqlState::TOO_MANY_ROWS,
        };
        let untold = problems.len().saturating_sub(MOST_PROBLEMS);
        problems.truncate(MOST_PROBLEMS);
        let mut message = problems.join("; ");
        if untold > 0 {
            message.push_str(&format!("; and {untold} more"));
        }
        let error = Error::new(code, message);
        Err(match ambiguous {
            true => error.hint(
                "Give valid_time_end: the end of the interval, or null for the point without an end.",
            ),
            false => error,
        })
    }
}

fn no_point(target: &Target) -> String {
    let end = match target.end {
        None => String::new(),
        Some(NO_END) => " without an end".to_owned(),
        Some(end) => format!(", valid_time_end {}", time::text(end)),
    };
    let known = target
        .known_time
        .map(|t| format!(", known_time {}", time::text(t)));
    let batch = target
        .batch
        .map(|id| format!(", batch_id {}", uuid_text(&id)));
    format!(
        "series \"{}\" has no point at valid_time {}{end}{}{}",
        uuid_text(&target.series),
        time::text(target.valid_time),
        known.unwrap_or_default(),
        batch.unwrap_or_default()
    )
}

fn several_points(target: &Target, ends: &[i64]) -> String {
    let each = ends.iter().map(|&end| match end {
        NO_END => "null".to_owned(),
        end => time::text(end),
    });
    let mut each: Vec<String> = each.collect();
    if ends.len() == MOST_ENDS {
        each.push("...".to_owned());
    }
    format!(
        "series \"{}\" has several points at valid_time {}, which differ in valid_time_end ({})",
        uuid_text(&target.series),
        time::text(target.valid_time),
        each.join(", ")
    )
}

/// Refuses updates of which two mean the same point and known_time, however they name it: both new versions
/// would be written at once, and neither would be the newer one.
///
/// # Errors
/// 21000 with both positions.
pub fn refuse_twice(updates: &[PointUpdate], found: &[CurrentVersion]) -> Result<()> {
    let mut places = HashMap::with_capacity(updates.len());
    for (i, (update, found)) in updates.iter().zip(found).enumerate() {
        let target = &update.target;
        let known_time = found.stamp.known_time;
        let written = (target.series, target.valid_time, found.end, known_time);
        if let Some(first) = places.insert(written, i) {
            return Err(twice(first, i));
        }
    }
    Ok(())
}

fn twice(first: usize, second: usize) -> Error {
    let (first, second) = (place(first), place(second));
    Error::new(
        SqlState::CARDINALITY_VIOLATION,
        format!("{first} and {second} correct the same point with the same known_time"),
    )
    .hint("Combine them into one update, or send them one after the other.")
}
