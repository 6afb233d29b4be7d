//! The columns of one series in memory, and the fields next to a segment's blob in its row.

use std::rc::Rc;

use crate::{BatchIds, Note, Notes, SegmentError};

/// The `valid_time_end` of a point that has none.
pub const NO_END: i64 = i64::MIN;

/// The points a segment holds when written.
pub const MAX_POINTS: usize = 4096;

/// The points a segment may hold at most; a greater count is damage, and nothing is allocated.
pub const MAX_COUNT: u32 = 1 << 20;

/// A column that often holds the same thing for every point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column<T> {
    /// The same for every point.
    Constant(T),
    /// One a point.
    Each(Vec<T>),
}

impl<T: Copy + PartialEq> Column<T> {
    /// The column of these, constant if they are all equal.
    pub fn of(each: Vec<T>) -> Self {
        match each.split_first() {
            Some((first, rest)) if rest.iter().all(|other| other == first) => {
                Column::Constant(*first)
            }
            _ => Column::Each(each),
        }
    }

    /// What point `i` has.
    ///
    /// # Panics
    /// If the column has one for each point and has no point `i`.
    #[inline]
    pub fn get(&self, i: usize) -> T {
        match self {
            Column::Constant(one) => *one,
            Column::Each(each) => each[i],
        }
    }

    /// The value that all points share, if the column is constant.
    pub fn constant(&self) -> Option<T> {
        match self {
            Column::Constant(one) => Some(*one),
            Column::Each(_) => None,
        }
    }

    /// Whether the column fits `n` points.
    pub fn fits(&self, n: usize) -> bool {
        match self {
            Column::Constant(_) => true,
            Column::Each(each) => each.len() == n,
        }
    }

    /// What points have: once if it is the same for all of them.
    pub(crate) fn entries(&self) -> &[T] {
        match self {
            Column::Constant(one) => std::slice::from_ref(one),
            Column::Each(each) => each,
        }
    }

    fn truncate(&mut self, n: usize) {
        if let Column::Each(each) = self {
            each.truncate(n);
        }
    }

    /// The column of the points at these positions.
    pub fn select(&self, positions: &[usize]) -> Self {
        match self {
            Column::Constant(one) => Column::Constant(*one),
            Column::Each(each) => Column::Each(pick(each, positions)),
        }
    }

    /// One a point, without copying what can be moved.
    pub(crate) fn into_vec(self, n: usize) -> Vec<T> {
        match self {
            Column::Constant(one) => vec![one; n],
            Column::Each(each) => each,
        }
    }

    /// One a point.
    pub fn to_vec(&self, n: usize) -> Vec<T> {
        self.clone().into_vec(n)
    }
}

fn pick<T: Clone>(column: &[T], positions: &[usize]) -> Vec<T> {
    positions.iter().map(|&i| column[i].clone()).collect()
}

/// Columns of one series, in ascending order of (valid_time, valid_time_end, known_time,
/// change_time).
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    /// The instant that each value is about, or the start of its interval.
    pub valid_time: Vec<i64>,
    /// The end of each interval, [`NO_END`] for a point without; None if no point has an end.
    pub valid_time_end: Option<Vec<i64>>,
    /// The values; 0.0 where null.
    pub value: Vec<f64>,
    /// Which values are null; None if none is.
    pub nulls: Option<Vec<bool>>,
    /// When each value was known.
    pub known_time: Column<i64>,
    /// When each version was written.
    pub change_time: Column<i64>,
    /// The batch that each point belongs to; None if that is the write's own, with its generated id
    /// ([`crate::batch_id`]).
    pub batch: Option<Column<[u8; 16]>>,
    /// What versions say besides their value; None if no version says anything.
    pub notes: Option<Notes>,
}

/// What decides which of two versions of a point is newer: the greater stamp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// When the value was known.
    pub known_time: i64,
    /// When the version was written: no other write of the tenant has the same.
    pub change_time: i64,
}

impl Points {
    /// The number of points.
    pub fn len(&self) -> usize {
        self.valid_time.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.valid_time.is_empty()
    }

    /// The valid_time_end of point `i`, or [`NO_END`].
    #[inline]
    pub fn end(&self, i: usize) -> i64 {
        self.valid_time_end.as_ref().map_or(NO_END, |end| end[i])
    }

