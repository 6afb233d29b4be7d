//! `POST /upload` with `series`: what a handle stands for.

use serde_json::{Value, json};
use timedb_tests::{Db, Reply, Server};

use super::get;

async fn upload(db: &Db, server: &Server, body: &Value) -> Reply {
    server.post("/upload", Some(&db.a().key), body).await
}

fn row(hour: u32, value_key: &str, value: f64) -> Value {
    json!({"valid_time": format!("2025-01-01T{hour:02}:00:00Z"), "value_key": value_key, "value": value})
}

fn body(series: Value, rows: Value) -> Value {
    json!({"time_unit": "s", "batch_start_time": 0, "series": series, "value_rows": rows})
}

#[tokio::test]
async fn several_series_of_one_name_come_in_one_upload() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let series = json!({
        "wind_north": {"name": "wind", "labels": {"site": "north", "Höhe": "80 m"}, "unit": "MW",
                       "description": "at the coast"},
        "wind_south": {"name": "wind", "labels": {"site": "south"}, "unit": null, "description": null},
        "sun": {"labels": {"site": "south"}},
        "unused": {"name": "nothing", "labels": {"l": "1"}}
    });
    let rows = json!([
        row(0, "wind_north", 1.0),
        row(0, "wind_south", 2.0),
        row(0, "sun", 3.0),
        row(0, "plain", 4.0)
    ]);
    let mut sent = body(series, rows);
    sent["series_descriptions"] =
        json!({"wind_north": "not this", "wind_south": "inland", "plain": "as ever"});
    let reply = upload(&db, &server, &sent).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let ids = reply.json()["series_ids"].clone();
    let mut handles: Vec<_> = ids.as_object().unwrap().keys().collect();
    handles.sort();
    assert_eq!(handles, ["plain", "sun", "wind_north", "wind_south"]);
    let found = get(&server, db.a(), "/series").await;
    let expected = [
        (
            "plain",
            "plain",
            json!({}),
            "dimensionless",
            json!("as ever"),
        ),
        (
            "sun",
            "sun",
            json!({"site": "south"}),
            "dimensionless",
            Value::Null,
        ),
        (
            "wind_north",
            "wind",
            json!({"site": "north", "Höhe": "80 m"}),
            "MW",
            json!("at the coast"),
        ),
        (
            "wind_south",
            "wind",
            json!({"site": "south"}),
            "dimensionless",
            json!("inland"),
        ),
    ];
    assert_eq!(found["count"], 4);
    for (handle, name, labels, unit, description) in expected {
        let one = found["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["series_id"] == ids[handle]);
        let one = one.unwrap_or_else(|| panic!("{handle} is not in {found}"));
        assert_eq!(
            (
                &one["name"],
                &one["labels"],
                &one["unit"],
                &one["description"]
            ),
            (&json!(name), &labels, &json!(unit), &description)
        );
    }
    // The same again finds them.
    sent["value_rows"] = json!([row(1, "wind_south", 5.0), row(1, "wind_north", 6.0)]);
    let again = upload(&db, &server, &sent).await.json()["series_ids"].clone();
    assert_eq!(
        again,
        json!({"wind_south": ids["wind_south"], "wind_north": ids["wind_north"]})
    );
    let values = get(
        &server,
        db.a(),
        "/values?name=wind&labels=%7B%22site%22:%22north%22%7D",
    )
    .await;
    assert_eq!(values["count"], 2);
}

