//! The general way to merge: sorted runs of references to points are merged pair by pair, and each run drops the
//! versions that are not returned.

use super::fold;
use super::slice::{Mode, Slice};
use crate::pause::pause;
use crate::{BatchIds, Column, Points, Stamp};

/// A reference to a point: its valid_time, its segment (high half) and its position (low half).
#[derive(Clone, Copy, Default)]
struct Row {
    valid_time: i64,
    at: u64,
}

impl Row {
    /// The points of a slice of this segment.
    fn each(slice: &Slice<'_>, segment: usize) -> impl Iterator<Item = Row> {
        let segment = (segment as u64) << 32;
        let points = slice.times().iter().zip(slice.from as u64..);
        points.map(move |(&valid_time, position)| Row {
            valid_time,
            at: segment | position,
        })
    }

    fn segment(self) -> usize {
        (self.at >> 32) as usize
    }

    fn position(self) -> usize {
        self.at as u32 as usize
    }
}

/// The points of a cluster that are answered, in order.
pub(super) struct Rows<'a> {
    segments: Vec<&'a Points>,
    rows: Vec<Row>,
}

impl<'a> Rows<'a> {
    /// All points of slices that don't overlap.
    fn of(pieces: &[Slice<'a>]) -> Rows<'a> {
        let rows = pieces.iter().enumerate();
        Rows {
            segments: pieces.iter().map(|piece| &piece.held.points).collect(),
            rows: rows.flat_map(|(i, piece)| Row::each(piece, i)).collect(),
        }
    }

    /// Appends what each of the points has.
    pub(super) fn append<T>(&self, to: &mut Vec<T>, get: impl Fn(&Points, usize) -> T) {
        let rows = self.rows.iter();
        to.extend(rows.map(|row| get(self.segments[row.segment()], row.position())));
    }

    /// The points with all they have.
    pub(super) fn points(&self, ids: &BatchIds) -> Points {
        let any = |has: fn(&Points) -> bool| self.segments.iter().any(|points| has(points));
        let times = |get: fn(&Points, usize) -> i64| Column::of(self.column(get));
        Points {
            valid_time: self.rows.iter().map(|row| row.valid_time).collect(),
            valid_time_end: any(|points| points.valid_time_end.is_some())
                .then(|| self.column(Points::end)),
            value: self.column(|points, i| points.value[i]),
            nulls: any(|points| points.nulls.is_some()).then(|| self.column(Points::is_null)),
            known_time: times(|points, i| points.known_time.get(i)),
            change_time: times(|points, i| points.change_time.get(i)),
            batch: any(|points| points.batch.is_some())
                .then(|| Column::of(self.column(|points, i| points.batch(i, ids)))),
            notes: any(|points| points.notes.is_some())
                .then(|| self.column(|points, i| points.note(i).cloned())),
        }
    }

    /// What each of the points has.
    fn column<T>(&self, get: impl Fn(&Points, usize) -> T) -> Vec<T> {
        let mut column = Vec::new();
        self.append(&mut column, get);
        column
    }
}

/// Merges a cluster of slices.
pub(super) fn merge<'a>(cluster: &[Slice<'a>], mode: Mode) -> Rows<'a> {
    let stamps: Option<Vec<Stamp>> = cluster.iter().map(|slice| slice.held.stamp).collect();
    match stamps {
        Some(stamps) if cluster.iter().all(|slice| slice.ends().is_none()) => {
            merge_ranked(cluster, &stamps, mode)
        }
        _ => merge_any(cluster, mode),
    }
}

