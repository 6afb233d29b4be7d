//! What a batch says about itself, and requests that can be sent again.

use crate::pg::error::{Error, Result, SqlState, uuid_text};
use crate::pg::json::Jsonb;
use crate::pg::locks;
use crate::pg::spi::{Arg, statements};
use crate::pg::time;
use timedb_segment::change_time_of;
use timedb_wire::refused::{RequestName, Token};

/// Longest idempotency key, in bytes: it is part of an index.
const MAX_KEY_BYTES: usize = 255;

/// What a batch says about itself; instants in Unix microseconds.
#[derive(Default)]
pub struct BatchInfo {
    pub known_time: Option<i64>,
    pub workflow_id: Option<String>,
    pub batch_start_time: Option<i64>,
    pub batch_finish_time: Option<i64>,
    /// A jsonb, stored as it came.
    pub batch_params: Option<Jsonb>,
}

/// What makes a request one that can be sent again.
#[derive(Default)]
pub struct Retry {
    /// The id that the batch gets.
    pub batch_id: Option<[u8; 16]>,
    /// The client's name for the request.
    pub idempotency_key: Option<String>,
}

/// A request that nobody has answered yet.
pub struct NewRequest {
    pub chosen_id: Option<[u8; 16]>,
    idempotency_key: Option<String>,
    hash: Option<[u8; 32]>,
}

/// A batch that the same request has made before.
pub struct AnsweredBatch {
    pub batch_id: [u8; 16],
    pub points: usize,
    pub skipped: usize,
    pub series_ids: Vec<[u8; 16]>,
    /// JSON.
    pub answer: Option<String>,
}

/// What becomes of a request.
pub enum RequestClaim {
    /// It is this transaction's to carry out.
    New(NewRequest),
    /// The same request was carried out before.
    Answered(AnsweredBatch),
}

statements! {
    FIND_REQUEST(TEXT, UUID) -> (UUID, INT8, INT8, UUIDS, TEXT, BYTEA, INT4) =
        c"SELECT batch_id, points, skipped, series_ids, answer::text, request_hash, 1 \
          FROM timedb.requests WHERE idempotency_key = $1 \
          UNION ALL \
          SELECT batch_id, points, skipped, series_ids, answer::text, request_hash, 0 \
          FROM timedb.requests WHERE batch_id = $2 AND (idempotency_key = $1) IS NOT TRUE";
    // Above READ COMMITTED the snapshot may be older than the claim, and lack a request that was committed in
    // between. ON CONFLICT makes that a serialization failure (40001): the transaction can be run again.
    INSERT_REQUEST(UUID, UUID, TEXT, BYTEA, TIMESTAMP, INT8, INT8, UUIDS, TEXT) =
        c"INSERT INTO timedb.requests \
              (tenant_id, batch_id, idempotency_key, request_hash, change_time, points, skipped, series_ids, answer) \
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb) \
          ON CONFLICT DO NOTHING";
}

impl Retry {
    /// Claims the request for this transaction, or finds its earlier answer. `hash` distinguishes it
    /// from other requests and is called only if that can matter.
    ///
    /// # Errors
    /// 22023 for a malformed key, 55006 while another transaction carries out the request, 22000 if the
    /// key or the id belongs to another request.
    pub fn claim(
        &self,
        tenant: &[u8; 16],
        hash: impl FnOnce() -> [u8; 32],
    ) -> Result<RequestClaim> {
        if let Some(key) = &self.idempotency_key {
            check_key(key)?;
            try_lock(tenant, key.as_bytes(), || name_of_key(key))?;
        }
        if let Some(batch_id) = &self.batch_id {
            try_lock(tenant, batch_id, || name_of_batch(batch_id))?;
        }
        let has_name = self.idempotency_key.is_some() || self.batch_id.is_some();
        let hash = has_name.then(hash);
        let found = match &hash {
            Some(hash) => self.find(hash)?,
            None => None,
        };
        if let Some(batch_id) = &self.batch_id
            && found.is_none()
            && change_time_of(tenant, batch_id).is_some()
        {
            // It is the id of a batch without a name, or will be.
            return Err(used_otherwise(name_of_batch(batch_id)));
        }
        Ok(match found {
            Some(batch) => RequestClaim::Answered(batch),
            None => RequestClaim::New(NewRequest {
                chosen_id: self.batch_id,
                idempotency_key: self.idempotency_key.clone(),
                hash,
            }),
        })
    }