    /// Whether the value of point `i` is null.
    #[inline]
    pub fn is_null(&self, i: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls[i])
    }

    /// What version `i` says besides its value.
    #[inline]
    pub fn note(&self, i: usize) -> Option<&Rc<Note>> {
        self.notes.as_ref()?[i].as_ref()
    }

    /// The batch that point `i` belongs to; `ids` are those of the tenant.
    #[inline]
    pub fn batch(&self, i: usize, ids: &BatchIds) -> [u8; 16] {
        match &self.batch {
            Some(batch) => batch.get(i),
            None => ids.at(self.change_time.get(i)),
        }
    }

    /// The stamp of point `i`.
    #[inline]
    pub fn stamp(&self, i: usize) -> Stamp {
        Stamp {
            known_time: self.known_time.get(i),
            change_time: self.change_time.get(i),
        }
    }

    /// The stamp that all points share, if they do.
    pub fn constant_stamp(&self) -> Option<Stamp> {
        Some(Stamp {
            known_time: self.known_time.constant()?,
            change_time: self.change_time.constant()?,
        })
    }

    /// The points at these positions, in that order.
    pub fn select(&self, positions: &[usize]) -> Points {
        Points {
            valid_time: pick(&self.valid_time, positions),
            valid_time_end: self.valid_time_end.as_ref().map(|c| pick(c, positions)),
            value: pick(&self.value, positions),
            nulls: self.nulls.as_ref().map(|c| pick(c, positions)),
            known_time: self.known_time.select(positions),
            change_time: self.change_time.select(positions),
            batch: self.batch.as_ref().map(|c| c.select(positions)),
            notes: self.notes.as_ref().map(|c| pick(c, positions)),
        }
    }

    /// The points of all parts, one part after the other; `ids` are those of the tenant.
    pub fn concat(parts: &[Points], ids: &BatchIds) -> Points {
        let any = |has: fn(&Points) -> bool| parts.iter().any(has);
        let times = |of: fn(&Points) -> &Column<i64>| {
            let each = parts.iter().flat_map(|part| of(part).to_vec(part.len()));
            Column::of(each.collect())
        };
        fn each<'a, T>(
            parts: &'a [Points],
            get: impl Fn(&'a Points, usize) -> T + Copy + 'a,
        ) -> Vec<T> {
            let of_part = |part: &'a Points| (0..part.len()).map(move |i| get(part, i));
            parts.iter().flat_map(of_part).collect()
        }
        Points {
            valid_time: each(parts, |part, i| part.valid_time[i]),
            valid_time_end: any(|part| part.valid_time_end.is_some())
                .then(|| each(parts, Points::end)),
            value: each(parts, |part, i| part.value[i]),
            nulls: any(|part| part.nulls.is_some()).then(|| each(parts, Points::is_null)),
            known_time: times(|part| &part.known_time),
            change_time: times(|part| &part.change_time),
            batch: any(|part| part.batch.is_some())
                .then(|| Column::of(each(parts, |part, i| part.batch(i, ids)))),
            notes: any(|part| part.notes.is_some())
                .then(|| each(parts, |part, i| part.note(i).cloned())),
        }
    }

    /// The points with `start <= valid_time < end`.
    pub fn between(mut self, start: i64, end: i64) -> Points {
        let from = self.valid_time.partition_point(|&t| t < start);
        let to = self.valid_time.partition_point(|&t| t < end);
        if from == 0 {
            self.truncate(to);
            return self;
        }
        let kept: Vec<usize> = (from..to).collect();
        self.select(&kept)
    }

    /// Keeps the first `n` points.
    pub fn truncate(&mut self, n: usize) {
        self.valid_time.truncate(n);
        self.value.truncate(n);
        if let Some(ends) = &mut self.valid_time_end {
            ends.truncate(n);
        }
        if let Some(nulls) = &mut self.nulls {
            nulls.truncate(n);
        }
        self.known_time.truncate(n);
        self.change_time.truncate(n);
        if let Some(batch) = &mut self.batch {
            batch.truncate(n);
        }
        if let Some(notes) = &mut self.notes {
            notes.truncate(n);
        }
    }

    /// Whether every column has one entry a point.
    pub(crate) fn fits(&self) -> bool {
        let n = self.len();
        self.value.len() == n
            && self.valid_time_end.as_ref().is_none_or(|c| c.len() == n)
            && self.nulls.as_ref().is_none_or(|c| c.len() == n)
            && self.known_time.fits(n)
            && self.change_time.fits(n)
            && self.batch.as_ref().is_none_or(|c| c.fits(n))
            && self.notes.as_ref().is_none_or(|c| c.len() == n)
    }

    /// Whether the points are in the order of a segment.
    pub fn is_sorted(&self) -> bool {
        let times = &self.valid_time;
        (1..times.len()).all(|i| {
            times[i - 1] < times[i]
                || times[i - 1] == times[i]
                    && (self.end(i - 1), self.stamp(i - 1)) <= (self.end(i), self.stamp(i))
        })
    }
}

/// What the row of a segment says about its points, all bounds inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The number of points.
    pub count: u32,
    /// The least valid_time.
    pub min_valid: i64,
    /// The greatest valid_time.
    pub max_valid: i64,
    /// The least known_time.
    pub min_known: i64,
    /// The greatest known_time.
    pub max_known: i64,
    /// The least change_time.
    pub min_change: i64,
    /// The greatest change_time.
    pub max_change: i64,
}

impl Bounds {
    /// The bounds of sorted points.
    ///
    /// # Errors
    /// If there is no point, or more than [`MAX_COUNT`].
    pub fn of(points: &Points) -> Result<Bounds, SegmentError> {
        let (Some(&min_valid), Some(&max_valid)) =
            (points.valid_time.first(), points.valid_time.last())
        else {
            return Err(SegmentError::Invalid("a segment has at least one point"));
        };
        let count = u32::try_from(points.len())
            .ok()
            .filter(|&count| count <= MAX_COUNT)
            .ok_or(SegmentError::Invalid("too many points for a segment"))?;
        let (min_known, max_known) = extent(points.known_time.entries().iter().copied());
        let (min_change, max_change) = extent(points.change_time.entries().iter().copied());
        Ok(Bounds {
            count,
            min_valid,
            max_valid,
            min_known,
            max_known,
            min_change,
            max_change,
        })
    }
}

/// The least and the greatest of some numbers.
pub(crate) fn extent(numbers: impl Iterator<Item = i64>) -> (i64, i64) {
    numbers.fold((i64::MAX, i64::MIN), |(min, max), x| {
        (min.min(x), max.max(x))
    })
}

/// Whose segment it is. It goes into the checksum, so that a blob is not valid in another row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentKey {
    /// The tenant's id.
    pub tenant: [u8; 16],
    /// The series' id.
    pub series: [u8; 16],
}

/// A segment as its row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The count and the least and greatest times.
    pub bounds: Bounds,
    /// Where it stands in the index of its series, see [`crate::index_class`].
    pub span_class: i16,
    /// The compressed columns.
    pub blob: Vec<u8>,
}
