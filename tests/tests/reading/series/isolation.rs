//! Tenant B and a read-only key at every route and function: B meets A's series nowhere, and a key that
//! only reads changes none.

use reqwest::Method;
use serde_json::json;
use timedb_tests::{Db, Role, Server, refusal};
use uuid::Uuid;

use super::{create, get, upload_in};

const MARK: &str = "secret-of-a";

/// A series of A, with the mark in everything that it says.
async fn mark(db: &Db) -> Uuid {
    let client = db.login(db.a()).await;
    let id = create(&client, MARK, &json!({ MARK: MARK }), MARK).await;
    let query = "SELECT timedb.update_series($1, $2)";
    client.query_one(query, &[&id, &MARK]).await.unwrap();
    upload_in(&client, &[1.0], &format!("series_id => '{{{id}}}'"))
        .await
        .unwrap();
    id
}

#[tokio::test]
async fn no_route_tells_b_of_a_series_of_a() {
    let db = Db::new().await;
    let id = mark(&db).await;
    let server = Server::start(&db);
    let labels = format!("%7B%22{MARK}%22:%22{MARK}%22%7D");
    let lists = [
        "/series".to_owned(),
        format!("/series?name={MARK}"),
        "/series?prefix=secret".to_owned(),
        "/series?search=SECRET".to_owned(),
        format!("/series?labels={labels}"),
        "/series/labels".to_owned(),
        format!("/series/labels/{MARK}"),
        format!("/series/labels/{MARK}?prefix=s"),
    ];
    for path in &lists {
        let of_a = get(&server, db.a(), path).await;
        assert!(
            of_a["count"] == 1 && of_a.to_string().contains(MARK),
            "{path}: {of_a}"
        );
        let of_b = get(&server, db.b(), path).await;
        assert_eq!(
            (&of_b["count"], &of_b["data"]),
            (&json!(0), &json!([])),
            "{path}"
        );
        let none = server.get(path, None).await;
        assert_eq!(none.status, 401, "{path}");
    }
    for path in [
        "",
        &format!("?name={MARK}"),
        &format!("?labels={labels}"),
        "?search=e",
    ] {
        let path = format!("/series/count{path}");
        assert_eq!(
            get(&server, db.b(), &path).await,
            json!({"count": 0}),
            "{path}"
        );
    }
    // An id of A is answered as one that nobody has, to the letter.
    let unknown = Uuid::new_v4();
    for (method, path, body) in [
        (Method::GET, "/series/ID", None),
        (Method::GET, "/series?after=ID", None),
        (Method::PATCH, "/series/ID", Some(json!({"name": "mine"}))),
        (
            Method::PATCH,
            "/series/ID",
            Some(json!({"unit": "kW", "description": "x"})),
        ),
        (Method::PATCH, "/series/ID", Some(json!({}))),
    ] {
        let mut answers = Vec::new();
        for id in [id, unknown] {
            let path = path.replace("ID", &id.to_string());
            let mut request = server.request(method.clone(), &path, Some(&db.b().key));
            if let Some(body) = &body {
                request = request.json(body);
            }
            let reply = server.send(request).await;
            assert_eq!(reply.status, 404, "{method} {path}: {reply:?}");
            answers.push(reply.text.replace(&id.to_string(), "ID"));
        }
        assert_eq!(answers[0], answers[1], "{method} {path}");
    }
    let still = get(&server, db.a(), &format!("/series/{id}")).await;
    assert_eq!(
        (&still["name"], &still["description"]),
        (&json!(MARK), &json!(MARK))
    );
}

#[tokio::test]
async fn b_may_have_a_series_of_the_same_name_and_rename_to_it() {
    let db = Db::new().await;
    mark(&db).await;
    let client = db.login(db.b()).await;
    let own = create(&client, "own", &json!({}), "kW").await;
    let query = "SELECT timedb.rename_series($1, $2, $3::text::jsonb)";
    let labels = json!({ MARK: MARK }).to_string();
    client
        .query_one(query, &[&own, &MARK, &labels])
        .await
        .unwrap();
    let server = Server::start(&db);
    for tenant in [db.a(), db.b()] {
        let count = get(&server, tenant, &format!("/series/count?name={MARK}")).await;
        assert_eq!(count, json!({"count": 1}));
    }
}

#[tokio::test]
async fn a_read_only_key_looks_at_series_and_changes_none() {
    let db = Db::new().await;
    let id = mark(&db).await;
    let superuser = db.connect(Role::Superuser).await;
    let access = "UPDATE timedb_internal.api_keys SET access = 'read_only' WHERE user_id = $1";
    superuser.execute(access, &[&db.a().user_id]).await.unwrap();
    let server = Server::start(&db);
    for path in [
        "/series",
        "/series/labels",
        &format!("/series/{id}"),
        "/series/count",
    ] {
        get(&server, db.a(), path).await;
    }
    for body in [json!({}), json!({"name": "x"}), json!({"description": "x"})] {
        let request = server.request(Method::PATCH, &format!("/series/{id}"), Some(&db.a().key));
        let reply = server.send(request.json(&body)).await;
        assert_eq!(reply.status, 403, "{body}: {reply:?}");
    }
    let client = db.login(db.a()).await;
    for call in [
        format!("rename_series('{id}', 'x')"),
        format!("update_series('{id}', 'x')"),
    ] {
        let query = format!("SELECT timedb.{call}");
        assert_eq!(
            refusal(client.query(&query, &[]).await).0,
            "42501",
            "{call}"
        );
    }
    let nobody = db.connect(Role::User).await;
    for call in [
        format!("rename_series('{id}', 'x')"),
        format!("update_series('{id}', 'x')"),
    ] {
        let query = format!("SELECT timedb.{call}");
        assert_eq!(
            refusal(nobody.query(&query, &[]).await).0,
            "28000",
            "{call}"
        );
        let in_transaction = format!("BEGIN READ ONLY; SELECT timedb.{call}");
        assert_eq!(
            refusal(nobody.batch_execute(&in_transaction).await).0,
            "25006",
            "{call}"
        );
        nobody.batch_execute("ROLLBACK").await.unwrap();
    }
}
