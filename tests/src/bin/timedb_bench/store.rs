//! A database with two stores: the extension with the tenants `a` and `b`, and the plain table. Both
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
use crate::data::{Checksum, Point};
use crate::encode::Instant;
use crate::report::progress;

/// Parameters of a statement.
pub type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// Calls of `timedb.compact()` after which there has to be nothing left.
const MOST_CALLS: usize = 100_000;

/// The database and its connections.
pub struct Store {
    /// The database.
    pub db: Db,
    /// Maintenance, as superuser.
    pub admin: Client,
    /// Both sides of every comparison.
    pub user: Client,
    /// Timed runs of each contender.
    pub runs: usize,
    /// Bytes of the extension's tables without a single value.
    empty: f64,
}

impl Store {
    /// A new database.
    ///
    /// # Errors
    /// When the plain table cannot be made.
    pub async fn new(runs: usize) -> Result<Self> {
        let db = Db::new().await;
        let admin = db.connect(Role::Superuser).await;
        let user = db.connect(Role::User).await;
        let roles = [Role::User, Role::Session].map(|role| db.role_name(role));
        let roles = roles.join(", ");
        admin
            .batch_execute(&format!(
                "CREATE SCHEMA plain;
                 CREATE TABLE plain.points (
                     tenant_id uuid, series_id uuid, valid_time timestamptz, known_time timestamptz,
                     change_time timestamptz, batch_id uuid, value float8,
                     PRIMARY KEY (tenant_id, series_id, valid_time, known_time, change_time));
                 GRANT USAGE ON SCHEMA plain TO {roles};
                 GRANT SELECT, INSERT ON plain.points TO {roles};"
            ))
            .await?;
        let mut store = Self {
            db,
            admin,
            user,
            runs,
            empty: 0.0,
        };
        // The first VACUUM of a table adds maps to it that no value is to blame for.
        store.vacuum().await?;
        store.empty = store.schema_bytes("timedb").await?;
        Ok(store)
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

    /// The position of each series of a tenant by its id, from its name; the transaction is that tenant's.
    ///
    /// # Errors
    /// When the tenant has another number of series, or series of other names.
    pub async fn positions(&self, series: usize) -> Result<HashMap<Uuid, usize>> {
        let sql = "SELECT series_id, name FROM timedb.series";
        let rows = self.user.query(sql, &[]).await?;
        if rows.len() != series {
            return Err(format!("there are {} series, not {series}", rows.len()).into());
        }
        rows.iter()
            .map(|row| {
                let name: &str = row.get(1);
                let position = name.strip_prefix("series_").map(str::parse);
                let position = position.ok_or_else(|| format!("a series is named {name}"))??;
                Ok((row.get(0), position))
            })
            .collect()
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

    /// Bytes of both sides since they were empty: all tables of the schema `timedb` with their indexes
    /// and TOAST, and the plain table likewise.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn both_bytes(&self) -> Result<[f64; 2]> {
        let ours = self.schema_bytes("timedb").await? - self.empty;
        Ok([ours, self.schema_bytes("plain").await?])
    }

    async fn schema_bytes(&self, schema: &str) -> Result<f64> {
        let sql = "SELECT sum(pg_total_relation_size(oid))::int8 FROM pg_class
                   WHERE relnamespace IN (to_regnamespace($1), to_regnamespace($1 || '_internal')) AND relkind IN ('r', 'm')";
        let row = self.admin.query_one(sql, &[&schema]).await?;
        Ok(row.get::<_, i64>(0) as f64)
    }

    /// Both sides with the statistics that a server gathers by itself after a minute; frees nothing.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn analyze(&self) -> Result<()> {
        self.maintain("ANALYZE").await
    }

