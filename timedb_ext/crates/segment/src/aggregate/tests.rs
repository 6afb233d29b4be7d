//! Each promise of an aggregation on its own, over buckets of ten microseconds: what the aggregates
//! are. `filling` has which buckets there are, `model` the property tests.

mod filling;
mod model;

use super::*;
use crate::NO_END;

/// (valid_time, valid_time_end, value or null).
type Point = (i64, i64, Option<f64>);

fn merged(points: &[Point]) -> Merged {
    let ends: Vec<i64> = points.iter().map(|p| p.1).collect();
    let nulls: Vec<bool> = points.iter().map(|p| p.2.is_none()).collect();
    Merged {
        valid_time: points.iter().map(|p| p.0).collect(),
        valid_time_end: ends.iter().any(|&end| end != NO_END).then_some(ends),
        value: points.iter().map(|p| p.2.unwrap_or(0.0)).collect(),
        nulls: nulls.contains(&true).then_some(nulls),
        ..Merged::default()
    }
}

fn instants(points: &[(i64, f64)]) -> Vec<Point> {
    points.iter().map(|&(t, v)| (t, NO_END, Some(v))).collect()
}

fn tens(t: i64) -> (i64, i64) {
    let start = t.div_euclid(10).saturating_mul(10);
    (start, start.saturating_add(10))
}

fn range(start: i64, end: i64) -> Range {
    Range {
        start: Some(start),
        end: Some(end),
    }
}

fn aggregate(points: &[Point], range: Range, fill: Fill) -> Buckets {
    let mut aggregator = Aggregator::new(tens, range, fill, 1000);
    aggregator.push(&merged(points)).expect("few buckets");
    aggregator.finish().expect("few buckets")
}

const ALL: Range = Range {
    start: None,
    end: None,
};
const FILLS: [Fill; 4] = [Fill::None, Fill::Null, Fill::Last, Fill::Linear];
const FILLING: [Fill; 3] = [Fill::Null, Fill::Last, Fill::Linear];

#[test]
fn every_aggregate_is_what_it_is_in_sql() {
    let points = instants(&[(1, 4.0), (2, -1.0), (9, 6.0), (10, 5.0), (31, 7.0)]);
    let buckets = aggregate(&points, ALL, Fill::None);
    assert_eq!(buckets.len(), 3);
    assert_eq!(buckets.start, [0, 10, 30]);
    assert_eq!(buckets.end, [10, 20, 40]);
    assert_eq!(buckets.count, [3, 1, 1]);
    assert_eq!(buckets.sum(), Ok(&[Some(9.0), Some(5.0), Some(7.0)][..]));
    assert_eq!(buckets.avg, [Some(3.0), Some(5.0), Some(7.0)]);
    assert_eq!(buckets.min, [Some(-1.0), Some(5.0), Some(7.0)]);
    assert_eq!(buckets.max, [Some(6.0), Some(5.0), Some(7.0)]);
    assert_eq!(buckets.first, [Some(4.0), Some(5.0), Some(7.0)]);
    assert_eq!(buckets.last, [Some(6.0), Some(5.0), Some(7.0)]);
}

#[test]
fn nulls_are_seen_by_no_aggregate() {
    let points = [
        (0, NO_END, None),
        (1, NO_END, Some(4.0)),
        (2, NO_END, Some(2.0)),
        (3, NO_END, None),
    ];
    let buckets = aggregate(&points, ALL, Fill::None);
    assert_eq!(buckets.count, [2]);
    assert_eq!(buckets.sum(), Ok(&[Some(6.0)][..]));
    assert_eq!(buckets.avg, [Some(3.0)]);
    assert_eq!(buckets.min, [Some(2.0)]);
    assert_eq!(buckets.max, [Some(4.0)]);
    assert_eq!(buckets.first, [Some(4.0)]);
    assert_eq!(buckets.last, [Some(2.0)]);
}

#[test]
fn an_interval_counts_in_the_bucket_where_it_starts() {
    let buckets = aggregate(&[(9, 35, Some(1.0))], ALL, Fill::None);
    assert_eq!((buckets.start, buckets.count), (vec![0], vec![1]));
}

#[test]
fn of_points_at_one_time_the_last_is_the_one_that_ends_last() {
    let points = [(3, NO_END, Some(1.0)), (3, 5, Some(9.0)), (3, 7, Some(2.0))];
    let buckets = aggregate(&points, ALL, Fill::None);
    assert_eq!(buckets.first, [Some(1.0)]);
    assert_eq!(buckets.last, [Some(2.0)]);
    assert_eq!(buckets.time_weighted_avg, [Some(2.0)]);
}

#[test]
fn long_sums_are_exact_to_the_last_bit() {
    let tenths: Vec<(i64, f64)> = (0..1_000_000).map(|_| (0, 0.1)).collect();
    let buckets = aggregate(&instants(&tenths), ALL, Fill::None);
    assert_eq!(buckets.sum(), Ok(&[Some(100_000.0)][..]));
    assert_eq!(buckets.avg, [Some(0.1)]);
    let points = instants(&[(0, 1e100), (1, 1.0), (2, -1e100)]);
    let buckets = aggregate(&points, ALL, Fill::None);
    assert_eq!(buckets.sum(), Ok(&[Some(1.0)][..]));
}

