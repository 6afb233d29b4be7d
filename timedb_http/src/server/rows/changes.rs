//! An answer of the change feed: rows in the order in which they were written, and where to continue.

use super::{
    chunk::{Chunk, DamagedChunk},
    format::{Format, Onward},
    mode::Mode,
};

/// Writes the rows of a chunk of versions, with the cursor after them.
pub(crate) fn write_changes(
    packed: &[u8],
    onward: (&str, bool),
    format: &Format,
) -> Result<Vec<u8>, DamagedChunk> {
    let chunk = Chunk::parse(packed)?;
    let mut out = Vec::with_capacity(256 + 400 * chunk.columns.points);
    let mut rows = (format.rows)(Mode::Versions, chunk.precision());
    rows.open(Some(chunk.columns.points), &mut out);
    let mut index = 0;
    for run in &chunk.columns.runs {
        let shared = rows.shared(&run.series);
        for _ in 0..run.points {
            rows.row(&chunk, index, &shared, &mut out);
            index += 1;
        }
    }
    let (cursor, more) = onward;
    rows.close(Some(Onward { cursor, more }), &mut out);
    Ok(out)
}
