//! Decodes of each point of a segment only the newest version: of many forecasts of the same hours, few are answered.

use super::open;
use crate::encode::KNOWN_BEFORE_CHANGE;
use crate::format::{ColumnId, Columns, Reader};
use crate::ints::Ints;
use crate::{Bounds, Column, Points, SegmentError, SegmentKey, floats};

/// The newest versions of a segment.
pub enum Newest {
    /// With their stamps, and perhaps with versions that are not the newest.
    Stamped(Points),
    /// With the greatest known_time and change_time of the segment in the place of theirs.
    Unstamped(Points),
}

/// As [`super::decode_range`], but of each valid_time only the version with the greatest (known_time, change_time), without its
/// batch and notes, where the segment is written so that the others need not be looked at; elsewhere all versions.
///
/// # Errors
/// As [`super::decode_range`].
pub fn decode_newest(
    key: &SegmentKey,
    bounds: &Bounds,
    blob: &[u8],
    start_valid: Option<i64>,
    end_valid: Option<i64>,
) -> Result<Points, SegmentError> {
    match newest(key, bounds, blob, start_valid, end_valid, true)? {
        Newest::Stamped(points) | Newest::Unstamped(points) => Ok(points),
    }
}

/// As [`decode_newest`], but without reading stamps where that can wait: see [`crate::Merger::push_unstamped`].
///
/// # Errors
/// As [`super::decode_range`].
pub fn decode_unstamped(
    key: &SegmentKey,
    bounds: &Bounds,
    blob: &[u8],
    start_valid: Option<i64>,
    end_valid: Option<i64>,
) -> Result<Newest, SegmentError> {
    newest(key, bounds, blob, start_valid, end_valid, false)
}

fn newest(
    key: &SegmentKey,
    bounds: &Bounds,
    blob: &[u8],
    start: Option<i64>,
    end: Option<i64>,
    with_stamps: bool,
) -> Result<Newest, SegmentError> {
    let (n, columns, times) = open(key, bounds, blob)?;
    let has = |id: ColumnId| columns.optional(id).is_some();
    let simple = !has(ColumnId::ValidTimeEnd) && !has(ColumnId::Nulls) && has(ColumnId::Value);
    let runs = simple.then(|| times.runs_between(start, end)).flatten();
    let Some((valid_time, last)) = runs else {
        return super::of_range(&columns, bounds, &times, start, end).map(Newest::Stamped);
    };
    let (codec, reader) = columns.required(ColumnId::Value)?;
    let value = floats::pick(codec, n, &last, reader)?;
    let (known_time, change_time) = match with_stamps {
        true => stamps(&columns, bounds, n, &last)?,
        false => (
            Column::Constant(bounds.max_known),
            Column::Constant(bounds.max_change),
        ),
    };
    let points = Points {
        valid_time,
        valid_time_end: None,
        value,
        nulls: None,
        known_time,
        change_time,
        batch: None,
        notes: None,
    };
    Ok(match with_stamps {
        true => Newest::Stamped(points),
        false => Newest::Unstamped(points),
    })
}