    /// Both sides as they are after a while: vacuumed, with statistics.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn vacuum(&self) -> Result<()> {
        self.maintain("VACUUM (ANALYZE)").await
    }

    /// Vacuums the tables that autovacuum would now, by its own rule and the settings of each table: it looks once a
    /// minute, and what is measured here makes weeks in seconds.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn vacuum_what_is_due(&self) -> Result<()> {
        let sql = "SELECT format('%I.%I', s.schemaname, s.relname)
                   FROM pg_stat_all_tables AS s JOIN pg_class AS c ON c.oid = s.relid
                   CROSS JOIN LATERAL (
                       SELECT coalesce(max(v) FILTER (WHERE name = 'threshold'),
                                       current_setting('autovacuum_vacuum_threshold')::float8) AS threshold,
                              coalesce(max(v) FILTER (WHERE name = 'scale_factor'),
                                       current_setting('autovacuum_vacuum_scale_factor')::float8) AS scale,
                              coalesce(max(v) FILTER (WHERE name = 'insert_threshold'),
                                       current_setting('autovacuum_vacuum_insert_threshold')::float8) AS inserts,
                              coalesce(max(v) FILTER (WHERE name = 'insert_scale_factor'),
                                       current_setting('autovacuum_vacuum_insert_scale_factor')::float8)
                                  AS insert_scale
                       FROM (SELECT replace(option_name, 'autovacuum_vacuum_', '') AS name, option_value::float8 AS v
                             FROM pg_options_to_table(c.reloptions)
                             WHERE option_name LIKE 'autovacuum_vacuum_%') AS options) AS o
                   WHERE (s.schemaname IN ('timedb', 'timedb_internal', 'plain')
                          OR s.relid IN (SELECT reltoastrelid FROM pg_class
                                         WHERE relnamespace IN (to_regnamespace('timedb'), to_regnamespace('timedb_internal'),
                                                                to_regnamespace('plain'))))
                     AND (s.n_dead_tup > o.threshold + o.scale * greatest(c.reltuples, 0)
                          OR s.n_ins_since_vacuum > o.inserts + o.insert_scale * greatest(c.reltuples, 0))";
        for row in self.admin.query(sql, &[]).await? {
            let table: &str = row.get(0);
            self.admin.batch_execute(&format!("VACUUM {table}")).await?;
        }
        Ok(())
    }

    async fn maintain(&self, command: &str) -> Result<()> {
        let sql = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
                   WHERE schemaname IN ('timedb', 'timedb_internal', 'plain')";
        for row in self.admin.query(sql, &[]).await? {
            let table: &str = row.get(0);
            let sql = format!("{command} {table}");
            self.admin.batch_execute(&sql).await?;
        }
        self.checkpoint().await
    }

    /// Whether the extension has a function of this name.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn has(&self, function: &str) -> Result<bool> {
        let sql = "SELECT count(*) FROM pg_proc
                   WHERE pronamespace IN (to_regnamespace('timedb'), to_regnamespace('timedb_internal')) AND proname = $1";
        Ok(self
            .admin
            .query_one(sql, &[&function])
            .await?
            .get::<_, i64>(0)
            > 0)
    }

    /// Compacts what a tenant has, until there is nothing left to do, and vacuums both sides. Returns
    /// false, and says so, in a store that has no compaction.
    ///
    /// # Errors
    /// When the server refuses, or never says that it is done.
    pub async fn compact(&self, tenant: &Tenant) -> Result<bool> {
        if !self.has("compact").await? {
            progress("timedb.compact() does not exist: the lines after compaction are left out");
            return Ok(false);
        }
        let client = self.db.login(tenant).await;
        // Each call does a bounded amount of work and returns how far it is: it is done when it has
        // nothing to say, or the same as the time before.
        let sql = "SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]')::text FROM timedb.compact() AS c";
        let mut last = String::new();
        for _ in 0..MOST_CALLS {
            let answer: String = client.query_one(sql, &[]).await?.get(0);
            if answer == "[]" || answer == last {
                self.vacuum().await?;
                return Ok(true);
            }
            last = answer;
        }
        Err(format!("timedb.compact() does not end, its last answer is {last}").into())
    }
}
