//! Bytes that were changed on purpose, with a checksum that fits: points or an error, and no more memory than what the
//! row says that it holds, and the bytes there are, justify.

use crate::files;

/// What a point may cost, with all columns, and what it takes to put them together.
const A_POINT: u64 = 512;
/// What a byte may cost: an entry of a dictionary takes at least one.
const A_BYTE: u64 = 64;
/// pco's tables of a few columns, and what a chunk may name: 2^20 series in lists.
const TABLES: u64 = 48 << 20;

#[test]
fn changed_blobs_demand_no_memory() {
    let mut random = fastrand::Rng::with_seed(7);
    let (mut read, mut refused) = (0, 0);
    for file in files() {
        let row = &file.stored;
        for _ in 0..400 {
            let mut blob = row.blob().to_vec();
            for _ in 0..random.usize(1..4) {
                let near = [12, 40, blob.len()][random.usize(..3)].min(blob.len());
                blob[random.usize(5..near.max(6))] = match random.bool() {
                    true => random.u8(..),
                    false => [0, 0x7f, 0x80, 0xff][random.usize(..4)],
                };
            }
            if random.u8(..4) == 0 {
                blob.truncate(random.usize(5..=blob.len()));
            }
            let changed = row.with_blob(blob).sealed();
            let mut outcome = Ok(());
            let cost = allocation_counter::measure(|| outcome = changed.touch());
            let bytes = changed.blob().len() as u64;
            let allowed = TABLES + A_POINT * changed.count() as u64 + A_BYTE * bytes;
            assert!(cost.bytes_max <= allowed, "{}: {cost:?}", file.name);
            match outcome {
                Ok(()) => read += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(
        read > 1000 && refused > 1000,
        "{read} read, {refused} refused"
    );
}

#[test]
fn what_is_whole_costs_what_it_holds() {
    for file in files() {
        let stored = &file.stored;
        // Once before: what a thread keeps for all columns.
        stored.touch().expect("it can be read");
        let cost = allocation_counter::measure(|| stored.touch().expect("it can be read"));
        let bytes = stored.blob().len() as u64;
        let allowed = (256 << 10) + A_POINT * stored.count() as u64 + A_BYTE * bytes;
        assert!(cost.bytes_max <= allowed, "{}: {cost:?}", file.name);
    }
}
