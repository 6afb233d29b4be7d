//! Which values are null: a bitmap or run lengths, whichever is shorter.

use std::ops::Range;

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

/// Null marks at some positions, and what has to be known about the others.
pub(crate) struct Marks {
    /// Whether each is null.
    pub(crate) nulls: Vec<bool>,
    /// How many nulls come before them.
    pub(crate) before: usize,
    /// How many nulls there are in the whole column.
    pub(crate) total: usize,
}

/// The marks at these positions, of `n`.
pub(crate) fn decode(
    codec: u8,
    n: usize,
    range: Range<usize>,
    mut reader: Reader<'_>,
) -> Result<Marks, SegmentError> {
    let mut nulls = Vec::with_capacity(range.len());
    let (mut before, mut total) = (0, 0);
    match codec {
        BITMAP => {
            let bytes = reader.bytes(n.div_ceil(8))?;
            before = count_ones(bytes, range.start);
            total = count_ones(bytes, n);
            nulls.extend(range.map(|i| bytes[i / 8] >> (i % 8) & 1 == 1));
        }
        RUNS => {
            let mut null = false;
            let mut at = 0;
            while at < n {
                let run = reader.count()?;
                if run > n - at {
                    return Err(SegmentError::Damaged(
                        "more nulls are marked than there are points",
                    ));
                }
                let end = at + run;
                let marks = end.clamp(range.start, range.end) - range.start;
                if null {
                    before += end.min(range.start) - at.min(range.start);
                    total += run;
                }
                nulls.resize(marks, null);
                null = !null;
                at = end;
            }
        }
        _ => return Err(unknown_codec()),
    }
    reader.finish()?;
    Ok(Marks {
        nulls,
        before,
        total,
    })
}

/// How many of the first bits are 1.
fn count_ones(bytes: &[u8], bits: usize) -> usize {
    let (eights, rest) = bytes[..bits / 8].as_chunks::<8>();
    let last = match bits % 8 {
        0 => 0,
        some => bytes[bits / 8] & ((1 << some) - 1),
    };
    let eights = eights
        .iter()
        .map(|&eight| u64::from_le_bytes(eight).count_ones());
    let rest = rest.iter().chain([&last]).map(|byte| byte.count_ones());
    eights.chain(rest).sum::<u32>() as usize
}
