//! Columns in which numbers come back: as runs of the same number, or as indexes into a dictionary. The times of many
//! versions of the same points are such.

use std::collections::HashMap;

use super::{DICTIONARY, REPEATING, RUNS, encode};
use crate::format::put_varint;

/// Fewer numbers don't repay the second list.
const LEAST: usize = 16;

/// A number has to come back so often on average.
const REPEATS: usize = 2;

/// As [`encode`], or as runs where that is shorter.
pub(crate) fn encode_runs(numbers: &[i64], base: i64, out: &mut Vec<u8>) -> u8 {
    shortest(numbers, base, out, &[runs])
}

/// As [`encode`], or as runs or with a dictionary where that is shorter.
pub(crate) fn encode_repeating(numbers: &[i64], base: i64, out: &mut Vec<u8>) -> u8 {
    shortest(numbers, base, out, &[runs, dictionary])
}

/// A way to repeat numbers: what is in it once, and what says where.
type Repeating = fn(&[i64]) -> Option<(u8, Vec<i64>, Vec<i64>)>;

fn shortest(numbers: &[i64], base: i64, out: &mut Vec<u8>, forms: &[Repeating]) -> u8 {
    let start = out.len();
    let mut codec = encode(numbers, base, out);
    if numbers.len() < LEAST || out.len() - start <= LEAST {
        return codec;
    }
    let mut tried = Vec::new();
    for (kind, once, places) in forms.iter().filter_map(|form| form(numbers)) {
        tried.clear();
        tried.push(kind);
        put_varint(once.len() as u64, &mut tried);
        let mut list = Vec::new();
        tried.push(encode(&once, base, &mut list));
        put_varint(list.len() as u64, &mut tried);
        tried.extend_from_slice(&list);
        let codec_at = tried.len();
        tried.push(0);
        tried[codec_at] = encode(&places, 0, &mut tried);
        if tried.len() < out.len() - start {
            out.truncate(start);
            out.extend_from_slice(&tried);
            codec = REPEATING;
        }
    }
    codec
}

fn runs(numbers: &[i64]) -> Option<(u8, Vec<i64>, Vec<i64>)> {
    let runs = || numbers.chunk_by(|a, b| a == b);
    if runs().count() * REPEATS > numbers.len() {
        return None;
    }
    let once = runs().map(|run| run[0]).collect();
    let lengths = runs().map(|run| run.len() as i64).collect();
    Some((RUNS, once, lengths))
}

fn dictionary(numbers: &[i64]) -> Option<(u8, Vec<i64>, Vec<i64>)> {
    let mut once = numbers.to_vec();
    once.sort_unstable();
    once.dedup();
    if once.len() * REPEATS > numbers.len() {
        return None;
    }
    let places: HashMap<i64, i64> = once.iter().copied().zip(0..).collect();
    let indexes = numbers.iter().map(|number| places[number]).collect();
    Some((DICTIONARY, once, indexes))
}
