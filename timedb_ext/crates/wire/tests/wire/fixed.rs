//! The format byte by byte: who packs these points otherwise cannot be read by what is installed elsewhere.

use timedb_wire::{Aggregate, Chunk, NO_END, NO_KNOWN_TIME};

use crate::model::{
    Bucket, Buckets, Group, Name, OwnNote, Points, ReadPoint, Sent, SentPoint, Told,
};

/// The bytes of a test, written down part by part.
fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

const NONE: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 0x80];
const ONE_AND_A_HALF: [u8; 8] = [0, 0, 0, 0, 0, 0, 0xf8, 0x3f];

#[test]
fn an_upload_has_these_bytes() {
    let point = |series, valid_time, end, value: Option<f64>, known_time| SentPoint {
        series,
        valid_time,
        end,
        value: value.map(f64::to_bits),
        known_time,
    };
    let series = vec![
        Name::Named(["wind", "{}", "MW", ""].map(str::to_owned)),
        Name::Id([7; 16], String::new()),
        Name::Id([8; 16], "kW".to_owned()),
    ];
    let names: &[u8] = &bytes(&[
        b"\0\x04\0\0\0wind\x02\0\0\0{}\x02\0\0\0MW\0\0\0\0",
        &[1],
        &[7; 16],
        &[2],
        &[8; 16],
        b"\x02\0\0\0kW",
    ]);
    let plain = Sent {
        series: series.clone(),
        points: vec![point(2, 0x0102, NO_END, Some(1.5), NO_KNOWN_TIME)],
    };
    let expected = bytes(&[
        &[1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0],
        names,
        &[2, 0, 0, 0],
        &[2, 1, 0, 0, 0, 0, 0, 0],
        &ONE_AND_A_HALF,
    ]);
    assert_eq!(plain.pack(), expected);
    assert_eq!(Sent::read(&expected), Ok(plain));

    let whole = Sent {
        series,
        points: vec![
            point(0, -1, NO_END, Some(1.5), 5),
            point(1, 3, 4, None, NO_KNOWN_TIME),
        ],
    };
    let expected = bytes(&[
        &[1, 7, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0],
        names,
        &[0, 0, 0, 0, 1, 0, 0, 0],
        &[0xff; 8],
        &[3, 0, 0, 0, 0, 0, 0, 0],
        &NONE,
        &[4, 0, 0, 0, 0, 0, 0, 0],
        &ONE_AND_A_HALF,
        &[0; 8],
        &[0b10],
        &[5, 0, 0, 0, 0, 0, 0, 0],
        &NONE,
    ]);
    assert_eq!(whole.pack(), expected);
    assert_eq!(Sent::read(&expected), Ok(whole));
}

fn group<R>(id: u8, rows: Vec<R>) -> Group<R> {
    Group {
        id: [id; 16],
        texts: ["a", "MW", "{}"].map(str::to_owned),
        rows,
    }
}

/// The bytes of the series of [`group`].
fn series(id: u8) -> Vec<u8> {
    bytes(&[&[id; 16], b"\x01\0\0\0a\x02\0\0\0MW\x02\0\0\0{}"])
}

fn point(valid_time: i64, value: Option<f64>) -> ReadPoint {
    ReadPoint {
        valid_time,
        end: NO_END,
        value: value.map(f64::to_bits),
        known_time: 0,
        change_time: 0,
        value_id: 0,
        batch: [0; 16],
        note: None,
        changed_by: None,
    }
}

fn check_points(points: &Points, expected: &[u8]) {
    assert_eq!(points.pack(), expected);
    assert_eq!(Points::read(&Chunk::decode(expected).unwrap()), *points);
}

