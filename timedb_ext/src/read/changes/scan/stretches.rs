//! Where in the segments of a series the versions of writes are.

use crate::read::changes::writes::FeedBatch;
use crate::read::segments::Stretch;

/// Stretches of one series, at most: each costs a search in the index.
const MAX_STRETCHES: usize = 8;

/// The stretches that hold all versions of these writes, ascending by series and time; none overlaps
/// another.
pub fn stretches(batches: &[FeedBatch]) -> Vec<Stretch> {
    let mut each: Vec<Stretch> = batches
        .iter()
        .flat_map(|batch| {
            let (first, last) = batch.valid;
            batch.series.iter().map(move |&series| {
                let start = match batch.after {
                    Some((of, valid_time, _)) if of == series => first.max(valid_time),
                    _ => first,
                };
                Stretch::of(series, Some(start), Some(last.saturating_add(1)))
            })
        })
        .collect();
    each.sort_unstable_by_key(|stretch| (stretch.series, stretch.start));
    let mut all = Vec::with_capacity(each.len());
    for of_series in each.chunk_by(|a, b| a.series == b.series) {
        join(of_series, &mut all);
    }
    all
}

/// Joins stretches of one series: those that overlap, and then across the smaller gaps.
fn join(each: &[Stretch], all: &mut Vec<Stretch>) {
    let from = all.len();
    for stretch in each {
        match all[from..].last_mut() {
            Some(last) if stretch.start < last.end => last.end = last.end.max(stretch.end),
            _ => all.push(*stretch),
        }
    }
    if all.len() - from <= MAX_STRETCHES {
        return;
    }
    let apart: Vec<Stretch> = all.drain(from..).collect();
    let gap = |[a, b]: &[Stretch; 2]| b.start.saturating_sub(a.end);
    let mut gaps: Vec<i64> = apart.array_windows().map(gap).collect();
    gaps.sort_unstable_by(|a, b| b.cmp(a));
    // Gaps no wider than this are joined: fewer than MAX_STRETCHES are left.
    let widest = gaps.get(MAX_STRETCHES - 1).copied().unwrap_or(0);
    for stretch in &apart {
        match all[from..].last_mut() {
            Some(last) if stretch.start.saturating_sub(last.end) <= widest => {
                last.end = last.end.max(stretch.end);
            }
            _ => all.push(*stretch),
        }
    }
}
