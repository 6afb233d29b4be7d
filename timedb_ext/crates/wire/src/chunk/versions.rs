//! What a chunk of versions has besides times and values: who wrote each one in which batch, and its note.

use crate::Malformed;
use crate::bytes::{self, Input, put_length, put_text};
use crate::column::Column;

const ANNOTATION: u8 = 1;
const TAGS: u8 = 2;
const METADATA: u8 = 4;
const CHANGED_BY: u8 = 8;

/// What a version says beside its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note<'a> {
    /// A remark.
    pub annotation: Option<&'a str>,
    /// Marks; empty if there is none.
    pub tags: Vec<&'a str>,
    /// The JSON text of an object.
    pub metadata: Option<&'a str>,
    /// The user who corrected the point.
    pub changed_by: Option<&'a [u8; 16]>,
}

/// The columns of versions, within their chunk.
#[derive(Debug, Clone)]
pub struct Versions<'a> {
    /// When each version was written.
    pub change_time: Column<'a, i64>,
    /// The id of each write.
    pub value_id: Column<'a, i64>,
    /// The different notes; empty if no version has one.
    pub notes: Vec<Note<'a>>,
    /// The different batches, and who wrote them.
    batches: Vec<(&'a [u8; 16], Option<&'a [u8; 16]>)>,
    batch: Column<'a, u32>,
    note: Option<Column<'a, u32>>,
}

impl<'a> Versions<'a> {
    pub(super) fn take(
        input: &mut Input<'a>,
        points: usize,
        with_notes: bool,
    ) -> Result<Self, Malformed> {
        let change_time = input.column(points)?;
        let value_id = input.column(points)?;
        let (batches, batch) = input.dictionary(points, |input| {
            let (batch, known, user) = (input.array()?, input.u8()?, input.array()?);
            Ok((batch, (known != 0).then_some(user)))
        })?;
        let notes = input.optional(with_notes, |input| input.dictionary(points, Note::take))?;
        let (notes, note) = notes.unzip();
        Ok(Self {
            change_time,
            value_id,
            notes: notes.unwrap_or_default(),
            batches,
            batch,
            note,
        })
    }

    /// The batch that a version belongs to.
    #[inline]
    pub fn batch(&self, index: usize) -> &'a [u8; 16] {
        self.batches[self.batch.at(index) as usize].0
    }

    /// The place of a version's note among [`Self::notes`].
    #[inline]
    pub fn note(&self, index: usize) -> Option<usize> {
        Some(self.note?.at(index) as usize)
    }

    /// Who wrote a version: who corrected the point, or else who uploaded its batch.
    #[inline]
    pub fn changed_by(&self, index: usize) -> Option<&'a [u8; 16]> {
        let corrected = self.note(index);
        let corrected = corrected.and_then(|place| self.notes[place].changed_by);
        corrected.or(self.batches[self.batch.at(index) as usize].1)
    }
}

impl<'a> Note<'a> {
    fn take(input: &mut Input<'a>) -> Result<Self, Malformed> {
        let bits = input.u8()?;
        let has = |bit| bits & bit != 0;
        let annotation = input.optional(has(ANNOTATION), Input::text)?;
        let n_tags = input.optional(has(TAGS), Input::length)?;
        Ok(Self {
            annotation,
            tags: input.list(n_tags.unwrap_or(0), Input::text)?,
            metadata: input.optional(has(METADATA), Input::text)?,
            changed_by: input.optional(has(CHANGED_BY), Input::array)?,
        })
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.push(bytes::flags([
            (ANNOTATION, self.annotation.is_some()),
            (TAGS, !self.tags.is_empty()),
            (METADATA, self.metadata.is_some()),
            (CHANGED_BY, self.changed_by.is_some()),
        ]));
        self.annotation.iter().for_each(|text| put_text(out, text));
        if !self.tags.is_empty() {
            put_length(out, self.tags.len());
            self.tags.iter().for_each(|tag| put_text(out, tag));
        }
        self.metadata.iter().for_each(|text| put_text(out, text));
        out.extend(self.changed_by.into_iter().flatten());
    }
}
