//! One database with both stores in it: the extension with three tenants, and the plain table. Both
//! sides are worked on by one connection of one role that row security binds.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Instant as Clock;

use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};
use timedb_tests::{Db, Role, Tenant, authenticate};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::Result;
use crate::data::{Checksum, Data, Point, SERIES};
use crate::encode::{Instant, Load};

/// Parameters of a statement.
pub type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// The database, both stores, and what is measured in them.
pub struct Stage {
    /// The database; `a` has the data set, `b` takes uploads over HTTP.
    pub db: Db,
    /// Maintenance, as superuser.
    pub admin: Client,
    /// Both sides of every comparison.
    pub user: Client,
    /// What is stored.
    pub data: Data,
    /// How the data set stands in the plain table.
    pub load: Load,
    /// Timed runs of each contender.
    pub runs: usize,
}

impl Stage {
    /// A new database.
    ///
    /// # Errors
    /// When the plain table cannot be made.
    pub async fn new(data: Data, runs: usize) -> Result<Self> {
        let db = Db::new().await;
        let admin = db.connect(Role::Superuser).await;
        let user = db.connect(Role::User).await;
        let role = db.role_name(Role::User);
        admin
            .batch_execute(&format!(
                "CREATE SCHEMA plain;
                 CREATE TABLE plain.points (
                     tenant_id uuid, series_id uuid, valid_time timestamptz, known_time timestamptz,
                     change_time timestamptz, batch_id uuid, value float8,
                     PRIMARY KEY (tenant_id, series_id, valid_time, known_time, change_time));
                 GRANT USAGE ON SCHEMA plain TO {role};
                 GRANT SELECT, INSERT ON plain.points TO {role};"
            ))
            .await?;
        let load = Load {
            tenant_id: db.a().tenant_id,
            batch_id: Uuid::new_v4(),
            known: crate::data::START,
        };
        Ok(Self {
            db,
            admin,
            user,
            data,
            load,
            runs,
        })
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
        let sql = "TRUNCATE plain.points, timedb.segments, timedb.series, timedb.series_labels, timedb.batches";
        self.admin.batch_execute(sql).await?;
        self.checkpoint().await
    }

    /// Writes what is dirty, so that no run pays for the one before it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn checkpoint(&self) -> Result<()> {
        Ok(self.admin.batch_execute("CHECKPOINT").await?)
    }

    /// Begins a transaction of tenant `a`.
    ///
    /// # Errors
    /// When the key is refused.
    pub async fn begin(&self) -> Result<()> {
        self.begin_as(self.db.a()).await
    }

    /// Begins a transaction of a tenant.
    ///
    /// # Errors
    /// When the key is refused.
    pub async fn begin_as(&self, tenant: &Tenant) -> Result<()> {
        self.user.batch_execute("BEGIN").await?;
        authenticate(&self.user, &tenant.key).await?;
        Ok(())
    }

    /// Ends the transaction.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn commit(&self) -> Result<()> {
        Ok(self.user.batch_execute("COMMIT").await?)
    }

    /// COPY into the plain table; returns the seconds.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn copy_in(&self, rows: &Bytes, options: &str) -> Result<f64> {
        let start = Clock::now();
        let copy = format!("COPY plain.points FROM STDIN {options}");
        let mut sink = pin!(self.user.copy_in(&copy).await?);
        for at in (0..rows.len()).step_by(1 << 18) {
            sink.feed(rows.slice(at..rows.len().min(at + (1 << 18))))
                .await?;
        }
        sink.finish().await?;
        Ok(start.elapsed().as_secs_f64())
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

    /// The checksum of rows (series_id, valid_time, value).
    ///
    /// # Errors
    /// When the server refuses, or a series is none of the data set.
    pub async fn checksum(
        &self,
        statement: &Statement,
        parameters: &Parameters<'_>,
        position: impl Fn(Uuid) -> Option<usize>,
    ) -> Result<Checksum> {
        let rows = self.user.query_raw(statement, parameters.to_vec()).await?;
        let mut rows = pin!(rows);
        let mut checksum = Checksum::default();
        while let Some(row) = rows.try_next().await? {
            let id = row.get(0);
            checksum.add(Point {
                series: position(id).ok_or_else(|| format!("{id} is no series of the data"))?,
                valid_time: row.get::<_, Instant>(1).0,
                value: row.get(2),
            });
        }
        Ok(checksum)
    }

    /// The position of each series of a tenant by its id; the transaction is that tenant's.
    ///
    /// # Errors
    /// When the tenant has other series than the data set.
    pub async fn series_positions(&self) -> Result<HashMap<Uuid, usize>> {
        let sql = "SELECT series_id FROM timedb.series ORDER BY name";
        let rows = self.user.query(sql, &[]).await?;
        if rows.len() != SERIES {
            return Err(format!("there are {} series, not {SERIES}", rows.len()).into());
        }
        let ids = rows.iter().map(|row| row.get(0));
        Ok(ids.enumerate().map(|(i, id)| (id, i)).collect())
    }

    /// Both stores as they are after a while: vacuumed, with statistics.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn settle(&self) -> Result<()> {
        for table in [
            "plain.points",
            "timedb.segments",
            "timedb.series",
            "timedb.batches",
        ] {
            let sql = format!("VACUUM (ANALYZE) {table}");
            self.admin.batch_execute(&sql).await?;
        }
        self.checkpoint().await
    }

    /// Bytes of tables with their indexes and TOAST.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn bytes(&self, tables: &[&str]) -> Result<f64> {
        let sql =
            "SELECT sum(pg_total_relation_size(t::regclass))::int8 FROM unnest($1::text[]) AS t";
        let row = self.admin.query_one(sql, &[&tables]).await?;
        Ok(row.get::<_, i64>(0) as f64)
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
