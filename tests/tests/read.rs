//! Reading in SQL: which version of a point each read returns, and what its filters mean.

#[path = "common/instants.rs"]
mod instants;
#[path = "read/large.rs"]
mod large;
#[path = "read/model.rs"]
mod model;
#[path = "common/packed.rs"]
mod packed;
#[path = "read/random.rs"]
mod random;
#[path = "common/rows.rs"]
mod rows;

use instants::Micros;
use rows::{Filter, MODES, Mode, read};
use timedb_tests::{Db, count, refusal, upload};
use tokio_postgres::Client;
use uuid::Uuid;

const HOUR: i64 = 3_600_000_000;
/// 2025-01-01T00:00:00Z.
const START: i64 = 1_735_689_600_000_000;

async fn run(client: &Client, sql: &str) {
    client
        .batch_execute(sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

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

fn hours(range: [Option<i64>; 4]) -> Filter {
    Filter {
        range: range.map(|bound| bound.map(|hour| START + hour * HOUR)),
        ..Filter::default()
    }
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
async fn ranges_include_their_start_and_exclude_their_end() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for known in 0..4 {
        let base = known as f64 * 10.0;
        forecast(
            &client,
            "wind",
            known,
            &[base, base + 1.0, base + 2.0, base + 3.0],
        )
        .await;
    }
    let flat = async |range| values(&client, Mode::Flat, &hours(range)).await;
    let none: [f64; 0] = [];
    assert_eq!(flat([Some(1), Some(3), None, None]).await, [31.0, 32.0]);
    assert_eq!(flat([Some(2), None, None, None]).await, [32.0, 33.0]);
    assert_eq!(flat([None, Some(2), None, None]).await, [30.0, 31.0]);
    assert_eq!(
        flat([None, None, None, Some(2)]).await,
        [10.0, 11.0, 12.0, 13.0]
    );
    assert_eq!(flat([Some(3), None, Some(1), Some(2)]).await, [13.0]);
    assert_eq!(flat([None, None, Some(4), None]).await, none);
    for empty in [
        [Some(3), Some(1), None, None],
        [Some(2), Some(2), None, None],
        [None, None, Some(3), Some(1)],
        [None, None, Some(2), Some(2)],
        [Some(4), None, None, None],
        [None, Some(0), None, None],
    ] {
        for mode in MODES {
            assert_eq!(
                values(&client, mode, &hours(empty)).await,
                none,
                "{mode:?} {empty:?}"
            );
        }
    }
    let both = hours([Some(0), Some(1), Some(1), Some(3)]);
    assert_eq!(
        values(&client, Mode::Overlapping, &both).await,
        [10.0, 20.0]
    );
}

#[tokio::test]
async fn an_interval_is_found_by_its_start() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        "SELECT * FROM timedb.upload(
             ARRAY['2025-01-01 00:00Z', '2025-01-01 00:00Z', '2025-01-01 00:00Z']::timestamptz[],
             ARRAY[1, 2, 3], ARRAY['rain'],
             valid_time_end => ARRAY[NULL, '2025-01-01 01:00Z', '2025-01-02 00:00Z']::timestamptz[])",
    )
    .await;
    let points = read(&client, Mode::Flat, &Filter::default()).await;
    let ends: Vec<Option<i64>> = points.iter().map(|point| point.end).collect();
    assert_eq!(ends, [None, Some(START + HOUR), Some(START + 24 * HOUR)]);
    assert_eq!(
        values(&client, Mode::Flat, &hours([Some(0), Some(1), None, None]))
            .await
            .len(),
        3
    );
    assert_eq!(
        values(&client, Mode::Flat, &hours([Some(1), None, None, None]))
            .await
            .len(),
        0
    );
}

#[tokio::test]
async fn infinite_bounds_are_open_bounds() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "wind", &[1.0, 2.0, 3.0]).await.unwrap();
    for (arguments, expected) in [
        ("start_valid => '-infinity', end_valid => 'infinity'", 3),
        ("start_known => '-infinity', end_known => 'infinity'", 3),
        ("start_valid => 'infinity'", 0),
        ("end_valid => '-infinity'", 0),
        ("start_known => 'infinity'", 0),
        ("end_known => '-infinity'", 0),
        (
            "start_valid => '4713-01-01 BC', end_valid => '294000-01-01'",
            3,
        ),
    ] {
        let query = format!("SELECT count(*) FROM timedb.read_flat({arguments})");
        assert_eq!(count(&client, &query, &[]).await, expected, "{arguments}");
    }
}

