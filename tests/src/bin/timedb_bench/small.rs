//! Six rows at a time over HTTP, and uploads of one row, beside `pgbench` that does the same in SQL without a server between:
//! requests per second and latency with one connection and with sixteen.

use std::time::{Duration, Instant as Clock};

use serde_json::{Value, json};
use timedb_tests::{Role, Server, Tenant, authenticate, upload};

use crate::data::{HOUR, START};
use crate::encode::iso;
use crate::http::Connection;
use crate::pgbench::{self, Sent};
use crate::report::{self, medians, percentile};
use crate::stage::Stage;
use crate::{Result, data};

/// Requests per second, and the latencies of the requests in milliseconds.
pub struct Load {
    /// Requests per second of all connections together.
    pub rate: f64,
    /// One for each request.
    pub latencies: Vec<f64>,
}

/// Six rows of a tenant.
struct Lookup {
    key: String,
    start: String,
    end: String,
}

/// All small reads.
///
/// # Errors
/// When a side refuses, or does not answer six rows.
pub async fn measure(stage: &Stage, seconds: u64) -> Result<()> {
    let server = Server::start_with(&stage.db.dsn(Role::User), &[], &[]);
    let notebook = lookup(stage, "six", 2, 3, 0, 3).await?;
    let deep = lookup(stage, "deep", 6, data::HOURS, 5_000, 5_001).await?;
    compare(stage, &server, &notebook, "http_get_6_c1", 1, seconds).await?;
    compare(stage, &server, &notebook, "http_get_6_c16", 16, seconds).await?;
    compare(stage, &server, &deep, "http_get_6_of_60k_c16", 16, seconds).await?;
    uploads(stage, &server, &notebook, seconds).await
}

/// A tenant with some hourly series, and the hours of it to read.
async fn lookup(
    stage: &Stage,
    name: &str,
    series: usize,
    hours: usize,
    from: i64,
    to: i64,
) -> Result<Lookup> {
    let owner = stage.db.connect(Role::Owner).await;
    let sql = "SELECT * FROM timedb.create_user(timedb.create_tenant($1), $1 || '@example.com')";
    let row = owner.query_one(sql, &[&name]).await?;
    let tenant = Tenant {
        tenant_id: row.get("tenant_id"),
        user_id: row.get("user_id"),
        email: row.get("email"),
        key: row.get("api_key"),
    };
    stage.begin_as(&tenant).await?;
    for i in 0..series {
        let values = &stage.data.values[i * stage.data.hours..][..hours];
        upload(&stage.user, &data::series_name(i), values).await?;
    }
    stage.commit().await?;
    stage.settle().await?;
    Ok(Lookup {
        key: tenant.key,
        start: iso(START + from * HOUR),
        end: iso(START + to * HOUR),
    })
}

async fn compare(
    stage: &Stage,
    server: &Server,
    lookup: &Lookup,
    metric: &str,
    connections: usize,
    seconds: u64,
) -> Result<()> {
    report::progress(&format!("{metric}: small reads"));
    let Lookup { key, start, end } = lookup;
    let path = format!("/values?start_valid={start}&end_valid={end}");
    let read = format!(
        "SELECT valid_time, series_id, name, unit, labels, value
         FROM timedb.read_flat(start_valid => '{start}', end_valid => '{end}')"
    );
    verify(stage, server, lookup, &path, &read).await?;
    let script = read.replace('\n', " ");
    hammer(server, key, &path, connections, Duration::from_millis(500)).await?;
    let mut rounds = Vec::with_capacity(stage.runs);
    for _ in 0..stage.runs {
        let duration = Duration::from_secs(seconds);
        let mut ours = hammer(server, key, &path, connections, duration).await?;
        let run = |sent| pgbench::run(&stage.db, key, &script, sent, connections, seconds);
        let mut pipelined = run(Sent::Pipelined)?;
        let one_by_one = run(Sent::OneByOne)?;
        rounds.push([
            ours.rate,
            pipelined.rate,
            one_by_one.rate,
            percentile(&mut ours.latencies, 0.5),
            percentile(&mut pipelined.latencies, 0.5),
            percentile(&mut ours.latencies, 0.99),
            percentile(&mut pipelined.latencies, 0.99),
        ]);
    }
    let [ours, pipelined, one_by_one, p50, base_p50, p99, base_p99] = medians(&rounds);
    report::more(metric, ours, pipelined);
    report::more(&format!("{metric}_vs_unpipelined"), ours, one_by_one);
    report::less(&format!("{metric}_p50_ms"), p50, base_p50);
    report::less(&format!("{metric}_p99_ms"), p99, base_p99);
    Ok(())
}

