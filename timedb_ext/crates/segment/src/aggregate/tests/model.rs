//! Aggregation against a naive model: all points in a list, every bucket computed on its own and
//! every microsecond looked at.

use proptest::prelude::*;

use super::*;

/// A random case; all times lie in -50..150.
#[derive(Debug)]
struct Case {
    points: Vec<Point>,
    range: Range,
    fill: Fill,
    /// Whether the points before the range are known.
    look_before: bool,
    /// Ascending; empty for buckets of a fixed length.
    borders: Vec<i64>,
    length: i64,
}

impl Case {
    fn bucket_of(&self, t: i64) -> (i64, i64) {
        if self.borders.is_empty() {
            let start = (t - 3).div_euclid(self.length) * self.length + 3;
            return (start, start + self.length);
        }
        let before = self.borders.iter().rev().find(|&&border| border <= t);
        let after = self.borders.iter().find(|&&border| border > t);
        (*before.unwrap_or(&-60), *after.unwrap_or(&170))
    }

    /// The points before the range, if there is something before it.
    fn before(&self) -> Option<&[Point]> {
        let start = self.range.start.filter(|_| self.look_before)?;
        Some(&self.points[..self.points.partition_point(|p| p.0 < start)])
    }

    /// What a reader finds there.
    fn value_before(&self) -> Option<ValueBefore> {
        let before = self.before()?;
        let last = before.iter().rposition(|p| p.2.is_some())?;
        let (_, end, value) = before[last];
        Some(ValueBefore {
            value: value?,
            until: match before.get(last + 1) {
                Some(null) => null.0,
                None if end == NO_END => i64::MAX,
                None => end,
            },
        })
    }

    /// The aggregates when the points come cut into chunks of these lengths.
    fn streamed(&self, chunks: &[(usize, bool)]) -> Rows {
        let bucket_of = |t| self.bucket_of(t);
        let mut aggregator = Aggregator::new(bucket_of, self.range, self.fill, 1000);
        if let Some(before) = self.value_before() {
            aggregator = aggregator.after(&before);
        }
        let mut rows = Rows::new();
        let mut rest = &self.points[..];
        for &(length, take) in chunks.iter().cycle() {
            let (chunk, later) = rest.split_at(length.min(rest.len()));
            aggregator.push(&merged(chunk)).expect("few buckets");
            if take {
                rows.extend(rows_of(&aggregator.take()));
            }
            if later.is_empty() {
                break;
            }
            rest = later;
        }
        rows.extend(rows_of(&aggregator.finish().expect("few buckets")));
        rows
    }
}

/// start, end, count; sum, avg, min, max, first, last, time-weighted average.
type Row<T> = ((i64, i64, i64), [Option<T>; 7]);
type Rows = Vec<Row<f64>>;

fn rows_of(buckets: &Buckets) -> Rows {
    (0..buckets.len())
        .map(|i| {
            let head = (buckets.start[i], buckets.end[i], buckets.count[i]);
            let columns = [
                &buckets.sum,
                &buckets.avg,
                &buckets.min,
                &buckets.max,
                &buckets.first,
                &buckets.last,
                &buckets.time_weighted_avg,
            ];
            (head, columns.map(|column| column[i]))
        })
        .collect()
}

fn bits(rows: &Rows) -> Vec<Row<u64>> {
    let bits = |&(head, columns): &Row<f64>| (head, columns.map(|value| value.map(f64::to_bits)));
    rows.iter().map(bits).collect()
}

/// The mean of values, of which each is small enough to be added up.
fn mean(values: &[f64]) -> Option<f64> {
    let parts = values.iter().map(|value| value / values.len() as f64);
    (!values.is_empty()).then(|| parts.sum())
}

fn model(case: &Case) -> Rows {
    let Range { start, end } = case.range;
    let inside = |t: i64| start.is_none_or(|start| t >= start) && end.is_none_or(|end| t < end);
    let points: Vec<Point> = case
        .points
        .iter()
        .copied()
        .filter(|p| inside(p.0))
        .collect();
    let mut buckets: Vec<(i64, i64)> = points.iter().map(|p| case.bucket_of(p.0)).collect();
    buckets.dedup();
    if case.fill != Fill::None {
        let first = start.or(points.first().map(|p| p.0));
        let last = end.map(|end| end - 1).or(points.last().map(|p| p.0));
        let bounded = !points.is_empty() || start.is_some() && end.is_some();
        buckets = match (first, last) {
            (Some(first), Some(last)) if bounded => {
                (first..=last).map(|t| case.bucket_of(t)).collect()
            }
            _ => Vec::new(),
        };
        buckets.dedup();
    }
    // Which value holds at an instant.
    let until = end.or(points.last().map(|p| case.bucket_of(p.0).1));
    let held = |t: i64| {
        let before = case.before().unwrap_or_default();
        let point = before.iter().chain(&points).rev().find(|p| p.0 <= t)?;
        let ended = point.1 != NO_END && t >= point.1 || until.is_some_and(|until| t >= until);
        let outside = start.is_some_and(|start| t < start);
        point.2.filter(|_| !ended && !outside)
    };
    let mut rows: Rows = buckets
        .into_iter()
        .map(|(start, end)| {
            let here = points.iter().filter(|p| (start..end).contains(&p.0));
            let values: Vec<f64> = here.filter_map(|p| p.2).collect();
            let weighted: Vec<f64> = (start..end).filter_map(held).collect();
            let columns = [
                mean(&values).map(|mean| mean * values.len() as f64),
                mean(&values),
                values.iter().copied().reduce(f64::min).map(|min| min + 0.0),
                values.iter().copied().reduce(f64::max).map(|max| max + 0.0),
                values.first().copied(),
                values.last().copied(),
                mean(&weighted),
            ];
            ((start, end, values.len() as i64), columns)
        })
        .collect();
    let before = case.before().unwrap_or_default();
    fill(&mut rows, case.fill, before.iter().rev().find_map(|p| p.2));
    rows
}

