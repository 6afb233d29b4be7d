//! What a version says besides its value: annotation, tags, metadata, who changed it.

use std::rc::Rc;

/// What a version says besides its value. Most say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Note {
    /// A remark.
    pub annotation: Option<String>,
    /// Marks, in canonical order; empty if there is none.
    pub tags: Vec<String>,
    /// A JSON object.
    pub metadata: Option<String>,
    /// The user who corrected the point.
    pub changed_by: Option<[u8; 16]>,
}

impl Note {
    /// The bytes of its texts.
    pub fn bytes(&self) -> usize {
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        of(&self.annotation) + of(&self.metadata) + self.tags.iter().map(String::len).sum::<usize>()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Note::default()
    }
}

/// The notes of points, None for a point without. Points that say the same share one.
pub type Notes = Vec<Option<Rc<Note>>>;
