//! What is refused: malformed updates, points that are not there, other tenants, keys and transactions that
//! may not write. Each is told with its position.

use serde_json::{Value, json};
use timedb_tests::{Db, Role, authenticate, refusal, upload};
use uuid::Uuid;

use super::{at, flat, sizes, update, updated, wind};

#[tokio::test]
async fn malformed_updates_are_told_with_position_and_field() {
    let (db, client, series) = wind(&[1.0]).await;
    let sizes_before = sizes(&db).await;
    let good = at(series, 0, json!({"value": 5}));
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let deep: Value = serde_json::from_str(&deep).unwrap();
    let long = "x".repeat(65_537);
    let many: Vec<String> = (0..101).map(|i| i.to_string()).collect();
    for (bad, code, told) in [
        (json!(7), "22023", "object"),
        (json!([1]), "22023", "object"),
        (
            json!({"valid_time": "2025-01-01", "value": 1}),
            "22023",
            "series_id",
        ),
        (
            json!({"series_id": series, "value": 1}),
            "22023",
            "valid_time",
        ),
        (
            json!({"series_id": "x", "valid_time": "2025-01-01", "value": 1}),
            "22P02",
            "series_id",
        ),
        (
            json!({"series_id": series, "valid_time": 7, "value": 1}),
            "22023",
            "valid_time",
        ),
        (
            json!({"series_id": series, "valid_time": "soon", "value": 1}),
            "22007",
            "valid_time",
        ),
        (
            json!({"series_id": series, "valid_time": "infinity", "value": 1}),
            "22008",
            "valid_time",
        ),
        (
            json!({"series_id": series, "valid_time": "2025-13-01", "value": 1}),
            "22008",
            "valid_time",
        ),
        (at(series, 0, json!({})), "22023", "nothing to change"),
        (
            at(series, 0, json!({"valid_time_end": null})),
            "22023",
            "nothing to change",
        ),
        (
            at(
                series,
                0,
                json!({"valid_time_end": "2025-01-01 00:00Z", "value": 1}),
            ),
            "22023",
            "valid_time_end",
        ),
        (
            at(series, 0, json!({"batch_id": "x", "value": 1})),
            "22P02",
            "batch_id",
        ),
        (
            at(
                series,
                0,
                json!({"known_time": "2025-01-01", "knowledge_time": "2025-01-02", "value": 1}),
            ),
            "22023",
            "knowledge_time",
        ),
        (at(series, 0, json!({"value": "1"})), "22023", "value"),
        (at(series, 0, json!({"value": true})), "22023", "value"),
        (
            at(series, 0, json!({"annotation": 1})),
            "22023",
            "annotation",
        ),
        (
            at(series, 0, json!({"annotation": long})),
            "22023",
            "annotation",
        ),
        (at(series, 0, json!({"tags": "a"})), "22023", "tags"),
        (at(series, 0, json!({"tags": ["a", null]})), "22023", "tags"),
        (at(series, 0, json!({"tags": many})), "22023", "tags"),
        (
            at(series, 0, json!({"tags": ["é".repeat(129)]})),
            "22023",
            "tag",
        ),
        (at(series, 0, json!({"metadata": []})), "22023", "metadata"),
        (
            at(series, 0, json!({"metadata": {"x": long}})),
            "22023",
            "metadata",
        ),
        (
            at(series, 0, json!({"metadata": {"x": deep}})),
            "22023",
            "metadata",
        ),
    ] {
        let refused = refusal(update(&client, &json!([good, bad])).await);
        assert_eq!(refused.0, code, "{told}: {refused:?}");
        assert!(refused.1.starts_with("updates[1]: "), "{refused:?}");
        assert!(refused.1.contains(told), "{refused:?}");
    }
    for (call, code) in [
        ("NULL", "22004"),
        ("'null'", "22023"),
        ("'{}'", "22023"),
        ("'7'", "22023"),
        // Numbers that JSON has and float8 has not.
        (
            &*format!(
                r#"'[{{"series_id": "{series}", "valid_time": "2025-01-01", "value": 1e999}}]'"#
            ),
            "22003",
        ),
        (r#"'["\u0000"]'"#, "22P05"),
        (
            "(SELECT jsonb_agg(i) FROM generate_series(1, 100001) AS i)",
            "54000",
        ),
        (r#"'[1]', ''"#, "22023"),
    ] {
        let query = format!("SELECT timedb.update_values({call})");
        assert_eq!(refusal(client.query(&query, &[]).await).0, code, "{call}");
    }
    assert_eq!(sizes(&db).await, sizes_before);
}

#[tokio::test]
async fn every_update_that_means_no_point_is_told_at_once() {
    let (db, client, series) = wind(&[1.0, 2.0]).await;
    let other = db.login(db.b()).await;
    let foreign = upload(&other, "wind", &[1.0]).await.unwrap();
    let unknown = Uuid::new_v4();
    let batch = Uuid::new_v4();
    let refused = refusal(
        update(
            &client,
            &json!([
                at(series, 0, json!({"value": 5})),
                at(foreign, 0, json!({"value": 5})),
                at(unknown, 0, json!({"value": 5})),
                at(series, 5, json!({"value": 5})),
                at(
                    series,
                    1,
                    json!({"value": 5, "known_time": "2020-01-01 00:00Z"})
                ),
                at(series, 1, json!({"value": 5, "batch_id": batch})),
                at(
                    series,
                    1,
                    json!({"value": 5, "valid_time_end": "2026-01-01 00:00Z"})
                ),
            ]),
        )
        .await,
    );
    let point = format!("series \"{series}\" has no point at valid_time 2025-01-01");
    let expected = [
        format!("updates[1]: series \"{foreign}\" does not exist"),
        format!("updates[2]: series \"{unknown}\" does not exist"),
        format!("updates[3]: {point} 05:00:00+00"),
        format!("updates[4]: {point} 01:00:00+00, known_time 2020-01-01 00:00:00+00"),
        format!("updates[5]: {point} 01:00:00+00, batch_id {batch}"),
        format!("updates[6]: {point} 01:00:00+00, valid_time_end 2026-01-01 00:00:00+00"),
    ];
    assert_eq!(refused, ("42704".to_owned(), expected.join("; ")));
    assert_eq!(flat(&client, series).await, [Some(1.0), Some(2.0)]);
    let many: Vec<Value> = (0..150)
        .map(|_| at(Uuid::new_v4(), 0, json!({"value": 1})))
        .collect();
    let refused = refusal(update(&client, &json!(many)).await);
    assert_eq!(refused.1.matches("does not exist").count(), 100);
    assert!(refused.1.ends_with("; and 50 more"), "{}", refused.1);
}

#[tokio::test]
async fn another_tenants_points_cannot_be_reached_and_its_id_is_refused() {
    let (db, client, series) = wind(&[1.0]).await;
    let other = db.login(db.b()).await;
    // B's answer about A's series is the one about no series.
    let refused = refusal(update(&other, &json!([at(series, 0, json!({"value": 2}))])).await);
    let expected = format!("updates[0]: series \"{series}\" does not exist");
    assert_eq!(refused, ("42704".to_owned(), expected));
    // Nor by A's batch, from a series of its own.
    let own = upload(&other, "wind", &[5.0]).await.unwrap();
    let batch = super::versions(&client, series).await[0].batch;
    let by_batch = json!([at(own, 0, json!({"value": 2, "batch_id": batch}))]);
    assert_eq!(refusal(update(&other, &by_batch).await).0, "42704");
    let (a, b) = (db.a().tenant_id, db.b().tenant_id);
    let claimed = json!([at(own, 0, json!({"value": 2, "tenant_id": a}))]);
    let sentence = format!(
        "Cannot update records for tenant_id {a}. You can only update records for your own tenant_id ({b})."
    );
    assert_eq!(
        refusal(update(&other, &claimed).await),
        ("42501".to_owned(), sentence)
    );
    assert_eq!(flat(&client, series).await, [Some(1.0)]);
    assert_eq!(flat(&other, own).await, [Some(5.0)]);
}

#[tokio::test]
async fn nobody_a_read_only_key_and_a_read_only_transaction_are_refused() {
    let (db, client, series) = wind(&[1.0]).await;
    let updates = json!([at(series, 0, json!({"value": 2}))]);
    let nobody = db.connect(Role::Session).await;
    assert_eq!(refusal(update(&nobody, &updates).await).0, "28000");
    let owner = db.connect(Role::Owner).await;
    let row = owner
        .query_one(
            "SELECT api_key FROM timedb.create_key($1, 'reads', access => 'read_only')",
            &[&db.a().email],
        )
        .await
        .unwrap();
    let user = db.connect(Role::User).await;
    user.batch_execute("BEGIN").await.unwrap();
    authenticate(&user, row.get(0)).await.unwrap();
    assert_eq!(refusal(update(&user, &updates).await).0, "42501");
    user.batch_execute("ROLLBACK; BEGIN READ ONLY")
        .await
        .unwrap();
    authenticate(&user, &db.a().key).await.unwrap();
    assert_eq!(refusal(update(&user, &updates).await).0, "25006");
    let without_role = db.connect(Role::Nobody).await;
    assert_eq!(refusal(update(&without_role, &updates).await).0, "42501");
    assert_eq!(flat(&client, series).await, [Some(1.0)]);
}

#[tokio::test]
async fn a_damaged_segment_is_an_error_only_where_an_update_needs_it() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let day = |name: &str| {
        // Many points: they go into a segment at once.
        format!(
            "SELECT series_ids[1] FROM timedb.upload(
                 ARRAY(SELECT timestamptz '{name}' + i * interval '1 s' FROM generate_series(0, 2999) AS i),
                 ARRAY(SELECT 1 FROM generate_series(0, 2999)), '{{wind}}')"
        )
    };
    let series: Uuid = client
        .query_one(&day("2025-01-01 00:00Z"), &[])
        .await
        .unwrap()
        .get(0);
    client
        .query_one(&day("2025-01-02 00:00Z"), &[])
        .await
        .unwrap();
    let superuser = db.connect(Role::Superuser).await;
    superuser
        .batch_execute(
            "UPDATE timedb_internal.segments SET blob = set_byte(blob, length(blob) / 2, get_byte(blob, length(blob) / 2) # 255)
             WHERE min_valid = '2025-01-02 00:00Z'",
        )
        .await
        .unwrap();
    updated(&client, &json!([at(series, 0, json!({"value": 2}))])).await;
    let damaged = json!([{"series_id": series, "valid_time": "2025-01-02 00:00Z", "value": 2}]);
    assert_eq!(refusal(update(&client, &damaged).await).0, "XX001");
}
