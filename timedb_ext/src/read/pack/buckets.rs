//! A chunk of buckets: series and times as in a chunk of points, and in the place of values and nulls the
//! aggregates.

use super::{HAS_BUCKETS, HAS_END, VERSION, put_series};
use crate::read::{Aggregate, BucketCursor, Piece};

/// Packs pieces into one chunk.
pub fn pack_buckets(cursor: &BucketCursor, pieces: &[Piece]) -> Vec<u8> {
    let buckets: usize = pieces.iter().map(Piece::len).sum();
    let columns = 2 + cursor.aggregates().len();
    let mut out = Vec::with_capacity(64 + 96 * pieces.len() + 9 * columns * buckets);
    out.extend_from_slice(&[VERSION, HAS_END | HAS_BUCKETS, 0, 0]);
    out.extend_from_slice(&(pieces.len() as u32).to_le_bytes());
    out.extend_from_slice(&(buckets as u32).to_le_bytes());
    for piece in pieces {
        put_series(&mut out, cursor.series_of(piece));
    }
    for piece in pieces {
        out.extend_from_slice(&(piece.len() as u32).to_le_bytes());
    }
    let le = i64::to_le_bytes;
    out.extend(pieces.iter().flat_map(Piece::starts).flat_map(le));
    out.extend(pieces.iter().flat_map(Piece::ends).flat_map(le));
    out.extend_from_slice(&(cursor.aggregates().len() as u32).to_le_bytes());
    for &aggregate in cursor.aggregates() {
        out.push(aggregate as u8);
        if aggregate == Aggregate::Count {
            out.push(0);
            let counts = pieces.iter().flat_map(Piece::counts);
            out.extend(counts.flat_map(|count| count.to_le_bytes()));
        } else {
            put_values(&mut out, pieces, aggregate, buckets);
        }
    }
    out
}

fn put_values(out: &mut Vec<u8>, pieces: &[Piece], aggregate: Aggregate, buckets: usize) {
    let values = || pieces.iter().flat_map(|piece| piece.values(aggregate));
    let has_nulls = values().any(Option::is_none);
    out.push(u8::from(has_nulls));
    out.extend(values().flat_map(|value| value.unwrap_or(0.0).to_le_bytes()));
    if has_nulls {
        let start = out.len();
        out.resize(start + buckets.div_ceil(8), 0);
        for (i, _) in values().enumerate().filter(|(_, value)| value.is_none()) {
            out[start + i / 8] |= 1 << (i % 8);
        }
    }
}
