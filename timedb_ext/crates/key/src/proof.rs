//! Proofs: what stands for a key where others may read along. A proof is good once, in answer to one challenge,
//! and shows nothing of the key to whoever has neither the key nor its hash.
//!
//! The key travels XORed with a mask that HMAC-SHA-256 makes of the challenge, a count, and the key's hash as the
//! secret. The store, which has the hash, takes the mask off and looks whether the rest has that hash. So the
//! hash alone proves nothing, as with SCRAM (RFC 5802): a stolen copy of the store opens nothing.
//!
//! | bytes | |
//! |---|---|
//! | 1 | the version, 1 |
//! | 16 | the challenge |
//! | 8 | the count, big-endian: the greatest so far for this challenge |
//! | 16 | the tag, the first bytes of the key's hash, by which a store finds it |
//! | 1 to 64 | the key, masked |
//!
//! The mask is HMAC(hash, message || 0x00) || HMAC(hash, message || 0x01), where the message is the first 25 bytes.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::hash as hash_of;

/// What a store asks with: random bytes that it gives out once.
pub type Challenge = [u8; 16];
/// What tells keys apart without being one.
pub type Tag = [u8; 16];

const VERSION: u8 = 1;
const MESSAGE: usize = 1 + 16 + 8;
const HEAD: usize = MESSAGE + 16;
const MASK: usize = 64;

/// Proves to a store that one has the key, in answer to its challenge. Each count proves once, and only when it is
/// greater than those before. `hash` is the key's. A text that no key is as long as has an empty proof.
pub fn prove(key: &str, hash: &[u8; 32], challenge: &Challenge, count: u64) -> Vec<u8> {
    let mut proof = Vec::with_capacity(HEAD + key.len());
    if key.len() > MASK {
        return proof;
    }
    proof.push(VERSION);
    proof.extend(challenge);
    proof.extend(count.to_be_bytes());
    let mask = mask(hash, &proof);
    proof.extend(tag(hash));
    proof.extend(key.bytes().zip(mask).map(|(byte, mask)| byte ^ mask));
    proof
}

/// The part of a key's hash that a store finds it by.
pub fn tag(hash: &[u8; 32]) -> Tag {
    std::array::from_fn(|i| hash[i])
}

/// A proof as it came, which has proved nothing yet.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    message: &'a [u8],
    /// What it answers.
    pub challenge: Challenge,
    /// Its place among the answers to that.
    pub count: u64,
    /// Of which key it claims to be.
    pub tag: Tag,
    masked: &'a [u8],
}

impl<'a> Claim<'a> {
    /// Takes a proof apart, if it has the form of one.
    pub fn parse(proof: &'a [u8]) -> Option<Self> {
        let (message, rest) = proof.split_at_checked(MESSAGE)?;
        let (tag, masked) = rest.split_first_chunk()?;
        let (version, rest) = message.split_first()?;
        let (challenge, count) = rest.split_first_chunk()?;
        let is_one = *version == VERSION && (1..=MASK).contains(&masked.len());
        is_one.then_some(Self {
            message,
            challenge: *challenge,
            count: u64::from_be_bytes(count.try_into().ok()?),
            tag: *tag,
            masked,
        })
    }

    /// Whether it was made with the key that has this hash.
    pub fn is_of(&self, stored: &[u8; 32]) -> bool {
        let mask = mask(stored, self.message);
        let unmasked: Vec<u8> = self.masked.iter().zip(mask).map(|(a, b)| a ^ b).collect();
        // How long it takes tells how much of a hash agrees, and nobody chooses hashes.
        std::str::from_utf8(&unmasked).is_ok_and(|key| hash_of(key) == *stored)
    }
}

fn mask(hash: &[u8; 32], message: &[u8]) -> [u8; MASK] {
    let mut mask = [0; MASK];
    for (block, half) in (0u8..).zip(mask.chunks_exact_mut(MASK / 2)) {
        let mut mac = Hmac::<Sha256>::new_from_slice(hash).expect("any length is a key of HMAC");
        mac.update(message);
        mac.update(&[block]);
        half.copy_from_slice(&mac.finalize().into_bytes());
    }
    mask
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{from_random, hash};

    fn prove(key: &str, challenge: &Challenge, count: u64) -> Vec<u8> {
        super::prove(key, &hash(key), challenge, count)
    }

    const KEY: &str = "tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP";

    #[test]
    fn another_implementation_makes_the_same_proof() {
        // Python's hmac and hashlib, as docs/security.md has it.
        let challenge = *b"0123456789abcdef";
        assert_eq!(
            hex(&prove(KEY, &challenge, 7)),
            "01303132333435363738396162636465660000000000000007d9fb6fb0554beea144b91e7be9155234a5ab2f1ba132bfbe38dfcb647ccb7095c3b6b34cac8b2c56fc81427490fae392eeda151065b5dd5d07b3df9c3e4288ad223b72a12b"
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn what_is_no_key_has_no_proof() {
        assert!(prove(&"a".repeat(65), &[0; 16], 1).is_empty());
        for bytes in [&[][..], &[1; 41], &[2; 60], &[1; 200]] {
            assert!(Claim::parse(bytes).is_none(), "{}", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn a_proof_is_of_its_key_and_of_no_other(random: [u8; 32], other: [u8; 32], challenge: [u8; 16], count: u64) {
            let key = from_random(random);
            let proof = prove(&key, &challenge, count);
            let claim = Claim::parse(&proof).unwrap();
            prop_assert_eq!((claim.challenge, claim.count, claim.tag), (challenge, count, tag(&hash(&key))));
            prop_assert!(claim.is_of(&hash(&key)));
            prop_assert_eq!(claim.is_of(&hash(&from_random(other))), other == random);
        }

        #[test]
        fn a_proof_with_another_bit_is_none(random: [u8; 32], challenge: [u8; 16], count: u64, bit in 0usize..(HEAD + 53) * 8) {
            let key = from_random(random);
            let mut proof = prove(&key, &challenge, count);
            proof[bit / 8] ^= 1 << (bit % 8);
            let claim = Claim::parse(&proof);
            let is_of = claim.is_some_and(|claim| claim.tag == tag(&hash(&key)) && claim.is_of(&hash(&key)));
            prop_assert!(!is_of);
        }

        #[test]
        fn a_proof_shows_nothing_of_its_key(random: [u8; 32], challenge: [u8; 16]) {
            let key = from_random(random);
            let (one, two) = (prove(&key, &challenge, 1), prove(&key, &challenge, 2));
            let text = String::from_utf8_lossy(&one);
            prop_assert!(!text.contains(&key[4..12]));
            // Two proofs have no mask in common.
            let same = one[HEAD..].iter().zip(&two[HEAD..]).filter(|(a, b)| a == b).count();
            prop_assert!(same < 10);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            if let Some(claim) = Claim::parse(&bytes) {
                prop_assert!(!claim.is_of(&[0; 32]));
            }
        }
    }
}
