//! Reads the two binary forms, packed chunks and COPY, far enough to check what is in them.

use bytes::{Buf, Bytes};
use timedb_wire::Chunk;
use uuid::Uuid;

use crate::Result;
use crate::data::{Checksum, Point, plain_series_position};
use crate::encode::pg_to_unix;

/// Adds the points of a packed read chunk of the mode `flat`.
///
/// # Errors
/// When it is damaged, or has nulls or interval ends, which the data has not.
pub fn add(
    chunk: &[u8],
    position: impl Fn(Uuid) -> Option<usize>,
    checksum: &mut Checksum,
) -> Result<()> {
    let chunk = Chunk::decode(chunk)?;
    let mut points = 0..chunk.points;
    for run in &chunk.runs {
        let id = Uuid::from_bytes(*run.series.id);
        let series = position(id).ok_or_else(|| format!("{id} is no series of the data"))?;
        for at in points.by_ref().take(run.points) {
            let value = chunk.value(at).filter(|_| chunk.end(at).is_none());
            checksum.add(Point {
                series,
                valid_time: chunk.valid_time.at(at),
                value: value.ok_or("a point with an end or without a value")?,
            });
        }
    }
    Ok(())
}

/// The checksum of what `COPY ... TO STDOUT (FORMAT binary)` sent of (series_id, valid_time, value).
///
/// # Errors
/// When it is cut off, or has another series.
pub fn copied(chunks: &[Bytes]) -> Result<Checksum> {
    let all = chunks.concat();
    let mut rest = all.as_slice();
    // Signature, flags, length of an extension that is not there.
    rest.try_copy_array::<19>()?;
    let mut checksum = Checksum::default();
    while rest.try_get_i16()? == 3 {
        rest.try_get_i32()?;
        let id = Uuid::from_bytes(rest.try_copy_array()?);
        rest.try_get_i32()?;
        let valid_time = pg_to_unix(rest.try_get_i64()?);
        rest.try_get_i32()?;
        checksum.add(Point {
            series: plain_series_position(id).ok_or("another series")?,
            valid_time,
            value: rest.try_get_f64()?,
        });
    }
    Ok(checksum)
}

/// Takes the next bytes.
trait TryCopyArray {
    fn try_copy_array<const N: usize>(&mut self) -> Result<[u8; N]>;
}

impl TryCopyArray for &[u8] {
    fn try_copy_array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        self.try_copy_to_slice(&mut array)?;
        Ok(array)
    }
}
