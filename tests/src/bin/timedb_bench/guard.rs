//! What keeping tenants apart costs: authentication, at a few keys and at a million, and row security
//! on a large and on a small read.

use std::time::Instant as Clock;

use futures_util::future::try_join4;
use timedb_tests::{Role, Server};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::data::{HOUR, START};
use crate::encode::{Instant, iso};
use crate::http::Connection;
use crate::read::window;
use crate::report::{self, medians};
use crate::stage::Stage;
use crate::{Result, report::progress};

/// Calls in one timed loop.
const CALLS: usize = 5_000;
const USERS: usize = 100_000;
const KEYS: usize = 1_000_000;
const HUNDRED: i64 = 100;
const BACKENDS: usize = 9;

/// Authentication; it comes last, because the keys stay.
///
/// # Errors
/// When the server refuses.
pub async fn authentication(stage: &Stage) -> Result<()> {
    progress("authenticate, two keys");
    authenticate(stage, "authenticate_us", &[stage.db.a().key.clone()]).await?;
    progress("authenticate, a million keys");
    let sample = fill_keys(stage).await?;
    let seconds = authenticate(stage, "authenticate_1m_keys_us", &sample).await?;
    report::more(
        "authenticate_1m_keys_per_s",
        1.0 / seconds[0],
        1.0 / seconds[1],
    );
    Ok(())
}

/// Rows of `read_flat` and the small read, each with row security and, in turn, without any. Without it
/// everything there is gets read, so only one tenant may have data yet.
///
/// # Errors
/// When the server refuses.
pub async fn row_security(stage: &Stage) -> Result<()> {
    progress("row security: with it and without");
    let guarded = stage.db.connect(Role::User).await;
    let free = unauthenticated(stage).await?;
    let series = any_series(&free).await?;
    let mut rounds = Vec::new();
    for run in 0..=stage.runs {
        guard(&stage.admin, true).await?;
        let large = large_read(stage).await?;
        let bare = statements(&free, series).await?;
        let small = transactions(&guarded, series, Some(&stage.db.a().key)).await?;
        guard(&stage.admin, false).await?;
        let large = [large, large_read(stage).await?];
        let bare = [bare, statements(&free, series).await?];
        let small = [small, transactions(&free, series, None).await?];
        if run > 0 {
            rounds.push([large[0], large[1], bare[0], bare[1], small[0], small[1]]);
        }
    }
    guard(&stage.admin, true).await?;
    let [large, large_free, bare, bare_free, small, small_free] = medians(&rounds);
    report::more(
        "row_security_read_flat_100k",
        100_000.0 / large,
        100_000.0 / large_free,
    );
    report::less("row_security_read_100_us", bare * 1e6, bare_free * 1e6);
    report::less("guarded_read_100_us", small * 1e6, small_free * 1e6);
    // Over HTTP there is no request without a key: the same difference, taken from a whole request.
    let request = request(stage, series).await?;
    let without = request - (small - small_free);
    report::less("http_get_100_us", request * 1e6, without * 1e6);
    Ok(())
}

/// A session in which nobody authenticates: a superuser may say who the tenant is, once the library is
/// there to hear it.
async fn unauthenticated(stage: &Stage) -> Result<Client> {
    let client = stage.db.connect(Role::Superuser).await;
    let tenant = stage.db.a().tenant_id;
    client
        .batch_execute(&format!(
            "SELECT timedb.version(); SET timedb.tenant_id = '{tenant}'; SET ROLE timedb_user"
        ))
        .await?;
    Ok(client)
}

/// Median seconds of `GET /values` for 100 points of one series, over one kept-alive connection.
async fn request(stage: &Stage, series: Uuid) -> Result<f64> {
    let server = Server::start_with(&stage.db.dsn(Role::User), &[], &[]);
    let mut connection = Connection::open(&server, &stage.db.a().key).await?;
    let [start, end] = hundred().map(|instant| iso(instant.0));
    let path = format!("/values?series_id={series}&start_valid={start}&end_valid={end}");
    let mut seconds = Vec::new();
    for call in 0..CALLS + CALLS / 5 {
        let clock = Clock::now();
        connection.get(&path).await?;
        if call >= CALLS / 5 {
            seconds.push(clock.elapsed().as_secs_f64());
        }
    }
    Ok(report::percentile(&mut seconds, 0.5))
}

