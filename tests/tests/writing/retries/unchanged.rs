//! `skip_unchanged`: an upload writes only what differs from what a flat read as of its known_time gives.

use serde_json::{Value, json};
use timedb_tests::{Db, count, refusal};
use tokio_postgres::Client;

use super::{Api, Uploaded, body, done, is_replay, row, stored, upload_sql, uploaded};

/// Uploads hourly values of `x` with `skip_unchanged`; gives points and skipped.
async fn skipping(client: &Client, values: &str, known: &str) -> (i64, i64) {
    let n = values.split(',').count();
    let uploaded = uploaded(
        client,
        &format!(
            "ARRAY(SELECT '2025-01-01 00:00Z'::timestamptz + i * interval '1 hour' FROM generate_series(0, {n} - 1) AS i),
             '{{{values}}}', '{{x}}', known_time => '{known}', skip_unchanged => true"
        ),
    )
    .await;
    assert_eq!(uploaded.series_ids.len(), 1);
    (uploaded.points, uploaded.skipped)
}

/// The flat values of `x` as of an instant, in the order of time.
async fn flat(client: &Client, as_of: &str) -> String {
    let query = format!(
        "SELECT coalesce(string_agg(coalesce(value::text, 'null'), ',' ORDER BY valid_time, valid_time_end), '')
         FROM timedb.read_flat(name => 'x', as_of => '{as_of}')"
    );
    client.query_one(&query, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn nothing_is_written_where_nothing_has_changed() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    assert_eq!(skipping(&client, "1,2,NULL", "2025-01-02Z").await, (3, 0));
    assert_eq!(skipping(&client, "1,2,NULL", "2025-01-03Z").await, (0, 3));
    // Not at the same instant either.
    assert_eq!(skipping(&client, "1,2,NULL", "2025-01-02Z").await, (0, 3));
    assert_eq!(stored(&client).await, (3, 3));
    let noted = "SELECT count(*) FROM timedb.batches
                 WHERE points = 0 AND skipped = 3 AND min_valid IS NULL AND max_valid IS NULL
                   AND cardinality(series_ids) = 1";
    assert_eq!(count(&client, noted, &[]).await, 2);
    assert_eq!(flat(&client, "2025-01-04Z").await, "1,2,null");
}

#[tokio::test]
async fn what_has_changed_is_written() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    skipping(&client, "1,2,3", "2025-01-02Z").await;
    assert_eq!(skipping(&client, "1,5,3,4", "2025-01-03Z").await, (2, 2));
    assert_eq!(flat(&client, "2025-01-03Z").await, "1,5,3,4");
    let range = "SELECT count(*) FROM timedb.batches
                 WHERE min_valid = '2025-01-01 01:00Z' AND max_valid = '2025-01-01 03:00Z'";
    assert_eq!(count(&client, range, &[]).await, 1);
    // Back to what it was is a change too.
    assert_eq!(skipping(&client, "1,2,3", "2025-01-04Z").await, (1, 2));
    assert_eq!(flat(&client, "2025-01-04Z").await, "1,2,3,4");
    assert_eq!(flat(&client, "2025-01-02Z").await, "1,2,3");
}

#[tokio::test]
async fn null_equals_null_and_nothing_else() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    skipping(&client, "NULL,0,-0,NULL,NULL", "2025-01-02Z").await;
    // Null stays, 0 becomes -0 and the other way round, null becomes 0, null becomes a number.
    assert_eq!(
        skipping(&client, "NULL,-0,0,0,7", "2025-01-03Z").await,
        (4, 1)
    );
    assert_eq!(flat(&client, "2025-01-03Z").await, "null,-0,0,0,7");
    assert_eq!(
        skipping(&client, "NULL,NULL,NULL,0,7", "2025-01-04Z").await,
        (2, 3)
    );
    assert_eq!(flat(&client, "2025-01-04Z").await, "null,null,null,0,7");
}

