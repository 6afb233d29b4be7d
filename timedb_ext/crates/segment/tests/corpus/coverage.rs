//! The corpus is complete: every column, codec and kind that docs/segment_format.md lists occurs in it, and what it does
//! not list is refused as something newer, never passed over.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use timedb_segment::SegmentError;

use crate::stored::Stored;
use crate::{File, files};

/// The kinds of blobs: the heading of each one's table of columns.
const KINDS: [&str; 3] = ["## Segments", "## Rows of the log", "## Batches"];

/// A form of a column: the codecs that it may have.
const INTEGERS: RangeInclusive<u8> = 0..=7;
const TWO_WAYS: RangeInclusive<u8> = 0..=15;
const VALUES: RangeInclusive<u8> = 0..=3;
const TWO: RangeInclusive<u8> = 0..=1;
const ONE: RangeInclusive<u8> = 0..=0;

/// The columns of format v1 by kind, and the codecs of each.
fn columns(kind: usize) -> Vec<(u64, RangeInclusive<u8>)> {
    let of_segment = vec![
        (1, INTEGERS),
        (2, VALUES),
        (3, TWO_WAYS),
        (4, INTEGERS),
        (6, TWO),
        (7, TWO_WAYS),
        (8, TWO),
        (9, ONE),
        (10, ONE),
        (11, ONE),
        (12, ONE),
    ];
    match kind {
        0 => of_segment,
        1 => {
            let shared = of_segment.into_iter().filter(|(id, _)| *id != 4);
            shared
                .chain([(13, ONE), (14, INTEGERS), (15, ONE)])
                .collect()
        }
        _ => {
            let codecs = |id| match id {
                1 | 2 | 4 | 6 | 10 | 11 | 13 => INTEGERS,
                _ => ONE,
            };
            (1..=15).map(|id| (id, codecs(id))).collect()
        }
    }
}

fn kind(stored: &Stored) -> usize {
    match stored {
        Stored::Segment(..) => 0,
        Stored::Log(..) => 1,
        Stored::Batches(..) => 2,
    }
}

/// An entry of a directory: where it stands, and its column.
struct Entry<'a> {
    at: usize,
    id: u64,
    codec: u8,
    bytes: &'a [u8],
}

fn varint(bytes: &[u8], at: &mut usize) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return number;
        }
    }
}

/// The columns of what comes after a checksum.
fn directory(bytes: &[u8]) -> Vec<Entry<'_>> {
    let mut at = 0;
    let n = varint(bytes, &mut at);
    let mut found = Vec::new();
    let mut lengths = Vec::new();
    for _ in 0..n {
        let start = at;
        let tag = varint(bytes, &mut at);
        lengths.push(varint(bytes, &mut at) as usize);
        found.push(Entry {
            at: start,
            id: tag >> 4,
            codec: tag as u8 & 15,
            bytes: &[],
        });
    }
    for (entry, length) in found.iter_mut().zip(lengths) {
        entry.bytes = &bytes[at..at + length];
        at += length;
    }
    assert_eq!(at, bytes.len());
    found
}

/// The ids in the table under a heading of the document.
fn documented(heading: &str) -> BTreeSet<u64> {
    let root = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../docs/segment_format.md"
    );
    let text = std::fs::read_to_string(root).expect("the document");
    let from = text.find(&format!("\n{heading}\n")).expect("the heading");
    let table = text[from..].split("\n| id |").nth(1).expect("its table");
    let cell = |line: &str| {
        line.split('|')
            .nth(1)
            .and_then(|cell| cell.trim().parse().ok())
    };
    table.lines().skip(2).map_while(cell).collect()
}

#[test]
fn the_document_lists_the_columns() {
    for (place, heading) in KINDS.into_iter().enumerate() {
        let own = |id: &u64| place != 1 || *id > 12;
        let ids: BTreeSet<u64> = columns(place)
            .into_iter()
            .map(|(id, _)| id)
            .filter(own)
            .collect();
        assert_eq!(documented(heading), ids, "{heading}");
    }
}