/// One row an upload, over 16 connections.
async fn uploads(stage: &Stage, server: &Server, lookup: &Lookup, seconds: u64) -> Result<()> {
    const METRIC: &str = "http_post_1_c16";
    report::progress(&format!("{METRIC}: uploads of one row"));
    let script = "SELECT batch_id FROM timedb.upload(ARRAY[clock_timestamp()], ARRAY[1.5], name => ARRAY['sql'])";
    let mut rounds = Vec::with_capacity(stage.runs);
    for _ in 0..stage.runs {
        let mut ours = post_each(server, &lookup.key, 16, Duration::from_secs(seconds)).await?;
        let sent = Sent::Pipelined;
        let mut pipelined = pgbench::run(&stage.db, &lookup.key, script, sent, 16, seconds)?;
        rounds.push([
            ours.rate,
            pipelined.rate,
            percentile(&mut ours.latencies, 0.99),
            percentile(&mut pipelined.latencies, 0.99),
        ]);
    }
    let [ours, pipelined, p99, base_p99] = medians(&rounds);
    report::more(METRIC, ours, pipelined);
    report::less(&format!("{METRIC}_p99_ms"), p99, base_p99);
    Ok(())
}

/// Uploads the next point of its own series on each connection, as soon as the answer to the one before is there.
async fn post_each(
    server: &Server,
    key: &str,
    connections: usize,
    duration: Duration,
) -> Result<Load> {
    let open = open_all(server, key, connections).await?;
    let post = async |connection: &mut Connection, number: usize, sent: usize| {
        let time = iso(START + sent as i64 * 1_000_000);
        let body = json!({"batch_start_time": time, "value_rows": [
            {"valid_time": time, "value_key": format!("one {number}"), "value": 1.5}]});
        let began = Clock::now();
        connection.post("/upload", body.to_string().into()).await?;
        Ok(began.elapsed())
    };
    keep_sending(open, duration, post).await
}

/// Both sides answer the same six rows.
async fn verify(
    stage: &Stage,
    server: &Server,
    lookup: &Lookup,
    path: &str,
    read: &str,
) -> Result<()> {
    let body = Connection::open(server, &lookup.key)
        .await?
        .fetch(path)
        .await?;
    let answer: Value = serde_json::from_slice(&body)?;
    let sum = |rows: &Vec<Value>| rows.iter().filter_map(|row| row["value"].as_f64()).sum();
    let over_http: (usize, f64) = match answer["data"].as_array() {
        Some(rows) => (rows.len(), sum(rows)),
        None => return Err(format!("{path}: {answer}").into()),
    };
    stage.user.batch_execute("BEGIN").await?;
    authenticate(&stage.user, &lookup.key).await?;
    let rows = stage.user.query(read, &[]).await?;
    stage.commit().await?;
    let values = rows.iter().map(|row| row.get::<_, f64>("value"));
    let in_sql = (rows.len(), values.sum::<f64>());
    if over_http.0 != 6 || in_sql.0 != 6 || (over_http.1 - in_sql.1).abs() > 1e-9 {
        return Err(format!("{path}: {over_http:?} over HTTP, {in_sql:?} in SQL").into());
    }
    Ok(())
}

/// Sends the same request over and over on each connection, the next one as soon as the answer is there.
async fn hammer(
    server: &Server,
    key: &str,
    path: &str,
    connections: usize,
    duration: Duration,
) -> Result<Load> {
    let mut open = open_all(server, key, connections).await?;
    let expected = match open.first_mut() {
        Some(first) => first.get(path).await?,
        None => 0,
    };
    let get = async |connection: &mut Connection, _: usize, _: usize| {
        let began = Clock::now();
        let length = connection.get(path).await?;
        let took = began.elapsed();
        if length != expected {
            return Err(format!("{path}: {length} bytes, not {expected}").into());
        }
        Ok(took)
    };
    keep_sending(open, duration, get).await
}

async fn open_all(server: &Server, key: &str, connections: usize) -> Result<Vec<Connection>> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(server, key).await?);
    }
    Ok(open)
}

/// Sends on all connections for so long. `send` is given a connection, which of them it is, and how many requests it has
/// sent; it says how long its answer took.
async fn keep_sending(
    open: Vec<Connection>,
    duration: Duration,
    send: impl AsyncFn(&mut Connection, usize, usize) -> Result<Duration>,
) -> Result<Load> {
    let (start, send) = (Clock::now(), &send);
    let clients = open.into_iter().enumerate();
    let clients = clients.map(|(number, mut connection)| async move {
        let mut latencies = Vec::new();
        while start.elapsed() < duration {
            let took = send(&mut connection, number, latencies.len()).await?;
            latencies.push(took.as_secs_f64() * 1e3);
        }
        Result::Ok(latencies)
    });
    let latencies = futures_util::future::try_join_all(clients).await?.concat();
    Ok(Load {
        rate: latencies.len() as f64 / start.elapsed().as_secs_f64(),
        latencies,
    })
}