#[tokio::test]
async fn a_point_an_interval_and_another_interval_are_three_things() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let with_ends = |value: &str, ends: &str| {
        let n = ends.split(',').count();
        let times = vec!["2025-01-01Z"; n].join(",");
        let values = vec![value; n].join(",");
        format!(
            "'{{{times}}}', '{{{values}}}', '{{x}}', valid_time_end => '{{{ends}}}', skip_unchanged => true"
        )
    };
    for (ends, points, skipped) in [
        ("NULL", 1, 0),
        ("2025-01-02Z", 1, 0),
        ("2025-01-03Z", 1, 0),
        ("NULL,2025-01-02Z,2025-01-04Z,2025-01-03Z", 1, 3),
        ("2025-01-03Z,NULL", 0, 2),
    ] {
        let uploaded = uploaded(&client, &with_ends("1", ends)).await;
        assert_eq!(
            (uploaded.points, uploaded.skipped),
            (points, skipped),
            "{ends}"
        );
    }
    let changed = uploaded(&client, &with_ends("2", "2025-01-02Z,2025-01-03Z")).await;
    assert_eq!((changed.points, changed.skipped), (2, 0));
}

#[tokio::test]
async fn it_compares_as_of_the_uploads_known_time() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    skipping(&client, "1", "2025-01-02Z").await;
    skipping(&client, "2", "2025-01-04Z").await;
    // Before the first, nothing was known.
    assert_eq!(skipping(&client, "1", "2025-01-01Z").await, (1, 0));
    // Between the two it was 1.
    assert_eq!(skipping(&client, "1", "2025-01-03Z").await, (0, 1));
    assert_eq!(skipping(&client, "2", "2025-01-03Z").await, (1, 0));
    assert_eq!(skipping(&client, "2", "2025-01-05Z").await, (0, 1));
    for (as_of, value) in [
        ("2025-01-01Z", "1"),
        ("2025-01-02Z", "1"),
        ("2025-01-03Z", "2"),
        ("2025-01-05Z", "2"),
    ] {
        assert_eq!(flat(&client, as_of).await, value, "{as_of}");
    }
}

#[tokio::test]
async fn what_comes_later_with_an_earlier_known_time_shows_through_what_was_left_out() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    skipping(&client, "1", "2025-01-02Z").await;
    assert_eq!(skipping(&client, "1", "2025-01-04Z").await, (0, 1));
    skipping(&client, "2", "2025-01-03Z").await;
    // Written, the second upload would hide the third one here.
    assert_eq!(flat(&client, "2025-01-05Z").await, "2");
}

#[tokio::test]
async fn several_series_are_compared_each_with_itself() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let rows = |values: &str| {
        format!(
            "'{{2025-01-01 00:00Z,2025-01-01 00:00Z,2025-01-01 01:00Z,2025-01-01 01:00Z}}', '{{{values}}}',
             '{{x,y,x,y}}', skip_unchanged => true"
        )
    };
    let first = uploaded(&client, &rows("1,2,3,4")).await;
    let second = uploaded(&client, &rows("1,1,4,4")).await;
    assert_eq!((second.points, second.skipped), (2, 2));
    assert_eq!(second.series_ids, first.series_ids);
    let third = uploaded(&client, &rows("1,1,4,4")).await;
    assert_eq!((third.points, third.skipped), (0, 4));
    // A series that is new beside one that is not, and one whose points are all left out.
    let mixed =
        "'{2025-01-01 00:00Z,2025-01-01 00:00Z}', '{1,1}', '{x,new}', skip_unchanged => true";
    let mixed = uploaded(&client, mixed).await;
    assert_eq!(
        (mixed.points, mixed.skipped, mixed.series_ids.len()),
        (1, 1, 2)
    );
    // The same series by name and by id.
    let twice = format!(
        "'{{2025-01-01 00:00Z,2025-01-01 01:00Z}}', '{{9,4}}', series_id => ARRAY['{0}','{0}']::uuid[],
         series_index => '{{2,1}}', skip_unchanged => true",
        first.series_ids[0]
    );
    let twice = uploaded(&client, &twice).await;
    assert_eq!(
        (twice.points, twice.skipped, twice.series_ids.len()),
        (1, 1, 2)
    );
    // Another tenant's values are nobody's business.
    let of_b = uploaded(&db.login(db.b()).await, &rows("1,1,4,4")).await;
    assert_eq!((of_b.points, of_b.skipped), (4, 0));
}

#[tokio::test]
async fn a_point_twice_is_refused_also_where_it_has_not_changed() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    skipping(&client, "1", "2025-01-02Z").await;
    let twice = "'{2025-01-01 00:00Z,2025-01-01 00:00Z}', '{1,1}', '{x}', skip_unchanged => true";
    assert_eq!(refusal(upload_sql(&client, twice).await).0, "21000");
}