fn fill(rows: &mut Rows, fill: Fill, before_all: Option<f64>) {
    let closed = rows.clone();
    for (i, ((start, _, count), columns)) in rows.iter_mut().enumerate() {
        let before = closed[..i].iter().rev().find(|row| row.0.2 > 0);
        let after = closed[i..].iter().find(|row| row.0.2 > 0);
        if *count > 0 {
            continue;
        }
        let filled = |column: usize| match (fill, before, after) {
            (Fill::Last, Some(before), _) => before.1[5],
            (Fill::Last, None, _) => before_all,
            (Fill::Linear, Some(before), Some(after)) => {
                let whole = (after.0.0 - before.0.0) as f64;
                let part = (*start - before.0.0) as f64;
                let (from, to) = before.1[column].zip(after.1[column])?;
                Some((from / 2.0 + (to / 2.0 - from / 2.0) * (part / whole)) * 2.0)
            }
            _ => None,
        };
        columns[1..6].copy_from_slice(&[1, 2, 3, 4, 5].map(filled));
    }
}

fn assert_alike(answer: &Rows, expected: &Rows, largest: f64) {
    let heads = |rows: &Rows| rows.iter().map(|row| row.0).collect::<Vec<_>>();
    assert_eq!(heads(answer), heads(expected));
    for (answer, expected) in answer.iter().zip(expected) {
        let exact = answer.0.2 > 0;
        for (column, (a, e)) in answer.1.iter().zip(&expected.1).enumerate() {
            let (Some(a), Some(e)) = (*a, *e) else {
                assert_eq!(a, e, "column {column} of {answer:?}, not {expected:?}");
                continue;
            };
            if exact && (2..6).contains(&column) {
                assert_eq!(a.to_bits(), e.to_bits(), "column {column} of {answer:?}");
            } else {
                // Sums of the model that overflow do so by far.
                let close = a == e || (a - e).abs() <= largest * 1e-12;
                assert!(close, "column {column} of {answer:?}, not {expected:?}");
                assert!(column == 0 || a.is_finite());
            }
        }
    }
}

fn values(huge: bool) -> BoxedStrategy<f64> {
    let any = any::<f64>().prop_filter("finite", |value| value.is_finite());
    match huge {
        true => prop_oneof![
            Just(f64::MAX * 0.75),
            Just(f64::MIN * 0.75),
            Just(1e-300),
            any
        ]
        .boxed(),
        false => prop_oneof![
            4 => (-40i32..40).prop_map(|value| f64::from(value) / 8.0),
            1 => -1.0f64..1.0,
            1 => Just(-0.0)
        ]
        .boxed(),
    }
}

/// What kinds of points there are: huge values, intervals, nulls.
fn points(huge: bool, intervals: bool, nulls: bool) -> impl Strategy<Value = Vec<Point>> {
    let length = if intervals { 0.5 } else { 1e-9 };
    let null = if nulls { 0.3 } else { 1e-9 };
    let point = (
        -50i64..100,
        prop::option::weighted(length, 0i64..40),
        prop::option::weighted(1.0 - null, values(huge)),
    );
    prop::collection::vec(point, 0..40).prop_map(|raw| {
        let end = |t: i64, length: Option<i64>| length.map_or(NO_END, |length| t + length);
        let points = raw.into_iter().map(|(t, length, v)| (t, end(t, length), v));
        let mut points: Vec<Point> = points.collect();
        points.sort_by_key(|p| (p.0, p.1));
        points.dedup_by_key(|p| (p.0, p.1));
        points
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let points = (any::<bool>(), any::<bool>(), any::<bool>())
        .prop_flat_map(|(huge, intervals, nulls)| points(huge, intervals, nulls));
    let bound = || prop::option::of(-50i64..150);
    let borders = prop_oneof![
        Just(Vec::new()),
        prop::collection::btree_set(-50i64..150, 1..30)
            .prop_map(|borders| borders.into_iter().collect())
    ];
    let fill = (prop::sample::select(&FILLS[..]), any::<bool>());
    (points, bound(), bound(), fill, borders, 1i64..40).prop_map(
        |(points, start, end, (fill, look_before), borders, length)| Case {
            points,
            range: Range { start, end },
            fill,
            look_before,
            borders,
            length,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn aggregates_are_those_of_the_model_however_the_points_come(
        case in cases(),
        chunks in prop::collection::vec((1usize..12, any::<bool>()), 1..8),
    ) {
        let whole = case.streamed(&[(1000, false)]);
        let values = case.points.iter().filter_map(|p| p.2);
        let largest = values.fold(0.0, |largest: f64, value| largest.max(value.abs()));
        assert_alike(&whole, &model(&case), largest);
        prop_assert_eq!(bits(&case.streamed(&chunks)), bits(&whole));
    }
}
