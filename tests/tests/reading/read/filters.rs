//! What the filters of a read mean: half-open ranges on both axes, names, labels, ids.

use timedb_tests::rows::{Filter, MODES, Mode, read};
use timedb_tests::times::{HOUR, START};
use timedb_tests::{Db, count, refusal, run, upload};
use uuid::Uuid;

use super::{forecast, values};

fn hours(range: [Option<i64>; 4]) -> Filter {
    Filter {
        range: range.map(|bound| bound.map(|hour| START + hour * HOUR)),
        ..Filter::default()
    }
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
    ("wind", r#"{"site": "north", "height": "80"}"#),
    ("wind", r#"{"site": "south", "height": "80"}"#),
    (
        "wind",
        r#"{"site": "north", "height": "120", "offshore": "true"}"#,
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
        found(r#"labels => '{"site": "north", "height": "80"}'"#).await,
        [0.0]
    );
    assert_eq!(found(r#"labels => '{"offshore": "true"}'"#).await, [2.0]);
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
