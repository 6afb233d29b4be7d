//! The fast way to the newest versions: where segments overlap on the same grid of times, as forecast runs do, whole
//! pieces of segments win or lose, and no point is touched.

use super::slice::Slice;

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
        let (before, rest) = piece.split(piece.times().partition_point(|&t| t < from));
        pieces.push(before);
        overlapped.push(rest);
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
        let common = old.len().min(slice.len());
        if common == 0 {
            // The slice is used up: what is left comes after it.
            append(pieces, old);
            continue;
        }
        let (old_part, old_rest) = old.split(common);
        let (new_part, new_rest) = slice.split(common);
        if old_part.times() != new_part.times() || !same_ends(&old_part, &new_part) {
            return None;
        }
        let is_newer = new_part.held.stamp >= old_part.held.stamp;
        append(pieces, if is_newer { new_part } else { old_part });
        slice = new_rest;
        if old_rest.len() > 0 {
            overlapped.push(old_rest);
        }
    }
    if slice.len() > 0 {
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

fn same_ends(a: &Slice<'_>, b: &Slice<'_>) -> bool {
    match (a.ends(), b.ends()) {
        (None, None) => true,
        (Some(a), Some(b)) => a == b,
        (Some(ends), None) | (None, Some(ends)) => ends.iter().all(|&end| end == crate::NO_END),
    }
}
