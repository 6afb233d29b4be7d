//! Reading: which version of a point each read returns, and what its filters mean; in SQL, and against the
//! naive model over HTTP as well.

mod answers;
mod as_of;
mod filters;
mod large;
mod names;
mod no_cutoff;
mod random;
mod relative;
mod units;
mod writer;

use timedb_tests::rows::{Filter, Mode, read};
use timedb_tests::times::{HOUR, Micros, START};
use timedb_tests::{Db, count, refusal, run, upload};
use tokio_postgres::Client;
use uuid::Uuid;

/// Uploads values for the hours from START on, known at START + `known` hours.
async fn forecast(client: &Client, name: &str, known: i64, values: &[f64]) -> Uuid {
    let times: Vec<Micros> = (0..values.len() as i64)
        .map(|i| Micros(START + i * HOUR))
        .collect();
    let row = client
        .query_one(
            "SELECT series_ids[1] FROM timedb.upload($1, $2, ARRAY[$3], known_time => $4)",
            &[&times, &values, &name, &Micros(START + known * HOUR)],
        )
        .await
        .unwrap_or_else(|error| panic!("upload: {error:?}"));
    row.get(0)
}

async fn values(client: &Client, mode: Mode, filter: &Filter) -> Vec<f64> {
    let points = read(client, mode, filter).await;
    points
        .iter()
        .map(|point| f64::from_bits(point.value.unwrap()))
        .collect()
}

#[tokio::test]
async fn flat_takes_the_newest_known_overlapping_all_known_versions_everything() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    forecast(&client, "wind", 2, &[20.0, 21.0]).await;
    // Written later, known earlier: it does not win.
    forecast(&client, "wind", 1, &[10.0, 11.0, 12.0]).await;
    // The same known_time again: the later write wins.
    forecast(&client, "wind", 2, &[22.0]).await;
    let all = Filter::default();
    assert_eq!(values(&client, Mode::Flat, &all).await, [22.0, 21.0, 12.0]);
    assert_eq!(
        values(&client, Mode::Overlapping, &all).await,
        [10.0, 22.0, 11.0, 21.0, 12.0]
    );
    assert_eq!(
        values(&client, Mode::Versions, &all).await,
        [10.0, 20.0, 22.0, 11.0, 21.0, 12.0]
    );
}

#[tokio::test]
async fn rows_tell_name_unit_and_labels() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        r#"SELECT * FROM timedb.upload(ARRAY['2025-01-01Z'::timestamptz], ARRAY[1.5], ARRAY['Wärme "ω"'],
             labels => ARRAY['{"b": "2", "a": "1.50", "c": "false"}'::jsonb], unit => ARRAY['MW'])"#,
    )
    .await;
    for read in [
        "read_flat()",
        "read_overlapping()",
        "read_versions()",
        "values",
    ] {
        let query = format!(
            "SELECT name, unit, labels = '{{\"a\": \"1.50\", \"b\": \"2\", \"c\": \"false\"}}' FROM timedb.{read}"
        );
        let row = client.query_one(&query, &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "Wärme \"ω\"", "{read}");
        assert_eq!(row.get::<_, &str>(1), "MW", "{read}");
        assert!(row.get::<_, bool>(2), "{read}");
    }
}

#[tokio::test]
async fn the_view_values_is_what_read_flat_returns() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (known, name) in [(1, "wind"), (3, "load"), (2, "wind")] {
        forecast(&client, name, known, &[known as f64, 0.5, -0.0]).await;
    }
    let columns = "series_id, name, unit, labels, valid_time, valid_time_end, value";
    for condition in [
        "",
        "WHERE name = 'wind'",
        "WHERE valid_time < '2025-01-01 01:00Z' AND value > 1",
    ] {
        let difference = format!(
            "SELECT count(*) FROM (
                 (SELECT {columns} FROM timedb.values {condition}
                  EXCEPT ALL SELECT {columns} FROM timedb.read_flat() {condition})
                 UNION ALL
                 (SELECT {columns} FROM timedb.read_flat() {condition}
                  EXCEPT ALL SELECT {columns} FROM timedb.values {condition})) AS d"
        );
        assert_eq!(count(&client, &difference, &[]).await, 0, "{condition}");
        let query = format!("SELECT count(*) FROM timedb.values {condition}");
        assert!(count(&client, &query, &[]).await > 0, "{condition}");
    }
}

