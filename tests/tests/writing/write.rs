//! Uploading in SQL: the shapes of an upload, what it creates and records, what it refuses, and that
//! it is all or nothing.

mod bounds;
mod json;
mod known_times;
mod not_allowed;
mod refused;
mod round_trip;
mod shapes;
mod untrusted_bytes;

use serde_json::Value;
use timedb_tests::times::{Micros, START};
use timedb_tests::{Db, Role, authenticate, count, refusal, upload};
use tokio_postgres::Client;
use uuid::Uuid;

/// What an upload returns.
#[derive(Debug)]
struct Uploaded {
    batch_id: Uuid,
    points: i64,
    series_ids: Vec<Uuid>,
}

/// Calls `timedb.upload` with these arguments as SQL text.
async fn upload_sql(client: &Client, arguments: &str) -> Result<Uploaded, tokio_postgres::Error> {
    let query = format!("SELECT batch_id, points, series_ids FROM timedb.upload({arguments})");
    let row = client.query_one(&query, &[]).await?;
    Ok(Uploaded {
        batch_id: row.get(0),
        points: row.get(1),
        series_ids: row.get(2),
    })
}

async fn uploaded(client: &Client, arguments: &str) -> Uploaded {
    upload_sql(client, arguments)
        .await
        .unwrap_or_else(|error| panic!("{arguments}: {error:?}"))
}

/// All current values as `name labels hour=value`, the series in alphabetic order.
async fn contents(client: &Client) -> Vec<String> {
    let rows = client
        .query(
            "SELECT name || labels::text || ' ' || to_char(valid_time AT TIME ZONE 'UTC', 'HH24') || '='
                    || coalesce(value::text, 'null')
             FROM timedb.values ORDER BY name, labels::text, valid_time, valid_time_end",
            &[],
        )
        .await
        .unwrap_or_else(|error| panic!("values: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

const THREE_HOURS: &str =
    "ARRAY['2025-01-01 00:00Z', '2025-01-01 01:00Z', '2025-01-01 02:00Z']::timestamptz[]";

#[tokio::test]
async fn a_series_is_created_once_and_found_by_name_and_labels() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let first = upload(&client, "wind", &[1.0]).await.unwrap();
    assert_eq!(upload(&client, "wind", &[2.0]).await.unwrap(), first);
    let create = async |arguments: &str| -> (Uuid, bool) {
        let query = format!("SELECT * FROM timedb.create_series({arguments})");
        let row = client
            .query_one(&query, &[])
            .await
            .unwrap_or_else(|error| panic!("{query}: {error:?}"));
        (row.get("series_id"), row.get("created"))
    };
    assert_eq!(create("'wind'").await, (first, false));
    assert_eq!(create("'wind', 'dimensionless'").await, (first, false));
    let (labelled, created) = create(r#"'wind', labels => '{"b": "1", "a": "x"}'"#).await;
    assert!(created && labelled != first);
    // The order of labels does not matter; their texts do.
    assert_eq!(
        create(r#"'wind', labels => '{"a": "x", "b": "1"}'"#).await,
        (labelled, false)
    );
    assert!(
        create(r#"'wind', labels => '{"a": "x", "b": "1.0"}'"#)
            .await
            .1
    );
    assert!(create("'Wind'").await.1);
    assert!(create("'wind '").await.1);
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.series", &[]).await,
        5
    );
    for empty in ["''", "NULL"] {
        let query = format!("SELECT * FROM timedb.create_series({empty})");
        assert_eq!(refusal(client.query(&query, &[]).await).0, "22023");
    }
}

#[tokio::test]
async fn another_unit_for_an_existing_series_is_a_conflict() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let with_unit =
        |unit: &str| format!("{THREE_HOURS}, ARRAY[1, 2, 3], ARRAY['wind'], unit => ARRAY[{unit}]");
    uploaded(&client, &with_unit("'m/s'")).await;
    for unit in ["'m/s'", "NULL"] {
        uploaded(&client, &with_unit(unit)).await;
    }
    let (code, message) = refusal(upload_sql(&client, &with_unit("'MW'")).await);
    assert_eq!(code, "23505");
    for part in ["wind", "m/s", "MW"] {
        assert!(message.contains(part), "{message}");
    }
    let refused = refusal(
        client
            .query("SELECT timedb.create_series('wind', 'MW')", &[])
            .await,
    );
    assert_eq!(refused, (code, message));
    // Within one upload as well.
    let both = format!(
        "{THREE_HOURS}, ARRAY[1, 2, 3], ARRAY['new', 'new', 'new'], unit => ARRAY['a', 'b', 'a']"
    );
    assert_eq!(refusal(upload_sql(&client, &both).await).0, "23505");
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.series", &[]).await,
        1
    );
}

#[tokio::test]
async fn the_description_of_a_series_is_the_one_it_was_created_with() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for description in ["'first'", "'second'", "NULL"] {
        let call = format!(
            "{THREE_HOURS}, ARRAY[1, 2, 3], ARRAY['wind'], description => ARRAY[{description}]"
        );
        uploaded(&client, &call).await;
        let query = "SELECT count(*) FROM timedb.series WHERE description = 'first'";
        assert_eq!(count(&client, query, &[]).await, 1, "{description}");
    }
}

#[tokio::test]
async fn a_batch_records_who_wrote_what_and_when() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let answer = uploaded(
        &client,
        &format!(
            r#"{THREE_HOURS}, ARRAY[1, NULL, 3], ARRAY['wind'], known_time => '2024-12-31 18:00Z',
               workflow_id => 'nightly', batch_start_time => '2025-01-01 00:00Z',
               batch_finish_time => '2025-01-01 00:05Z', batch_params => '{{"model": "x", "n": [1, null]}}'"#
        ),
    )
    .await;
    let row = client
        .query_one(
            "SELECT * FROM timedb.batches WHERE batch_id = $1",
            &[&answer.batch_id],
        )
        .await
        .unwrap();
    let instant = |name| row.get::<_, Option<Micros>>(name).map(|micros| micros.0);
    assert_eq!(row.get::<_, Uuid>("tenant_id"), db.a().tenant_id);
    assert_eq!(row.get::<_, Option<Uuid>>("user_id"), Some(db.a().user_id));
    assert_eq!(row.get::<_, Option<&str>>("workflow_id"), Some("nightly"));
    assert_eq!(instant("known_time"), Some(1_735_668_000_000_000));
    assert_eq!(instant("batch_start_time"), Some(START));
    assert_eq!(instant("batch_finish_time"), Some(1_735_689_900_000_000));
    assert_eq!(
        row.get::<_, Value>("batch_params"),
        serde_json::json!({"model": "x", "n": [1, null]})
    );
    assert_eq!(row.get::<_, i64>("points"), 3);
    let query = "SELECT count(*) FROM timedb.batches
                 WHERE change_time BETWEEN now() - interval '1 minute' AND clock_timestamp()";
    assert_eq!(count(&client, query, &[]).await, 1);
}

