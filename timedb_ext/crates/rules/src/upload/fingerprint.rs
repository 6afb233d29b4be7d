//! What distinguishes one upload from another. Two uploads that say the same have the same fingerprint, whether they
//! came as arrays or packed, and however their JSON was written; the order of series and of points counts.

use super::{SeriesRef, UploadColumns};
use sha2::{Digest, Sha256};
use timedb_segment::NO_END;

/// Items hashed at a time.
const BLOCK: usize = 512;

/// What a batch says about itself; instants in Unix microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct AboutBatch<'a> {
    /// known_time, batch_start_time, batch_finish_time.
    pub instants: [Option<i64>; 3],
    /// What made it.
    pub workflow_id: Option<&'a str>,
    /// The text of a jsonb.
    pub batch_params: Option<&'a str>,
}

/// SHA-256 of everything that the upload says. The contents of null values must have been cleared.
pub fn fingerprint(
    columns: &UploadColumns,
    about: AboutBatch,
    batch_id: Option<&[u8; 16]>,
    skip_unchanged: bool,
) -> [u8; 32] {
    let mut hash = Parts(Sha256::new());
    hash.part(b"upload");
    hash.part(&(columns.series.len() as u64).to_le_bytes());
    for series in &columns.series {
        timedb_segment::pause();
        let unit = series.unit().unwrap_or_default();
        match series {
            SeriesRef::Id { id, .. } => {
                hash.part(id);
                hash.part(unit.as_bytes());
            }
            SeriesRef::Named(named) => {
                // No id is empty: a name cannot pass for one.
                hash.part(&[]);
                let description = named.description.as_deref().unwrap_or_default();
                for text in [&named.name, &*named.labels.json(), unit, description] {
                    hash.part(text.as_bytes());
                }
            }
        }
    }
    hash.column(&columns.series_index, u32::to_le_bytes);
    hash.column(&columns.valid_time, i64::to_le_bytes);
    // A column that says nothing is the same as none.
    let ends = columns.valid_time_end.as_deref();
    let ends = ends.filter(|ends| ends.iter().any(|&end| end != NO_END));
    hash.column(ends.unwrap_or_default(), i64::to_le_bytes);
    hash.column(&columns.value, |value| value.to_bits().to_le_bytes());
    let nulls = columns.nulls.as_deref();
    let nulls = nulls.filter(|nulls| nulls.contains(&true));
    hash.column(nulls.unwrap_or_default(), |null| [u8::from(null)]);
    for instant in about.instants {
        hash.optional(instant.map(i64::to_le_bytes));
    }
    hash.optional(about.workflow_id);
    hash.optional(about.batch_params);
    hash.part(batch_id.map_or(&[], |id| id.as_slice()));
    hash.part(&[u8::from(skip_unchanged)]);
    // Only where there is one, so that a request without is the one that it was to older versions.
    if let Some(known) = &columns.known_time {
        hash.column(known, i64::to_le_bytes);
    }
    hash.0.finalize().into()
}

/// A hash of parts, each with its length before it, so that none can run into the next.
struct Parts(Sha256);

impl Parts {
    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// A part that may be missing, which is not the same as an empty one.
    fn optional(&mut self, bytes: Option<impl AsRef<[u8]>>) {
        self.part(&[u8::from(bytes.is_some())]);
        self.part(bytes.as_ref().map_or(&[], AsRef::as_ref));
    }

    /// A column as one part, without a copy of it.
    fn column<T: Copy, const N: usize>(&mut self, items: &[T], bytes: impl Fn(T) -> [u8; N]) {
        let length = (items.len() as u64).saturating_mul(N as u64);
        self.0.update(length.to_le_bytes());
        for block in items.chunks(BLOCK) {
            timedb_segment::pause();
            let block: Vec<[u8; N]> = block.iter().map(|&item| bytes(item)).collect();
            self.0.update(block.as_flattened());
        }
    }
}
