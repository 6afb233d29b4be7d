//! Merging against the naive model: a list of every version ever written. Six bytes of data are a version; the first
//! eight say what is asked.

use std::collections::BTreeMap;

use timedb_segment::{
    Column, Filter, Merged, Merger, Mode, NO_END, Points, SegmentKey, combine, decode, encode,
};

use crate::take;

const KEY: SegmentKey = SegmentKey {
    tenant: [1; 16],
    series: [2; 16],
};

/// valid_time, valid_time_end, known_time, change_time, value or null.
type Version = (i64, i64, i64, i64, Option<i64>);

/// Puts versions into parts, encodes and decodes these, merges them in all modes, and compares with the list.
pub fn merge(mut data: &[u8]) {
    let Some(asked) = take::<8>(&mut data) else {
        return;
    };
    let bound = |i: usize| (asked[i] < 22).then(|| i64::from(asked[i]));
    let filter = Filter {
        start_valid: bound(0),
        end_valid: bound(1),
        start_known: bound(2),
        end_known: bound(3),
        end_change: bound(4).map(|t| t * 1000),
        min_lead: bound(5).map(|lead| lead - 11),
        max_lead: bound(6).map(|lead| lead - 11),
    };
    let mut all = Vec::new();
    let mut parts: BTreeMap<u8, Vec<Version>> = BTreeMap::new();
    for (i, bytes) in data.as_chunks::<6>().0.iter().take(1000).enumerate() {
        let [valid, length, known, change, part, null] = *bytes;
        let valid = i64::from(valid % 20);
        let end = match length % 4 {
            0 => NO_END,
            length => valid + i64::from(length),
        };
        // No two writes have the same change_time.
        let change = i64::from(change % 5) * 1000 + i as i64 * 7 % 1000;
        let value = (null & 3 != 0).then_some(i as i64);
        let version = (valid, end, i64::from(known % 20), change, value);
        all.push(version);
        parts.entry(part % 12).or_default().push(version);
    }
    let mut parts: Vec<Points> = parts
        .into_values()
        .map(|part| decoded(part, asked[7] & 1 == 1))
        .collect();
    parts.sort_by_key(|part| part.valid_time[0]);
    for mode in [Mode::Flat, Mode::Overlapping, Mode::Versions] {
        let expected = model(&all, mode, &filter);
        for hold in [0, usize::from(asked[7]), 1024] {
            let mut merger = Merger::new(mode, filter)
                .of_tenant(KEY.tenant)
                .hold_back(hold);
            let mut answer = Vec::new();
            for part in &parts {
                let next = part.valid_time[0];
                if let Some(merged) = merger.take_before(next) {
                    assert!(merged.valid_time.iter().all(|&t| t < next) && !merged.is_empty());
                    answer.extend(rows(&merged));
                }
                merger.push(part.clone()).expect("its stamps are read");
            }
            answer.extend(rows(&merger.finish()));
            assert_eq!(answer, expected, "{mode:?}, hold {hold}, {filter:?}");
        }
    }
    if !parts.is_empty() {
        let combined = combine(parts, KEY.tenant);
        let mut merger = Merger::new(Mode::Versions, Filter::default()).of_tenant(KEY.tenant);
        merger.push(combined).expect("its stamps are read");
        let expected = model(&all, Mode::Versions, &Filter::default());
        assert_eq!(rows(&merger.finish()), expected, "combined");
    }
}

fn decoded(mut part: Vec<Version>, constant: bool) -> Points {
    part.sort_unstable();
    let each = |of: fn(&Version) -> i64| part.iter().map(of).collect::<Vec<i64>>();
    let column = |of: fn(&Version) -> i64| match constant {
        true => Column::of(each(of)),
        false => Column::Each(each(of)),
    };
    let (ends, nulls): (Vec<i64>, Vec<bool>) = part.iter().map(|v| (v.1, v.4.is_none())).unzip();
    let points = Points {
        valid_time: each(|v| v.0),
        valid_time_end: ends.iter().any(|&end| end != NO_END).then_some(ends),
        value: part.iter().map(|v| v.4.unwrap_or(0) as f64).collect(),
        nulls: nulls.contains(&true).then_some(nulls),
        known_time: column(|v| v.2),
        change_time: column(|v| v.3),
        batch: None,
        notes: None,
    };
    let segment = encode(&KEY, &points).expect("sorted points can be encoded");
    decode(&KEY, &segment.bounds, &segment.blob).expect("it has just been encoded")
}

fn model(versions: &[Version], mode: Mode, filter: &Filter) -> Vec<Version> {
    let inside = |t: i64, start: Option<i64>, end: Option<i64>| {
        start.is_none_or(|start| t >= start) && end.is_none_or(|end| t < end)
    };
    let mut sorted = versions.to_vec();
    sorted.sort_unstable_by_key(|v| (v.2, v.3));
    let mut newest = BTreeMap::new();
    for v in sorted {
        let lead = v.0 - v.2;
        if inside(v.0, filter.start_valid, filter.end_valid)
            && inside(v.2, filter.start_known, filter.end_known)
            && inside(v.3, None, filter.end_change)
            && filter.min_lead.is_none_or(|min| lead >= min)
            && filter.max_lead.is_none_or(|max| lead <= max)
        {
            let (key, row) = match mode {
                Mode::Flat => ((v.0, v.1, 0, 0), (v.0, v.1, 0, 0, v.4)),
                Mode::Overlapping => ((v.0, v.1, v.2, 0), (v.0, v.1, v.2, 0, v.4)),
                Mode::Versions => ((v.0, v.1, v.2, v.3), v),
            };
            newest.insert(key, row);
        }
    }
    newest.into_values().collect()
}

/// What was merged, with 0 for what the mode does not answer.
fn rows(merged: &Merged) -> Vec<Version> {
    let end = |i: usize| {
        merged
            .valid_time_end
            .as_ref()
            .map_or(NO_END, |ends| ends[i])
    };
    let null = |i: usize| merged.nulls.as_ref().is_some_and(|nulls| nulls[i]);
    (0..merged.len())
        .map(|i| {
            (
                merged.valid_time[i],
                end(i),
                merged.known_time.get(i).copied().unwrap_or(0),
                merged.change_time.get(i).copied().unwrap_or(0),
                (!null(i)).then_some(merged.value[i] as i64),
            )
        })
        .collect()
}
