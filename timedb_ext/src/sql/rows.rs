//! What the rows of all reads have in common: the columns of a series, and those of a point, wherever the point is.

use super::scan::COLUMNS;
use crate::pg::json::jsonb_datum;
use crate::pg::spi::Arg;
use crate::pg::time;
use crate::read::{Run, Writers};
use crate::series::SeriesInfo;
use pgrx::pg_sys::Datum;
use std::collections::HashMap;
use std::rc::Rc;
use timedb_segment::NO_END;
use timedb_wire::{Chunk, Note, VersionSource};

/// series_id, name, unit and labels.
pub fn series_columns(series: &SeriesInfo) -> [Option<Datum>; 4] {
    [
        Arg::uuid(&series.id).datum(),
        Arg::text(&series.name).datum(),
        Arg::text(&series.unit).datum(),
        jsonb_datum(&series.labels),
    ]
}

/// Points whose columns become those of rows; None stands for NULL.
pub trait PointColumns {
    /// The number of points.
    fn len(&self) -> usize;
    /// The instant that a value is about, or the start of its interval.
    fn valid_time(&self, i: usize) -> i64;
    /// The end of that interval.
    fn end(&self, i: usize) -> Option<i64>;
    /// The value.
    fn value(&self, i: usize) -> Option<f64>;
    /// When it was known.
    fn known_time(&self, i: usize) -> Option<i64>;
    /// When a version was written.
    fn change_time(&self, i: usize) -> Option<i64>;
    /// The id of the write.
    fn value_id(&self, i: usize) -> Option<i64>;
    /// The batch that a version belongs to.
    fn batch(&self, i: usize) -> Option<&[u8; 16]>;
    /// Who wrote a version.
    fn changed_by(&self, i: usize) -> Option<&[u8; 16]>;
    /// What a version says beside its value, by its place among [`Self::notes`].
    fn note(&self, i: usize) -> Option<usize>;
    /// What versions say.
    fn notes(&self) -> Vec<Note<'_>>;
}

/// Points as rows, with the values that do not fit into a datum made once for all of them.
pub struct PointRows<P> {
    points: P,
    notes: Vec<NoteDatums>,
}

/// A note as values of SQL.
#[derive(Default, Clone, Copy)]
struct NoteDatums {
    annotation: Option<Datum>,
    tags: Option<Datum>,
    metadata: Option<Datum>,
}

impl NoteDatums {
    fn of(note: &Note) -> Self {
        let tags = || Arg::texts(note.tags.iter().copied()).datum();
        Self {
            annotation: note.annotation.and_then(|text| Arg::text(text).datum()),
            tags: (!note.tags.is_empty()).then(tags).flatten(),
            metadata: note.metadata.and_then(jsonb_datum),
        }
    }
}

const _: () = assert!(COLUMNS == 15, "column() counts fifteen columns");

impl<P: PointColumns> PointRows<P> {
    /// Rows of these points; what they point to lies in the points and in the current memory context.
    pub fn of(points: P) -> Self {
        let notes = points.notes().iter().map(NoteDatums::of).collect();
        Self { points, notes }
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// A column of a point as `_read_rows` returns it, counted from 0 with the four of the series.
    #[inline]
    pub fn column(&self, i: usize, column: usize) -> Option<Datum> {
        let points = &self.points;
        let time = match column {
            4 => points.known_time(i),
            5 => points.change_time(i),
            6 => Some(points.valid_time(i)),
            7 => points.end(i),
            // float8 is passed by value on all platforms that pgrx supports.
            8 => return points.value(i).map(|value| Datum::from(value.to_bits())),
            9 => return points.batch(i).map(uuid),
            10 => return points.value_id(i).map(Datum::from),
            11 => return points.changed_by(i).map(uuid),
            _ => {
                let note = self.notes[points.note(i)?];
                return match column {
                    12 => note.annotation,
                    13 => note.tags,
                    _ => note.metadata,
                };
            }
        };
        time.map(|time| Datum::from(time::to_pg(time)))
    }
}

/// A `uuid` where it stands.
fn uuid(id: &[u8; 16]) -> Datum {
    Datum::from(id.as_ptr())
}

/// A run of points, and who wrote them if they are versions.
pub struct RunColumns<'a> {
    run: &'a Run<'a>,
    writers: Option<&'a Writers>,
    notes: Vec<&'a Rc<timedb_segment::Note>>,
    /// Of each point of a run with notes.
    note: Vec<Option<usize>>,
}

