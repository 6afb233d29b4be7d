//! Reads the two binary forms, packed chunks and COPY, far enough to check what is in them.

use bytes::{Buf, Bytes};
use uuid::Uuid;

use crate::Result;
use crate::data::{Checksum, Point, plain_series_position};
use crate::encode::pg_to_unix;

/// Adds the points of a packed read chunk, version 1, of the mode `flat`.
///
/// # Errors
/// When it is too short, of another version, or has nulls or interval ends, which the data has not.
pub fn add(
    mut chunk: &[u8],
    position: impl Fn(Uuid) -> Option<usize>,
    checksum: &mut Checksum,
) -> Result<()> {
    let head: [u8; 4] = chunk.try_copy_array()?;
    if head != [1, 0, 0, 0] {
        return Err(format!("a packed chunk begins with {head:?}").into());
    }
    let (n_series, n_points) = (chunk.try_get_u32_le()?, chunk.try_get_u32_le()? as usize);
    let mut series = Vec::new();
    for _ in 0..n_series {
        let id = Uuid::from_bytes(chunk.try_copy_array()?);
        series.push(position(id).ok_or_else(|| format!("{id} is no series of the data"))?);
        for _ in ["name", "unit", "labels"] {
            let length = chunk.try_get_u32_le()? as usize;
            chunk = chunk.get(length..).ok_or("a packed chunk is cut off")?;
        }
    }
    let mut owners = Vec::with_capacity(n_points);
    for &series in &series {
        let length = chunk.try_get_u32_le()? as usize;
        owners.resize(owners.len() + length, series);
    }
    if owners.len() != n_points || chunk.len() != 16 * n_points {
        return Err("a packed chunk's lengths do not fit together".into());
    }
    let (times, values) = chunk.split_at(8 * n_points);
    for ((&series, mut time), mut value) in owners.iter().zip(times.chunks(8)).zip(values.chunks(8))
    {
        checksum.add(Point {
            series,
            valid_time: time.get_i64_le(),
            value: value.get_f64_le(),
        });
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