#[test]
fn a_chunk_of_points_has_these_bytes() {
    let plain = Points {
        told: Told::Times,
        groups: vec![
            group(1, vec![point(0x0102, Some(1.5))]),
            group(2, vec![point(3, Some(0.0)), point(4, Some(1.5))]),
        ],
    };
    let expected = bytes(&[
        &[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0],
        &series(1),
        &series(2),
        &[1, 0, 0, 0, 2, 0, 0, 0],
        &[2, 1, 0, 0, 0, 0, 0, 0],
        &[3, 0, 0, 0, 0, 0, 0, 0],
        &[4, 0, 0, 0, 0, 0, 0, 0],
        &ONE_AND_A_HALF,
        &[0; 8],
        &ONE_AND_A_HALF,
    ]);
    check_points(&plain, &expected);

    let mut known = plain;
    known.told = Told::Known;
    known.groups[0].rows[0].end = 5;
    known.groups[0].rows[0].known_time = 6;
    known.groups[1].rows[1].value = None;
    let expected = bytes(&[
        &[1, 7, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0],
        &series(1),
        &series(2),
        &[1, 0, 0, 0, 2, 0, 0, 0],
        &[2, 1, 0, 0, 0, 0, 0, 0],
        &[3, 0, 0, 0, 0, 0, 0, 0],
        &[4, 0, 0, 0, 0, 0, 0, 0],
        &[5, 0, 0, 0, 0, 0, 0, 0],
        &NONE,
        &NONE,
        &ONE_AND_A_HALF,
        &[0; 16],
        &[0b100],
        &[6, 0, 0, 0, 0, 0, 0, 0],
        &[0; 16],
    ]);
    check_points(&known, &expected);
    let nothing = Points {
        told: Told::Versions,
        groups: Vec::new(),
    };
    let expected = [1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    check_points(&nothing, &expected);
}

#[test]
fn a_chunk_of_versions_has_these_bytes() {
    let version = |batch: u8, writer, note| ReadPoint {
        known_time: 2,
        change_time: 3,
        value_id: 4,
        batch: [batch; 16],
        changed_by: writer,
        note,
        ..point(1, Some(1.5))
    };
    let plain = Points {
        told: Told::Versions,
        groups: vec![group(
            1,
            vec![
                version(5, None, None),
                version(6, Some([6; 16]), None),
                version(5, None, None),
            ],
        )],
    };
    let three = |number: u8| [number, 0, 0, 0, 0, 0, 0, 0].repeat(3);
    let before_notes = |flags: u8| {
        bytes(&[
            &[1, flags, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0],
            &series(1),
            &[3, 0, 0, 0],
            &three(1),
            &ONE_AND_A_HALF.repeat(3),
            &three(2),
            &three(3),
            &three(4),
            &[2, 0, 0, 0],
            &[5; 16],
            &[0],
            &[0; 16],
            &[6; 16],
            &[1],
            &[6; 16],
            &[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        ])
    };
    check_points(&plain, &before_notes(12));

    let note = OwnNote {
        annotation: Some("ok".to_owned()),
        tags: vec!["x".to_owned(), String::new()],
        metadata: Some("{}".to_owned()),
        changed_by: Some([9; 16]),
    };
    let with_notes = Points {
        told: Told::Versions,
        groups: vec![group(
            1,
            vec![
                version(5, None, Some(OwnNote::default())),
                version(6, Some([9; 16]), Some(note)),
                version(5, None, Some(OwnNote::default())),
            ],
        )],
    };
    let expected = bytes(&[
        &before_notes(28),
        &[2, 0, 0, 0],
        &[0],
        &[15],
        b"\x02\0\0\0ok",
        b"\x02\0\0\0\x01\0\0\0x\0\0\0\0",
        b"\x02\0\0\0{}",
        &[9; 16],
        &[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    ]);
    check_points(&with_notes, &expected);
}

#[test]
fn a_chunk_of_buckets_has_these_bytes() {
    let bits = |number: f64| Some(number.to_bits().cast_signed());
    let buckets = Buckets {
        aggregates: vec![Aggregate::Max, Aggregate::Count, Aggregate::TimeWeightedAvg],
        groups: vec![group(
            1,
            vec![
                Bucket {
                    start: 1,
                    end: 2,
                    numbers: vec![bits(1.5), Some(2), bits(1.5)],
                },
                Bucket {
                    start: 2,
                    end: 3,
                    numbers: vec![None, Some(0), bits(1.5)],
                },
            ],
        )],
    };
    let expected = bytes(&[
        &[1, 33, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0],
        &series(1),
        &[2, 0, 0, 0],
        &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
        &[2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0],
        &[3, 0, 0, 0],
        &[4, 1],
        &ONE_AND_A_HALF,
        &[0; 8],
        &[0b10],
        &[0, 0],
        &[2, 0, 0, 0, 0, 0, 0, 0],
        &[0; 8],
        &[7, 0],
        &ONE_AND_A_HALF,
        &ONE_AND_A_HALF,
    ]);
    assert_eq!(buckets.pack(), expected);
    assert_eq!(Buckets::read(&Chunk::decode(&expected).unwrap()), buckets);
}

#[test]
fn aggregates_have_their_names_and_numbers() {
    let names = Aggregate::ALL.map(Aggregate::name);
    let told = "count avg sum min max first last time_weighted_avg";
    assert_eq!(names.join(" "), told);
    assert_eq!(
        Aggregate::ALL.map(|one| one as u8),
        [0, 1, 2, 3, 4, 5, 6, 7]
    );
}