    /// What the request was answered before.
    fn find(&self, hash: &[u8; 32]) -> Result<Option<AnsweredBatch>> {
        let mut found = None;
        let args = [
            self.idempotency_key.as_deref().map_or(Arg::NULL, Arg::text),
            self.batch_id.as_ref().map_or(Arg::NULL, Arg::uuid),
        ];
        // Not under the caller's snapshot: what counts is what was committed before the lock was taken.
        FIND_REQUEST.run(false, &args, |row| {
            let batch_id = row.uuid(1)?;
            let same = row.optional_bytea(6)?.as_deref() == Some(hash.as_slice());
            if !same || found.is_some() {
                return Err(used_otherwise(match &self.idempotency_key {
                    Some(key) if row.int4(7)? == 1 => name_of_key(key),
                    _ => name_of_batch(&batch_id),
                }));
            }
            found = Some(AnsweredBatch {
                batch_id,
                points: row.int8(2)? as usize,
                skipped: row.int8(3)? as usize,
                series_ids: row.uuids(4)?,
                answer: row.text(5)?,
            });
            Ok(())
        })?;
        Ok(found)
    }
}

fn name_of_key(key: &str) -> RequestName {
    RequestName::IdempotencyKey(key.to_owned())
}

fn name_of_batch(batch_id: &[u8; 16]) -> RequestName {
    RequestName::BatchId(uuid_text(batch_id))
}

/// As shown to people.
fn spelled(name: &RequestName) -> String {
    match name {
        RequestName::IdempotencyKey(key) => format!("idempotency key \"{key}\""),
        RequestName::BatchId(id) => format!("batch_id \"{id}\""),
    }
}

fn try_lock(tenant: &[u8; 16], request: &[u8], name: impl FnOnce() -> RequestName) -> Result<()> {
    if locks::try_request(tenant, request) {
        return Ok(());
    }
    Err(Error::new(
        SqlState::OBJECT_IN_USE,
        format!("the request with {} is in progress", spelled(&name())),
    )
    .hint("Send it again when it has ended."))
}

fn used_otherwise(name: RequestName) -> Error {
    Error::new(
        SqlState::DATA_EXCEPTION,
        format!("{} was used for a different request", spelled(&name)),
    )
    .token(Token::IdempotencyMismatch(name))
    .hint("Repeat a request unchanged, and give a different request a different name.")
}

fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "an idempotency key must have 1 to {MAX_KEY_BYTES} bytes and no control characters"
        ))
        .hint("A new UUID for each request is a good choice."));
    }
    Ok(())
}

/// What a request was answered, as far as it is kept to answer the same again.
pub struct Answer<'a> {
    pub points: usize,
    pub skipped: usize,
    pub series_ids: &'a [[u8; 16]],
    /// JSON.
    pub json: Option<&'a str>,
}

impl NewRequest {
    /// The id of the batch that the tenant writes at a change_time.
    pub fn batch_id(&self, tenant: &[u8; 16], change_time: i64) -> [u8; 16] {
        self.chosen_id
            .unwrap_or_else(|| timedb_segment::batch_id(tenant, change_time))
    }

    /// Keeps the answer, if the request can be sent again.
    ///
    /// # Errors
    /// 40001 where another transaction has carried the request out and this one's snapshot lacks it; the
    /// INSERT's own errors are raised.
    pub fn keep(&self, tenant: &[u8; 16], change_time: i64, answer: &Answer) -> Result<()> {
        let Some(hash) = &self.hash else {
            return Ok(());
        };
        let text = |t: Option<&str>| t.map_or(Arg::NULL, Arg::text);
        let args = [
            Arg::uuid(tenant),
            Arg::uuid(&self.batch_id(tenant, change_time)),
            text(self.idempotency_key.as_deref()),
            Arg::bytea(hash),
            Arg::int8(time::to_pg(change_time)),
            Arg::int8(answer.points as i64),
            Arg::int8(answer.skipped as i64),
            Arg::uuids(answer.series_ids.iter()),
            text(answer.json),
        ];
        match INSERT_REQUEST.execute(&args)? {
            1 => Ok(()),
            _ => Err(Error::new(
                SqlState::T_R_SERIALIZATION_FAILURE,
                "another transaction has just carried out this request",
            )
            .hint("Run the transaction again.")),
        }
    }
}
