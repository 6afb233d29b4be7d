//! Data as it arrives in life: 200 series, one point each a minute, one upload a tick over HTTP. The
//! rate beside INSERT of the same rows, and the bytes that a day of it takes.

use std::cell::Cell;
use std::fmt::Write;
use std::time::{Duration, Instant as Clock};

use bytes::Bytes;
use futures_util::future::try_join_all;
use rand_pcg::Pcg64;
use serde_json::Value;
use timedb_tests::{Role, Server, Tenant};
use uuid::Uuid;

use crate::data::{
    self, Checksum, HOUR, MINUTE, Point, START, plain_series_id, plain_series_position, series_name,
};
use crate::encode::iso;
use crate::http::Connection;
use crate::stage::{in_turn, same};
use crate::store::Store;
use crate::sums::{compare, sum_of};
use crate::{Result, report};

const SERIES: usize = 200;
/// A week of minutes, in the timed runs and the one before them.
const TICKS: usize = 7 * 1_440;
/// The same where a day will do.
const TICKS_SHORT: usize = 1_440;
/// After so many, a few hours', autovacuum has its turn.
const VACUUM_TICKS: usize = 360;
/// After this time PostgreSQL has counted what transactions have done.
const COUNTED: Duration = Duration::from_millis(1_100);

/// All lines of live ticks.
///
/// # Errors
/// When a side refuses, or does not hold what it was given.
pub async fn measure(runs: usize, is_short: bool) -> Result<()> {
    let ticks = if is_short { TICKS_SHORT } else { TICKS };
    let ticks = ticks.div_ceil(runs + 1);
    let store = Store::new(runs).await?;
    let server = Server::start_with(&store.db.dsn(Role::User), &[], &[]);
    let (a, b) = (store.db.a(), store.db.b());

    report::progress("live ticks, one connection");
    let rates = rates(&store, &server, a, ticks, [1, 1]).await?;
    let values = ((runs + 1) * ticks * SERIES) as f64;
    let [ours, plain] = store.both_bytes().await?;
    report::less("live_tick_bytes", ours / values, plain / values);
    report::more("live_tick_http_c1", rates[0], rates[1]);
    store.analyze().await?;
    let ticks_sent = (runs + 1) * ticks;
    reads(&store, &server, ticks_sent, "_at_once").await?;
    if store.compact(a).await? {
        let [ours, plain] = store.both_bytes().await?;
        report::less("live_tick_bytes_compacted", ours / values, plain / values);
    }
    reads(&store, &server, ticks_sent, "").await?;

    report::progress("live ticks, 16 connections and 8");
    let [ours, plain] = self::rates(&store, &server, b, ticks, [16, 8]).await?;
    report::more("live_tick_http_c16", ours, plain);
    Ok(())
}

/// Ticks per second of uploads over HTTP and of multi-row INSERTs, over so many connections each.
async fn rates(
    store: &Store,
    server: &Server,
    tenant: &Tenant,
    ticks: usize,
    connections: [usize; 2],
) -> Result<[f64; 2]> {
    let mut over_http = Vec::new();
    for _ in 0..connections[0] {
        over_http.push(Connection::open(server, &tenant.key).await?);
    }
    let mut in_sql = Vec::new();
    for _ in 0..connections[1] {
        in_sql.push(store.db.connect(Role::User).await);
    }
    let is_single = connections[0] == 1;
    let paused = Cell::new(Duration::ZERO);
    // Each side walks for itself, through the same values.
    let mut ours = Walk::new();
    let mut plain = Walk::new();
    let seconds = in_turn(
        store.runs,
        async || {
            let bodies: Vec<Bytes> = (0..ticks).map(|_| ours.upload()).collect();
            store.checkpoint().await?;
            let start = Clock::now();
            let next = Cell::new(0);
            try_join_all(over_http.iter_mut().map(async |connection| -> Result<()> {
                while let Some(body) = take(&bodies, &next) {
                    connection.post("/upload", body.clone()).await?;
                    if is_single {
                        paused.set(paused.get() + minutes_pass(store, next.get()).await?);
                    }
                }
                Ok(())
            }))
            .await?;
            Ok((start.elapsed() - paused.take()).as_secs_f64())
        },
        async || {
            let statements: Vec<String> = (0..ticks).map(|_| plain.insert(tenant)).collect();
            store.checkpoint().await?;
            let start = Clock::now();
            let next = Cell::new(0);
            try_join_all(in_sql.iter().map(async |client| -> Result<()> {
                while let Some(statement) = take(&statements, &next) {
                    client.batch_execute(statement).await?;
                    if is_single && next.get().is_multiple_of(VACUUM_TICKS) {
                        store.vacuum_what_is_due().await?;
                    }
                }
                Ok(())
            }))
            .await?;
            Ok(start.elapsed().as_secs_f64())
        },
    )
    .await?;
    verify(store, tenant, &ours.sent).await?;
    Ok(seconds.map(|seconds| ticks as f64 / seconds))
}

