//! What HTTP answers.

use serde_json::Value;
use timedb_tests::{Db, Server, upload};

async fn ask(server: &Server, query: &str, key: &str) -> Value {
    let reply = server.get(&format!("/changes{query}"), Some(key)).await;
    assert_eq!(reply.status, 200, "{query}: {reply:?}");
    reply.json()
}

#[tokio::test]
async fn a_client_can_poll_for_ever_with_the_cursor_of_each_answer() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let client = db.login(db.a()).await;
    let key = &db.a().key;
    let empty = ask(&server, "", key).await;
    assert_eq!(empty["count"], 0);
    assert_eq!(empty["data"], Value::Array(vec![]));
    assert_eq!(empty["more"], false);
    let mut cursor = empty["cursor"].as_str().unwrap().to_owned();
    upload(&client, "wind", &[1.0, 2.0, 3.0]).await.unwrap();
    let expected = [(2, true), (1, false), (0, false), (0, false)];
    for (count, more) in expected {
        let answer = ask(&server, &format!("?max_points=2&cursor={cursor}"), key).await;
        assert_eq!(answer["count"], count);
        assert_eq!(answer["more"], more);
        cursor = answer["cursor"].as_str().unwrap().to_owned();
    }
    // At the end it stays where it is.
    let same = ask(&server, &format!("?cursor={cursor}"), key).await;
    assert_eq!(same["cursor"], cursor.as_str());
    upload(&client, "load", &[4.0]).await.unwrap();
    let answer = ask(&server, &format!("?cursor={cursor}&name=wind"), key).await;
    assert_eq!(answer["count"], 0);
    // An empty answer has moved on: it does not go through the same writes again.
    assert_ne!(answer["cursor"], cursor.as_str());
    let answer = ask(&server, &format!("?cursor={cursor}&name=load"), key).await;
    let row = &answer["data"][0];
    assert_eq!((&row["name"], &row["value"]), (&"load".into(), &4.0.into()));
    assert_eq!(row["changed_by"], db.a().user_id.to_string());
}

#[tokio::test]
async fn a_row_is_that_of_a_read_of_all_versions() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let client = db.login(db.a()).await;
    let id = upload(&client, "wind", &[1.0, 2.0]).await.unwrap();
    let key = &db.a().key;
    let changes = ask(&server, "", key).await;
    let reply = server.get("/values?all_versions=true", Some(key)).await;
    assert_eq!(changes["data"], reply.json()["data"]);
    let by_id = ask(&server, &format!("?series_id={id}"), key).await;
    assert_eq!(by_id["data"], changes["data"]);
    let change_time = changes["data"][0]["change_time"].as_str().unwrap();
    let since = change_time.replace('+', "%2B");
    assert_eq!(
        ask(&server, &format!("?since={since}"), key).await["count"],
        0
    );
    assert_eq!(ask(&server, "?since=2025-01-01", key).await["count"], 2);
    let other = ask(&server, "", &db.b().key).await;
    assert_eq!(other["count"], 0);
}

#[tokio::test]
async fn mistakes_are_told() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let key = Some(db.a().key.as_str());
    let of_b = ask(&server, "", &db.b().key).await;
    let foreign = of_b["cursor"].as_str().unwrap();
    for (query, status, said) in [
        (format!("?cursor={foreign}"), 400, foreign),
        ("?cursor=what".to_owned(), 400, "what"),
        ("?max_points=0".to_owned(), 400, "max_points"),
        ("?max_points=100001".to_owned(), 400, "max_points"),
        ("?max_points=many".to_owned(), 422, "int_parsing"),
        (
            "?since=2025-01-01&cursor=x".to_owned(),
            400,
            "since and cursor",
        ),
        ("?sinse=2025-01-01".to_owned(), 422, "extra_forbidden"),
    ] {
        let reply = server.get(&format!("/changes{query}"), key).await;
        assert_eq!(reply.status, status, "{query}: {reply:?}");
        assert!(reply.text.contains(said), "{query}: {reply:?}");
    }
    let reply = server.get("/changes?sinse=1", Some("tdb_wrong")).await;
    assert_eq!(reply.status, 401);
    assert_eq!(server.get("/changes", None).await.status, 401);
}
