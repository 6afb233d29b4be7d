//! Damaged bytes, foreign rows and newer formats are errors; never a panic, never a wrong value.

use std::rc::Rc;
use std::sync::LazyLock;

use proptest::prelude::*;
use timedb_segment::{
    Bounds, Column, Note, Points, Segment, SegmentError, SegmentKey, decode, decode_range, encode,
};

const KEY: SegmentKey = SegmentKey {
    tenant: [1; 16],
    series: [2; 16],
};

static SEGMENTS: LazyLock<Vec<Segment>> = LazyLock::new(segments);

fn segments() -> Vec<Segment> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut segments = Vec::new();
    for n in [1usize, 2, 48, 300, 4096] {
        for rich in [false, true] {
            let valid_time: Vec<i64> = (0..n as i64)
                .map(|i| i * 60_000_000 + if rich { random.i64(0..1_000_000) } else { 0 })
                .collect();
            let ends = valid_time.iter().map(|t| t + random.i64(1..100)).collect();
            let value = |_| {
                if rich {
                    random.f64()
                } else {
                    f64::from(random.u16(..)) / 100.0
                }
            };
            let points = Points {
                value: (0..n).map(value).collect(),
                valid_time_end: rich.then_some(ends),
                nulls: rich.then(|| (0..n).map(|i| i % 3 == 1).collect()),
                known_time: match rich {
                    true => Column::Each((0..n as i64).map(|i| i / 7).collect()),
                    false => Column::Constant(5),
                },
                change_time: match rich {
                    true => Column::Each((0..n as i64).map(|i| i / 7 * 1_000_003).collect()),
                    false => Column::Constant(6),
                },
                batch: rich
                    .then(|| Column::Each((0..n).map(|i| [(i / 7 % 50) as u8; 16]).collect())),
                notes: rich.then(|| (0..n).map(note).collect()),
                valid_time,
            };
            segments.push(encode(&KEY, &points).expect("encodes"));
        }
    }
    segments
}

fn note(i: usize) -> Option<Rc<Note>> {
    i.is_multiple_of(3).then(|| {
        Rc::new(Note {
            annotation: Some(format!("remark {}", i % 40)),
            tags: vec!["checked".to_owned(); i % 3],
            metadata: i.is_multiple_of(2).then(|| "{}".to_owned()),
            changed_by: Some([i as u8 % 5; 16]),
        })
    })
}

/// A range in the middle, of a tenth of the points.
fn some(segment: &Segment, blob: &[u8]) -> Result<Points, SegmentError> {
    let Bounds {
        min_valid,
        max_valid,
        ..
    } = segment.bounds;
    let start = min_valid + (max_valid - min_valid) / 2;
    let end = start + (max_valid - min_valid) / 10 + 1;
    decode_range(&KEY, &segment.bounds, blob, Some(start), Some(end))
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

#[test]
fn every_flipped_bit_of_short_blobs_and_bytes_of_long_ones_are_found() {
    for segment in &*SEGMENTS {
        let step = if segment.blob.len() > 2000 { 7 } else { 1 };
        for i in (0..segment.blob.len()).step_by(step) {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut blob = segment.blob.clone();
                blob[i] ^= flip;
                assert!(
                    decode(&KEY, &segment.bounds, &blob).is_err(),
                    "byte {i} ^ {flip:#x}"
                );
                assert!(some(segment, &blob).is_err(), "byte {i} ^ {flip:#x}");
            }
        }
    }
}

#[test]
fn truncated_and_extended_blobs_are_found() {
    for segment in &*SEGMENTS {
        let step = segment.blob.len() / 500 + 1;
        for length in (0..segment.blob.len()).step_by(step) {
            assert!(decode(&KEY, &segment.bounds, &segment.blob[..length]).is_err());
            assert!(some(segment, &segment.blob[..length]).is_err());
        }
        let mut longer = segment.blob.clone();
        longer.push(0);
        assert!(decode(&KEY, &segment.bounds, &longer).is_err());
    }
}