/// The known_times and change_times at these positions.
fn stamps(
    columns: &Columns<'_>,
    bounds: &Bounds,
    n: usize,
    positions: &[usize],
) -> Result<(Column<i64>, Column<i64>), SegmentError> {
    let ints = |codec: u8, base: i64, reader: Reader<'_>| {
        Ints::open(codec, base, n, reader)?.pick(positions)
    };
    let (codec, reader) = columns.required(ColumnId::ChangeTime)?;
    let change_time = ints(codec, bounds.min_change, reader)?;
    let (codec, reader) = columns.required(ColumnId::KnownTime)?;
    let known_time = match codec & KNOWN_BEFORE_CHANGE {
        0 => ints(codec, bounds.min_known, reader)?,
        _ => {
            let before = ints(codec & !KNOWN_BEFORE_CHANGE, 0, reader)?;
            super::before_change(&change_time, &before, positions.len())
        }
    };
    Ok((known_time, change_time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Filter, Merged, Merger, Mode, decode_range, encode};

    fn flat(points: Points) -> Merged {
        let mut merger = Merger::new(Mode::Flat, Filter::default()).with_known_time();
        merger.push(points).expect("has its stamps");
        merger.finish()
    }

    /// Forecasts of so many steps each, as a merged segment holds them, with every `odd`th value no decimal.
    fn forecasts(random: &mut fastrand::Rng, runs: i64, steps: i64, odd: u64) -> Points {
        let mut versions: Vec<(i64, i64, i64, f64)> = Vec::new();
        for run in 0..runs {
            let change = run * 1_000_003 + random.i64(0..1000);
            for step in 0..steps {
                let value = match random.u64(0..odd.max(2)) {
                    0 if odd > 0 => random.f64(),
                    _ => f64::from(random.u16(..)) / 100.0,
                };
                let every = random.i64(0..50);
                versions.push(((run + step) * 3600, run * 3600 - every % 2, change, value));
            }
        }
        versions.sort_by_key(|version| (version.0, version.1, version.2));
        let all = || versions.iter();
        Points {
            valid_time: all().map(|version| version.0).collect(),
            valid_time_end: None,
            value: all().map(|version| version.3).collect(),
            nulls: None,
            known_time: Column::of(all().map(|version| version.1).collect()),
            change_time: Column::of(all().map(|version| version.2).collect()),
            batch: None,
            notes: None,
        }
    }

    #[test]
    fn the_newest_versions_are_those_of_a_flat_read() {
        let key = SegmentKey {
            tenant: [1; 16],
            series: [2; 16],
        };
        let mut random = fastrand::Rng::with_seed(1);
        for (runs, steps) in [
            (1, 1),
            (1, 40),
            (3, 7),
            (12, 8),
            (64, 48),
            (2, 2000),
            (900, 4),
        ] {
            for odd in [0, 1, 2, 100] {
                let points = forecasts(&mut random, runs, steps, odd);
                let segment = encode(&key, &points).expect("points in order");
                let (bounds, blob) = (&segment.bounds, &segment.blob);
                let (first, last) = (bounds.min_valid, bounds.max_valid);
                let mut bound = || match random.u8(..4) {
                    0 => None,
                    _ => Some(random.i64(first - 2..last + 3)),
                };
                for (start, end) in [(None, None), (bound(), bound()), (bound(), bound())] {
                    let newest = decode_newest(&key, bounds, blob, start, end).expect("sound");
                    let all = decode_range(&key, bounds, blob, start, end).expect("sound");
                    // Few versions are not written as runs.
                    if runs >= 64 {
                        let mut once = newest.valid_time.clone();
                        once.dedup();
                        assert_eq!(once, newest.valid_time, "{runs} of {steps}");
                    }
                    assert_eq!(
                        flat(newest),
                        flat(all),
                        "{runs} of {steps}, {start:?} to {end:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn ends_and_nulls_are_read_with_all_versions() {
        let key = SegmentKey {
            tenant: [1; 16],
            series: [2; 16],
        };
        let mut random = fastrand::Rng::with_seed(2);
        for (ends, nulls) in [(true, false), (false, true)] {
            let mut points = forecasts(&mut random, 20, 10, 0);
            let n = points.len();
            points.valid_time_end = ends.then(|| points.valid_time.iter().map(|t| t + 9).collect());
            points.nulls = nulls.then(|| (0..n).map(|i| i % 3 == 0).collect());
            let segment = encode(&key, &points).expect("points in order");
            let newest = decode_newest(&key, &segment.bounds, &segment.blob, None, None);
            let all = decode_range(&key, &segment.bounds, &segment.blob, None, None);
            assert_eq!(newest, all);
        }
    }

    #[test]
    fn the_last_points_are_those_at_the_last_time() {
        let key = SegmentKey {
            tenant: [1; 16],
            series: [2; 16],
        };
        let mut random = fastrand::Rng::with_seed(3);
        for runs in [1, 2, 5, 20, 60] {
            for same in 1..4 {
                let mut points = forecasts(&mut random, runs, 5, 0);
                // Irregular, and of the last time there are several.
                for (i, time) in (0..).zip(&mut points.valid_time) {
                    *time += (*time / 3600) * 17 % 100 + i / 9;
                }
                let n = points.len();
                let same = n.min(same);
                points.valid_time[n - same..].fill(1 << 40);
                let order = points.is_sorted();
                points.known_time = if order {
                    points.known_time
                } else {
                    Column::Constant(0)
                };
                points.change_time = match order {
                    true => points.change_time,
                    false => Column::Each((0..n as i64).collect()),
                };
                let segment = encode(&key, &points).expect("points in order");
                let last = Some(segment.bounds.max_valid);
                for (start, end) in [(last, None), (last, Some(i64::MAX)), (last, last)] {
                    let found = decode_range(&key, &segment.bounds, &segment.blob, start, end);
                    let (found, wanted) =
                        (found.expect("sound"), if end == last { 0 } else { same });
                    assert_eq!(found.valid_time, vec![1 << 40; wanted]);
                    assert_eq!(found.value, points.value[n - wanted..]);
                }
            }
        }
    }
}
