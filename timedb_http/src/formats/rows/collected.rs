//! A collected answer: rows by (valid_time, series_id), overlapping ones by (known_time, valid_time, series_id), last
//! points by series_id alone, those of the change feed and of pages in the order in which the database has them, and points that were asked
//! for in the order of the request.

use timedb_wire::Malformed;

use super::{
    chunk::{Chunk, DamagedChunk},
    format::{Format, Onward, Unwritten},
    layout::{Layout, Mode},
};
use crate::server::instant::Precision;

/// The position of a row in its chunk, with its sort key.
struct SortedRow {
    known_time: i64,
    valid_time: i64,
    chunk: u32,
    series: u32,
    index: u32,
}

/// Writes the rows of all chunks of an answer.
pub(crate) fn write_ordered<'a>(
    packed: impl Iterator<Item = &'a [u8]>,
    layout: &Layout,
    format: &Format,
) -> Result<Vec<u8>, Unwritten> {
    let chunks = packed.map(Chunk::parse).collect::<Result<Vec<_>, _>>()?;
    let precision = chunks.iter().fold(Precision::default(), |all, chunk| {
        all.and(|| chunk.precision())
    });
    let total = chunks.iter().map(|chunk| chunk.columns.points).sum();
    let mode = layout.mode;
    let mut rows = (format.rows)(layout, precision);
    let mut shared = Vec::new();
    let mut order = Vec::with_capacity(total);
    let mut length = 32;
    for (chunk_number, chunk) in chunks.iter().enumerate() {
        let mut index = 0;
        for run in &chunk.columns.runs {
            let of_series = rows.shared(&run.series);
            length += run.points * of_series.row_length();
            for _ in 0..run.points {
                order.push(SortedRow {
                    known_time: match (mode, chunk.columns.known_time) {
                        (Mode::Overlapping, Some(known_time)) => known_time.at(index as usize),
                        _ => 0,
                    },
                    valid_time: match mode {
                        Mode::Last => 0,
                        _ => chunk.columns.valid_time.at(index as usize),
                    },
                    chunk: chunk_number as u32,
                    series: shared.len() as u32,
                    index,
                });
                index += 1;
            }
            shared.push(of_series);
        }
    }
    // Points come by series, then time: a stable sort keeps series in order within an instant, and it is
    // quick because each series' run is sorted already.
    order.sort_by_key(|row| (row.known_time, row.valid_time));

    let mut out = Vec::with_capacity(length);
    rows.open(Some(total), &mut out)?;
    for row in &order {
        let chunk = &chunks[row.chunk as usize];
        let of_series = &shared[row.series as usize];
        rows.row(chunk, row.index as usize, of_series, &mut out);
    }
    rows.close(None, &mut out)?;
    Ok(out)
}

/// Writes the rows of a chunk as they stand there, with where the reader goes on after them; `count` is told how many
/// there are.
pub(crate) fn write_in_order(
    packed: &[u8],
    layout: &Layout,
    onward: Onward<'_>,
    format: &Format,
    count: impl FnOnce(usize),
) -> Result<Vec<u8>, Unwritten> {
    let chunk = Chunk::parse(packed)?;
    count(chunk.columns.points);
    let row_length = match layout.mode {
        Mode::Versions => 400,
        _ => 200,
    };
    let mut out = Vec::with_capacity(256 + row_length * chunk.columns.points);
    let mut rows = (format.rows)(layout, chunk.precision());
    rows.open(Some(chunk.columns.points), &mut out)?;
    let mut index = 0;
    for run in &chunk.columns.runs {
        let shared = rows.shared(&run.series);
        for _ in 0..run.points {
            rows.row(&chunk, index, &shared, &mut out);
            index += 1;
        }
    }
    rows.close(Some(onward), &mut out)?;
    Ok(out)
}

/// Writes the rows of a chunk, each at its place in the request, counted from 0.
pub(crate) fn write_placed(
    packed: &[u8],
    places: &[i32],
    format: &Format,
) -> Result<Vec<u8>, Unwritten> {
    /// Where no row has been placed yet.
    const NONE: (u32, u32) = (u32::MAX, u32::MAX);
    let chunk = Chunk::parse(packed)?;
    let points = chunk.columns.points;
    let mut rows = (format.rows)(&Mode::Points.into(), chunk.precision());
    let (mut shared, mut order) = (Vec::new(), vec![NONE; points]);
    let (mut index, mut length) = (0, 32);
    for run in &chunk.columns.runs {
        let of_series = rows.shared(&run.series);
        length += run.points * of_series.row_length();
        for _ in 0..run.points {
            let place = places
                .get(index)
                .and_then(|&place| usize::try_from(place).ok());
            let row = place
                .and_then(|place| order.get_mut(place))
                .filter(|row| **row == NONE);
            *row.ok_or(DamagedChunk::from(Malformed::Place))? = (index as u32, shared.len() as u32);
            index += 1;
        }
        shared.push(of_series);
    }
    let mut out = Vec::with_capacity(length);
    rows.open(Some(points), &mut out)?;
    // As many places as rows, each once: none is left out.
    for &(index, series) in &order {
        rows.row(&chunk, index as usize, &shared[series as usize], &mut out);
    }
    rows.close(None, &mut out)?;
    Ok(out)
}