/// Now and then what autovacuum does as minutes pass, in the time that is measured. PostgreSQL counts what there is to
/// do once a second, so a second passes before; it is returned.
async fn minutes_pass(store: &Store, tick: usize) -> Result<Duration> {
    if tick.is_multiple_of(VACUUM_TICKS) {
        let start = Clock::now();
        tokio::time::sleep(COUNTED).await;
        return Ok(start.elapsed());
    }
    // All connections have been in use since.
    if tick > VACUUM_TICKS && tick % VACUUM_TICKS == VACUUM_TICKS / 4 {
        store.vacuum_what_is_due().await?;
    }
    Ok(Duration::ZERO)
}

/// What a page about all sensors asks for: the latest value of each, and their last hour.
async fn reads(store: &Store, server: &Server, ticks: usize, suffix: &str) -> Result<()> {
    report::progress("reading live ticks");
    let tenant = store.db.a().tenant_id;
    let series: Vec<Uuid> = (0..SERIES).map(plain_series_id).collect();
    let metric = format!("live_last_http{suffix}");
    let mut connection = Connection::open(server, &store.db.a().key).await?;
    let sql = "SELECT s.series_id, p.valid_time, p.value FROM unnest($2::uuid[]) AS s(series_id)
         CROSS JOIN LATERAL (
             SELECT v.valid_time, v.value FROM plain.points AS v
             WHERE v.tenant_id = $1 AND v.series_id = s.series_id
             ORDER BY v.valid_time DESC, v.known_time DESC, v.change_time DESC LIMIT 1) AS p";
    let plain = store.user.prepare(sql).await?;
    let answer: Value = serde_json::from_slice(&connection.fetch("/values/last").await?)?;
    if answer["count"] != SERIES {
        return Err(format!("{metric}: {} rows, not {SERIES}", answer["count"]).into());
    }
    let [ours, plain] = in_turn(
        store.runs,
        async || {
            let start = Clock::now();
            connection.get("/values/last").await?;
            Ok(start.elapsed().as_secs_f64())
        },
        async || {
            let start = Clock::now();
            let rows = store.user.query(&plain, &[&tenant, &series]).await?;
            let seconds = start.elapsed().as_secs_f64();
            match rows.len() {
                SERIES => Ok(seconds),
                rows => Err(format!("{rows} rows, not {SERIES}").into()),
            }
        },
    )
    .await?;
    report::less(&metric, ours * 1e3, plain * 1e3);

    let end = START + ticks as i64 * MINUTE;
    let [from, to] = [end - HOUR, end].map(iso);
    let hour = format!("valid_time >= '{from}' AND valid_time < '{to}'");
    let plain = sum_of(&format!(
        "(SELECT DISTINCT ON (series_id, valid_time) value FROM plain.points
          WHERE tenant_id = '{tenant}' AND {hour}
          ORDER BY series_id, valid_time, known_time DESC, change_time DESC) AS p"
    ));
    let flat = format!("timedb.read_flat(start_valid => '{from}', end_valid => '{to}')");
    let view = format!("timedb.values WHERE {hour}");
    for (name, source) in [("live_hour_flat", flat), ("live_hour_view", view)] {
        let metric = format!("{name}{suffix}");
        let ours = sum_of(&source);
        let [ours, base] = compare(store, &metric, (&ours, &[]), (&plain, &[])).await?;
        report::less(&metric, ours * 1e3, base * 1e3);
    }
    Ok(())
}

