//! Values in buckets of time, and the last point of each series: in SQL and over HTTP.

mod aggregates;
mod before;
mod calendar;
mod edges;
mod fills;
mod http;
mod last;
mod last_many;
mod last_random;
mod streamed;

use timedb_tests::random::Random;
use timedb_tests::run;
use timedb_tests::times::Micros;
use tokio_postgres::Client;

/// valid_time, valid_time_end, value.
type Point = (i64, Option<i64>, Option<f64>);

/// Uploads points of one series, known at an instant.
async fn put(client: &Client, name: &str, known: i64, points: &[Point]) {
    let times: Vec<Micros> = points.iter().map(|p| Micros(p.0)).collect();
    let ends: Vec<Option<Micros>> = points.iter().map(|p| p.1.map(Micros)).collect();
    let values: Vec<Option<f64>> = points.iter().map(|p| p.2).collect();
    client
        .query_one(
            "SELECT batch_id FROM timedb.upload($1, $2, ARRAY[$3], valid_time_end => $4, known_time => $5)",
            &[&times, &values, &name, &ends, &Micros(known)],
        )
        .await
        .unwrap_or_else(|error| panic!("upload of {name}: {error:?}"));
}

/// Uploads what SQL generates: an expression for the value of the points `t`, which are the instants of
/// `generate_series(from, until, step)`.
async fn generate(client: &Client, name: &str, series: &str, value: &str) {
    let upload = format!(
        "SELECT count(*) FROM timedb.upload(
             ARRAY(SELECT t FROM generate_series({series}) AS t ORDER BY t),
             ARRAY(SELECT ({value})::float8 FROM generate_series({series}) AS t ORDER BY t), ARRAY['{name}'])"
    );
    run(client, &upload).await;
}

/// The single columns of the rows of a query, as text.
async fn texts(client: &Client, query: &str) -> Vec<String> {
    let query = format!("SELECT coalesce(x::text, 'null') FROM ({query}) AS q(x)");
    let rows = client.query(&query, &[]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// A value, or now and then a null.
fn random_value(random: &mut Random) -> Option<f64> {
    let value = (f64::from(random.below(200_000)) - 100_000.0) / 100.0;
    (!random.chance(10)).then_some(value)
}
