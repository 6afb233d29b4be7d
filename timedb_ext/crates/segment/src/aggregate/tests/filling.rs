//! Which buckets are answered, when, and what stands in those without a value.

use super::*;

#[test]
fn a_bucket_of_nulls_is_answered_and_is_filled_like_an_empty_one() {
    let points = [
        (5, NO_END, Some(2.0)),
        (15, NO_END, None),
        (25, NO_END, Some(6.0)),
    ];
    for (fill, filled) in FILLS.into_iter().zip([None, None, Some(2.0), Some(4.0)]) {
        let buckets = aggregate(&points, ALL, fill);
        assert_eq!(buckets.start, [0, 10, 20], "{fill:?}");
        assert_eq!(buckets.count, [1, 0, 1]);
        assert_eq!(buckets.sum().expect("small")[1], None);
        for column in [
            &buckets.avg,
            &buckets.min,
            &buckets.max,
            &buckets.first,
            &buckets.last,
        ] {
            assert_eq!(column[1], filled, "{fill:?}");
        }
    }
}

#[test]
fn a_held_value_alone_makes_a_bucket_only_where_buckets_are_filled() {
    let points = instants(&[(5, 1.0), (35, 2.0)]);
    let buckets = aggregate(&points, ALL, Fill::None);
    assert_eq!(buckets.start, [0, 30]);
    for fill in FILLING {
        let buckets = aggregate(&points, range(0, 45), fill);
        assert_eq!(buckets.count, [1, 0, 0, 1, 0]);
        let weighted = [Some(1.0), Some(1.0), Some(1.0), Some(1.5), Some(2.0)];
        assert_eq!(buckets.time_weighted_avg, weighted, "{fill:?}");
    }
}

#[test]
fn nothing_but_a_held_value_fills_the_time_weighted_average() {
    let points = [(5, 8, Some(1.0)), (25, 28, Some(3.0))];
    for fill in FILLING {
        let buckets = aggregate(&points, range(0, 40), fill);
        let weighted = [Some(1.0), None, Some(3.0), None];
        assert_eq!(buckets.time_weighted_avg, weighted, "{fill:?}");
    }
}

#[test]
fn the_value_before_the_range_holds_on_and_fills_like_the_last_one() {
    let points = instants(&[(35, 2.0)]);
    let before = |until: i64, fill: Fill, end: Option<i64>| {
        let range = Range {
            start: Some(5),
            end,
        };
        let aggregator = Aggregator::new(tens, range, fill, 1000);
        let mut aggregator = aggregator.after(&ValueBefore { value: 8.0, until });
        aggregator.push(&merged(&points)).expect("few buckets");
        aggregator.finish().expect("few buckets")
    };
    for fill in FILLING {
        let buckets = before(i64::MAX, fill, Some(50));
        let filled = match fill {
            Fill::Last => [Some(8.0), Some(8.0), Some(8.0), Some(2.0), Some(2.0)],
            _ => [None, None, None, Some(2.0), None],
        };
        assert_eq!(buckets.avg, filled, "{fill:?}");
        assert_eq!(buckets.count, [0, 0, 0, 1, 0]);
        let weighted = [Some(8.0), Some(8.0), Some(8.0), Some(5.0), Some(2.0)];
        assert_eq!(buckets.time_weighted_avg, weighted, "{fill:?}");
    }
    // An interval, or a value with a null behind it, fills but does not hold.
    for (until, held) in [(12, [Some(8.0), Some(8.0), None]), (4, [None; 3])] {
        let buckets = before(until, Fill::Last, Some(50));
        assert_eq!(buckets.avg[..3], [Some(8.0); 3]);
        assert_eq!(buckets.time_weighted_avg[..3], held);
    }
    let buckets = before(i64::MAX, Fill::None, None);
    assert_eq!((buckets.start, buckets.avg), (vec![30], vec![Some(2.0)]));
    assert_eq!(buckets.time_weighted_avg, [Some(5.0)]);
}