#[tokio::test]
async fn reads_can_be_joined_limited_and_nested_like_tables() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    forecast(&client, "wind", 1, &[1.0, 2.0, 3.0]).await;
    forecast(&client, "load", 1, &[10.0, 20.0, 30.0]).await;
    let query = "SELECT count(*) FROM timedb.read_flat(name => 'wind') AS w
                 JOIN timedb.read_flat(name => 'load') AS l USING (valid_time)
                 WHERE l.value = 10 * w.value";
    assert_eq!(count(&client, query, &[]).await, 3);
    let query = "SELECT count(*) FROM (SELECT * FROM timedb.read_versions() LIMIT 2) AS two";
    assert_eq!(count(&client, query, &[]).await, 2);
    // One read is open while another runs to its end, over and over.
    let query = "SELECT sum(x.n)::int8 FROM timedb.series AS s CROSS JOIN LATERAL (
                     SELECT count(*) AS n FROM timedb.read_flat(series_id => ARRAY[s.series_id]) AS r
                     WHERE EXISTS (SELECT FROM timedb.read_flat(start_valid => r.valid_time))) AS x";
    assert_eq!(count(&client, query, &[]).await, 6);
}

#[tokio::test]
async fn an_unknown_mode_is_refused_by_name() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let (code, message) = refusal(
        client
            .query("SELECT timedb_internal._read_packed('best')", &[])
            .await,
    );
    assert_eq!(code, "22023");
    assert!(message.contains("best"), "{message}");
}

#[tokio::test]
async fn a_transaction_sees_what_it_has_uploaded_and_its_snapshot_otherwise() {
    let db = Db::new().await;
    let (one, two) = (db.login(db.a()).await, db.login(db.a()).await);
    run(&one, "BEGIN").await;
    upload(&one, "wind", &[1.0]).await.unwrap();
    assert_eq!(values(&one, Mode::Flat, &Filter::default()).await, [1.0]);
    assert_eq!(values(&two, Mode::Flat, &Filter::default()).await.len(), 0);
    run(
        &two,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM timedb.series",
    )
    .await;
    run(&one, "COMMIT").await;
    assert_eq!(values(&two, Mode::Flat, &Filter::default()).await.len(), 0);
    run(&two, "COMMIT").await;
    assert_eq!(values(&two, Mode::Flat, &Filter::default()).await, [1.0]);
}

#[tokio::test]
async fn a_read_in_progress_does_not_see_what_its_transaction_writes_meanwhile() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(&client, "BEGIN").await;
    // Enough segments for several fetches inside the function, which has seen writes before it began.
    for series in 0..300 {
        upload(&client, &format!("series {series}"), &[1.0])
            .await
            .unwrap();
    }
    for query in [
        "SELECT value FROM timedb.read_flat()",
        "SELECT value FROM timedb.read_versions()",
        "SELECT value FROM timedb.values",
    ] {
        run(
            &client,
            &format!("SAVEPOINT s; DECLARE c NO SCROLL CURSOR FOR {query}"),
        )
        .await;
        let first = client.query("FETCH 1 FROM c", &[]).await.unwrap();
        for series in 0..300 {
            upload(&client, &format!("series {series}"), &[2.0, 2.0])
                .await
                .unwrap();
        }
        let rest = client.query("FETCH ALL FROM c", &[]).await.unwrap();
        assert_eq!(first.len() + rest.len(), 300, "{query}");
        assert!(
            rest.iter().all(|row| row.get::<_, f64>(0) == 1.0),
            "{query}"
        );
        run(&client, "ROLLBACK TO s").await;
    }
}