fn merge_any<'a>(cluster: &[Slice<'a>], mode: Mode) -> Rows<'a> {
    let segments: Vec<&Points> = cluster.iter().map(|slice| &slice.held.points).collect();
    let end = |row: Row| segments[row.segment()].end(row.position());
    let known = |row: Row| segments[row.segment()].known_time.get(row.position());
    let tie = |row: Row| {
        (
            end(row),
            segments[row.segment()].stamp(row.position()),
            row.at,
        )
    };
    let less = |a: Row, b: Row| {
        a.valid_time < b.valid_time || a.valid_time == b.valid_time && tie(a) < tie(b)
    };
    let same = |a: Row, b: Row| a.valid_time == b.valid_time && end(a) == end(b);
    let in_order = |i: usize| i;
    let rows = match mode {
        Mode::Flat => merge_rows(cluster, in_order, less, same),
        Mode::Overlapping => merge_rows(cluster, in_order, less, |a, b| {
            same(a, b) && known(a) == known(b)
        }),
        Mode::Versions => merge_rows(cluster, in_order, less, |_, _| false),
    };
    Rows { segments, rows }
}

/// With one stamp a slice and no ends, the slice's rank among the stamps decides every tie.
fn merge_ranked<'a>(cluster: &[Slice<'a>], stamps: &[Stamp], mode: Mode) -> Rows<'a> {
    let mut by_rank: Vec<usize> = (0..cluster.len()).collect();
    by_rank.sort_by_key(|&i| stamps[i]);
    let mut rank = vec![0; cluster.len()];
    by_rank.iter().enumerate().for_each(|(r, &i)| rank[i] = r);
    let known: Vec<i64> = by_rank.iter().map(|&i| stamps[i].known_time).collect();
    let unique = mode == Mode::Versions || known.array_windows().all(|[a, b]| a < b);
    let less = |a: Row, b: Row| (a.valid_time, a.at) < (b.valid_time, b.at);
    let same_time = |a: Row, b: Row| a.valid_time == b.valid_time;
    let at = |i: usize| rank[i];
    let scattered = (unique && mode != Mode::Flat).then(|| scatter(cluster, &by_rank));
    let rows = match (scattered.flatten(), mode) {
        (Some(rows), _) => rows,
        (None, Mode::Flat) => merge_rows(cluster, at, less, same_time),
        (None, Mode::Overlapping) => merge_rows(cluster, at, less, |a, b| {
            same_time(a, b) && known[a.segment()] == known[b.segment()]
        }),
        (None, Mode::Versions) => merge_rows(cluster, at, less, |_, _| false),
    };
    Rows {
        segments: by_rank.iter().map(|&i| &cluster[i].held.points).collect(),
        rows,
    }
}