#[test]
fn a_blob_in_another_row_is_found() {
    for segment in &*SEGMENTS {
        let Segment { bounds, blob, .. } = segment;
        assert!(decode(&KEY, bounds, blob).is_ok());
        for key in [
            SegmentKey {
                tenant: [3; 16],
                ..KEY
            },
            SegmentKey {
                series: [3; 16],
                ..KEY
            },
            SegmentKey {
                tenant: KEY.series,
                series: KEY.tenant,
            },
        ] {
            assert!(matches!(
                decode(&key, bounds, blob),
                Err(SegmentError::Damaged(_))
            ));
        }
        for other in [
            Bounds {
                count: bounds.count + 1,
                ..*bounds
            },
            Bounds {
                count: bounds.count - 1,
                ..*bounds
            },
            Bounds {
                count: u32::MAX,
                ..*bounds
            },
            Bounds {
                min_valid: bounds.min_valid - 1,
                ..*bounds
            },
            Bounds {
                max_valid: bounds.max_valid + 1,
                ..*bounds
            },
            Bounds {
                min_known: bounds.min_known - 1,
                ..*bounds
            },
            Bounds {
                max_known: bounds.max_known + 1,
                ..*bounds
            },
            Bounds {
                min_change: bounds.min_change - 1,
                ..*bounds
            },
            Bounds {
                max_change: bounds.max_change + 1,
                ..*bounds
            },
        ] {
            assert!(matches!(
                decode(&KEY, &other, blob),
                Err(SegmentError::Damaged(_))
            ));
        }
    }
}

/// Gives changed bytes a checksum that fits, as an attacker (or a newer version) would.
fn seal(bounds: &Bounds, blob: &mut [u8]) {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&KEY.tenant);
    hasher.update(&KEY.series);
    hasher.update(&bounds.count.to_le_bytes());
    let Bounds {
        min_valid,
        max_valid,
        min_known,
        max_known,
        min_change,
        max_change,
        ..
    } = *bounds;
    for time in [
        min_valid, max_valid, min_known, max_known, min_change, max_change,
    ] {
        hasher.update(&time.to_le_bytes());
    }
    hasher.update(&blob[..1]);
    hasher.update(&blob[5..]);
    let sum = hasher.finalize();
    blob[1..5].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn what_a_newer_version_wrote_is_called_so() {
    let segment = &SEGMENTS[4];
    let newer = |change: fn(&mut Vec<u8>)| {
        let mut blob = segment.blob.clone();
        change(&mut blob);
        seal(&segment.bounds, &mut blob);
        let error = decode(&KEY, &segment.bounds, &blob).expect_err("can't be known");
        assert!(matches!(error, SegmentError::Newer(_)), "{error}");
        error.to_string()
    };
    let unchanged = &mut segment.blob.clone();
    seal(&segment.bounds, unchanged);
    assert_eq!(unchanged, &segment.blob, "the documented checksum");
    let text = newer(|blob| blob[0] = 2);
    assert!(
        text.contains("newer version") && text.contains("its format is unknown"),
        "{text}"
    );
    // One more column, the thirteenth, of no bytes, after the four that stand in the directory.
    let text = newer(|blob| {
        assert_eq!(blob[5], 4);
        blob[5] = 5;
        let end = 6 + 4 * 2;
        blob.splice(end..end, [0xd0, 0x01, 0x00]);
    });
    assert!(text.contains("an unknown column"), "{text}");
    let text = newer(|blob| blob[6] |= 15);
    assert!(text.contains("an unknown codec"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    /// Even with a checksum that fits, changed bytes can't do worse than give other points.
    #[test]
    fn sealed_nonsense_never_panics(
        which in 0usize..10,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        near_start in any::<bool>(),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let segment = &SEGMENTS[which];
        let Segment { bounds, mut blob, .. } = segment.clone();
        for (index, byte) in changes {
            let range = if near_start { blob.len().min(120) } else { blob.len() };
            let i = index.index(range);
            if i > 0 {
                blob[i] = byte;
            }
        }
        if let Some(cut) = cut {
            blob.truncate(cut.index(blob.len()).max(6));
        }
        seal(&bounds, &mut blob);
        if let Ok(points) = decode(&KEY, &bounds, &blob) {
            prop_assert_eq!(points.len(), bounds.count as usize);
            prop_assert!(fits(&points));
        }
        if let Ok(points) = some(segment, &blob) {
            prop_assert!(points.len() <= bounds.count as usize && fits(&points));
        }
    }

    #[test]
    fn any_bytes_never_panic(mut blob in prop::collection::vec(any::<u8>(), 0..300), count in 0u32..100) {
        let bounds = Bounds { count, ..SEGMENTS[0].bounds };
        if blob.len() > 5 {
            blob[0] = 1;
            blob[5] %= 9;
            seal(&bounds, &mut blob);
        }
        let _ = decode(&KEY, &bounds, &blob);
        let _ = decode_range(&KEY, &bounds, &blob, Some(bounds.min_valid), Some(bounds.max_valid));
    }
}
