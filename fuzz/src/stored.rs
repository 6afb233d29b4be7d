//! The three kinds of blobs that timedb stores. Their data begins with the count, as u16, for a row of the log then with
//! whether it has a list; the blob follows.

use timedb_segment::{
    BatchBounds, Bounds, LogKey, LogRow, NO_END, Points, SegmentKey, decode, decode_batches,
    decode_range, encode, encode_batches,
};

use crate::take;

const TENANT: [u8; 16] = [1; 16];
const SERIES: [u8; 16] = [2; 16];
const LIST: [u8; 16] = [3; 16];
const CHANGE_TIME: i64 = 1_764_357_332_123_456;

/// Of a row of the log so many series are read: each one's points are looked up anew.
const SERIES_READ: usize = 8;

/// Decodes a segment, in whole and in part, and encodes it again.
pub fn segment(mut data: &[u8]) {
    let Some([a, b, low, high]) = take(&mut data) else {
        return;
    };
    let bounds = Bounds {
        count: u32::from(u16::from_le_bytes([a, b])),
        min_valid: 0,
        max_valid: 1 << 50,
        min_known: 0,
        max_known: 1 << 50,
        min_change: 0,
        max_change: 1 << 50,
    };
    let key = SegmentKey {
        tenant: TENANT,
        series: SERIES,
    };
    let _ = decode(&key, &bounds, data);
    let blob = sealed(&key, &bounds, data);
    let whole = decode(&key, &bounds, &blob);
    let times = || whole.as_ref().ok().map(|points| &points.valid_time);
    let (start, end) = match times().map(|times| (times[0], times[times.len() - 1])) {
        Some((first, last)) => {
            let part = |of: u8| first.wrapping_add(last.wrapping_sub(first) / 256 * i64::from(of));
            (part(low), part(high))
        }
        None => (i64::from(low), i64::from(high)),
    };
    let part = decode_range(&key, &bounds, &blob, Some(start), Some(end));
    let Ok(whole) = whole else { return };
    assert_eq!(whole.len(), bounds.count as usize);
    assert!(fits(&whole));
    // Nonsense may be out of order: which part is in a range then, is not defined.
    let in_bounds = |t: &i64| (bounds.min_valid..=bounds.max_valid).contains(t);
    if is_sorted(&whole) && whole.valid_time.iter().all(in_bounds) {
        let part = part.expect("a part of what can be read can be read");
        same(&part, &whole.clone().between(start, end.max(start)));
    }
    if let Ok(again) = encode(&key, &whole) {
        let back = decode(&key, &again.bounds, &again.blob).expect("it has just been encoded");
        same(&back, &whole);
    }
}

/// Opens a row of the log, and reads its batch and some of its points.
pub fn log_row(mut data: &[u8]) {
    let Some([a, b, with_list]) = take(&mut data) else {
        return;
    };
    let points = u32::from(u16::from_le_bytes([a, b]));
    let list = (with_list & 1 == 1).then_some(LIST);
    let key = LogKey {
        tenant: TENANT,
        change_time: CHANGE_TIME,
        points,
        list,
    };
    let segment_key = SegmentKey {
        tenant: TENANT,
        series: list.unwrap_or_default(),
    };
    let t = CHANGE_TIME;
    let bounds = Bounds {
        count: points,
        min_valid: t,
        max_valid: t,
        min_known: t,
        max_known: t,
        min_change: t,
        max_change: t,
    };
    let series: Vec<[u8; 16]> = (0..usize::from(with_list >> 1))
        .map(|i| [i as u8; 16])
        .collect();
    let list = list.map(|_| &series[..]);
    let blob = sealed(&segment_key, &bounds, data);
    let _ = LogRow::open(key, data, list);
    let Ok(row) = LogRow::open(key, &blob, list) else {
        return;
    };
    let counted: usize = (0..row.series().len())
        .map(|place| row.positions(place).len())
        .sum();
    assert_eq!(counted, points as usize);
    for place in 0..row.series().len().min(SERIES_READ) {
        let positions = row.positions(place);
        if let Ok(points) = row.points(positions.clone()) {
            assert_eq!(points.len(), positions.len());
            assert!(fits(&points) && is_sorted(&points));
        }
    }
    if let Ok(batch) = row.batch() {
        assert_eq!(batch.change_time, CHANGE_TIME);
        assert_eq!(&batch.series[..], row.series());
    }
}