/// Series that differ in name and labels; the values are their numbers.
const LABELLED: [(&str, &str); 5] = [
    ("wind", r#"{"site": "north", "height": 80}"#),
    ("wind", r#"{"site": "south", "height": 80}"#),
    (
        "wind",
        r#"{"site": "north", "height": 120, "offshore": true}"#,
    ),
    ("load", r#"{"site": "north"}"#),
    ("load", "{}"),
];

#[tokio::test]
async fn series_are_found_by_name_labels_and_id() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let mut ids = Vec::new();
    for (number, (name, labels)) in LABELLED.iter().enumerate() {
        let row = client
            .query_one(
                "SELECT series_ids[1] FROM timedb.upload(ARRAY['2025-01-01Z'::timestamptz], ARRAY[$1::float8],
                     ARRAY[$2::text], labels => ARRAY[$3::text::jsonb])",
                &[&(number as f64), name, labels],
            )
            .await
            .unwrap();
        ids.push(row.get::<_, Uuid>(0));
    }
    let found = async |arguments: &str| -> Vec<f64> {
        let query = format!("SELECT value FROM timedb.read_flat({arguments}) ORDER BY value");
        let rows = client
            .query(&query, &[])
            .await
            .unwrap_or_else(|error| panic!("{query}: {error:?}"));
        rows.iter().map(|row| row.get(0)).collect()
    };
    let none: [f64; 0] = [];
    assert_eq!(found("").await, [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(found("name => 'wind'").await, [0.0, 1.0, 2.0]);
    assert_eq!(found("name => 'win'").await, none);
    assert_eq!(found("name => 'WIND'").await, none);
    assert_eq!(
        found(r#"labels => '{"site": "north"}'"#).await,
        [0.0, 2.0, 3.0]
    );
    assert_eq!(
        found(r#"labels => '{"site": "north", "height": 80}'"#).await,
        [0.0]
    );
    assert_eq!(found(r#"labels => '{"offshore": true}'"#).await, [2.0]);
    assert_eq!(found(r#"labels => '{"site": "west"}'"#).await, none);
    assert_eq!(found(r#"labels => '{}'"#).await, [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(
        found(r#"name => 'load', labels => '{"site": "north"}'"#).await,
        [3.0]
    );
    let one = format!("series_id => ARRAY['{}'::uuid]", ids[4]);
    assert_eq!(found(&one).await, [4.0]);
    let several = format!(
        "series_id => '{{{},{},{},{}}}'",
        ids[1],
        ids[3],
        ids[1],
        Uuid::new_v4()
    );
    assert_eq!(found(&several).await, [1.0, 3.0]);
    assert_eq!(found(&format!("{several}, name => 'wind'")).await, [1.0]);
    assert_eq!(found("series_id => '{}'").await, none);
    for labels in ["'[1]'", "'\"site\"'", r#"'{"site": {"x": 1}}'"#] {
        let query = format!("SELECT * FROM timedb.read_flat(labels => {labels})");
        assert_eq!(
            refusal(client.query(&query, &[]).await).0,
            "22023",
            "{labels}"
        );
    }
}

#[tokio::test]
async fn rows_tell_name_unit_and_labels() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        r#"SELECT * FROM timedb.upload(ARRAY['2025-01-01Z'::timestamptz], ARRAY[1.5], ARRAY['Wärme "ω"'],
             labels => ARRAY['{"b": "2", "a": 1.50, "c": false}'::jsonb], unit => ARRAY['MW'])"#,
    )
    .await;
    for read in [
        "read_flat()",
        "read_overlapping()",
        "read_versions()",
        "values",
    ] {
        let query = format!(
            "SELECT name, unit, labels = '{{\"a\": 1.5, \"b\": \"2\", \"c\": false}}' FROM timedb.{read}"
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
            .query("SELECT timedb._read_packed('best')", &[])
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