#[test]
fn every_column_and_codec_occurs() {
    let mut seen = BTreeSet::new();
    let mut see = |what: String| {
        seen.insert(what);
    };
    for File { stored, .. } in files() {
        let kind = kind(&stored);
        for Entry {
            id, codec, bytes, ..
        } in directory(&stored.blob()[5..])
        {
            let (_, codecs) = (columns(kind).into_iter())
                .find(|(known, _)| *known == id)
                .unwrap_or_else(|| panic!("column {id} of {} is not in the list", KINDS[kind]));
            assert!(codecs.contains(&codec));
            see(format!("{kind}: column {id}"));
            match codecs {
                INTEGERS | TWO_WAYS => {
                    see(format!("integers {}", codec & 7));
                    see(format!("{kind}: {id}, way {}", codec / 8));
                    if codec & 7 == 7 {
                        see(format!("repeating {}", bytes[0]));
                    }
                }
                _ => see(format!("{kind}: column {id}, codec {codec}")),
            }
            match (kind, id, codec) {
                (0, 2, 0) => {
                    see(format!("scale {}", bytes[0] & 0x7f));
                    see(format!("patches {}", bytes[0] >> 7));
                    if bytes[0] < 0x80 {
                        see(format!("decimals as integers {}", bytes[1]));
                    }
                }
                (0, 2, 3) => {
                    let mut at = 0;
                    let page = varint(bytes, &mut at) as usize;
                    let pages = stored.count().div_ceil(page);
                    see(format!("pages {}", pages.min(2)));
                    (1..pages).for_each(|_| _ = varint(bytes, &mut at));
                    // The mode is in the lower half of the first byte of the chunk's metadata.
                    see(format!("pco's mode {}", bytes[at] & 15));
                }
                (1, 15, _) => {
                    for entry in directory(bytes) {
                        see(format!("a log row's batch: column {}", entry.id));
                    }
                }
                _ => {}
            }
        }
    }
    let mut expected: Vec<String> = Vec::new();
    for kind in 0..KINDS.len() {
        for (id, codecs) in columns(kind) {
            expected.push(format!("{kind}: column {id}"));
            match codecs {
                // The columns of a segment are encoded alike in a row of the log.
                TWO_WAYS if kind == 0 => {
                    expected.extend((0..2).map(|way| format!("{kind}: {id}, way {way}")));
                }
                INTEGERS | TWO_WAYS => {}
                _ if kind == 1 && id <= 12 => {}
                _ => expected
                    .extend(codecs.map(|codec| format!("{kind}: column {id}, codec {codec}"))),
            }
        }
    }
    expected.extend(INTEGERS.map(|codec| format!("integers {codec}")));
    expected.extend([0, 2, 3, 4, 5].map(|codec| format!("decimals as integers {codec}")));
    expected.extend([1, 2].map(|pages| format!("pages {pages}")));
    // Classic, FloatMult, FloatQuant.
    expected.extend([0, 2, 3].map(|mode| format!("pco's mode {mode}")));
    expected.extend(TWO.map(|kind| format!("repeating {kind}")));
    expected.extend(TWO.map(|patched| format!("patches {patched}")));
    expected.extend((1..15).map(|id| format!("a log row's batch: column {id}")));
    expected.extend([0, 1, 2, 15].map(|scale| format!("scale {scale}")));
    let missing: Vec<&String> = expected
        .iter()
        .filter(|what| !seen.contains(*what))
        .collect();
    assert!(missing.is_empty(), "no file has {missing:#?}");
}

/// The directory that comes after a checksum, with one of its entries changed.
fn changed(blob: &[u8], entry: usize, tag: u64) -> Vec<u8> {
    let entries = directory(&blob[5..]);
    let at = 5 + entries[entry].at;
    let mut end = at - 5;
    varint(&blob[5..], &mut end);
    let mut number = tag;
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    [&blob[..at], &bytes, &blob[5 + end..]].concat()
}

#[test]
fn what_is_not_listed_is_refused_as_newer() {
    let mut refused = 0;
    for File { name, stored, .. } in files() {
        let listed = columns(kind(&stored));
        let entries = directory(&stored.blob()[5..]);
        for (place, entry) in entries.iter().enumerate() {
            let (_, codecs) = (listed.iter())
                .find(|(id, _)| *id == entry.id)
                .expect("a listed one");
            let other_codecs = (0..16).filter(|codec| !codecs.contains(codec));
            let other_ids = (0..40).chain([1 << 20, u64::MAX >> 4]);
            let other_ids = other_ids.filter(|id| !listed.iter().any(|(listed, _)| listed == id));
            let tags = other_codecs
                .map(|codec| entry.id << 4 | u64::from(codec))
                .chain(other_ids.map(|id| id << 4 | u64::from(entry.codec)));
            for tag in tags {
                let newer = stored
                    .with_blob(changed(stored.blob(), place, tag))
                    .sealed();
                let error = newer.touch().expect_err("it is not known");
                assert!(
                    matches!(error, SegmentError::Newer(_)),
                    "{name}: column {} codec {}: {error}",
                    tag >> 4,
                    tag & 15
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 5000, "{refused}");
}