#[tokio::test]
async fn what_the_same_transaction_and_statement_wrote_counts() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // Calls that are equal would be made once.
    let call = |value: i32, note: &str| {
        format!(
            "timedb.upload('{{2025-01-01Z}}', '{{{value}}}', '{{x}}', workflow_id => '{note}', skip_unchanged => true)"
        )
    };
    skipping(&client, "1", "2025-01-01Z").await;
    let all = format!(
        "SELECT ({}).points, ({}).points, ({}).points",
        call(2, "first"),
        call(2, "second"),
        call(1, "third")
    );
    for level in ["READ COMMITTED", "REPEATABLE READ"] {
        let begin = format!("BEGIN ISOLATION LEVEL {level}");
        client.batch_execute(&begin).await.unwrap();
        let row = client.query_one(&all, &[]).await.unwrap();
        let points: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
        assert_eq!(points, [1, 0, 1], "{level}");
        assert_eq!(flat(&client, "9999-01-01Z").await, "1");
        client.batch_execute("COMMIT").await.unwrap();
    }
}

#[tokio::test]
async fn a_named_upload_that_skips_is_repeated_with_its_counts() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    skipping(&client, "1,2", "2025-01-02Z").await;
    let call =
        "'{2025-01-01 00:00Z,2025-01-01 01:00Z}', '{1,3}', '{x}', known_time => '2025-01-03Z',
                skip_unchanged => true, idempotency_key => 'k'";
    let first = uploaded(&client, call).await;
    assert_eq!((first.points, first.skipped, first.replayed), (1, 1, false));
    // What has been written since does not matter.
    skipping(&client, "7,7", "2025-01-04Z").await;
    let again = uploaded(&client, call).await;
    let expected = Uploaded {
        replayed: true,
        ..first
    };
    assert_eq!(again, expected);
}

#[tokio::test]
async fn a_large_upload_of_nothing_new_writes_nothing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let call = |changed: i32| {
        format!(
            "ARRAY(SELECT '2025-01-01 00:00Z'::timestamptz + i * interval '1 minute' FROM generate_series(0, 99999) AS i),
             ARRAY(SELECT CASE WHEN i % 1000 = {changed} THEN -1 WHEN i % 7 = 0 THEN NULL ELSE i / 4.0 END
                   FROM generate_series(0, 99999) AS i)::float8[],
             ARRAY(SELECT (ARRAY['x', 'y', 'z'])[1 + i % 3] FROM generate_series(0, 99999) AS i),
             skip_unchanged => true"
        )
    };
    for (changed, points) in [(-1, 100_000), (-1, 0), (5, 100), (5, 0), (-1, 100)] {
        let uploaded = uploaded(&client, &call(changed)).await;
        assert_eq!(
            (uploaded.points, uploaded.skipped),
            (points, 100_000 - points)
        );
    }
    assert_eq!(stored(&client).await, (100_200, 5));
}

#[tokio::test]
async fn over_http_the_answer_counts_what_was_written_and_left_out() {
    let api = Api::start().await;
    let skipping = |values: &[f64]| {
        let mut upload = body(values);
        upload["skip_unchanged"] = json!(true);
        upload
    };
    let plain = done(api.upload(None, &body(&[1.0, 2.0])).await).json();
    let fields: Vec<&String> = plain.as_object().unwrap().keys().collect();
    assert_eq!(fields.len(), 3, "{plain}");
    let mut upload = skipping(&[1.0, 3.0]);
    let rows = upload["value_rows"].as_array_mut().unwrap();
    rows.push(row(0, "new", Value::Null));
    let first = done(api.upload(Some("k"), &upload).await);
    let again = done(api.upload(Some("k"), &upload).await);
    assert_eq!((is_replay(&first), is_replay(&again)), (false, true));
    assert_eq!(first.text, again.text);
    let answer = first.json();
    assert_eq!(
        (&answer["points"], &answer["skipped_unchanged"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(answer["series_ids"]["x"], plain["series_ids"]["x"]);
    let unnamed = done(api.upload(None, &upload).await).json();
    assert_eq!(
        (&unnamed["points"], &unnamed["skipped_unchanged"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(api.stored().await, (4, 3));
}
