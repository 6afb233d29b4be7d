//! Where bytes leave and come in: runs and buckets become packed columns here, and packed columns an upload.

use crate::pg::error::{Error, Result, SqlState};
use crate::read::{BucketCursor, Piece, Runs, Writers};
use crate::series::SeriesInfo;
use crate::write::import::SeriesPoints;
use std::rc::Rc;
use timedb_rules::labels::Labels;
use timedb_rules::limits::{self, Call};
use timedb_rules::upload::{NamedSeries, SeriesList, SeriesRef, UploadColumns};
use timedb_segment::{BatchIds, Points};
use timedb_wire::{
    BucketRun, Chunk, Column, Malformed, Note, Number, Run, Series, SeriesName, SeriesRun,
    UploadReader, Values, VersionSource, encode_buckets, encode_points,
};

const _: () = assert!(timedb_segment::NO_END == timedb_wire::NO_END);

impl VersionSource for Writers {
    type Note = Rc<timedb_segment::Note>;

    fn writer(&self, batch: &[u8; 16]) -> Option<[u8; 16]> {
        self.of(batch).copied()
    }

    fn note(note: &Self::Note) -> Note<'_> {
        Note {
            annotation: note.annotation.as_deref(),
            tags: note.tags.iter().map(String::as_str).collect(),
            metadata: note.metadata.as_deref(),
            changed_by: note.changed_by.as_ref(),
        }
    }
}

/// Packs runs into one chunk.
pub fn points(runs: &Runs) -> Vec<u8> {
    let packed: Vec<Run<_>> = runs
        .runs
        .iter()
        .map(|run| Run {
            series: series(run.series),
            valid_time: &run.points.valid_time,
            valid_time_end: run.points.valid_time_end.as_deref(),
            value: &run.points.value,
            nulls: run.points.nulls.as_deref(),
            known_time: &run.points.known_time,
            change_time: &run.points.change_time,
            // A write is its change_time.
            value_id: &run.points.change_time,
            batch: &run.points.batch,
            notes: run.points.notes.as_deref(),
        })
        .collect();
    encode_points(&packed, runs.with_known_time, runs.writers)
}

/// Packs pieces into one chunk.
pub fn buckets(cursor: &BucketCursor, pieces: &[Piece]) -> Vec<u8> {
    let runs: Vec<BucketRun> = pieces
        .iter()
        .map(|piece| BucketRun {
            series: series(cursor.series_of(piece)),
            start: piece.starts().collect(),
            end: piece.ends().collect(),
            counts: piece.counts(),
            numbers: (cursor.aggregates().iter())
                .map(|&aggregate| piece.values(aggregate))
                .collect(),
        })
        .collect();
    encode_buckets(cursor.aggregates(), &runs)
}

fn series(info: &SeriesInfo) -> Series<'_> {
    Series {
        id: &info.id,
        name: &info.name,
        unit: &info.unit,
        labels: &info.labels,
    }
}

/// Reads a packed upload.
///
/// # Errors
/// 22P03 for bytes that are not a packed upload, 54000 for too many points or series.
pub fn upload(bytes: &[u8]) -> Result<UploadColumns> {
    let mut reader = UploadReader::open(bytes).map_err(malformed)?;
    let points = reader.points;
    limits::check_points(points)?;
    let mut series = SeriesList::with_capacity(reader.series, Call::Upload)?;
    while let Some(name) = reader.next_series().map_err(malformed)? {
        series.push(series_ref(&name)?)?;
    }
    let columns = reader.columns().map_err(malformed)?;
    Ok(UploadColumns {
        series: series.into_vec(),
        series_index: copy(columns.series_index),
        valid_time: copy(columns.valid_time),
        valid_time_end: columns.valid_time_end.map(copy),
        value: copy(columns.value),
        nulls: columns.nulls.map(|nulls| nulls.to_vec(points)),
        known_time: columns.known_time.map(copy),
    })
}

/// Reads the points of a chunk of versions, as a tenant stores them.
///
/// # Errors
/// 22P03 for bytes that are not such a chunk.
pub fn versions(tenant: &[u8; 16], bytes: &[u8]) -> Result<Vec<SeriesPoints>> {
    let chunk = Chunk::decode(bytes).map_err(malformed)?;
    let (Some(known), Some(versions), Values::Points { value, nulls }) =
        (chunk.known_time, &chunk.versions, &chunk.values)
    else {
        return Err(malformed(Malformed::Flags));
    };
    let notes: Vec<Option<Rc<timedb_segment::Note>>> =
        versions.notes.iter().map(stored_note).collect();
    let ids = BatchIds::of(*tenant);
    let mut from = 0;
    let of_run = |run: &SeriesRun| {
        let of = from..from + run.points;
        from = of.end;
        let is_own = of
            .clone()
            .all(|i| ids.at(versions.change_time.at(i)) == *versions.batch(i));
        let points = Points {
            valid_time: of.clone().map(|i| chunk.valid_time.at(i)).collect(),
            valid_time_end: chunk
                .valid_time_end
                .map(|ends| of.clone().map(|i| ends.at(i)).collect()),
            value: of.clone().map(|i| value.at(i)).collect(),
            nulls: nulls.map(|nulls| of.clone().map(|i| nulls.at(i)).collect()),
            known_time: timedb_segment::Column::of(of.clone().map(|i| known.at(i)).collect()),
            change_time: timedb_segment::Column::of(
                of.clone().map(|i| versions.change_time.at(i)).collect(),
            ),
            batch: (!is_own).then(|| {
                timedb_segment::Column::of(of.clone().map(|i| *versions.batch(i)).collect())
            }),
            notes: (!notes.is_empty()).then(|| {
                of.map(|i| versions.note(i).and_then(|at| notes[at].clone()))
                    .collect()
            }),
        };
        pgrx::check_for_interrupts!();
        SeriesPoints {
            series: *run.series.id,
            points,
        }
    };
    Ok(chunk.runs.iter().map(of_run).collect())
}

/// A note as it is stored; none if it says nothing.
fn stored_note(note: &Note) -> Option<Rc<timedb_segment::Note>> {
    let note = timedb_segment::Note {
        annotation: note.annotation.map(str::to_owned),
        tags: note.tags.iter().map(|tag| (*tag).to_owned()).collect(),
        metadata: note.metadata.map(str::to_owned),
        changed_by: note.changed_by.copied(),
    };
    (!note.is_empty()).then(|| Rc::new(note))
}

fn copy<T: Number>(column: Column<T>) -> Vec<T> {
    pgrx::check_for_interrupts!();
    column.to_vec()
}

fn series_ref(name: &SeriesName) -> Result<SeriesRef> {
    let non_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(match *name {
        SeriesName::Named {
            name,
            labels,
            unit,
            description,
        } => SeriesRef::Named(NamedSeries {
            name: name.to_owned(),
            labels: Labels::parse(labels)?,
            unit: non_empty(unit),
            description: non_empty(description),
        }),
        SeriesName::Id { id, unit } => SeriesRef::Id {
            id,
            unit: non_empty(unit),
        },
    })
}

/// 22P03: bytes that are no packed columns.
pub fn malformed(why: Malformed) -> Error {
    Error::new(
        SqlState::INVALID_BINARY_REPRESENTATION,
        format!("malformed packed columns: {why}"),
    )
}
