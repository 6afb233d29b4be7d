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
    /// A column of a point, counted as [`PointRows::column`] does: 4 known_time, 5 change_time, 6 valid_time, 7 its end,
    /// 8 value, 9 batch_id, 10 value_id, 11 changed_by. A uuid is where it stands.
    fn column(&self, i: usize, column: usize) -> Option<Datum>;
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

/// Annotation, tags and metadata of a note, as values of SQL.
type NoteDatums = [Option<Datum>; 3];

fn note_datums(note: &Note) -> NoteDatums {
    let tags = || Arg::texts(note.tags.iter().copied()).datum();
    [
        note.annotation.and_then(|text| Arg::text(text).datum()),
        (!note.tags.is_empty()).then(tags).flatten(),
        note.metadata.and_then(jsonb_datum),
    ]
}

const _: () = assert!(COLUMNS == 15, "column() counts fifteen columns");

impl<P: PointColumns> PointRows<P> {
    /// Rows of these points; what they point to lies in the points and in the current memory context.
    pub fn of(points: P) -> Self {
        let notes = points.notes().iter().map(note_datums).collect();
        Self { points, notes }
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// A column of a point as `_read_rows` returns it, counted from 0 with the four of the series.
    #[inline]
    pub fn column(&self, i: usize, column: usize) -> Option<Datum> {
        match column.checked_sub(12) {
            None => self.points.column(i, column),
            Some(of_note) => self.notes[self.points.note(i)?][of_note],
        }
    }
}

fn instant(time: i64) -> Option<Datum> {
    Some(Datum::from(time::to_pg(time)))
}

fn number(value: f64) -> Option<Datum> {
    // float8 is passed by value on all platforms that pgrx supports.
    Some(Datum::from(value.to_bits()))
}

fn uuid(id: &[u8; 16]) -> Option<Datum> {
    Some(Datum::from(id.as_ptr()))
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

    #[inline]
    fn column(&self, i: usize, column: usize) -> Option<Datum> {
        let points = &self.run.points;
        match column {
            4 => instant(*points.known_time.get(i)?),
            5 => instant(*points.change_time.get(i)?),
            6 => instant(points.valid_time[i]),
            7 => {
                let end = points.valid_time_end.as_ref()?[i];
                if end == NO_END { None } else { instant(end) }
            }
            8 => match &points.nulls {
                Some(nulls) if nulls[i] => None,
                _ => number(points.value[i]),
            },
            9 => uuid(points.batch.get(i)?),
            // A write is its change_time.
            10 => Some(Datum::from(*points.change_time.get(i)?)),
            _ => {
                let corrected = self.note(i);
                let corrected = corrected.and_then(|place| self.notes[place].changed_by.as_ref());
                uuid(corrected.or_else(|| self.writers?.of(points.batch.get(i)?))?)
            }
        }
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

    #[inline]
    fn column(&self, i: usize, column: usize) -> Option<Datum> {
        let versions = self.versions.as_ref();
        match column {
            4 => instant(self.known_time?.at(i)),
            5 => instant(versions?.change_time.at(i)),
            6 => instant(self.valid_time.at(i)),
            7 => instant(self.end(i)?),
            8 => number(self.value(i)?),
            9 => uuid(versions?.batch(i)),
            10 => Some(Datum::from(versions?.value_id.at(i))),
            _ => uuid(versions?.changed_by(i)?),
        }
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