#[test]
fn a_sum_that_overflows_on_the_way_only_is_answered() {
    let points = instants(&[(0, 1e308), (1, 1e308), (2, -1e308), (3, -5e307)]);
    let buckets = aggregate(&points, ALL, Fill::None);
    assert_eq!(buckets.sum(), Ok(&[Some(5e307)][..]));
}

#[test]
fn a_sum_that_overflows_is_an_error_and_spoils_nothing_else() {
    let max = f64::MAX;
    let points = instants(&[(0, 1.0), (10, max), (11, max), (12, max), (25, max)]);
    let buckets = aggregate(&points, range(0, 40), Fill::None);
    assert_eq!(buckets.sum(), Err(SumOverflow { bucket_start: 10 }));
    let each = [Some(1.0), Some(max), Some(max)];
    assert_eq!((buckets.avg, buckets.min), (each.to_vec(), each.to_vec()));
    assert_eq!(buckets.max, each);
    let weighted: Vec<f64> = buckets.time_weighted_avg.into_iter().flatten().collect();
    assert_eq!(weighted, [1.0, max, max]);
    let buckets = aggregate(&points[..2], range(0, 40), Fill::None);
    assert_eq!(buckets.sum(), Ok(&each[..2]));
    // No step overflows here, only what rounding took is too much in the end.
    let quarter = 2f64.powi(969);
    let points = instants(&[(0, max), (1, quarter), (2, quarter)]);
    let buckets = aggregate(&points, ALL, Fill::None);
    assert_eq!(buckets.sum(), Err(SumOverflow { bucket_start: 0 }));
    assert_eq!(buckets.avg, [Some(max / 3.0)]);
}

#[test]
fn a_value_holds_until_the_next_across_buckets() {
    let points = instants(&[(5, 1.0), (12, 3.0), (36, 8.0)]);
    let buckets = aggregate(&points, range(0, 38), Fill::None);
    assert_eq!(buckets.start, [0, 10, 30]);
    let weighted = [
        Some(1.0),
        Some((2.0 * 1.0 + 8.0 * 3.0) / 10.0),
        Some((6.0 * 3.0 + 2.0 * 8.0) / 8.0),
    ];
    assert_eq!(buckets.time_weighted_avg, weighted);
}

#[test]
fn an_interval_holds_to_its_end_but_not_beyond_the_next_point() {
    let points = [(0, 4, Some(1.0)), (5, 30, Some(2.0)), (7, 8, Some(6.0))];
    let buckets = aggregate(&points, ALL, Fill::None);
    assert_eq!(buckets.time_weighted_avg, [Some((4.0 + 4.0 + 6.0) / 7.0)]);
}

#[test]
fn a_null_ends_the_holding() {
    let points = [
        (0, NO_END, Some(1.0)),
        (2, NO_END, None),
        (8, NO_END, Some(4.0)),
    ];
    let buckets = aggregate(&points, ALL, Fill::None);
    assert_eq!(buckets.time_weighted_avg, [Some((2.0 + 8.0) / 4.0)]);
    let buckets = aggregate(&points[..2], range(0, 30), Fill::Null);
    assert_eq!(buckets.time_weighted_avg, [Some(1.0), None, None]);
}

#[test]
fn the_last_value_holds_to_the_end_of_the_range_or_of_its_bucket() {
    let points = instants(&[(0, 1.0), (4, 3.0)]);
    for (end, weighted) in [(None, 22.0 / 10.0), (Some(5), 7.0 / 5.0), (Some(10), 2.2)] {
        let buckets = aggregate(&points, Range { start: None, end }, Fill::None);
        assert_eq!(buckets.time_weighted_avg, [Some(weighted)], "{end:?}");
    }
    let interval = [(4, 8, Some(3.0)), (4, 500, Some(3.5))];
    let buckets = aggregate(&interval, range(0, 6), Fill::None);
    assert_eq!(buckets.time_weighted_avg, [Some(3.5)]);
    let buckets = aggregate(&interval, ALL, Fill::Null);
    assert_eq!(buckets.start, [0]);
}

#[test]
fn time_that_is_not_covered_has_no_average() {
    let points = [(3, 3, Some(1.0)), (10, NO_END, None), (20, 25, Some(2.0))];
    let buckets = aggregate(&points, range(0, 30), Fill::None);
    assert_eq!(buckets.count, [1, 0, 1]);
    assert_eq!(buckets.time_weighted_avg, [None, None, Some(2.0)]);
}

#[test]
fn zeros_have_no_sign_but_as_observations() {
    let points = instants(&[(0, -0.0), (1, 0.0), (2, -0.0)]);
    let buckets = aggregate(&points, ALL, Fill::None);
    let sign = |column: &[Option<f64>]| column[0].map(f64::is_sign_negative);
    for column in [
        &buckets.avg,
        &buckets.min,
        &buckets.max,
        &buckets.time_weighted_avg,
    ] {
        assert_eq!(sign(column), Some(false));
    }
    assert_eq!(sign(&buckets.first), Some(true));
    assert_eq!(sign(&buckets.last), Some(true));
}
