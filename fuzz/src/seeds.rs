//! What the targets begin with.

use std::fs;
use std::path::Path;

use serde_json::Value;
use timedb_rules::{Position, Reached, ReachedPoint};
use timedb_wire::{Bitmap, SeriesName, Upload};

/// Data by target and name: the rows of the corpus as the targets of blobs take them, and what travels.
///
/// # Panics
/// If the corpus is not one.
pub fn seeds(corpus: &Path) -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for entry in fs::read_dir(corpus).expect("the corpus is there") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let blob = fs::read(path.with_extension("bin")).expect("each has its blob");
        let text = fs::read_to_string(&path).expect("text");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let row = &json["row"];
        let count = |name: &str| (row[name].as_u64().expect("a count") as u16).to_le_bytes();
        let (target, mut data) = match row["table"].as_str() {
            Some("segments") => ("segment", [count("count"), [60, 200]].concat()),
            Some("write_log") => {
                let listed = row["series_ids"].as_array().map_or(0, Vec::len) as u8;
                let with_list = listed << 1 | u8::from(row["list_id"].is_string());
                ("log_row", [&count("points")[..], &[with_list]].concat())
            }
            _ => ("batch_chunk", count("count").to_vec()),
        };
        data.extend(blob);
        seeds.push((target, name, data));
    }
    seeds.extend(wire().map(|(name, data)| ("wire", name.to_owned(), data)));
    let versions = (0..600_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8);
    let asked = [99, 99, 99, 99, 99, 99, 99, 0];
    let merge = asked.into_iter().chain(versions).collect();
    seeds.push(("merge", "versions".to_owned(), merge));
    seeds
}

fn wire() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let named = SeriesName::Named {
        name: "wind",
        labels: "{\"site\": \"north\"}",
        unit: "MW",
        description: "",
    };
    let id = SeriesName::Id {
        id: [7; 16],
        unit: "kW",
    };
    let mut nulls = Bitmap::with_capacity(3);
    [false, true, false]
        .into_iter()
        .for_each(|null| nulls.push(null));
    let upload = Upload {
        series_index: &[0, 1, 0],
        valid_time: &[1, 2, 3],
        valid_time_end: Some(&[2, 3, timedb_wire::NO_END]),
        value: &[1.0, 0.0, -0.5],
        nulls: Some(&nulls),
        known_time: Some(&[5, timedb_wire::NO_KNOWN_TIME, 7]),
    };
    let upload = upload.encode([named, id].into_iter());
    let position = Position {
        change_time: 1_764_357_332_123_456,
        place: Reached::Batch([1; 16], ReachedPoint::Point([2; 16], 3, 4)),
    };
    let cursor = position.cursor(&[1; 16]).into_bytes();
    let said = [&[1][..], &position.change_time.to_be_bytes(), &[1; 16]].concat();
    let of = |kind: u8, data: &[u8]| [&[kind], data].concat();
    let chunks = chunks().map(move |(name, data)| (name, of(1, &data)));
    let others = [
        ("upload", of(0, &upload)),
        ("cursor", of(2, &cursor)),
        ("sealed_cursor", of(2, &said)),
        ("json", of(3, b"{\"a\": [{\"b\\\"\": []}]}")),
    ];
    others.into_iter().chain(chunks)
}

/// Chunks written by hand, from the description of the crate: two points of a series; with all that versions have; and
/// buckets.
fn chunks() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let begin = |flags: u8| {
        let mut out = vec![1, flags, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0];
        out.extend([7; 16]);
        for text in ["wind", "MW", "{}"] {
            out.extend((text.len() as u32).to_le_bytes());
            out.extend(text.as_bytes());
        }
        out.extend(2_u32.to_le_bytes());
        out.extend([1_i64, 2].map(i64::to_le_bytes).as_flattened());
        out
    };
    let two = |out: &mut Vec<u8>| out.extend([3_i64, 4].map(i64::to_le_bytes).as_flattened());
    let mut plain = begin(0);
    two(&mut plain);
    let mut versions = begin(1 | 2 | 4 | 8 | 16);
    two(&mut versions);
    two(&mut versions);
    versions.push(1);
    (0..3).for_each(|_| two(&mut versions));
    versions.extend(1_u32.to_le_bytes());
    versions.extend([9; 16]);
    versions.push(1);
    versions.extend([8; 16]);
    versions.extend([0; 8]);
    versions.extend(2_u32.to_le_bytes());
    versions.push(0);
    versions.push(1 | 2 | 4 | 8);
    versions.extend([
        1, 0, 0, 0, b'a', 1, 0, 0, 0, 1, 0, 0, 0, b't', 2, 0, 0, 0, b'{', b'}',
    ]);
    versions.extend([6; 16]);
    versions.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    let mut buckets = begin(1 | 32);
    two(&mut buckets);
    buckets.extend(2_u32.to_le_bytes());
    buckets.extend([0, 0]);
    two(&mut buckets);
    buckets.extend([1, 1]);
    two(&mut buckets);
    buckets.push(2);
    [
        ("points", plain),
        ("versions", versions),
        ("buckets", buckets),
    ]
    .into_iter()
}
