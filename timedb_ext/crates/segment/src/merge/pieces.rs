//! The quick way to all versions: where segments hold many versions of each point, as merged forecasts do, they take
//! turns in long pieces, and no point is touched.

use super::slice::{Mode, Slice};
use crate::Stamp;

/// More slices than this at once are worth no search for the next turn.
const FEW: usize = 8;

/// A piece has so many points on average, or single points are merged.
const POINTS: usize = 4;

/// Pieces before that is judged.
const ATTEMPT: usize = 64;

/// What orders versions of points without an end.
type Key = (i64, Stamp);

/// Pieces that hold, one after the other, the versions of a cluster that a mode other than [`Mode::Flat`] answers. None
/// if its slices would take turns too often, or hold versions that are not answered.
pub(super) fn of<'a>(cluster: &[Slice<'a>], mode: Mode) -> Option<Vec<Slice<'a>>> {
    let fits = |slice: &Slice<'_>| {
        slice.ends().is_none() && (mode == Mode::Versions || slice.held.is_distinct())
    };
    if mode == Mode::Flat || cluster.len() > FEW || !cluster.iter().all(fits) {
        return None;
    }
    let mut left = cluster.to_vec();
    let mut pieces: Vec<Slice<'a>> = Vec::with_capacity(2 * ATTEMPT);
    let mut points = 0;
    while left.len() > 1 {
        let (least, bound) = turn(&left);
        let from = left[least];
        let n = count_below(&from, bound);
        let (piece, rest) = from.split(n);
        match rest.len() {
            0 => drop(left.remove(least)),
            _ => left[least] = rest,
        }
        points += n;
        push(&mut pieces, piece, mode);
        if pieces.len() >= ATTEMPT && points < pieces.len() * POINTS {
            return None;
        }
    }
    left.into_iter()
        .for_each(|rest| push(&mut pieces, rest, mode));
    Some(pieces)
}

/// Which of several slices has the least version, and the least version of the others.
fn turn(left: &[Slice<'_>]) -> (usize, Key) {
    let (mut at, mut least) = (0, key(&left[0], 0));
    let mut bound = None;
    for (i, slice) in left.iter().enumerate().skip(1) {
        let mut other = key(slice, 0);
        if other < least {
            at = i;
            std::mem::swap(&mut least, &mut other);
        }
        bound = Some(bound.map_or(other, |bound: Key| bound.min(other)));
    }
    (at, bound.unwrap_or(least))
}

/// The order of the version at this position of a slice.
fn key(slice: &Slice<'_>, i: usize) -> Key {
    let points = &slice.held.points;
    let at = slice.from + i;
    (points.valid_time[at], points.stamp(at))
}

/// How many versions come before another one, the first being one of them.
fn count_below(slice: &Slice<'_>, bound: Key) -> usize {
    let mut step = 1;
    let mut below = 1;
    while below + step <= slice.len() && key(slice, below + step - 1) < bound {
        below += step;
        step *= 2;
    }
    // The one that ends the next step is not below, or lies beyond the slice.
    let mut end = slice.len().min(below + step - 1);
    while below < end {
        let middle = below.midpoint(end);
        if key(slice, middle) < bound {
            below = middle + 1;
        } else {
            end = middle;
        }
    }
    below
}

/// Appends a piece. If it begins with a newer version of what the one before it ends with, that is left out.
fn push<'a>(pieces: &mut Vec<Slice<'a>>, piece: Slice<'a>, mode: Mode) {
    if mode == Mode::Overlapping
        && let Some(last) = pieces.last_mut()
    {
        let (old, new) = (key(last, last.len() - 1), key(&piece, 0));
        if (old.0, old.1.known_time) == (new.0, new.1.known_time) {
            last.to -= 1;
            pieces.pop_if(|last| last.len() == 0);
        }
    }
    pieces.push(piece);
}
