//! The four fields: what is left out stays, null clears, everything else is brought into one form.

use serde_json::{Value, json};

use super::{Version, at, updated, user, versions, wind};

/// The newest of the versions of one point.
fn newest(versions: &[Version]) -> &Version {
    versions
        .iter()
        .max_by_key(|version| version.change)
        .unwrap()
}

#[tokio::test]
async fn what_is_left_out_stays_and_null_clears() {
    let (db, client, series) = wind(&[1.0]).await;
    let mut expected = versions(&client, series).await[0].clone();
    for (change, apply) in [
        (
            json!({"annotation": "remark"}),
            (|v| v.annotation = Some("remark".to_owned())) as fn(&mut Version),
        ),
        (json!({"tags": ["b", "a"]}), |v| {
            v.tags = Some(vec!["a".to_owned(), "b".to_owned()])
        }),
        (json!({"metadata": {"x": [1, null]}}), |v| {
            v.metadata = Some(json!({"x": [1, null]}))
        }),
        (json!({"value": null}), |v| v.value = None),
        (json!({"value": -0.5, "tags": ["c"]}), |v| {
            v.value = Some(-0.5);
            v.tags = Some(vec!["c".to_owned()]);
        }),
        (json!({"annotation": null}), |v| v.annotation = None),
        (json!({"tags": null}), |v| v.tags = None),
        (json!({"metadata": null}), |v| v.metadata = None),
    ] {
        // Twice: the second time it changes nothing.
        for lists in [(1, 0), (0, 1)] {
            let answer = updated(&client, &json!([at(series, 0, change.clone())])).await;
            let length = |list: &str| answer[list].as_array().unwrap().len();
            assert_eq!(
                (length("updated"), length("skipped_no_ops")),
                lists,
                "{change}"
            );
        }
        apply(&mut expected);
        let all = versions(&client, series).await;
        let new = newest(&all);
        (expected.change, expected.value_id) = (new.change, new.value_id);
        expected.changed_by = user(db.a());
        assert_eq!(*new, expected, "{change}");
    }
    assert_eq!(versions(&client, series).await.len(), 9);
}

#[tokio::test]
async fn every_field_has_one_form() {
    let (_db, client, series) = wind(&[1.0]).await;
    for (field, given, stored) in [
        ("annotation", json!("  two\nlines\t"), json!("two\nlines")),
        ("annotation", json!("   "), Value::Null),
        (
            "tags",
            json!([" Storm", "ÄÖ", "storm", "", "äö "]),
            json!(["storm", "äö"]),
        ),
        ("tags", json!(["ΣΑΣ"]), json!(["σας"])),
        (
            "metadata",
            json!({"b": {"c": null}, "a": 1.5}),
            json!({"a": 1.5, "b": {"c": null}}),
        ),
        ("metadata", json!({}), json!({})),
        ("value", json!(1e308), json!(1e308)),
        ("value", json!(5e-324), json!(5e-324)),
        ("value", json!(0.1), json!(0.1)),
    ] {
        updated(&client, &json!([at(series, 0, json!({field: given}))])).await;
        let all = versions(&client, series).await;
        let new = newest(&all);
        let found = match field {
            "annotation" => json!(new.annotation),
            "tags" => json!(new.tags),
            "metadata" => json!(new.metadata),
            _ => json!(new.value),
        };
        assert_eq!(found, stored, "{field} {given}");
    }
}

#[tokio::test]
async fn the_authenticated_user_counts_whatever_an_update_says() {
    let (db, client, series) = wind(&[1.0]).await;
    updated(&client, &json!([at(series, 0, json!({"value": 2}))])).await;
    let all = versions(&client, series).await;
    assert_eq!(all[1].changed_by, user(db.a()));
    assert!(all[1].change > all[0].change);
    // The own tenant may be named.
    let own = json!({"value": 3, "tenant_id": db.a().tenant_id});
    updated(&client, &json!([at(series, 0, own)])).await;
}

#[tokio::test]
async fn without_authentication_nobody_has_changed_it() {
    let db = timedb_tests::Db::new().await;
    let owner = db.connect(timedb_tests::Role::Owner).await;
    owner
        .batch_execute("SELECT timedb.set_auth_required(false)")
        .await
        .unwrap();
    let client = db.connect(timedb_tests::Role::User).await;
    client
        .batch_execute("BEGIN; SELECT timedb.authenticate(NULL)")
        .await
        .unwrap();
    let series = timedb_tests::upload(&client, "wind", &[1.0]).await.unwrap();
    updated(&client, &json!([at(series, 0, json!({"value": 2}))])).await;
    let all = versions(&client, series).await;
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].changed_by, None);
}

#[tokio::test]
async fn long_notes_of_many_points_come_back() {
    let (_db, client, series) = wind(&[1.0; 24]).await;
    let remark = "x".repeat(65_536);
    let text = |hour: i64| format!("{hour:02}{}", &remark[2..]);
    let updates: Vec<Value> = (0..24)
        .map(|hour| {
            let metadata = json!({"m": text(hour)[16..]});
            at(
                series,
                hour,
                json!({"annotation": text(hour), "metadata": metadata}),
            )
        })
        .collect();
    updated(&client, &json!(updates)).await;
    let all = versions(&client, series).await;
    assert_eq!(all.len(), 48);
    for hour in 0..24 {
        let new = &all[2 * hour + 1];
        assert_eq!(new.annotation, Some(text(hour as i64)));
        assert_eq!(new.metadata, Some(json!({"m": text(hour as i64)[16..]})));
    }
}
