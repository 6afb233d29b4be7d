//! The fast way to the newest versions: where segments overlap on the same grid of times, as forecast runs do, whole
//! pieces of segments win or lose, and no point is touched.

use super::slice::Slice;
use crate::Stamp;

/// Disjoint pieces, in order, that hold the newest version of each point, if the slices of a
/// cluster (ascending by first valid_time) have one stamp each and agree on their times.
pub(super) fn newest<'a>(cluster: &[Slice<'a>]) -> Option<Vec<Slice<'a>>> {
    if !cluster
        .iter()
        .all(|slice| slice.held.strict && slice.held.stamp.is_some())
    {
        return None;
    }
    let mut pieces: Vec<Slice<'a>> = Vec::with_capacity(cluster.len() + 16);
    let mut overlapped = Vec::new();
    for &slice in cluster {
        cut(&mut pieces, slice.first(), &mut overlapped);
        lay_over(&mut pieces, &mut overlapped, slice)?;
    }
    Some(pieces)
}

/// Moves the pieces from a valid_time on to `overlapped`, the first one last.
fn cut<'a>(pieces: &mut Vec<Slice<'a>>, from: i64, overlapped: &mut Vec<Slice<'a>>) {
    while let Some(piece) = pieces.pop_if(|piece| piece.last() >= from) {
        if piece.first() >= from {
            overlapped.push(piece);
            continue;
        }
        let middle = piece.from + piece.times().partition_point(|&t| t < from);
        pieces.push(Slice {
            to: middle,
            ..piece
        });
        overlapped.push(Slice {
            from: middle,
            ..piece
        });
        return;
    }
}

/// Appends the overlapped pieces and the slice, each point from whichever is newer. None if their
/// points are not the same ones as far as both go.
fn lay_over<'a>(
    pieces: &mut Vec<Slice<'a>>,
    overlapped: &mut Vec<Slice<'a>>,
    mut slice: Slice<'a>,
) -> Option<()> {
    while let Some(old) = overlapped.pop() {
        let common = (old.to - old.from).min(slice.to - slice.from);
        if common == 0 {
            // The slice is used up: what is left comes after it.
            append(pieces, old);
            continue;
        }
        let old_part = Slice {
            to: old.from + common,
            ..old
        };
        let new_part = Slice {
            to: slice.from + common,
            ..slice
        };
        if old_part.times() != new_part.times() || !same_ends(&old_part, &new_part) {
            return None;
        }
        append(
            pieces,
            if stamp(&new_part) >= stamp(&old_part) {
                new_part
            } else {
                old_part
            },
        );
        slice.from += common;
        if old_part.to < old.to {
            overlapped.push(Slice {
                from: old_part.to,
                ..old
            });
        }
    }
    if slice.from < slice.to {
        append(pieces, slice);
    }
    Some(())
}

/// Appends a piece, growing the last one if it goes on in the same segment.
fn append<'a>(pieces: &mut Vec<Slice<'a>>, piece: Slice<'a>) {
    match pieces.last_mut() {
        Some(last) if std::ptr::eq(last.held, piece.held) && last.to == piece.from => {
            last.to = piece.to;
        }
        _ => pieces.push(piece),
    }
}

fn stamp(slice: &Slice<'_>) -> Option<Stamp> {
    slice.held.stamp
}

fn same_ends(a: &Slice<'_>, b: &Slice<'_>) -> bool {
    match (a.ends(), b.ends()) {
        (None, None) => true,
        (Some(a), Some(b)) => a == b,
        (Some(ends), None) | (None, Some(ends)) => ends.iter().all(|&end| end == crate::NO_END),
    }
}