#[test]
fn filling_covers_the_buckets_that_overlap_the_range() {
    let points = instants(&[(25, 1.0), (45, 2.0)]);
    for fill in FILLING {
        for (start, end, starts) in [
            (None, None, vec![20, 30, 40]),
            (Some(5), None, vec![0, 10, 20, 30, 40]),
            (None, Some(60), vec![20, 30, 40, 50]),
            (Some(10), Some(61), vec![10, 20, 30, 40, 50, 60]),
            (Some(9), Some(46), vec![0, 10, 20, 30, 40]),
        ] {
            let buckets = aggregate(&points, Range { start, end }, fill);
            assert_eq!(buckets.start, starts, "{fill:?} {start:?} {end:?}");
        }
    }
}

#[test]
fn without_points_only_a_whole_range_is_filled() {
    for fill in FILLING {
        let buckets = aggregate(&[], range(5, 21), fill);
        assert_eq!(buckets.start, [0, 10, 20]);
        assert_eq!(buckets.count, [0, 0, 0]);
        assert_eq!(buckets.sum(), Ok(&[None; 3][..]));
        assert_eq!(buckets.last, [None; 3]);
        assert_eq!(buckets.time_weighted_avg, [None; 3]);
        for (start, end) in [(Some(5), None), (None, Some(5)), (None, None)] {
            assert!(aggregate(&[], Range { start, end }, fill).is_empty());
        }
    }
    assert!(aggregate(&[], range(5, 21), Fill::None).is_empty());
}

#[test]
fn an_empty_or_reversed_range_has_no_buckets() {
    let points = instants(&[(5, 1.0), (6, 2.0), (15, 1.0)]);
    for fill in FILLS {
        assert!(aggregate(&points, range(6, 6), fill).is_empty());
        assert!(aggregate(&points, range(16, 4), fill).is_empty());
        assert!(aggregate(&points, range(i64::MAX, i64::MIN), fill).is_empty());
    }
}

#[test]
fn points_outside_the_range_are_passed_over() {
    let points = instants(&[(4, 1.0), (5, 2.0), (24, 3.0), (25, 4.0)]);
    let buckets = aggregate(&points, range(5, 25), Fill::None);
    assert_eq!(buckets.start, [0, 20]);
    assert_eq!(buckets.count, [1, 1]);
    assert_eq!(
        buckets.time_weighted_avg,
        [Some(2.0), Some((4.0 * 2.0 + 3.0) / 5.0)]
    );
}

#[test]
fn last_repeats_the_last_observation() {
    let points = instants(&[(11, 1.0), (12, 5.0), (41, 2.0)]);
    let buckets = aggregate(&points, range(0, 60), Fill::Last);
    let filled = [None, Some(5.0), Some(5.0), Some(5.0), Some(2.0), Some(2.0)];
    assert_eq!(buckets.last, filled);
    let filled = [None, Some(3.0), Some(5.0), Some(5.0), Some(2.0), Some(2.0)];
    assert_eq!(buckets.avg, filled);
    let filled = [None, Some(6.0), None, None, Some(2.0), None];
    assert_eq!(buckets.sum(), Ok(&filled[..]));
    assert_eq!(buckets.count, [0, 2, 0, 0, 1, 0]);
}

#[test]
fn linear_draws_each_aggregate_on_a_line_of_its_own() {
    let points = instants(&[(11, 1.0), (12, 5.0), (41, -2.0)]);
    let buckets = aggregate(&points, range(0, 60), Fill::Linear);
    assert_eq!(buckets.start, [0, 10, 20, 30, 40, 50]);
    for (column, from) in [
        (&buckets.avg, 3.0),
        (&buckets.min, 1.0),
        (&buckets.max, 5.0),
        (&buckets.first, 1.0),
        (&buckets.last, 5.0),
    ] {
        let at = |part: f64| from + (-2.0 - from) * part / 3.0;
        assert_eq!((column[0], column[5]), (None, None));
        for (i, part) in [(1, 0.0), (2, 1.0), (3, 2.0), (4, 3.0)] {
            let value = column[i].expect("between the two");
            assert!((value - at(part)).abs() < 1e-14, "{value} {}", at(part));
        }
    }
    let sums = [None, Some(6.0), None, None, Some(-2.0), None];
    assert_eq!(buckets.sum(), Ok(&sums[..]));
}

