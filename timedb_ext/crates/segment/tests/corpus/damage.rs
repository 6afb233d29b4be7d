//! Damage of any stored row is an error: each bit that flips, each place where it ends early, bytes too many, and each
//! bit of the row beside the blob. It is found before anything is allocated.

use timedb_segment::SegmentError;

use crate::files;
use crate::stored::Stored;

/// Fails unless reading is an error that has cost nothing.
fn assert_refused(stored: &Stored, what: impl Fn() -> String) {
    let mut outcome = Ok(());
    let cost = allocation_counter::measure(|| outcome = stored.touch());
    assert!(
        matches!(
            outcome,
            Err(SegmentError::Damaged(_) | SegmentError::Newer(_))
        ),
        "{}: {outcome:?}",
        what()
    );
    assert_eq!(cost.bytes_total, 0, "{}", what());
}

#[test]
fn every_flipped_bit_is_an_error() {
    for file in files() {
        let mut stored = file.stored;
        for bit in 0..stored.blob().len() * 8 {
            stored.blob_mut()[bit / 8] ^= 1 << (bit % 8);
            assert_refused(&stored, || format!("{}: bit {bit}", file.name));
            stored.blob_mut()[bit / 8] ^= 1 << (bit % 8);
        }
        stored.touch().expect("it is as it was");
    }
}

#[test]
fn every_truncation_and_every_byte_too_many_is_an_error() {
    for file in files() {
        let blob = file.stored.blob();
        for length in 0..blob.len() {
            let cut = file.stored.with_blob(blob[..length].to_vec());
            assert_refused(&cut, || format!("{}: {length} bytes", file.name));
        }
        let tails: [&[u8]; 4] = [&[0], &[0xff], &[0; 16], blob];
        for tail in tails {
            let longer = file.stored.with_blob([blob, tail].concat());
            assert_refused(&longer, || {
                format!("{}: and {} bytes", file.name, tail.len())
            });
        }
        let later = file.stored.with_blob([&[1], blob].concat());
        assert_refused(&later, || format!("{}: a byte before it", file.name));
    }
}

#[test]
fn every_flipped_bit_of_the_row_is_an_error() {
    for file in files() {
        let rows = file.stored.with_other_rows();
        assert!(rows.len() >= 128 + 32 + 64);
        for (what, stored) in rows {
            assert_refused(&stored, || format!("{}: {what}", file.name));
        }
    }
}

#[test]
fn a_row_of_another_table_is_an_error() {
    let files = files();
    for one in &files {
        let others = files.iter().filter(|other| {
            std::mem::discriminant(&other.stored) != std::mem::discriminant(&one.stored)
        });
        for other in others {
            let blob = other.stored.blob().to_vec();
            assert_refused(&one.stored.with_blob(blob), || {
                format!("{} in place of {}", other.name, one.name)
            });
        }
    }
}
