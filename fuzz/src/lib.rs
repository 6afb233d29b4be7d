//! What the fuzz targets do with bytes: whatever these are, an error or a right answer, and never a panic. The targets
//! of blobs give them the checksum that fits: without it nearly all bytes end there.

mod merge;
mod seeds;
mod stored;
mod wire;

pub use merge::merge;
pub use seeds::seeds;
pub use stored::{batch_chunk, log_row, segment};
pub use wire::wire;

/// What a target does with data.
pub type Target = fn(&[u8]);

/// The targets by name, each of which has a file in `fuzz_targets`.
pub const TARGETS: [(&str, Target); 5] = [
    ("segment", segment),
    ("log_row", log_row),
    ("batch_chunk", batch_chunk),
    ("merge", merge),
    ("wire", wire),
];

/// Takes so many bytes off the front.
fn take<const N: usize>(data: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = data.split_first_chunk()?;
    *data = rest;
    Some(*taken)
}