#[test]
fn linear_neither_overflows_nor_leaves_its_line() {
    let points = instants(&[(0, f64::MAX), (30, f64::MIN), (70, f64::MIN)]);
    let buckets = aggregate(&points, ALL, Fill::Linear);
    let values: Vec<f64> = buckets.avg.into_iter().flatten().collect();
    assert!(values.iter().all(|value| value.is_finite()));
    assert!(values.is_sorted_by(|a, b| a >= b));
    assert_eq!(values[3..], [f64::MIN; 5]);
    for length in 2..50 {
        let points = instants(&[(0, 0.1), (10 * length, 0.1)]);
        let buckets = aggregate(&points, ALL, Fill::Linear);
        assert!(buckets.avg.iter().all(|&avg| avg == Some(0.1)));
    }
}

#[test]
fn linear_holds_a_gap_back_until_it_ends() {
    let mut aggregator = Aggregator::new(tens, range(0, 60), Fill::Linear, 10);
    aggregator
        .push(&merged(&[(15, NO_END, None)]))
        .expect("few");
    assert_eq!(aggregator.take().start, [0]);
    aggregator
        .push(&merged(&[(16, NO_END, Some(1.0)), (35, NO_END, None)]))
        .expect("few");
    assert_eq!(aggregator.take().start, [10]);
    aggregator
        .push(&merged(&instants(&[(45, 4.0)])))
        .expect("few");
    // More points may come in the bucket that the lines lead to.
    assert!(aggregator.take().is_empty());
    aggregator
        .push(&merged(&[(50, NO_END, None)]))
        .expect("few");
    let buckets = aggregator.take();
    assert_eq!(
        (buckets.start, buckets.count),
        (vec![20, 30, 40], vec![0, 0, 1])
    );
    assert_eq!(buckets.avg, [Some(2.0), Some(3.0), Some(4.0)]);
    let buckets = aggregator.finish().expect("few");
    assert_eq!((buckets.start, buckets.avg), (vec![50], vec![None]));
}

#[test]
fn what_is_taken_is_final_and_leaves_at_once() {
    let mut aggregator = Aggregator::new(tens, ALL, Fill::None, 1000);
    for t in 0..1000 {
        aggregator
            .push(&merged(&instants(&[(t, 1.0)])))
            .expect("few");
        let taken = aggregator.take();
        match t {
            0 => assert!(taken.is_empty()),
            _ if t % 10 == 0 => assert_eq!((taken.start, taken.count), (vec![t - 10], vec![10])),
            _ => assert!(taken.is_empty()),
        }
    }
    assert_eq!(aggregator.finish().expect("few").start, [990]);
}

#[test]
fn too_many_buckets_are_an_error() {
    let many = TooManyBuckets { max_buckets: 3 };
    assert_eq!(many.to_string(), "there are more than 3 buckets");
    let points = instants(&[(5, 1.0), (15, 1.0), (125, 1.0), (135, 1.0)]);
    let push = |points: &[Point], fill: Fill, range: Range| {
        let mut aggregator = Aggregator::new(tens, range, fill, 3);
        aggregator.push(&merged(points))?;
        aggregator.take();
        aggregator.finish().map(|_| ())
    };
    assert_eq!(push(&points[..3], Fill::None, ALL), Ok(()));
    assert_eq!(push(&points, Fill::None, ALL), Err(many));
    for fill in FILLING {
        assert_eq!(push(&points[..3], fill, ALL), Err(many));
        assert_eq!(push(&points[..1], fill, range(0, 30)), Ok(()));
        assert_eq!(push(&points[..1], fill, range(0, 31)), Err(many));
        assert_eq!(push(&[], fill, range(i64::MIN, i64::MAX)), Err(many));
    }
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let whole = |_| (i64::MIN, i64::MAX);
    let points = [
        (i64::MIN, NO_END, Some(1.0)),
        (0, i64::MAX, Some(3.0)),
        (i64::MAX - 1, NO_END, Some(5.0)),
    ];
    for fill in FILLS {
        let mut aggregator = Aggregator::new(whole, ALL, fill, 1);
        aggregator.push(&merged(&points)).expect("one bucket");
        let buckets = aggregator.finish().expect("one bucket");
        assert_eq!(buckets.avg, [Some(3.0)]);
        assert_eq!(buckets.time_weighted_avg, [Some(2.0)]);
    }
    // No bucket of these holds the greatest time: that is an error, not a loop without an end.
    for fill in FILLS {
        let mut aggregator = Aggregator::new(tens, ALL, fill, 100);
        let point = (i64::MAX, NO_END, Some(1.0));
        assert!(aggregator.push(&merged(&[point])).is_err());
    }
}