#[tokio::test]
async fn a_handles_unit_is_that_of_the_values_by_name_and_by_id() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let first = body(json!({"p": {"unit": "kW"}}), json!([row(0, "p", 1500.0)]));
    let id = upload(&db, &server, &first).await.json()["series_ids"]["p"].clone();
    let by_name = body(
        json!({"q": {"name": "p", "unit": "MW"}}),
        json!([row(1, "q", 2.5)]),
    );
    assert_eq!(
        upload(&db, &server, &by_name).await.json()["series_ids"]["q"],
        id
    );
    let mut by_id = row(2, "any", 0.07);
    by_id["series_id"] = id.clone();
    let by_id = body(
        json!({"any": {"name": "other", "unit": "MW"}}),
        json!([by_id]),
    );
    assert_eq!(
        upload(&db, &server, &by_id).await.json()["series_ids"]["any"],
        id
    );
    let values = get(&server, db.a(), "/values").await;
    let read: Vec<_> = values["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["value"].clone())
        .collect();
    assert_eq!(read, [json!(1500.0), json!(2500.0), json!(70.0)]);
    for unit in ["degC", "parrots"] {
        let mut row = row(3, "p", 1.0);
        let refused = upload(
            &db,
            &server,
            &body(json!({"p": {"unit": unit}}), json!([row])),
        )
        .await;
        assert_eq!(refused.status, 409, "{refused:?}");
        let told = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            told.contains("already exists with unit \"kW\"") && told.contains(unit),
            "{told}"
        );
        row["series_id"] = id.clone();
        let refused = upload(
            &db,
            &server,
            &body(json!({"p": {"unit": unit}}), json!([row])),
        )
        .await;
        assert_eq!(refused.status, 409, "{refused:?}");
    }
    let huge = upload(
        &db,
        &server,
        &body(json!({"p": {"unit": "TW"}}), json!([row(4, "p", 1e308)])),
    )
    .await;
    assert_eq!(huge.status, 400, "{huge:?}");
}

#[tokio::test]
async fn two_handles_of_one_series_may_not_say_the_same_point_twice() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let series = json!({"a": {"name": "p", "unit": "kW"}, "b": {"name": "p", "unit": "MW"}});
    let apart = body(
        series.clone(),
        json!([row(0, "a", 1500.0), row(1, "b", 1.5)]),
    );
    let ids = upload(&db, &server, &apart).await.json()["series_ids"].clone();
    assert_eq!(ids["a"], ids["b"]);
    let values = get(&server, db.a(), "/values").await;
    assert_eq!(values["data"][0]["value"], values["data"][1]["value"]);
    let twice = body(series, json!([row(0, "a", 1.0), row(0, "b", 1.0)]));
    assert_eq!(upload(&db, &server, &twice).await.status, 400);
}

#[tokio::test]
async fn what_is_wrong_with_a_handle_is_named_with_its_place() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let rows = json!([row(0, "h", 1.0)]);
    for (series, kind, place) in [
        (json!([]), "dict_type", json!(["body", "series"])),
        (json!({"h": 1}), "dict_type", json!(["body", "series", "h"])),
        (
            json!({"h": {"name": 7}}),
            "string_type",
            json!(["body", "series", "h", "name"]),
        ),
        (
            json!({"h": {"labels": []}}),
            "dict_type",
            json!(["body", "series", "h", "labels"]),
        ),
        (
            json!({"h": {"unit": "a\u{0}"}}),
            "string_pattern_mismatch",
            json!(["body", "series", "h", "unit"]),
        ),
        (
            json!({"other": {"description": {}}}),
            "string_type",
            json!(["body", "series", "other", "description"]),
        ),
        (
            json!({"h": {"name": ""}}),
            "value_error",
            json!(["body", "series", "h", "name"]),
        ),
    ] {
        let reply = upload(&db, &server, &body(series.clone(), rows.clone())).await;
        assert_eq!(reply.status, 422, "{series}: {reply:?}");
        let error = reply.json()["detail"][0].clone();
        assert_eq!(
            (&error["type"], &error["loc"]),
            (&json!(kind), &place),
            "{series}"
        );
    }
    for series in [
        json!({"h": {"labels": {"l": 1}}}),
        json!({"h": {"labels": {"": "x"}}}),
        json!({"h": {"labels": {"l": "a\u{0}"}}}),
    ] {
        let reply = upload(&db, &server, &body(series.clone(), rows.clone())).await;
        assert_eq!(reply.status, 400, "{series}: {reply:?}");
    }
    assert_eq!(
        get(&server, db.a(), "/series/count").await,
        json!({"count": 0})
    );
    for series in [json!(null), json!({}), json!({"h": null}), json!({"h": {}})] {
        let reply = upload(&db, &server, &body(series.clone(), rows.clone())).await;
        assert_eq!(reply.status, 200, "{series}: {reply:?}");
    }
    assert_eq!(
        get(&server, db.a(), "/series/count").await,
        json!({"count": 1})
    );
}