/// Decodes a chunk of batches and encodes it again.
pub fn batch_chunk(mut data: &[u8]) {
    let Some([a, b]) = take(&mut data) else {
        return;
    };
    let bounds = BatchBounds {
        count: u32::from(u16::from_le_bytes([a, b])),
        min_change: CHANGE_TIME,
        max_change: CHANGE_TIME + (1 << 40),
    };
    let key = SegmentKey {
        tenant: TENANT,
        series: [0; 16],
    };
    let as_segment = Bounds {
        count: bounds.count,
        min_valid: 0,
        max_valid: 0,
        min_known: 0,
        max_known: 0,
        min_change: bounds.min_change,
        max_change: bounds.max_change,
    };
    let _ = decode_batches(&TENANT, &bounds, data);
    let Ok(batches) = decode_batches(&TENANT, &bounds, &sealed(&key, &as_segment, data)) else {
        return;
    };
    assert_eq!(batches.len(), bounds.count as usize);
    if let Ok((bounds, blob)) = encode_batches(&TENANT, &batches) {
        let back = decode_batches(&TENANT, &bounds, &blob).expect("it has just been encoded");
        assert_eq!(back, batches);
    }
}

/// The blob with the version and the checksum that make it one of this row.
fn sealed(key: &SegmentKey, bounds: &Bounds, blob: &[u8]) -> Vec<u8> {
    let mut blob = blob.to_vec();
    blob.resize(blob.len().max(5), 0);
    blob[0] = 1;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&key.tenant);
    hasher.update(&key.series);
    hasher.update(&bounds.count.to_le_bytes());
    let valid = [bounds.min_valid, bounds.max_valid];
    let known = [bounds.min_known, bounds.max_known];
    let change = [bounds.min_change, bounds.max_change];
    for time in [valid, known, change].as_flattened() {
        hasher.update(&time.to_le_bytes());
    }
    hasher.update(&blob[..1]);
    hasher.update(&blob[5..]);
    let sum = hasher.finalize();
    blob[1..5].copy_from_slice(&sum.to_le_bytes());
    blob
}

/// Whether every column has one entry a point.
fn fits(points: &Points) -> bool {
    let n = points.len();
    points.value.len() == n
        && points.nulls.as_ref().is_none_or(|c| c.len() == n)
        && points.valid_time_end.as_ref().is_none_or(|c| c.len() == n)
        && points.known_time.fits(n)
        && points.change_time.fits(n)
        && points.batch.as_ref().is_none_or(|c| c.fits(n))
        && points.notes.as_ref().is_none_or(|c| c.len() == n)
}

fn is_sorted(points: &Points) -> bool {
    let order = |i: usize| (points.valid_time[i], points.end(i), points.stamp(i));
    (1..points.len()).all(|i| order(i - 1) <= order(i))
}

/// Fails unless both are the same points, to the bit.
fn same(a: &Points, b: &Points) {
    let n = b.len();
    assert_eq!(a.valid_time, b.valid_time);
    for i in 0..n {
        assert_eq!(a.is_null(i), b.is_null(i), "null {i}");
        if !b.is_null(i) {
            assert_eq!(a.value[i].to_bits(), b.value[i].to_bits(), "value {i}");
        }
        assert_eq!(a.end(i), b.end(i), "end {i}, {NO_END} for none");
        assert_eq!(a.stamp(i), b.stamp(i), "stamp {i}");
        // A note that says nothing is none.
        let note = |points: &Points| points.note(i).filter(|note| !note.is_empty()).cloned();
        assert_eq!(note(a), note(b), "note {i}");
        let batch = |points: &Points| points.batch.as_ref().map(|batch| batch.get(i));
        assert_eq!(batch(a), batch(b), "batch {i}");
    }
}
