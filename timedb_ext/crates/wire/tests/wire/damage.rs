//! Bytes that nobody has packed: an error or columns, never a panic; and never more memory than they justify, whatever
//! their counts say.

use proptest::prelude::*;
use proptest::sample::Index;
use timedb_wire::{Chunk, Malformed, UploadReader, Values};

use crate::model::{Buckets, Points, Sent, buckets, points, sent};

/// Which reader bytes are for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Upload,
    Chunk,
}

/// Reads bytes without keeping anything of them.
fn decode(kind: Kind, bytes: &[u8]) -> Result<(), Malformed> {
    match kind {
        Kind::Upload => {
            let mut reader = UploadReader::open(bytes)?;
            while reader.next_series()?.is_some() {}
            reader.columns().map(drop)
        }
        Kind::Chunk => Chunk::decode(bytes).map(drop),
    }
}

/// Reads bytes and looks at everything in them.
fn read(kind: Kind, bytes: &[u8]) -> Result<(), Malformed> {
    match kind {
        Kind::Upload => Sent::read(bytes).map(drop),
        Kind::Chunk => {
            let chunk = Chunk::decode(bytes)?;
            match chunk.values {
                Values::Points { .. } => drop(Points::read(&chunk)),
                Values::Buckets(_) => drop(Buckets::read(&chunk)),
            }
            Ok(())
        }
    }
}

fn packed() -> impl Strategy<Value = (Kind, Vec<u8>)> {
    prop_oneof![
        sent().prop_map(|sent| (Kind::Upload, sent.pack())),
        points().prop_map(|points| (Kind::Chunk, points.pack())),
        buckets().prop_map(|buckets| (Kind::Chunk, buckets.pack())),
    ]
}

/// The most memory that reading took at one time, and whether the bytes were good.
fn measured(kind: Kind, bytes: &[u8]) -> (u64, bool) {
    let mut good = false;
    let taken = allocation_counter::measure(|| good = decode(kind, bytes).is_ok());
    (taken.bytes_max, good)
}

/// What is kept of bytes are references: sixteen bytes for a text that takes four, and twice as much while a vector
/// grows.
fn justified(bytes: &[u8]) -> u64 {
    64 + 12 * bytes.len() as u64
}

proptest! {
    #[test]
    fn what_is_cut_off_or_goes_on_is_refused((kind, bytes) in packed()) {
        for length in 0..bytes.len() {
            prop_assert!(read(kind, &bytes[..length]).is_err(), "{length} bytes were taken");
        }
        let longer = [&bytes[..], &[0]].concat();
        prop_assert_eq!(read(kind, &longer), Err(Malformed::Trailing));
    }

    #[test]
    fn flipped_bits_never_hurt(
        (kind, bytes) in packed(),
        flips in proptest::collection::vec((any::<Index>(), 0..8), 1..4),
    ) {
        let mut damaged = bytes;
        for (at, bit) in flips {
            let at = at.index(damaged.len());
            damaged[at] ^= 1_u8 << bit;
        }
        let _either = read(kind, &damaged);
        let (taken, _) = measured(kind, &damaged);
        prop_assert!(taken <= justified(&damaged), "{taken} for {}", damaged.len());
    }

    #[test]
    fn lying_counts_cost_no_memory(
        (kind, bytes) in packed(),
        lie in prop_oneof![
            Just(u32::MAX), Just(i32::MAX.cast_unsigned()), Just(1 << 28), Just(1 << 16), 0_u32..300,
        ],
    ) {
        for at in 4..bytes.len().saturating_sub(3) {
            let mut lying = bytes.clone();
            lying[at..at + 4].copy_from_slice(&lie.to_le_bytes());
            let (taken, _) = measured(kind, &lying);
            prop_assert!(taken <= justified(&lying), "{taken} for {}, {lie} at {at}", lying.len());
            let _either = read(kind, &lying);
        }
    }

    #[test]
    fn bytes_of_any_kind_never_hurt(
        kind in prop_oneof![Just(Kind::Upload), Just(Kind::Chunk)],
        flags in 0_u8..64,
        counts in [0_u32..6, 0_u32..6],
        rest in proptest::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..400),
    ) {
        let mut bytes = vec![1, flags, 0, 0];
        bytes.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        bytes.extend(rest);
        let _either = read(kind, &bytes);
        let (taken, _) = measured(kind, &bytes);
        prop_assert!(taken <= justified(&bytes), "{taken} for {}", bytes.len());
    }
}

#[test]
fn good_bytes_are_read_in_place() {
    let n = 100_000_u32;
    let mut bytes = vec![1, 0, 0, 0, 1, 0, 0, 0];
    bytes.extend(n.to_le_bytes());
    bytes.extend([0; 28]);
    bytes.extend(n.to_le_bytes());
    bytes.extend(vec![0; 16 * n as usize]);
    let (taken, good) = measured(Kind::Chunk, &bytes);
    assert!(good && taken < 100, "{taken}");
}