/// Row security as it is, or none of it, with indexes that then stand in for the tenant's condition.
async fn guard(admin: &Client, on: bool) -> Result<()> {
    let verb = if on { "ENABLE" } else { "DISABLE" };
    let indexes = if on {
        "DROP INDEX IF EXISTS timedb.free_segments, timedb.free_series"
    } else {
        "CREATE INDEX free_segments ON timedb_internal.segments (series_id, span_class, min_valid);
         CREATE INDEX free_series ON timedb.series (series_id)"
    };
    admin
        .batch_execute(&format!(
            "ALTER TABLE timedb_internal.segments {verb} ROW LEVEL SECURITY;
             ALTER TABLE timedb.series {verb} ROW LEVEL SECURITY;
             ALTER TABLE timedb.series_labels {verb} ROW LEVEL SECURITY;
             {indexes}"
        ))
        .await?;
    Ok(())
}

/// Seconds of one sum over 100,000 points. Where a backend's memory happens to lie makes a third of
/// difference for all of its reads: so many backends, and the best of each.
async fn large_read(stage: &Stage) -> Result<f64> {
    let [start, end] = window();
    let sum =
        "SELECT count(*), sum(value) FROM timedb.read_flat(start_valid => $1, end_valid => $2)";
    let mut bests = Vec::new();
    for _ in 0..BACKENDS {
        let client = unauthenticated(stage).await?;
        let statement = client.prepare(sum).await?;
        let mut best = f64::INFINITY;
        for _ in 0..4 {
            let clock = Clock::now();
            let count: i64 = client.query_one(&statement, &[&start, &end]).await?.get(0);
            if count != 100_000 {
                return Err(format!("row security: {count} points instead of 100,000").into());
            }
            best = best.min(clock.elapsed().as_secs_f64());
        }
        bests.push(best);
    }
    Ok(report::percentile(&mut bests, 0.5))
}

async fn small_read(client: &Client) -> Result<Statement> {
    Ok(client
        .prepare(
            "SELECT valid_time, value FROM timedb.read_flat(series_id => ARRAY[$1::uuid], start_valid => $2, end_valid => $3)",
        )
        .await?)
}

fn hundred() -> [Instant; 2] {
    let start = START + 4_500 * HOUR;
    [Instant(start), Instant(start + HUNDRED * HOUR)]
}

/// The first series of the tenant.
///
/// # Errors
/// When the server refuses, or there is none.
pub async fn any_series(client: &Client) -> Result<Uuid> {
    let query = "SELECT series_id FROM timedb.series ORDER BY name LIMIT 1";
    Ok(client.query_one(query, &[]).await?.get(0))
}

/// Seconds of a read of 100 points alone, one statement a round trip.
///
/// # Errors
/// When the server refuses, or returns another number of points.
pub async fn statements(client: &Client, series: Uuid) -> Result<f64> {
    let read = small_read(client).await?;
    let [start, end] = hundred();
    let mut clock = Clock::now();
    for call in 0..CALLS + CALLS / 5 {
        if call == CALLS / 5 {
            clock = Clock::now();
        }
        let rows = client.query(&read, &[&series, &start, &end]).await?;
        if rows.len() != HUNDRED as usize {
            return Err(format!("{} points instead of {HUNDRED}", rows.len()).into());
        }
    }
    Ok(clock.elapsed().as_secs_f64() / CALLS as f64)
}

/// Seconds of a transaction that reads 100 points, its four messages in one round trip as the HTTP server
/// sends them. Without a key a statement that does nothing takes the place of `authenticate`.
async fn transactions(client: &Client, series: Uuid, key: Option<&str>) -> Result<f64> {
    let read = small_read(client).await?;
    let first = match key {
        Some(_) => client.prepare("SELECT timedb.authenticate($1)").await?,
        None => client.prepare("SELECT $1::text").await?,
    };
    let [start, end] = hundred();
    let mut clock = Clock::now();
    for call in 0..CALLS + CALLS / 5 {
        if call == CALLS / 5 {
            clock = Clock::now();
        }
        let (_, _, rows, _) = try_join4(
            client.batch_execute("BEGIN READ ONLY"),
            client.query_one(&first, &[&key]),
            client.query(&read, &[&series, &start, &end]),
            client.batch_execute("COMMIT"),
        )
        .await?;
        if rows.len() != HUNDRED as usize {
            return Err(format!("{} points instead of {HUNDRED}", rows.len()).into());
        }
    }
    Ok(clock.elapsed().as_secs_f64() / CALLS as f64)
}

