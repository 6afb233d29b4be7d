//! Connections and the few SQL phrases that many tests share.

use crate::random::Random;
use std::time::{Duration, Instant};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, NoTls};
use uuid::Uuid;

/// Has PostgreSQL use workers wherever a plan may, whatever it costs. The setting has one name until PostgreSQL 15 and
/// another since.
pub const FORCE_PARALLEL: &str = "SELECT set_config(name, 'on', false) FROM pg_settings
    WHERE name IN ('force_parallel_mode', 'debug_parallel_query')";

/// Connects; the connection lives as long as the client.
pub async fn connect(dsn: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls)
        .await
        .unwrap_or_else(|error| panic!("cannot connect: {error:?}"));
    // An error of the connection shows in the client's next statement.
    tokio::spawn(async move { drop(connection.await) });
    client
}

/// Calls `timedb.authenticate` in the transaction that is open, and returns the tenant. The key stays out
/// of the server's log.
///
/// # Errors
/// 28000 for a key that is not valid.
///
/// # Panics
/// Outside a transaction, where the key would get into the log: see [`tenant_of`].
pub async fn authenticate(client: &Client, key: &str) -> Result<Uuid, Error> {
    client
        .batch_execute("SELECT timedb.hide_parameters()")
        .await?;
    let logged: String = client
        .query_one("SELECT current_setting('log_parameter_max_length')", &[])
        .await?
        .get(0);
    assert_eq!(
        logged, "0",
        "authenticate() is called outside a transaction"
    );
    let row = client
        .query_one("SELECT timedb.authenticate($1)", &[&key])
        .await?;
    Ok(row.get(0))
}

/// The tenant that a key opens, asked in a transaction of its own.
///
/// # Errors
/// 28000 for a key that is not valid.
pub async fn tenant_of(client: &Client, key: &str) -> Result<Uuid, Error> {
    client.batch_execute("BEGIN").await?;
    let answer = authenticate(client, key).await;
    client.batch_execute("ROLLBACK").await?;
    answer
}

/// Calls `timedb.login` outside any transaction, and returns the tenant. The key stays out of the server's
/// log.
///
/// # Errors
/// 28000 for a key that is not valid.
pub async fn login(client: &Client, key: &str) -> Result<Uuid, Error> {
    let hidden = client
        .batch_execute("BEGIN; SELECT timedb.hide_parameters()")
        .await;
    let answer = client.query_one("SELECT timedb.login($1)", &[&key]).await;
    // After an error this is a rollback.
    client.batch_execute("COMMIT").await?;
    hidden?;
    Ok(answer?.get(0))
}

/// Uploads hourly values of the series `name`, from 2025-01-01T00:00:00Z on, and returns the series' id.
///
/// # Errors
/// Whatever `timedb.upload` refuses.
pub async fn upload(client: &Client, name: &str, values: &[f64]) -> Result<Uuid, Error> {
    let row = client
        .query_one(
            "SELECT series_ids[1] FROM timedb.upload(
                 valid_time => ARRAY(SELECT timestamptz '2025-01-01 00:00:00Z' + i * interval '1 hour'
                                     FROM generate_series(0, cardinality($2::float8[]) - 1) AS i ORDER BY i),
                 value => $2,
                 name => ARRAY[$1])",
            &[&name, &values],
        )
        .await?;
    Ok(row.get(0))
}

/// Runs statements that have to go through.
///
/// # Panics
/// When one does not.
pub async fn run(client: &Client, sql: &str) {
    client
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// The single number that a query returns.
pub async fn count(client: &Client, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> i64 {
    client
        .query_one(query, parameters)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"))
        .get(0)
}

/// Compacts the tenant's store until nothing is left to do.
///
/// # Panics
/// When that is refused.
pub async fn compact(client: &Client) {
    while client
        .query_one("SELECT more FROM timedb.compact()", &[])
        .await
        .unwrap_or_else(|error| panic!("compact: {error:?}"))
        .get(0)
    {}
}

/// Compacts the tenant's store now and then, as a whole or a part of it.
///
/// # Panics
/// When that is refused.
pub async fn compact_sometimes(client: &Client, random: &mut Random) {
    if random.chance(75) {
        return;
    }
    let max_points = random.pick(&[1_i64, 100, 1_000_000]);
    client
        .query_one("SELECT more FROM timedb.compact($1)", &[&max_points])
        .await
        .unwrap_or_else(|error| panic!("compact({max_points}): {error:?}"));
}

/// Waits until a backend of the observer's database waits for a lock.
///
/// # Panics
/// When none does.
pub async fn until_somebody_waits(observer: &Client) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let start = Instant::now();
    while count(observer, waiting, &[]).await == 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "nobody waits");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What a statement was refused with: SQLSTATE and message.
///
/// # Panics
/// When the statement went through, or failed without the server's word.
#[track_caller]
pub fn refusal<T>(result: Result<T, Error>) -> (String, String) {
    match result {
        Ok(_) => panic!("the statement went through, it had to be refused"),
        Err(error) => match error.as_db_error() {
            Some(refused) => (
                refused.code().code().to_owned(),
                refused.message().to_owned(),
            ),
            None => panic!("not an answer of the server: {error:?}"),
        },
    }
}
