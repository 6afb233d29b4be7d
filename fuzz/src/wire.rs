//! What travels: packed uploads, chunks of reads, cursors, and JSON texts. The first byte of data says what the others
//! are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use timedb_rules::Position;
use timedb_wire::{Chunk, UploadReader, Values, json};

const TENANT: [u8; 16] = [1; 16];

/// Reads the bytes and looks at every part of what is in them.
pub fn wire(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 4 {
        0 => upload(data),
        1 => chunk(data),
        2 => cursor(data),
        _ => {
            if let Ok(text) = std::str::from_utf8(data) {
                assert!(json::nesting(text) <= text.len());
            }
        }
    }
}

fn upload(data: &[u8]) {
    let Ok(reader) = UploadReader::open(data) else {
        return;
    };
    let mut series = reader.clone();
    while let Ok(Some(_)) = series.next_series() {}
    let (points, n) = (reader.points, reader.series);
    if let Ok(columns) = reader.columns() {
        let numbers = |column: &timedb_wire::Column<'_, i64>| column.iter().count();
        assert_eq!(columns.series_index.iter().count(), points);
        assert!(columns.series_index.iter().all(|i| (i as usize) < n));
        assert_eq!(numbers(&columns.valid_time), points);
        assert_eq!(columns.value.iter().count(), points);
        for column in [columns.valid_time_end, columns.known_time]
            .iter()
            .flatten()
        {
            assert_eq!(numbers(column), points);
        }
        if let Some(nulls) = columns.nulls {
            let _ = (0..points).filter(|&i| nulls.at(i)).count();
        }
    }
}

fn chunk(data: &[u8]) {
    let Ok(chunk) = Chunk::decode(data) else {
        return;
    };
    let in_runs: usize = chunk.runs.iter().map(|run| run.points).sum();
    assert_eq!(in_runs, chunk.points);
    for i in 0..chunk.points {
        let _ = (chunk.valid_time.at(i), chunk.end(i), chunk.value(i));
        if let Values::Buckets(columns) = &chunk.values {
            columns.iter().for_each(|column| _ = column.at(i));
        }
        if let Some(known) = &chunk.known_time {
            let _ = known.at(i);
        }
        if let Some(versions) = &chunk.versions {
            let _ = (versions.batch(i), versions.changed_by(i));
            let _ = versions.note(i).map(|place| &versions.notes[place]);
        }
    }
}

/// As text, and as what it would have to be to be a cursor of the tenant.
fn cursor(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Position::parse(text, &TENANT);
    }
    let digest = Sha256::new()
        .chain_update(b"timedb changes")
        .chain_update(TENANT)
        .chain_update(data)
        .finalize();
    let text = URL_SAFE_NO_PAD.encode([data, &digest[..8]].concat());
    if let Ok(position) = Position::parse(&text, &TENANT) {
        assert_eq!(position.cursor(&TENANT), text);
    }
}
