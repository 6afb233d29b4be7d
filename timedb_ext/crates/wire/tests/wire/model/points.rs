//! Chunks of points, and of versions.

use proptest::collection::vec;
use proptest::prelude::*;
use timedb_wire::{Chunk, NO_END, Note, Run, Values, VersionSource, encode_points};

use super::{Group, Id, groups, or_none, text, value};

/// A point of a read; versions say all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadPoint {
    pub valid_time: i64,
    pub end: i64,
    pub value: Option<u64>,
    pub known_time: i64,
    pub change_time: i64,
    pub value_id: i64,
    pub batch: Id,
    pub note: Option<OwnNote>,
    /// Who is told to have written it.
    pub changed_by: Option<Id>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct OwnNote {
    pub annotation: Option<String>,
    pub tags: Vec<String>,
    pub metadata: Option<String>,
    pub changed_by: Option<Id>,
}

/// Half of the batches have a writer who is known.
pub struct Writers;

impl VersionSource for Writers {
    type Note = OwnNote;

    fn writer(&self, batch: &Id) -> Option<Id> {
        batch[0].is_multiple_of(2).then_some([batch[0]; 16])
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

/// Which columns a chunk of points has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Told {
    Times,
    Known,
    Versions,
}

/// A chunk of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    pub told: Told,
    pub groups: Vec<Group<ReadPoint>>,
}

impl Points {
    pub fn pack(&self) -> Vec<u8> {
        struct Columns {
            times: [Vec<i64>; 5],
            value: Vec<f64>,
            nulls: Vec<bool>,
            batch: Vec<Id>,
            notes: Vec<Option<OwnNote>>,
        }
        let columns = self.groups.iter().map(|group| {
            let each = |of: fn(&ReadPoint) -> i64| group.rows.iter().map(of).collect();
            Columns {
                times: [
                    each(|p| p.valid_time),
                    each(|p| p.end),
                    each(|p| p.known_time),
                    each(|p| p.change_time),
                    each(|p| p.value_id),
                ],
                value: (group.rows.iter())
                    .map(|p| f64::from_bits(p.value.unwrap_or(0)))
                    .collect(),
                nulls: group.rows.iter().map(|p| p.value.is_none()).collect(),
                batch: group.rows.iter().map(|p| p.batch).collect(),
                notes: group.rows.iter().map(|p| p.note.clone()).collect(),
            }
        });
        let columns: Vec<Columns> = columns.collect();
        let runs = self.groups.iter().zip(&columns).map(|(group, columns)| {
            let [valid_time, ends, known_time, change_time, value_id] = &columns.times;
            Run {
                series: group.series(),
                valid_time,
                valid_time_end: ends.iter().any(|end| *end != NO_END).then_some(ends),
                value: &columns.value,
                nulls: columns.nulls.contains(&true).then_some(&columns.nulls),
                known_time,
                change_time,
                value_id,
                batch: &columns.batch,
                notes: (columns.notes.iter().any(Option::is_some)).then_some(&columns.notes),
            }
        });
        let runs: Vec<Run<'_, OwnNote>> = runs.collect();
        let versions = (self.told == Told::Versions).then_some(&Writers);
        encode_points(&runs, self.told != Told::Times, versions)
    }

    pub fn read(chunk: &Chunk<'_>) -> Self {
        assert!(matches!(chunk.values, Values::Points { .. }));
        let own = |note: &Note<'_>| OwnNote {
            annotation: note.annotation.map(str::to_owned),
            tags: note.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            metadata: note.metadata.map(str::to_owned),
            changed_by: note.changed_by.copied(),
        };
        let versions = chunk.versions.as_ref();
        let row = |i: usize| ReadPoint {
            valid_time: chunk.valid_time.at(i),
            end: chunk.end(i).unwrap_or(NO_END),
            value: chunk.value(i).map(f64::to_bits),
            known_time: chunk.known_time.map_or(0, |known| known.at(i)),
            change_time: versions.map_or(0, |versions| versions.change_time.at(i)),
            value_id: versions.map_or(0, |versions| versions.value_id.at(i)),
            batch: versions.map_or([0; 16], |versions| *versions.batch(i)),
            note: versions.and_then(|versions| Some(own(&versions.notes[versions.note(i)?]))),
            changed_by: versions.and_then(|versions| versions.changed_by(i).copied()),
        };
        Self {
            told: match (chunk.known_time, versions) {
                (_, Some(_)) => Told::Versions,
                (Some(_), None) => Told::Known,
                (None, None) => Told::Times,
            },
            groups: Group::read_all(chunk, row),
        }
    }
}

pub fn points() -> impl Strategy<Value = Points> {
    let texts = || proptest::option::of(text());
    let note = (texts(), vec(text(), 0..3), texts(), any::<Option<Id>>());
    let note = note.prop_map(|(annotation, tags, metadata, changed_by)| OwnNote {
        annotation,
        tags,
        metadata,
        changed_by,
    });
    let times = (any::<i64>(), or_none(NO_END), any::<[i64; 3]>());
    // Few batches, and few notes, so that some occur again.
    let says = (0_u8..4, proptest::option::of(0_usize..3));
    let groups = groups((times, value(), says));
    let told = prop_oneof![Just(Told::Times), Just(Told::Known), Just(Told::Versions)];
    (told, vec(note, 3), groups).prop_map(|(told, notes, groups)| {
        let point =
            |((valid_time, end, more), value, (batch, note)): (_, _, (u8, Option<usize>))| {
                let [known_time, change_time, value_id]: [i64; 3] = more;
                let note = note.map(|note| notes[note].clone());
                let changed_by = note.as_ref().and_then(|note| note.changed_by);
                ReadPoint {
                    valid_time,
                    end,
                    value,
                    known_time,
                    change_time,
                    value_id,
                    changed_by: changed_by.or(Writers.writer(&[batch; 16])),
                    batch: [batch; 16],
                    note,
                }
            };
        let mut points = Points {
            told,
            groups: (groups.into_iter())
                .map(|Group { id, texts, rows }| Group {
                    id,
                    texts,
                    rows: rows.into_iter().map(point).collect(),
                })
                .collect(),
        };
        points.forget_what_is_not_told();
        points
    })
}

impl Points {
    /// What the chunk does not say is not there; among versions with notes, one without has an empty one.
    fn forget_what_is_not_told(&mut self) {
        let all = || self.groups.iter().flat_map(|group| &group.rows);
        let with_notes = all().any(|point| point.note.is_some());
        let told = self.told;
        for point in self.groups.iter_mut().flat_map(|group| &mut group.rows) {
            if told == Told::Times {
                point.known_time = 0;
            }
            if told != Told::Versions {
                (point.change_time, point.value_id) = (0, 0);
                (point.batch, point.changed_by, point.note) = ([0; 16], None, None);
            } else if with_notes {
                point.note.get_or_insert_default();
            }
        }
    }
}