impl<'a> RunColumns<'a> {
    /// The columns of a run.
    pub fn of(run: &'a Run<'a>, writers: Option<&'a Writers>) -> Self {
        let (mut notes, mut places) = (Vec::new(), HashMap::new());
        // Points that say the same mostly share their note.
        let mut place = |note: &'a Rc<_>| {
            *places.entry(Rc::as_ptr(note)).or_insert_with(|| {
                notes.push(note);
                notes.len() - 1
            })
        };
        let note = run.points.notes.iter().flatten();
        let note = note.map(|note| note.as_ref().map(&mut place)).collect();
        Self {
            run,
            writers,
            notes,
            note,
        }
    }
}

impl PointColumns for RunColumns<'_> {
    fn len(&self) -> usize {
        self.run.points.len()
    }

    fn valid_time(&self, i: usize) -> i64 {
        self.run.points.valid_time[i]
    }

    fn end(&self, i: usize) -> Option<i64> {
        let ends = self.run.points.valid_time_end.as_ref()?;
        Some(ends[i]).filter(|&end| end != NO_END)
    }

    fn value(&self, i: usize) -> Option<f64> {
        let nulls = self.run.points.nulls.as_ref();
        (!nulls.is_some_and(|nulls| nulls[i])).then(|| self.run.points.value[i])
    }

    fn known_time(&self, i: usize) -> Option<i64> {
        self.run.points.known_time.get(i).copied()
    }

    fn change_time(&self, i: usize) -> Option<i64> {
        self.run.points.change_time.get(i).copied()
    }

    fn value_id(&self, i: usize) -> Option<i64> {
        self.run.points.value_id.get(i).copied()
    }

    fn batch(&self, i: usize) -> Option<&[u8; 16]> {
        self.run.points.batch.get(i)
    }

    fn changed_by(&self, i: usize) -> Option<&[u8; 16]> {
        let corrected = self.note(i);
        let corrected = corrected.and_then(|place| self.notes[place].changed_by.as_ref());
        corrected.or_else(|| self.writers?.of(self.batch(i)?))
    }

    fn note(&self, i: usize) -> Option<usize> {
        self.note.get(i).copied().flatten()
    }

    fn notes(&self) -> Vec<Note<'_>> {
        self.notes.iter().map(|note| Writers::note(note)).collect()
    }
}

impl PointColumns for Chunk<'_> {
    fn len(&self) -> usize {
        self.points
    }

    fn valid_time(&self, i: usize) -> i64 {
        self.valid_time.at(i)
    }

    fn end(&self, i: usize) -> Option<i64> {
        self.end(i)
    }

    fn value(&self, i: usize) -> Option<f64> {
        self.value(i)
    }

    fn known_time(&self, i: usize) -> Option<i64> {
        Some(self.known_time?.at(i))
    }

    fn change_time(&self, i: usize) -> Option<i64> {
        Some(self.versions.as_ref()?.change_time.at(i))
    }

    fn value_id(&self, i: usize) -> Option<i64> {
        Some(self.versions.as_ref()?.value_id.at(i))
    }

    fn batch(&self, i: usize) -> Option<&[u8; 16]> {
        Some(self.versions.as_ref()?.batch(i))
    }

    fn changed_by(&self, i: usize) -> Option<&[u8; 16]> {
        self.versions.as_ref()?.changed_by(i)
    }

    fn note(&self, i: usize) -> Option<usize> {
        self.versions.as_ref()?.note(i)
    }

    fn notes(&self) -> Vec<Note<'_>> {
        let versions = self.versions.iter();
        versions
            .flat_map(|versions| versions.notes.clone())
            .collect()
    }
}