/// The next one that no connection has taken yet.
fn take<'a, T>(all: &'a [T], next: &Cell<usize>) -> Option<&'a T> {
    all.get(next.replace(next.get() + 1))
}

/// Every point of both sides, bit by bit.
async fn verify(store: &Store, tenant: &Tenant, expected: &Checksum) -> Result<()> {
    let sql = "SELECT series_id, valid_time, value FROM plain.points WHERE tenant_id = $1";
    let statement = store.user.prepare(sql).await?;
    let plain = store
        .checksum(&statement, &[&tenant.tenant_id], plain_series_position)
        .await?;
    store.begin_as(tenant).await?;
    let positions = store.positions(SERIES).await?;
    let sql = "SELECT series_id, valid_time, value FROM timedb.read_flat()";
    let statement = store.user.prepare(sql).await?;
    let ours = store
        .checksum(&statement, &[], |id| positions.get(&id).copied())
        .await?;
    store.commit().await?;
    same(
        "live_tick",
        expected,
        [("timedb", &ours), ("the plain table", &plain)],
    )
}

/// Sensors with two decimals, each a random walk.
struct Walk {
    random: Pcg64,
    /// Where each series is, in hundredths.
    at: Vec<i64>,
    tick: i64,
    /// All that has been said.
    sent: Checksum,
}

impl Walk {
    fn new() -> Self {
        Self {
            random: data::random(),
            at: vec![2_000; SERIES],
            tick: 0,
            sent: Checksum::default(),
        }
    }

    /// The time of the next tick and the value of each series.
    fn step(&mut self) -> (i64, Vec<f64>) {
        let valid_time = START + self.tick * MINUTE;
        self.tick += 1;
        for at in &mut self.at {
            *at += (5.0 * data::normal(&mut self.random)).round() as i64;
        }
        let values: Vec<f64> = self.at.iter().map(|&at| at as f64 / 100.0).collect();
        for (series, &value) in values.iter().enumerate() {
            self.sent.add(Point {
                series,
                valid_time,
                value,
            });
        }
        (valid_time, values)
    }

    /// The body of `POST /upload` for the next tick.
    fn upload(&mut self) -> Bytes {
        let (valid_time, values) = self.step();
        let time = iso(valid_time);
        let mut text = format!("{{\"batch_start_time\":\"{time}\",\"value_rows\":[");
        for (series, value) in values.iter().enumerate() {
            let comma = if series == 0 { "" } else { "," };
            let key = series_name(series);
            let row = write!(
                text,
                "{comma}{{\"valid_time\":\"{time}\",\"value_key\":\"{key}\",\"value\":{value}}}"
            );
            row.expect("a string takes everything");
        }
        text.push_str("]}");
        text.into()
    }

    /// One INSERT of the rows of the next tick.
    fn insert(&mut self, tenant: &Tenant) -> String {
        let (valid_time, values) = self.step();
        let (time, tenant, batch) = (iso(valid_time), tenant.tenant_id, Uuid::new_v4());
        let mut text = String::from("INSERT INTO plain.points VALUES ");
        for (series, value) in values.iter().enumerate() {
            let comma = if series == 0 { "" } else { "," };
            let series = plain_series_id(series);
            let row = write!(
                text,
                "{comma}('{tenant}','{series}','{time}','{time}','{time}','{batch}',{value})"
            );
            row.expect("a string takes everything");
        }
        text
    }
}
