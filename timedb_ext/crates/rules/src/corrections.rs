//! Corrections of points: what an update is, namely the version that it names and the changes to it; how it is read
//! (`request`), and which version it means (`candidates`).

mod candidates;
mod request;

pub use candidates::{Candidates, refuse_twice};
pub use request::parse;

use std::rc::Rc;
use timedb_segment::{Note, Stamp};

/// An update: which version, and what becomes of it.
pub struct PointUpdate {
    /// The version that it names.
    pub target: Target,
    /// What becomes of it.
    pub edit: Edit,
}

/// The version that an update names: the newest one that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The id of the series.
    pub series: [u8; 16],
    /// Unix microseconds, like all instants here.
    pub valid_time: i64,
    /// [`NO_END`](timedb_segment::NO_END) for the point without one; None for whichever exists.
    pub end: Option<i64>,
    /// None for whichever is the newest.
    pub known_time: Option<i64>,
    /// The batch that the version was written by, or corrects.
    pub batch: Option<[u8; 16]>,
}

/// A version as it is stored.
#[derive(Debug, Clone)]
pub struct CurrentVersion {
    /// [`NO_END`](timedb_segment::NO_END) for the point without.
    pub end: i64,
    /// When it was known and written.
    pub stamp: Stamp,
    /// The batch that it was written by, or corrects.
    pub batch: [u8; 16],
    /// None is null.
    pub value: Option<f64>,
    /// What it says besides its value.
    pub note: Option<Rc<Note>>,
}

/// What becomes of a version; what is None stays.
#[derive(Default, PartialEq)]
pub struct Edit {
    /// The new value, or null.
    pub value: Option<Option<f64>>,
    /// The new annotation, or none.
    pub annotation: Option<Option<String>>,
    /// The new tags, ascending.
    pub tags: Option<Vec<String>>,
    /// The new metadata as JSON, or none.
    pub metadata: Option<Option<String>>,
}

impl Edit {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it makes another version of this one.
    pub fn alters(&self, found: &CurrentVersion) -> bool {
        let nothing = Note::default();
        let note = found.note.as_deref().unwrap_or(&nothing);
        // To the bit: 0 and -0 are two values.
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        alters(&self.value.map(bits), &bits(found.value))
            || alters(&self.annotation, &note.annotation)
            || alters(&self.tags, &note.tags)
            || alters(&self.metadata, &note.metadata)
    }

    /// The value and the note of the new version, which `user` writes.
    pub fn apply(
        &self,
        found: &CurrentVersion,
        user: Option<[u8; 16]>,
    ) -> (Option<f64>, Option<Rc<Note>>) {
        let old = found.note.as_deref().cloned().unwrap_or_default();
        let note = Note {
            annotation: self.annotation.clone().unwrap_or(old.annotation),
            tags: self.tags.clone().unwrap_or(old.tags),
            metadata: self.metadata.clone().unwrap_or(old.metadata),
            changed_by: user,
        };
        let value = self.value.unwrap_or(found.value);
        (value, (!note.is_empty()).then(|| Rc::new(note)))
    }
}

fn alters<T: PartialEq>(new: &Option<T>, old: &T) -> bool {
    new.as_ref().is_some_and(|new| new != old)
}

/// How messages name the position of an update: counted from 0, as in JSON.
fn place(i: usize) -> String {
    format!("updates[{i}]")
}
