//! What a write says about itself.

use std::rc::Rc;

use crate::batch_id;

/// What a write says about itself. Instants are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// When it was written: no other batch of the tenant has the same.
    pub change_time: i64,
    /// When it was written, all of the tenant's writes up to this time had ended.
    pub settled_time: i64,
    /// The id that the client chose; None for the one that follows from change_time.
    pub chosen_id: Option<[u8; 16]>,
    /// What kind of write it is.
    pub kind: BatchKind,
    /// Who wrote it.
    pub user: Option<[u8; 16]>,
    /// The client's name for the work it belongs to.
    pub workflow_id: Option<String>,
    /// JSON of the client's.
    pub batch_params: Option<String>,
    /// The known_time of points without one of their own; None for corrections.
    pub known_time: Option<i64>,
    /// When the client's work began.
    pub start_time: i64,
    /// When it ended.
    pub finish_time: Option<i64>,
    /// How many versions it wrote.
    pub points: u64,
    /// How many it left out because they change nothing.
    pub skipped: u64,
    /// The least and the greatest valid_time that it wrote.
    pub valid: Option<(i64, i64)>,
    /// The series that it may have written to, each once.
    pub series: Rc<[[u8; 16]]>,
}

/// What kind of write a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// New points.
    Upload,
    /// New versions of points (timedb.update_values).
    Correction,
    /// One that has been deleted since.
    Deleted,
}

impl BatchKind {
    /// By their numbers.
    pub(crate) const ALL: [BatchKind; 3] =
        [BatchKind::Upload, BatchKind::Correction, BatchKind::Deleted];

    /// As SQL shows it.
    pub fn name(self) -> &'static str {
        match self {
            BatchKind::Upload => "upload",
            BatchKind::Correction => "correction",
            BatchKind::Deleted => "deleted",
        }
    }
}

impl Batch {
    /// Its id.
    pub fn id(&self, tenant: &[u8; 16]) -> [u8; 16] {
        self.chosen_id
            .unwrap_or_else(|| batch_id(tenant, self.change_time))
    }

    /// Whether it has been deleted.
    pub fn is_deleted(&self) -> bool {
        self.kind == BatchKind::Deleted
    }

    /// What is left of it once it is deleted: when it was written.
    pub fn deleted(&self) -> Batch {
        Batch {
            change_time: self.change_time,
            settled_time: self.settled_time,
            chosen_id: None,
            kind: BatchKind::Deleted,
            user: None,
            workflow_id: None,
            batch_params: None,
            known_time: Some(self.change_time),
            start_time: self.change_time,
            finish_time: None,
            points: 0,
            skipped: 0,
            valid: None,
            series: Rc::from([]),
        }
    }

    /// About how many bytes of a chunk are its own.
    pub fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        32 + text(&self.workflow_id) + text(&self.batch_params) + self.series.len() * 2
    }
}
