//! Stamps that are read only if they decide something: where the versions of one segment are all newer than those of
//! another, as later forecasts are, the bounds of both say so.

use super::slice::Held;
use super::unstamped::{Damage, Unstamped};
use crate::points::extent;
use crate::{Column, SegmentError, decode_newest};

/// The least and the greatest known_time and change_time of some versions.
struct Extents {
    known: (i64, i64),
    change: (i64, i64),
}

impl Extents {
    fn of(held: &Held) -> Extents {
        if let Some(Unstamped { bounds, .. }) = held.unstamped.as_deref() {
            return Extents {
                known: (bounds.min_known, bounds.max_known),
                change: (bounds.min_change, bounds.max_change),
            };
        }
        let column = |column: &Column<i64>| extent(column.entries().iter().copied());
        Extents {
            known: column(&held.points.known_time),
            change: column(&held.points.change_time),
        }
    }

    /// Whether all of these versions are newer than all of the others.
    fn are_newer(&self, other: &Extents) -> bool {
        other.known.1 < self.known.0
            || other.known.1 == self.known.0 && other.change.1 < self.change.0
    }
}

impl Held {
    /// Whether some of its points may be versions of points of the other.
    fn meets(&self, other: &Held) -> bool {
        let ends = |held: &Held| {
            let times = &held.points.valid_time[held.from..];
            (times.first().copied(), times.last().copied())
        };
        let ((first, last), (other_first, other_last)) = (ends(self), ends(other));
        first <= other_last && other_first <= last
    }

    /// Reads its stamps, if it has come without.
    fn stamp(&mut self) -> Result<(), Damage> {
        let Some(unstamped) = self.unstamped.take() else {
            return Ok(());
        };
        let Unstamped {
            segment_id,
            key,
            bounds,
            blob,
        } = *unstamped;
        let damage = |why| Damage { segment_id, why };
        let all = decode_newest(&key, &bounds, &blob, None, None).map_err(damage)?;
        let position = |time: &i64| all.valid_time.binary_search(time).ok();
        let times = &self.points.valid_time;
        let positions: Option<Vec<usize>> = times.iter().map(position).collect();
        let positions = positions.ok_or(damage(SegmentError::Damaged("its times differ")))?;
        self.points.known_time = all.known_time.select(&positions);
        self.points.change_time = all.change_time.select(&positions);
        self.stamp = self.points.constant_stamp();
        Ok(())
    }
}

/// Reads the stamps that decide between what is held and what comes to it.
///
/// # Errors
/// For a segment whose stamps can't be read.
pub(super) fn read_where_they_decide(held: &mut [Held], new: &mut Held) -> Result<(), Damage> {
    if new.unstamped.is_none() && held.iter().all(|held| held.unstamped.is_none()) {
        return Ok(());
    }
    let extents = Extents::of(new);
    let mut decides = false;
    for held in held {
        if (held.unstamped.is_none() && new.unstamped.is_none()) || !held.meets(new) {
            continue;
        }
        let others = Extents::of(held);
        if !extents.are_newer(&others) && !others.are_newer(&extents) {
            held.stamp()?;
            decides = true;
        }
    }
    match decides {
        true => new.stamp(),
        false => Ok(()),
    }
}

/// Reads the stamps of all that is held.
///
/// # Errors
/// For a segment whose stamps can't be read.
pub(super) fn read_all(held: &mut [Held]) -> Result<(), Damage> {
    held.iter_mut().try_for_each(Held::stamp)
}
