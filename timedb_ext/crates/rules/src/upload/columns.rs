//! The columns of an upload, however they arrived, and what is removed from them or completed before they are stored.

use super::series::SeriesRef;
use timedb_wire::NO_KNOWN_TIME;

/// The columns of an upload, however they came in.
pub struct UploadColumns {
    /// The series, each named once.
    pub series: Vec<SeriesRef>,
    /// For each point, its place in `series`.
    pub series_index: Vec<u32>,
    /// Unix microseconds, like all instants here.
    pub valid_time: Vec<i64>,
    /// [`NO_END`](timedb_segment::NO_END) for a point without; None if none has one.
    pub valid_time_end: Option<Vec<i64>>,
    /// 0.0 where null.
    pub value: Vec<f64>,
    /// Which values are null; None if none is.
    pub nulls: Option<Vec<bool>>,
    /// When each value was known; [`NO_KNOWN_TIME`] where the batch says it. None if it says it of all.
    pub known_time: Option<Vec<i64>>,
}

impl UploadColumns {
    /// Keeps the points at the positions that `keep` accepts.
    pub fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        fn pick<T: Copy>(column: &mut Vec<T>, keep: &impl Fn(usize) -> bool) {
            let mut i = 0;
            column.retain(|_| {
                i += 1;
                keep(i - 1)
            });
        }
        pick(&mut self.series_index, &keep);
        pick(&mut self.valid_time, &keep);
        pick(&mut self.value, &keep);
        if let Some(ends) = &mut self.valid_time_end {
            pick(ends, &keep);
        }
        if let Some(nulls) = &mut self.nulls {
            pick(nulls, &keep);
        }
        if let Some(known) = &mut self.known_time {
            pick(known, &keep);
        }
    }

    /// Gives the points that say no known_time of their own that of the batch. A column that says nothing
    /// else goes.
    pub fn complete_known_time(&mut self, of_batch: i64) {
        let Some(known) = &mut self.known_time else {
            return;
        };
        for one in known.iter_mut().filter(|one| **one == NO_KNOWN_TIME) {
            *one = of_batch;
        }
        if known.iter().all(|&one| one == of_batch) {
            self.known_time = None;
        }
    }
}
