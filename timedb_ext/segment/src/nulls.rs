//! Which values are null: a bitmap or lengths of runs, whichever is shorter.

use crate::SegmentError;
use crate::format::{Reader, put_varint, unknown_codec};

const BITMAP: u8 = 0;
const RUNS: u8 = 1;

/// Appends the marks and names the codec.
pub(crate) fn encode(nulls: &[bool], out: &mut Vec<u8>) -> u8 {
    let start = out.len();
    if nulls.first() == Some(&true) {
        put_varint(0, out);
    }
    for run in nulls.chunk_by(|a, b| a == b) {
        put_varint(run.len() as u64, out);
    }
    if out.len() - start <= nulls.len().div_ceil(8) {
        return RUNS;
    }
    out.truncate(start);
    for eight in nulls.chunks(8) {
        out.push(
            eight
                .iter()
                .rev()
                .fold(0, |byte, &null| byte << 1 | u8::from(null)),
        );
    }
    BITMAP
}

/// The `n` marks.
pub(crate) fn decode(
    codec: u8,
    n: usize,
    mut reader: Reader<'_>,
) -> Result<Vec<bool>, SegmentError> {
    let mut nulls = Vec::with_capacity(n);
    match codec {
        BITMAP => {
            let bytes = reader.bytes(n.div_ceil(8))?;
            nulls.extend((0..n).map(|i| bytes[i / 8] >> (i % 8) & 1 == 1));
        }
        RUNS => {
            let mut null = false;
            while nulls.len() < n {
                let run = reader.count()?;
                if run > n - nulls.len() {
                    return Err(SegmentError::Damaged("more marks of nulls than points"));
                }
                nulls.resize(nulls.len() + run, null);
                null = !null;
            }
        }
        _ => return Err(unknown_codec("nulls", codec)),
    }
    reader.finish()?;
    Ok(nulls)
}