#[tokio::test]
async fn without_known_time_the_clock_at_the_write_counts() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    client
        .batch_execute("BEGIN; SELECT pg_sleep(0.05)")
        .await
        .unwrap();
    upload(&client, "wind", &[1.0]).await.unwrap();
    upload(&client, "wind", &[2.0]).await.unwrap();
    let query = "SELECT count(*) FROM timedb.read_versions()
                 WHERE known_time = change_time AND known_time > now() + interval '50 milliseconds'
                   AND known_time <= clock_timestamp()";
    assert_eq!(count(&client, query, &[]).await, 2);
    // Two writes of one transaction are two versions, the later one newer.
    assert_eq!(contents(&client).await, ["wind{} 00=2"]);
}

#[tokio::test]
async fn an_upload_of_no_points_is_a_batch_of_no_points() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (arguments, series) in [
        ("'{}', '{}', '{}'", 0),
        ("'{}', '{}', series_id => '{}'", 0),
        ("'{}', '{}', ARRAY['new'], series_index => '{}'", 1),
    ] {
        let answer = uploaded(&client, arguments).await;
        assert_eq!(
            (answer.points, answer.series_ids.len()),
            (0, series),
            "{arguments}"
        );
        let query = "SELECT points FROM timedb.batches WHERE batch_id = $1";
        assert_eq!(count(&client, query, &[&answer.batch_id]).await, 0);
    }
    assert_eq!(contents(&client).await.len(), 0);
}

#[tokio::test]
async fn thousands_of_uploads_in_one_statement_are_thousands_of_versions() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let many = "SELECT count(*) FROM (
                    SELECT timedb.upload(ARRAY['2025-01-01Z'::timestamptz], ARRAY[i::float8], '{x}')
                    FROM generate_series(1, 3000) AS i) AS uploads";
    assert_eq!(count(&client, many, &[]).await, 3_000);
    assert_eq!(contents(&client).await, ["x{} 00=3000"]);
    let distinct = "SELECT count(DISTINCT (change_time, value)) FROM timedb.read_versions()";
    assert_eq!(count(&client, distinct, &[]).await, 3_000);
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.batches", &[]).await,
        3_000
    );
}

#[tokio::test]
async fn writing_in_a_read_only_transaction_is_refused_as_such() {
    let db = Db::new().await;
    let client = db.connect(Role::User).await;
    for call in [
        "SELECT * FROM timedb.upload('{2025-01-01}', '{1}', '{wind}')",
        "SELECT * FROM timedb.create_series('wind')",
        "SELECT * FROM timedb_internal._upload_packed('\\x01')",
    ] {
        client.batch_execute("BEGIN READ ONLY").await.unwrap();
        authenticate(&client, &db.a().key).await.unwrap();
        let query = if call.contains("_packed") {
            packed_one_point()
        } else {
            call.to_owned()
        };
        assert_eq!(
            refusal(client.query(&query, &[]).await).0,
            "25006",
            "{call}"
        );
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

/// A call that uploads one point in packed columns.
fn packed_one_point() -> String {
    let body = untrusted_bytes::one_point();
    let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("SELECT * FROM timedb_internal._upload_packed('\\x{hex}')")
}