/// A hundred thousand users with ten keys each, in both stores; returns some of the keys.
async fn fill_keys(stage: &Stage) -> Result<Vec<String>> {
    let tenant = stage.db.a().tenant_id;
    stage
        .admin
        .batch_execute(&format!(
            "CREATE TEMPORARY TABLE made AS
                 SELECT i, timedb_internal._generate_key() AS key FROM generate_series(1, {KEYS}) AS i;
             INSERT INTO timedb_internal.users (tenant_id, user_id, email)
                 SELECT '{tenant}', md5('user ' || i)::uuid, i || '@example.com' FROM generate_series(0, {USERS} - 1) AS i;
             INSERT INTO timedb_internal.api_keys (tenant_id, key_id, user_id, name, key_hash, key_prefix)
                 SELECT '{tenant}', gen_random_uuid(), md5('user ' || i % {USERS})::uuid, 'key ' || i,
                        sha256(convert_to(key, 'UTF8')), left(key, 12) FROM made;"
        ))
        .await?;
    let sample = "SELECT key FROM made ORDER BY md5(i::text) LIMIT 10000";
    let rows = stage.admin.query(sample, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The keys as plain tables, and all tables of keys as they are after a while.
async fn copy_keys(stage: &Stage) -> Result<()> {
    stage
        .admin
        .batch_execute(
            "DROP TABLE IF EXISTS plain.users, plain.keys;
             CREATE TABLE plain.users AS SELECT user_id, active FROM timedb_internal.users;
             CREATE TABLE plain.keys AS SELECT user_id, key_hash, revoked_at FROM timedb_internal.api_keys;
             ALTER TABLE plain.users ADD PRIMARY KEY (user_id);
             ALTER TABLE plain.keys ADD PRIMARY KEY (key_hash);
             GRANT SELECT ON plain.users, plain.keys TO PUBLIC",
        )
        .await?;
    for table in [
        "timedb_internal.users",
        "timedb_internal.api_keys",
        "plain.users",
        "plain.keys",
    ] {
        let vacuum = format!("VACUUM (ANALYZE) {table}");
        stage.admin.batch_execute(&vacuum).await?;
    }
    stage.checkpoint().await
}

/// Seconds of one `authenticate`, and of one look-up of the same key in plain tables: in the server,
/// less what the loop around it takes.
async fn authenticate(stage: &Stage, metric: &str, keys: &[String]) -> Result<[f64; 2]> {
    copy_keys(stage).await?;
    let client = &stage.user;
    let each = |name: &str, body: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION pg_temp.{name}(keys text[]) RETURNS void LANGUAGE plpgsql AS $$
             DECLARE k text;
             BEGIN FOREACH k IN ARRAY keys LOOP PERFORM {body}; END LOOP; END $$"
        )
    };
    let plain = "u.user_id FROM plain.keys a JOIN plain.users u USING (user_id)
                 WHERE a.key_hash = sha256(convert_to(k, 'UTF8')) AND u.active AND a.revoked_at IS NULL";
    for (name, body) in [
        ("nothing", "length(k)"),
        ("authenticate", "timedb.authenticate(k)"),
        ("plain", plain),
    ] {
        client.batch_execute(&each(name, body)).await?;
    }
    let calls: Vec<&String> = keys.iter().cycle().take(keys.len().max(CALLS)).collect();
    let mut rounds = Vec::new();
    for run in 0..=stage.runs {
        let mut round = [0.0; 3];
        for (seconds, name) in round.iter_mut().zip(["nothing", "authenticate", "plain"]) {
            let statement = client
                .prepare(&format!("SELECT pg_temp.{name}($1)"))
                .await?;
            client.batch_execute("BEGIN").await?;
            let clock = Clock::now();
            client.query(&statement, &[&calls]).await?;
            *seconds = clock.elapsed().as_secs_f64() / calls.len() as f64;
            client.batch_execute("COMMIT").await?;
        }
        if run > 0 {
            rounds.push(round);
        }
    }
    let [nothing, ours, plain] = medians(&rounds);
    let net = [ours - nothing, plain - nothing];
    report::less(metric, net[0] * 1e6, net[1] * 1e6);
    Ok(net)
}
