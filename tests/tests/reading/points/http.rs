//! `POST /points`: rows in the order of the request, agreement with SQL, mistakes with their places.

use serde_json::{Value, json};
use timedb_tests::Server;

use super::store;

#[tokio::test]
async fn rows_come_in_the_order_of_the_request() {
    let (db, client) = store().await;
    let server = Server::start(&db);
    let body = json!({
        "name": ["wind", "wind"],
        "labels": [{}, {"site": "north"}],
        "series_index": [2, 1, 2, 2],
        "valid_time": ["2025-01-02T11:00:00Z", "2025-01-02T10:00:00Z", "2025-01-02T10:00:00Z", "2025-01-02T10:00:00+02:00"],
        "as_of": "2025-01-01T12:00:00Z",
    });
    let reply = server.post("/points", Some(&db.a().key), &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let query =
        "SELECT series_id::text FROM timedb.series WHERE name = 'wind' ORDER BY labels = '{}'";
    let ids = client.query(query, &[]).await.unwrap();
    let (north, bare): (String, String) = (ids[0].get(0), ids[1].get(0));
    let expected = [
        format!(
            r#"{{"known_time":"2025-01-01T12:00:00+00:00","valid_time":"2025-01-02T11:00:00+00:00","series_id":"{north}","value":null,"name":"wind","unit":"MW","labels":{{"site":"north"}},"found":true}}"#
        ),
        format!(
            r#"{{"known_time":"2025-01-01T06:00:00+00:00","valid_time":"2025-01-02T10:00:00+00:00","series_id":"{bare}","value":100.0,"name":"wind","unit":"dimensionless","labels":{{}},"found":true}}"#
        ),
        format!(
            r#"{{"known_time":"2025-01-01T12:00:00+00:00","valid_time":"2025-01-02T10:00:00+00:00","series_id":"{north}","value":2.0,"name":"wind","unit":"MW","labels":{{"site":"north"}},"found":true}}"#
        ),
        format!(
            r#"{{"known_time":null,"valid_time":"2025-01-02T08:00:00+00:00","series_id":"{north}","value":null,"name":"wind","unit":"MW","labels":{{"site":"north"}},"found":false}}"#
        ),
    ];
    assert_eq!(
        reply.text,
        format!(r#"{{"count":4,"data":[{}]}}"#, expected.join(","))
    );
    // Other ways to say the same; with an end of each point, and in numbers.
    let body = json!({"series_id": north, "valid_time": [1735815600], "as_of": [1735732800], "time_unit": "s", "unit": "kW",
                      "max_age": "1h"});
    let reply = server.post("/points", Some(&db.a().key), &body).await;
    assert_eq!(
        reply.json()["data"][0]["known_time"],
        "2025-01-01T12:00:00+00:00",
        "{reply:?}"
    );
    let body = json!({"name": "rain", "valid_time": ["2025-01-02T10:00:00Z", "2025-01-02T10:00:00Z"],
                      "valid_time_end": [null, "2025-01-02T11:00:00Z"], "as_of": "2025-01-02T00:00:00Z"});
    let rows = server
        .post("/points", Some(&db.a().key), &body)
        .await
        .json()["data"]
        .clone();
    assert_eq!(
        (&rows[0]["value"], &rows[1]["value"]),
        (&json!(6.0), &json!(5.0))
    );
    assert_eq!(rows[1]["valid_time_end"], "2025-01-02T11:00:00+00:00");
    assert!(rows[0].get("valid_time_end").is_none());
    let nothing = json!({"name": [], "valid_time": [], "as_of": []});
    let reply = server.post("/points", Some(&db.a().key), &nothing).await;
    assert_eq!(reply.text, r#"{"count":0,"data":[]}"#);
}

#[tokio::test]
async fn mistakes_have_a_status_and_a_place() {
    let (db, _client) = store().await;
    let server = Server::start(&db);
    let times = |rest: Value| {
        let mut body =
            json!({"valid_time": ["2025-01-02T10:00:00Z"], "as_of": "2025-01-02T00:00:00Z"});
        body.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        body
    };
    for (body, status, part) in [
        (json!({}), 422, "Field required"),
        (
            times(json!({"name": "wind", "valid_time": ["soon"]})),
            422,
            "valid_time",
        ),
        (
            times(json!({"name": "wind", "valid_time": "2025-01-02T10:00:00Z"})),
            422,
            "valid list",
        ),
        (times(json!({"nmae": "wind"})), 422, "did you mean name?"),
        (times(json!({})), 422, "either name or series_id"),
        (
            times(json!({"name": "storm"})),
            404,
            "\"storm\\\" without labels does not exist",
        ),
        (times(json!({"name": "rain"})), 409, "row 1: several points"),
        (
            times(json!({"name": "wind", "as_of": []})),
            400,
            "as_of has 0 elements",
        ),
        (
            times(json!({"name": "wind", "max_age": "-1h"})),
            400,
            "max_age must not be negative",
        ),
    ] {
        let reply = server.post("/points", Some(&db.a().key), &body).await;
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        assert!(reply.text.contains(part), "{body}: {reply:?}");
    }
    let good = times(json!({"name": "wind"}));
    assert_eq!(server.post("/points", None, &good).await.status, 401);
    // To B it is as if nothing were there.
    assert_eq!(
        server
            .post("/points", Some(&db.b().key), &good)
            .await
            .status,
        404
    );
}
