//! A batch of points on its way: gathered in columns, named by what is in it and where it stands, and uploaded once.

use indexmap::IndexSet;
use sha2::{Digest, Sha256};
use timedb_http::db::PgInstant;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::record::{InputRow, Labels, SeriesName};
use crate::cli::commands::calls::one;
use crate::cli::commands::tenant::TenantSession;
use crate::cli::session::SessionTrouble;

const UPLOAD: &str = "SELECT points, skipped, replayed FROM timedb.upload(valid_time => $1, value => $2, name => $3, \
     labels => $4, series_id => $5, unit => $6, series_index => $7, valid_time_end => $8, known_times => $9, \
     known_time => $10, workflow_id => $11, idempotency_key => $12, skip_unchanged => $13)";

/// What all batches have in common.
pub struct WriteOptions<'a> {
    pub workflow_id: &'a str,
    pub known_time: Option<PgInstant>,
    pub skip_unchanged: bool,
    /// What the batches are called after, instead of their content.
    pub name: Option<&'a str>,
}

/// Points, in the order of the file.
#[derive(Default)]
pub struct PointBatch {
    first_row: u64,
    last_row: u64,
    series: IndexSet<SeriesName, std::hash::RandomState>,
    valid_time: Vec<PgInstant>,
    valid_time_end: Vec<Option<PgInstant>>,
    value: Vec<Option<f64>>,
    known_time: Vec<Option<PgInstant>>,
    series_index: Vec<i32>,
}

/// What an upload has done.
pub struct UploadDone {
    pub points: i64,
    pub skipped: i64,
    pub replayed: bool,
}

impl PointBatch {
    /// Where in the file it is.
    pub fn place(&self) -> String {
        format!("rows {} to {}", self.first_row, self.last_row)
    }

    pub fn len(&self) -> usize {
        self.valid_time.len()
    }

    /// Whether a point of a series that is known by its id, or by its name, may stand beside the ones that are there:
    /// an upload has one kind of series.
    pub fn takes(&self, record: &InputRow) -> bool {
        let first = self.series.first();
        first.is_none_or(|first| first.id.is_some() == record.series.id.is_some())
    }

    pub fn push(&mut self, row: u64, record: InputRow) {
        if self.len() == 0 {
            self.first_row = row;
        }
        self.last_row = row;
        let (at, _) = self.series.insert_full(record.series);
        self.series_index
            .push(i32::try_from(at + 1).unwrap_or(i32::MAX));
        self.valid_time.push(PgInstant(record.valid_time));
        self.valid_time_end
            .push(record.valid_time_end.map(PgInstant));
        self.value.push(record.value);
        self.known_time.push(record.known_time.map(PgInstant));
    }

    /// What this batch is called, so that it is written once: by its number under the name that was given, or else by
    /// what is in it and where it stands.
    fn key(&self, upload: &WriteOptions<'_>, number: u64) -> String {
        if let Some(name) = upload.name {
            return format!("{name}/{number}");
        }
        let mut hash = Sha256::new();
        let mut put = |bytes: &[u8]| {
            hash.update(bytes.len().to_be_bytes());
            hash.update(bytes);
        };
        put(b"timedb write 1");
        put(&number.to_be_bytes());
        put(upload.workflow_id.as_bytes());
        put(&micros(upload.known_time));
        put(&[u8::from(upload.skip_unchanged)]);
        for series in &self.series {
            put(series.id.unwrap_or_default().as_bytes());
            put(series.name.as_bytes());
            put(series.unit.as_deref().unwrap_or_default().as_bytes());
            put(&(series.labels.len() as u64).to_be_bytes());
            for (name, value) in &series.labels {
                put(name.as_bytes());
                put(value.as_bytes());
            }
        }
        let ends = self.valid_time_end.iter().zip(&self.known_time);
        let points = self.valid_time.iter().zip(&self.value).zip(ends);
        for (((valid, value), (end, known)), index) in points.zip(&self.series_index) {
            put(&micros(Some(*valid)));
            put(&value.map_or([0xff; 8], |value| value.to_bits().to_be_bytes()));
            put(&micros(*end));
            put(&micros(*known));
            put(&index.to_be_bytes());
        }
        let digest = hash.finalize();
        let text = digest.iter().map(|byte| format!("{byte:02x}"));
        format!("timedb-write:{}", text.collect::<String>())
    }
}

