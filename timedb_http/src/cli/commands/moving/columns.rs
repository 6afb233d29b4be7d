//! Points on their way into the database, packed as a chunk of versions.

use timedb_wire::{NO_END, Note, Run, Series, VersionSource, encode_points};

use super::point::Point;

/// Points of a page, and the bytes of their notes after which it takes no more.
const POINTS: usize = 1 << 16;
const NOTE_BYTES: usize = 8 << 20;

/// The points of a page.
#[derive(Default)]
pub struct PointColumns {
    /// Series that follow each other, each with how many of the points are its own.
    runs: Vec<([u8; 16], usize)>,
    valid_time: Vec<i64>,
    valid_time_end: Vec<i64>,
    value: Vec<f64>,
    nulls: Vec<bool>,
    known_time: Vec<i64>,
    change_time: Vec<i64>,
    batch: Vec<[u8; 16]>,
    notes: Vec<Option<OwnNote>>,
    note_bytes: usize,
}

/// What a version says besides its value.
#[derive(PartialEq, Eq, Hash)]
struct OwnNote {
    annotation: Option<String>,
    tags: Vec<String>,
    metadata: Option<String>,
    changed_by: Option<[u8; 16]>,
}

/// Notes are all there is to say of versions: who wrote a batch stands in its record.
struct Notes;

impl VersionSource for Notes {
    type Note = OwnNote;

    fn writer(&self, _: &[u8; 16]) -> Option<[u8; 16]> {
        None
    }

    fn note(note: &OwnNote) -> Note<'_> {
        Note {
            annotation: note.annotation.as_deref(),
            tags: note.tags.iter().map(String::as_str).collect(),
            metadata: note.metadata.as_deref(),
            changed_by: note.changed_by.as_ref(),
        }
    }
}

impl PointColumns {
    /// Adds a point.
    pub fn push(&mut self, point: &Point<'_>) {
        match self.runs.last_mut() {
            Some((series, count)) if series == point.series => *count += 1,
            _ => self.runs.push((*point.series, 1)),
        }
        self.valid_time.push(point.valid_time);
        self.valid_time_end.push(point.valid_time_end);
        self.value.push(point.value.unwrap_or(0.0));
        self.nulls.push(point.value.is_none());
        self.known_time.push(point.known_time);
        self.change_time.push(point.change_time);
        self.batch.push(*point.batch);
        let note = point.note.filter(|note| **note != Note::default());
        let note = note.map(|note| OwnNote {
            annotation: note.annotation.map(str::to_owned),
            tags: note.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            metadata: note.metadata.map(str::to_owned),
            changed_by: note.changed_by.copied(),
        });
        self.note_bytes += note.as_ref().map_or(0, |note| {
            let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            let tags = note.tags.iter().map(String::len).sum::<usize>();
            text(&note.annotation) + text(&note.metadata) + tags
        });
        self.notes.push(note);
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.valid_time.len()
    }

    /// Whether there are so many that they are to be sent.
    pub fn is_full(&self) -> bool {
        self.len() >= POINTS || self.note_bytes >= NOTE_BYTES
    }

    /// Packs the points, and begins anew.
    pub fn pack(&mut self) -> Vec<u8> {
        let has_ends = self.valid_time_end.iter().any(|&end| end != NO_END);
        let has_nulls = self.nulls.contains(&true);
        let has_notes = self.notes.iter().any(Option::is_some);
        let mut from = 0;
        let runs: Vec<Run<'_, OwnNote>> = self
            .runs
            .iter()
            .map(|(series, count)| {
                let of = from..from + count;
                from = of.end;
                Run {
                    series: Series {
                        id: series,
                        name: "",
                        unit: "",
                        labels: "",
                    },
                    valid_time: &self.valid_time[of.clone()],
                    valid_time_end: has_ends.then(|| &self.valid_time_end[of.clone()]),
                    value: &self.value[of.clone()],
                    nulls: has_nulls.then(|| &self.nulls[of.clone()]),
                    known_time: &self.known_time[of.clone()],
                    change_time: &self.change_time[of.clone()],
                    value_id: &self.change_time[of.clone()],
                    batch: &self.batch[of.clone()],
                    notes: has_notes.then(|| &self.notes[of]),
                }
            })
            .collect();
        let packed = encode_points(&runs, true, Some(&Notes));
        *self = Self::default();
        packed
    }
}
