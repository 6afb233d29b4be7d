//! The id by which API clients know the values of a write.

use sha2::{Digest, Sha256};

/// The id of a write, which its versions carry: 53 bits, so that every client can read it as a number.
pub fn of_batch(batch_id: &[u8; 16]) -> i64 {
    let digest: [u8; 32] = Sha256::digest(batch_id).into();
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    (u64::from_be_bytes(head) >> 11) as i64
}
