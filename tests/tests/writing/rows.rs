//! Rows that are inserted into the views: a statement is one batch, and what `timedb.upload()` would have stored.

mod refused;
mod statements;
mod tools;

use timedb_tests::{Db, run};
use tokio_postgres::{Client, SimpleQueryMessage};

/// The rows that a query returns, each as text.
async fn rows(client: &Client, query: &str) -> Vec<String> {
    let answer = client.simple_query(query).await;
    let answer = answer.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            let columns = (0..row.len()).map(|column| row.get(column).unwrap_or("-"));
            Some(columns.collect::<Vec<_>>().join(" "))
        }
        _ => None,
    };
    answer.iter().filter_map(row).collect()
}

/// What is stored: names, labels, times and values.
async fn stored(client: &Client) -> Vec<String> {
    rows(
        client,
        "SELECT name, labels, unit, to_char(valid_time, 'DD\"T\"HH24'), to_char(valid_time_end, 'DD\"T\"HH24'), value
         FROM timedb.values ORDER BY name, labels, valid_time",
    )
    .await
}

/// The number of points of each batch, in the order in which they were written.
async fn batches(client: &Client) -> Vec<String> {
    rows(
        client,
        "SELECT points FROM timedb.batches ORDER BY change_time",
    )
    .await
}

/// Copies these lines into a view.
async fn copy(client: &Client, into: &str, lines: &str) -> Result<u64, tokio_postgres::Error> {
    let sink = client.copy_in::<_, bytes::Bytes>(into).await?;
    let mut sink = std::pin::pin!(sink);
    let sent = futures_util::SinkExt::send(&mut sink, bytes::Bytes::from(lines.to_owned())).await;
    let ended = sink.finish().await;
    sent.and(ended)
}

#[tokio::test]
async fn insert_and_copy_store_what_an_upload_would() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "SET timezone = 'UTC'").await;
    run(
        &client,
        r#"INSERT INTO timedb.values (name, labels, unit, valid_time, valid_time_end, value) VALUES
               ('power', '{"site": "north", "kind": "wind"}', 'MW', '2025-01-01T00:00Z', NULL, 1.5),
               ('power', '{"kind": "wind", "site": "north"}', 'kW', '2025-01-01T01:00Z', NULL, 2500),
               ('power', NULL, NULL, '2025-01-01T01:00Z', '2025-01-01T02:00Z', NULL),
               ('power', '{}', NULL, '2025-01-01T02:00Z', NULL, 'NaN')"#,
    )
    .await;
    let copied = copy(
        &client,
        "COPY timedb.values (valid_time, name, value) FROM STDIN",
        "2025-01-01T00:00Z\ttemp\t20\n2025-01-01T01:00Z\ttemp\t\\N\n2025-01-01T02:00Z\ttemp\tNaN\n",
    );
    assert_eq!(copied.await.unwrap(), 3);
    assert_eq!(
        stored(&client).await,
        [
            "power {} dimensionless 01T01 01T02 -",
            "power {} dimensionless 01T02 - -",
            r#"power {"kind": "wind", "site": "north"} MW 01T00 - 1.5"#,
            r#"power {"kind": "wind", "site": "north"} MW 01T01 - 2.5"#,
            "temp {} dimensionless 01T00 - 20",
            "temp {} dimensionless 01T01 - -",
            "temp {} dimensionless 01T02 - -",
        ]
    );
    assert_eq!(batches(&client).await, ["4", "3"]);
    // By id, in another unit than that of the series; what is written says who wrote it.
    run(
        &client,
        "INSERT INTO timedb.values (series_id, unit, valid_time, value)
         SELECT series_id, 'kW', timestamptz '2025-01-02Z', 500 FROM timedb.series WHERE unit = 'MW'",
    )
    .await;
    let by = format!(
        "SELECT value, changed_by = '{}' FROM timedb.versions WHERE valid_time = '2025-01-02Z'",
        db.a().user_id
    );
    assert_eq!(rows(&client, &by).await, ["0.5 t"]);
    let other = db.login(db.b()).await;
    assert_eq!(stored(&other).await, [""; 0]);
}

#[tokio::test]
async fn forecasts_say_when_each_value_was_known() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        "INSERT INTO timedb.forecasts (name, known_time, valid_time, value) VALUES
             ('wind', '2025-01-01Z', '2025-01-03Z', 1), ('wind', '2025-01-02Z', '2025-01-03Z', 2),
             ('wind', NULL, '2025-01-03Z', 3)",
    )
    .await;
    let known = "SELECT value, known_time = (SELECT change_time FROM timedb.batches), lead_time
                 FROM timedb.forecasts ORDER BY known_time";
    let known = rows(&client, known).await;
    assert_eq!(known[..2], ["1 f 2 days", "2 f 1 day"]);
    assert!(known[2].starts_with("3 t "), "{known:?}");
    assert_eq!(batches(&client).await, ["3"]);
}
