//! Buckets and last points over HTTP: rows, order, mistakes, agreement with SQL.

use serde_json::{Value, json};
use timedb_tests::times::{HOUR, START};
use timedb_tests::{Db, Reply, Server, run};

use super::put;

struct Api {
    db: Db,
    server: Server,
}

impl Api {
    async fn start() -> Self {
        let db = Db::new().await;
        let server = Server::start(&db);
        Self { db, server }
    }

    async fn get(&self, path: &str) -> Reply {
        self.server.get(path, Some(&self.db.a().key)).await
    }

    async fn rows(&self, path: &str) -> Vec<Value> {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        let answer = reply.json();
        let rows = answer["data"].as_array().unwrap().clone();
        assert_eq!(answer["count"], rows.len(), "{path}");
        rows
    }
}

/// Two series of two hours with a gap between.
async fn two_series() -> Api {
    let api = Api::start().await;
    let client = api.db.login(api.db.a()).await;
    for (name, base) in [("wind", 0.0), ("load", 100.0)] {
        let at = |minutes: i64, value| (START + minutes * HOUR / 60, None, value);
        let points = [
            at(0, Some(base + 1.0)),
            at(30, Some(base + 2.0)),
            at(40, None),
            at(120, Some(base + 5.0)),
        ];
        put(&client, name, START, &points).await;
    }
    let other = api.db.login(api.db.b()).await;
    put(&other, "wind", START, &[(START, None, Some(7.0))]).await;
    api
}

#[tokio::test]
async fn a_row_has_the_bucket_and_the_aggregates_asked_for() {
    let api = two_series().await;
    let reply = api
        .get("/values?name=wind&bucket=1h&aggregate=max,count&aggregate=twa,max")
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let id = reply.json()["data"][0]["series_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        reply.text,
        format!(
            concat!(
                r#"{{"count":2,"data":["#,
                r#"{{"valid_time":"2025-01-01T00:00:00+00:00","valid_time_end":"2025-01-01T01:00:00+00:00","series_id":"{id}","#,
                r#""max":2.0,"count":2,"time_weighted_avg":1.25,"name":"wind","unit":"dimensionless","labels":{{}}}},"#,
                r#"{{"valid_time":"2025-01-01T02:00:00+00:00","valid_time_end":"2025-01-01T03:00:00+00:00","series_id":"{id}","#,
                r#""max":5.0,"count":1,"time_weighted_avg":5.0,"name":"wind","unit":"dimensionless","labels":{{}}}}]}}"#
            ),
            id = id
        )
    );
}

#[tokio::test]
async fn rows_stand_by_time_then_series_and_gaps_are_filled() {
    let api = two_series().await;
    let rows = api.rows("/values?bucket=1h&fill=linear").await;
    let place = |row: &Value| {
        ["valid_time", "series_id"].map(|member| row[member].as_str().unwrap().to_owned())
    };
    assert_eq!(rows.len(), 6);
    assert!(rows.is_sorted_by_key(place), "{rows:#?}");
    for (name, expected) in [("wind", [1.5, 3.25, 5.0]), ("load", [101.5, 103.25, 105.0])] {
        let rows = rows.iter().filter(|row| row["name"] == name);
        let avg: Vec<f64> = rows.map(|row| row["avg"].as_f64().unwrap()).collect();
        assert_eq!(avg, expected);
    }
    let rows = api
        .rows("/values?name=wind&bucket=1h&fill=null&aggregate=count,sum")
        .await;
    assert_eq!(rows[1]["count"], 0);
    assert_eq!(rows[1]["sum"], Value::Null);
    assert_eq!(rows[0]["sum"], 3.0);
    let days = api
        .rows("/values?name=wind&bucket=1+day&tz=Europe/Stockholm&aggregate=count")
        .await;
    assert_eq!(days[0]["valid_time"], "2024-12-31T23:00:00+00:00");
    assert_eq!(days[0]["valid_time_end"], "2025-01-01T23:00:00+00:00");
    let known = api.rows("/values?bucket=1h&as_of=2024-12-31").await;
    assert_eq!(known.len(), 0);
}

