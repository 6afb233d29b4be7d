//! A collected answer: rows by (valid_time, series_id), overlapping ones by (known_time, valid_time, series_id),
//! last points by series_id alone.

use super::{
    chunk::{Chunk, DamagedChunk},
    writer::{Fragment, Mode, Writer},
};
use crate::server::instant::Precision;

/// A row's place in its chunk, with what it is sorted by.
struct Place {
    known_time: i64,
    valid_time: i64,
    chunk: u32,
    fragment: u32,
    index: u32,
}

/// Writes `{"count":N,"data":[...]}` from the chunks of a whole answer.
pub(crate) fn write_ordered<B: AsRef<[u8]>>(
    packed: &[B],
    mode: Mode,
) -> Result<Vec<u8>, DamagedChunk> {
    let chunks = packed
        .iter()
        .map(|bytes| Chunk::parse(bytes.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    let precision = chunks
        .iter()
        .fold(Precision::default(), |precision, chunk| {
            precision.and(|| chunk.precision())
        });
    let total = chunks.iter().map(|chunk| chunk.points).sum();
    let mut fragments = Vec::new();
    let mut places = Vec::with_capacity(total);
    let mut length = 32;
    for (chunk_number, chunk) in chunks.iter().enumerate() {
        let mut index = 0;
        for series in &chunk.series {
            let fragment = Fragment::new(series);
            length += series.points * fragment.row_length();
            for _ in 0..series.points {
                places.push(Place {
                    known_time: match (mode, chunk.known_time) {
                        (Mode::Overlapping, Some(known_time)) => known_time.at(index as usize),
                        _ => 0,
                    },
                    valid_time: match mode {
                        Mode::Last => 0,
                        _ => chunk.valid_time.at(index as usize),
                    },
                    chunk: chunk_number as u32,
                    fragment: fragments.len() as u32,
                    index,
                });
                index += 1;
            }
            fragments.push(fragment);
        }
    }
    // Points come by series, then time: a stable sort keeps series in order within an instant, and it is
    // quick because each series' run is sorted already.
    places.sort_by_key(|place| (place.known_time, place.valid_time));

    let mut out = Vec::with_capacity(length);
    out.extend_from_slice(b"{\"count\":");
    out.extend_from_slice(itoa::Buffer::new().format(total).as_bytes());
    out.extend_from_slice(b",\"data\":[");
    let mut writer = Writer::new(mode, precision);
    for (at, place) in places.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let fragment = &fragments[place.fragment as usize];
        let chunk = &chunks[place.chunk as usize];
        writer.row(chunk, place.index as usize, fragment, &mut out);
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}
