//! An answer of the change feed: rows in the order in which they came, and where to go on.

use super::{
    chunk::{Chunk, DamagedChunk},
    writer::{Fragment, Mode, Writer},
};
use crate::server::json;

/// Writes `{"count":N,"data":[...],"cursor":"...","more":...}` from a chunk of versions.
pub(crate) fn write_changes(
    packed: &[u8],
    cursor: &str,
    more: bool,
) -> Result<Vec<u8>, DamagedChunk> {
    let chunk = Chunk::parse(packed)?;
    let mut out = Vec::with_capacity(256 + 400 * chunk.points);
    out.extend_from_slice(b"{\"count\":");
    out.extend_from_slice(itoa::Buffer::new().format(chunk.points).as_bytes());
    out.extend_from_slice(b",\"data\":[");
    let mut writer = Writer::new(Mode::Versions, chunk.precision());
    let mut index = 0;
    for series in &chunk.series {
        let fragment = Fragment::new(series);
        for _ in 0..series.points {
            if index > 0 {
                out.push(b',');
            }
            writer.row(&chunk, index, &fragment, &mut out);
            index += 1;
        }
    }
    out.extend_from_slice(b"],\"cursor\":");
    json::write_str(cursor, &mut out);
    let end: &[u8] = if more {
        b",\"more\":true}"
    } else {
        b",\"more\":false}"
    };
    out.extend_from_slice(end);
    Ok(out)
}
