//! The data set in both stores: tenant `a` has it, and the plain table; `b` takes uploads over HTTP.

use std::collections::HashMap;
use std::ops::Deref;
use std::pin::pin;

use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio_postgres::Statement;
use uuid::Uuid;

use crate::Result;
use crate::data::{Checksum, Data, SERIES};
use crate::encode::Load;
pub use crate::store::Parameters;
use crate::store::Store;

/// Rows of pg_tables: the extension's tables that have to do with values, without tenants and their keys.
const TIMEDB_TABLES: &str = "schemaname IN ('timedb', 'timedb_internal') AND tablename NOT IN
    ('api_keys', 'audit_events', 'key_usage', 'settings', 'tenants', 'users')";

/// Both stores, and what is measured in them.
pub struct Stage {
    store: Store,
    /// What is stored.
    pub data: Data,
    /// How the data set stands in the plain table.
    pub load: Load,
}

/// Both stores without regard to what is in them.
impl Deref for Stage {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Stage {
    /// A new database.
    ///
    /// # Errors
    /// When the plain table cannot be made.
    pub async fn new(data: Data, runs: usize) -> Result<Self> {
        let store = Store::new(runs).await?;
        let load = Load {
            tenant_id: store.db.a().tenant_id,
            batch_id: Uuid::new_v4(),
            known: crate::data::START,
        };
        Ok(Self { store, data, load })
    }

    /// A metric's name for this data set.
    pub fn name(&self, metric: &str) -> String {
        format!("{metric}{}", self.data.kind.suffix())
    }

    /// Empties both stores, so that every upload meets the same ones.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn truncate(&self) -> Result<()> {
        let sql = format!(
            "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
             WHERE schemaname = 'plain' OR {TIMEDB_TABLES}"
        );
        let tables: String = self.admin.query_one(&sql, &[]).await?.get(0);
        let sql = format!("TRUNCATE {tables}");
        self.admin.batch_execute(&sql).await?;
        self.checkpoint().await
    }

    /// COPY out; returns the bytes.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn copy_out(&self, query: &str) -> Result<Vec<Bytes>> {
        let stream = self.user.copy_out(&format!("COPY {query}")).await?;
        Ok(stream.try_collect().await?)
    }

    /// Fetches rows (series_id, valid_time, value) and looks at every value; returns their number.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drain(&self, statement: &Statement, parameters: &Parameters<'_>) -> Result<usize> {
        let rows = self.user.query_raw(statement, parameters.to_vec()).await?;
        let mut rows = pin!(rows);
        let (mut count, mut sum) = (0, 0.0);
        while let Some(row) = rows.try_next().await? {
            count += 1;
            sum += row.get::<_, f64>(2);
        }
        std::hint::black_box(sum);
        Ok(count)
    }

    /// The position of each series of a tenant by its id; the transaction is that tenant's.
    ///
    /// # Errors
    /// When the tenant has other series than the data set.
    pub async fn series_positions(&self) -> Result<HashMap<Uuid, usize>> {
        self.store.positions(SERIES).await
    }

    /// Both stores as they are after a while: vacuumed, with statistics.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn settle(&self) -> Result<()> {
        self.store.vacuum().await
    }

    /// Bytes of the data set on both sides, with indexes and TOAST.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn bytes(&self) -> Result<[f64; 2]> {
        let sql = format!(
            "SELECT sum(size) FILTER (WHERE {TIMEDB_TABLES})::int8, sum(size) FILTER (WHERE schemaname = 'plain')::int8
             FROM pg_tables CROSS JOIN LATERAL pg_total_relation_size(
                 format('%I.%I', schemaname, tablename)::regclass) AS size
             WHERE schemaname IN ('timedb', 'timedb_internal', 'plain')"
        );
        let row = self.admin.query_one(&sql, &[]).await?;
        Ok([0, 1].map(|side| row.get::<_, i64>(side) as f64))
    }
}

/// Runs both contenders in turn, once to warm up and then `runs` times; the median seconds of each.
///
/// # Errors
/// As either contender.
pub async fn in_turn(
    runs: usize,
    mut ours: impl AsyncFnMut() -> Result<f64>,
    mut baseline: impl AsyncFnMut() -> Result<f64>,
) -> Result<[f64; 2]> {
    let mut rounds = Vec::with_capacity(runs);
    for run in 0..=runs {
        let round = [ours().await?, baseline().await?];
        if run > 0 {
            rounds.push(round);
        }
    }
    Ok(crate::report::medians(&rounds))
}

/// Fails unless both are the points expected.
///
/// # Errors
/// When one is not, with both in the text.
pub fn same(metric: &str, expected: &Checksum, found: [(&str, &Checksum); 2]) -> Result<()> {
    for (side, checksum) in found {
        if checksum != expected {
            return Err(format!("{metric}: {side} has {checksum}, not {expected}").into());
        }
    }
    Ok(())
}