#[tokio::test]
async fn the_time_zone_still_is_one_of_relative_reads_too() {
    let api = two_series().await;
    let query =
        "/values?name=wind&mode=relative&days_ahead=0&time_of_day=23:00&tz=Europe/Stockholm";
    assert_eq!(api.rows(query).await.len(), 4);
    let reply = api.get("/values?bucket=1h&tz=Europe/Stokholm").await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(reply.text.contains("Europe/Stokholm"), "{reply:?}");
}

#[tokio::test]
async fn mistakes_are_named() {
    let api = two_series().await;
    for (query, place, part) in [
        (
            "bucket=1h&aggregate=median",
            "aggregate",
            "'time_weighted_avg'",
        ),
        ("bucket=1h&fill=zero", "fill", "'linear'"),
        ("aggregate=avg", "aggregate", "bucket"),
        ("fill=last", "fill", "bucket"),
        ("look_before=1", "look_before", "bucket"),
        ("bucket=1h&look_before=so", "look_before", "boolean"),
        ("bucket=1h&mode=overlapping", "bucket", "flat"),
        ("bucket=1h&all_versions=true", "bucket", "flat"),
        ("bucket=soon", "bucket", "length of time"),
        ("bucket=1M", "bucket", "1min or PT1M, or 1mo or P1M"),
        (
            "bucket=1M&aggregate=max",
            "bucket",
            "1min or PT1M, or 1mo or P1M",
        ),
        ("bucket=1h&agregate=avg", "agregate", "not permitted"),
    ] {
        let reply = api.get(&format!("/values?{query}")).await;
        assert_eq!(reply.status, 422, "{query}: {reply:?}");
        let error = reply.json()["detail"][0].clone();
        assert_eq!(error["loc"], json!(["query", place]), "{query}");
        assert!(
            error["msg"].as_str().unwrap().contains(part),
            "{query}: {error}"
        );
    }
    for bucket in ["7h", "0", "-1h", "1 month 1 day"] {
        let reply = api.get(&format!("/values?bucket={bucket}")).await;
        assert_eq!(reply.status, 400, "{bucket}: {reply:?}");
    }
    let many = "/values?bucket=1s&fill=null&start_valid=2025-01-01&end_valid=2026-01-01";
    let reply = api.get(many).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(reply.text.contains("too many buckets"), "{reply:?}");
    for query in ["start_valid=2025-01-01", "mode=flat", "bucket=1h"] {
        let reply = api.get(&format!("/values/last?{query}")).await;
        assert_eq!(reply.status, 422, "{query}: {reply:?}");
    }
    for path in ["/values/last", "/values?bucket=1h"] {
        assert_eq!(api.server.get(path, None).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_sum_that_is_too_large_matters_only_where_it_is_asked_for() {
    let api = Api::start().await;
    let client = api.db.login(api.db.a()).await;
    let points = [0, 1].map(|i| (START + i, None, Some(1e308)));
    put(&client, "huge", START, &points).await;
    let rows = api.rows("/values?bucket=1h&aggregate=avg,max").await;
    assert_eq!(rows[0]["avg"], 1e308);
    let reply = api.get("/values?bucket=1h&aggregate=avg,sum").await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(reply.text.contains("larger unit"), "{reply:?}");
}

#[tokio::test]
async fn last_points_stand_by_series() {
    let api = two_series().await;
    let client = api.db.login(api.db.a()).await;
    let later = (START + 2 * HOUR, Some(START + 3 * HOUR), Some(6.0));
    put(&client, "wind", START + HOUR, &[later]).await;
    run(&client, "SELECT timedb.create_series('empty')").await;
    let rows = api.rows("/values/last").await;
    assert_eq!(rows.len(), 2);
    assert!(rows.is_sorted_by_key(|row| row["series_id"].as_str().unwrap().to_owned()));
    let reply = api.get("/values/last?name=wind").await;
    let id = reply.json()["data"][0]["series_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        reply.text,
        format!(
            concat!(
                r#"{{"count":1,"data":[{{"known_time":"2025-01-01T01:00:00+00:00","valid_time":"2025-01-01T02:00:00+00:00","#,
                r#""valid_time_end":"2025-01-01T03:00:00+00:00","series_id":"{id}","value":6.0,"#,
                r#""name":"wind","unit":"dimensionless","labels":{{}}}}]}}"#
            ),
            id = id
        )
    );
    let rows = api
        .rows(&format!(
            "/values/last?series_id={id}&as_of=2025-01-01T00:30:00Z"
        ))
        .await;
    assert_eq!(rows[0]["value"], 5.0);
    let rows = api
        .rows("/values/last?end_valid=2025-01-01T01:00:00Z&name=load")
        .await;
    assert_eq!(rows[0]["value"], Value::Null);
    assert_eq!(rows[0]["valid_time"], "2025-01-01T00:40:00+00:00");
    for nothing in [
        "name=empty",
        "labels=%7B%22a%22:%22b%22%7D",
        "as_of=2024-01-01",
    ] {
        assert_eq!(api.rows(&format!("/values/last?{nothing}")).await.len(), 0);
    }
}

#[tokio::test]
async fn http_and_sql_agree() {
    let api = two_series().await;
    let client = api.db.login(api.db.a()).await;
    for (parameters, arguments) in [
        ("bucket=15min", "'15 min'"),
        (
            "bucket=PT1H&fill=last&end_valid=2025-01-01T05:00:00Z",
            "'1 hour', fill => 'last', end_valid => '2025-01-01 05:00Z'",
        ),
        (
            "bucket=1h&fill=last&look_before=true&start_valid=2025-01-01T01:00:00Z&end_valid=2025-01-01T05:00:00Z",
            "'1 hour', fill => 'last', look_before => true, start_valid => '2025-01-01 01:00Z',
             end_valid => '2025-01-01 05:00Z'",
        ),
        ("bucket=7d&tz=Asia/Tokyo", "'7 days', 'Asia/Tokyo'"),
        (
            "bucket=1mo&name=wind&fill=null",
            "'1 month', name => 'wind', fill => 'null'",
        ),
        (
            "bucket=86400&start_valid=2025-01-01T00:30:00Z",
            "'24 hours', start_valid => '2025-01-01 00:30Z'",
        ),
    ] {
        let names = "count,avg,sum,min,max,first,last,time_weighted_avg";
        let rows = api
            .rows(&format!("/values?{parameters}&aggregate={names}"))
            .await;
        let query = format!(
            "SELECT jsonb_build_object('valid_time', bucket, 'valid_time_end', bucket_end, 'series_id', series_id,
                        'count', count, 'avg', avg, 'sum', sum, 'min', min, 'max', max, 'first', first, 'last', last,
                        'time_weighted_avg', time_weighted_avg, 'name', name, 'unit', unit, 'labels', labels)
             FROM timedb.read_buckets({arguments}) ORDER BY bucket, series_id"
        );
        run(&client, "SET timezone = 'UTC'").await;
        let expected = client.query(&query, &[]).await.unwrap();
        assert!(!expected.is_empty(), "{parameters}");
        assert_eq!(rows.len(), expected.len(), "{parameters}");
        for (row, expected) in rows.iter().zip(&expected) {
            let expected: Value = expected.get(0);
            for (member, value) in expected.as_object().unwrap() {
                let same = match (value.as_f64(), row[member].as_f64()) {
                    (Some(a), Some(b)) => a == b,
                    _ => &row[member] == value,
                };
                assert!(
                    same,
                    "{parameters}: {member} of {row} is not that of {expected}"
                );
            }
        }
    }
}