fn micros(time: Option<PgInstant>) -> [u8; 8] {
    time.map_or(i64::MIN, |time| time.0).to_be_bytes()
}

/// Writes a batch in a transaction of its own; one that is there already is not written again.
pub async fn write(
    session: &mut TenantSession,
    upload: &WriteOptions<'_>,
    batch: &PointBatch,
    number: u64,
) -> Result<UploadDone, SessionTrouble> {
    let ids: Option<Vec<Uuid>> = batch.series.iter().map(|series| series.id).collect();
    let names: Vec<&str> = batch.series.iter().map(|one| one.name.as_str()).collect();
    let labels: Vec<Json<&Labels>> = batch.series.iter().map(|one| Json(&one.labels)).collect();
    let names = ids.is_none().then_some(names);
    let labels = ids.is_none().then_some(labels);
    let units: Vec<Option<&str>> = batch.series.iter().map(|one| one.unit.as_deref()).collect();
    let has = |column: &[Option<PgInstant>]| column.iter().any(Option::is_some);
    let ends = has(&batch.valid_time_end).then_some(&batch.valid_time_end);
    let known = has(&batch.known_time).then_some(&batch.known_time);
    let key = batch.key(upload, number);
    let transaction = session.begin().await?;
    let parameters = [
        (&batch.valid_time as _, Type::TIMESTAMPTZ_ARRAY),
        (&batch.value as _, Type::FLOAT8_ARRAY),
        (&names as _, Type::TEXT_ARRAY),
        (&labels as _, Type::JSONB_ARRAY),
        (&ids as _, Type::UUID_ARRAY),
        (&units as _, Type::TEXT_ARRAY),
        (&batch.series_index as _, Type::INT4_ARRAY),
        (&ends as _, Type::TIMESTAMPTZ_ARRAY),
        (&known as _, Type::TIMESTAMPTZ_ARRAY),
        (&upload.known_time as _, Type::TIMESTAMPTZ),
        (&upload.workflow_id as _, Type::TEXT),
        (&key as _, Type::TEXT),
        (&upload.skip_unchanged as _, Type::BOOL),
    ];
    let rows = transaction.query_typed(UPLOAD, &parameters).await?;
    transaction.commit().await?;
    let Ok(row) = one(rows) else {
        // A function that returns one row does so.
        return Ok(UploadDone {
            points: 0,
            skipped: 0,
            replayed: false,
        });
    };
    Ok(UploadDone {
        points: row.get("points"),
        skipped: row.get("skipped"),
        replayed: row.get("replayed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(value: f64, name: &str) -> PointBatch {
        let mut batch = PointBatch::default();
        batch.push(
            1,
            InputRow {
                series: SeriesName {
                    id: None,
                    name: name.to_owned(),
                    labels: Labels::new(),
                    unit: None,
                },
                valid_time: 0,
                valid_time_end: None,
                value: Some(value),
                known_time: None,
            },
        );
        batch
    }

    #[test]
    fn a_batch_is_called_by_its_content_and_place() {
        let upload = |name| WriteOptions {
            workflow_id: "w",
            known_time: None,
            skip_unchanged: false,
            name,
        };
        let key = |batch: &PointBatch, number| batch.key(&upload(None), number);
        let same = key(&batch(1.0, "a"), 1);
        assert_eq!(same, key(&batch(1.0, "a"), 1));
        assert_ne!(same, key(&batch(1.0, "a"), 2));
        assert_ne!(same, key(&batch(2.0, "a"), 1));
        assert_ne!(same, key(&batch(1.0, "b"), 1));
        assert_eq!(batch(1.0, "a").key(&upload(Some("run")), 7), "run/7");
    }
}