/// All points of ranked slices, by counting how many there are at each time: many forecast runs
/// have few times. None if the slices don't share a grid on which that pays.
fn scatter(cluster: &[Slice<'_>], by_rank: &[usize]) -> Option<Vec<Row>> {
    let total: usize = cluster.iter().map(Slice::len).sum();
    let pieces = fold::newest(cluster)?;
    let times: Vec<i64> = pieces.iter().flat_map(Slice::times).copied().collect();
    if times.len() * 2 > total {
        return None;
    }
    // On a shared grid, each slice covers a stretch of the times without gaps.
    let mut first = Vec::with_capacity(cluster.len());
    let mut starts = vec![0usize; times.len() + 1];
    for slice in cluster {
        let from = times.partition_point(|&t| t < slice.first());
        let to = from + slice.len();
        if times.get(from..to) != Some(slice.times()) {
            return None;
        }
        first.push(from);
        starts[from..to].iter_mut().for_each(|count| *count += 1);
    }
    let mut filled = 0;
    for start in &mut starts {
        filled += std::mem::replace(start, filled);
    }
    let mut rows = vec![Row::default(); total];
    for (rank, &i) in by_rank.iter().enumerate() {
        let slice = &cluster[i];
        let places = &mut starts[first[i]..first[i] + slice.len()];
        for (place, row) in places.iter_mut().zip(Row::each(slice, rank)) {
            rows[*place] = row;
            *place += 1;
        }
    }
    Some(rows)
}

/// The points of a cluster that are answered, with their stamps. Their batches and notes are
/// forgotten: only [`Mode::Versions`] answers them, and loses no version.
pub(super) fn survivors(cluster: &[Slice<'_>], mode: Mode) -> Points {
    let ends = cluster.iter().any(|slice| slice.ends().is_some());
    let nulls = cluster
        .iter()
        .any(|slice| slice.held.points.nulls.is_some());
    let pieces = (mode == Mode::Flat).then(|| fold::newest(cluster));
    let rows = match pieces.flatten() {
        Some(pieces) => Rows::of(&pieces),
        None => merge(cluster, mode),
    };
    Points {
        valid_time: rows.rows.iter().map(|row| row.valid_time).collect(),
        valid_time_end: ends.then(|| rows.column(Points::end)),
        value: rows.column(|points, i| points.value[i]),
        nulls: nulls.then(|| rows.column(Points::is_null)),
        known_time: Column::of(rows.column(|points, i| points.known_time.get(i))),
        change_time: Column::of(rows.column(|points, i| points.change_time.get(i))),
        batch: None,
        notes: None,
    }
}

/// Merges the slices pair by pair. `less` is the total order; of rows that are the `same` only
/// the greatest is kept.
fn merge_rows(
    cluster: &[Slice<'_>],
    slice_id: impl Fn(usize) -> usize,
    less: impl Fn(Row, Row) -> bool,
    same: impl Fn(Row, Row) -> bool,
) -> Vec<Row> {
    let total = cluster.iter().map(Slice::len).sum();
    let mut rows = vec![Row::default(); total];
    let mut merged = vec![Row::default(); total];
    let mut runs = Vec::with_capacity(cluster.len());
    let mut filled = 0;
    for (i, slice) in cluster.iter().enumerate() {
        let mut run = Run {
            rows: &mut rows[filled..],
            len: 0,
        };
        Row::each(slice, slice_id(i)).for_each(|row| run.push(row, &same));
        runs.push(filled..filled + run.len);
        filled += run.len;
    }
    pause();
    while runs.len() > 1 {
        let mut filled = 0;
        let mut fewer = Vec::with_capacity(runs.len().div_ceil(2));
        for pair in runs.chunks(2) {
            let mut run = Run {
                rows: &mut merged[filled..],
                len: 0,
            };
            match pair {
                [a, b] => run.merge(&rows[a.clone()], &rows[b.clone()], &less, &same),
                single => {
                    for range in single {
                        run.extend(&rows[range.clone()]);
                    }
                }
            }
            fewer.push(filled..filled + run.len);
            filled += run.len;
            pause();
        }
        runs = fewer;
        std::mem::swap(&mut rows, &mut merged);
    }
    rows.truncate(runs.first().map_or(0, |run| run.end));
    rows
}

/// A sorted run being written into a buffer that is long enough.
struct Run<'a> {
    rows: &'a mut [Row],
    len: usize,
}

impl Run<'_> {
    /// Appends a row, in place of the last one if they are the same.
    #[inline]
    fn push(&mut self, row: Row, same: &impl Fn(Row, Row) -> bool) {
        if self.len == 0 || !same(self.rows[self.len - 1], row) {
            self.len += 1;
        }
        self.rows[self.len - 1] = row;
    }

    fn extend(&mut self, rows: &[Row]) {
        self.rows[self.len..self.len + rows.len()].copy_from_slice(rows);
        self.len += rows.len();
    }

    fn merge(
        &mut self,
        mut a: &[Row],
        mut b: &[Row],
        less: &impl Fn(Row, Row) -> bool,
        same: &impl Fn(Row, Row) -> bool,
    ) {
        while let (Some((&from_a, rest_a)), Some((&from_b, rest_b))) =
            (a.split_first(), b.split_first())
        {
            if less(from_b, from_a) {
                self.push(from_b, same);
                b = rest_b;
            } else {
                self.push(from_a, same);
                a = rest_a;
            }
        }
        let rest = if a.is_empty() { b } else { a };
        if let Some((&first, rest)) = rest.split_first() {
            self.push(first, same);
            self.extend(rest);
        }
    }
}
