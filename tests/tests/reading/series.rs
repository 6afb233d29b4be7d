//! Series beside their points: finding and counting them, their labels, what is told of one, renaming,
//! units on writing and reading, and the routes for all of that.

mod changes;
mod http;
mod isolation;
mod races;
mod search;
mod units;
mod uploads;
mod visible;

use serde_json::Value;
use timedb_tests::{Server, Tenant};
use tokio_postgres::{Client, Error};
use uuid::Uuid;

/// A series of this name, labels and unit.
async fn create(client: &Client, name: &str, labels: &Value, unit: &str) -> Uuid {
    let query = "SELECT series_id FROM timedb.create_series($1, $3, $2::text::jsonb)";
    client
        .query_one(query, &[&name, &labels.to_string(), &unit])
        .await
        .unwrap_or_else(|error| panic!("{name} {labels}: {error:?}"))
        .get(0)
}

/// The names that `timedb.find_series` finds with these arguments, in its order.
async fn names(client: &Client, arguments: &str) -> Vec<String> {
    let query = format!("SELECT name FROM timedb.find_series({arguments})");
    let rows = client
        .query(&query, &[])
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// Uploads values of the hours from 2025-01-01 on, with more arguments as SQL text.
async fn upload_in(client: &Client, values: &[f64], arguments: &str) -> Result<Uuid, Error> {
    let query = format!(
        "SELECT series_ids[1] FROM timedb.upload(
             ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 hour'
                   FROM generate_series(0, cardinality($1::float8[]) - 1) AS i ORDER BY i), $1, {arguments})"
    );
    Ok(client.query_one(&query, &[&values]).await?.get(0))
}

/// The values that a query returns.
async fn values(client: &Client, query: &str) -> Vec<f64> {
    let rows = client
        .query(query, &[])
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// GET as a tenant, which has to be answered with 200.
async fn get(server: &Server, tenant: &Tenant, path: &str) -> Value {
    let reply = server.get(path, Some(&tenant.key)).await;
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    reply.json()
}

/// A text as part of a path or a query string.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
