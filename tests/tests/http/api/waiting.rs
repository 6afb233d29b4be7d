//! `GET /changes` for those who wait: long polls and streams of events.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use timedb_tests::{Db, Reply, Role, Server, Tenant};

use super::{batch, row};

const SOON: Duration = Duration::from_secs(10);

fn start(db: &Db, variables: &[(&str, &str)]) -> Server {
    Server::start_with(&db.dsn(Role::User), &[], variables)
}

async fn write(server: &Server, user: &Tenant, value: f64) {
    let body = batch(json!([row("2025-01-01T00:00:00Z", "temperature", value)]));
    let reply = server.post("/upload", Some(&user.key), &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// The query that goes on after all that there is.
async fn at_the_end(server: &Server, user: &Tenant) -> String {
    let reply = server.get("/changes", Some(&user.key)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    format!("cursor={}", reply.json()["cursor"].as_str().unwrap())
}

/// An answer, and how long it took.
async fn timed(answer: impl Future<Output = Reply>) -> (Reply, Duration) {
    let asked = Instant::now();
    (answer.await, asked.elapsed())
}

/// What happens while a client waits.
async fn meanwhile(act: impl Future<Output = ()>) {
    tokio::time::sleep(Duration::from_millis(700)).await;
    act.await;
}

#[tokio::test]
async fn a_write_of_the_tenant_ends_a_wait_and_another_tenants_does_not() {
    let db = Db::new().await;
    // Waiting is not timed as requests are.
    let server = start(&db, &[("TIMEDB_REQUEST_TIMEOUT", "2")]);
    write(&server, db.a(), 1.0).await;
    let path = format!("/changes?{}", at_the_end(&server, db.a()).await);
    let key = Some(db.a().key.as_str());
    let path = format!("{path}&wait=50s");
    let waiting = server.get(&path, key);
    let write_later = meanwhile(write(&server, db.a(), 2.0));
    let ((reply, took), ()) = tokio::join!(timed(waiting), write_later);
    assert!(took < SOON, "{took:?}");
    assert_eq!(reply.json()["data"][0]["value"], 2.0, "{reply:?}");

    let path = format!("/changes?{}&wait=3", at_the_end(&server, db.a()).await);
    let waiting = server.get(&path, key);
    let write_later = meanwhile(write(&server, db.b(), 3.0));
    let ((reply, took), ()) = tokio::join!(timed(waiting), write_later);
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["count"]),
        (200, &json!(0))
    );
    assert!(took >= Duration::from_secs(3) && took < SOON, "{took:?}");
    // Who asks for what is there already does not wait.
    let (reply, took) = timed(server.get("/changes?wait=50s&format=csv", key)).await;
    assert_eq!(reply.text.lines().count(), 3, "{reply:?}");
    assert!(took < SOON && reply.headers.contains_key("timedb-cursor"));
}

#[tokio::test]
async fn what_is_written_in_sql_ends_a_wait_too() {
    let db = Db::new().await;
    let server = start(&db, &[]);
    let path = format!("/changes?{}&wait=50s", at_the_end(&server, db.a()).await);
    let client = db.begin(db.a()).await;
    let in_sql = async {
        timedb_tests::upload(&client, "x", &[1.0]).await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    };
    let waiting = server.get(&path, Some(&db.a().key));
    let ((reply, took), ()) = tokio::join!(timed(waiting), meanwhile(in_sql));
    assert!(took < SOON, "{took:?}");
    assert_eq!(reply.json()["count"], 1, "{reply:?}");
}

async fn deactivate(db: &Db) {
    let owner = db.connect(Role::Owner).await;
    let deactivate = "SELECT timedb.deactivate_user($1)";
    owner.execute(deactivate, &[&db.a().email]).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_revoked_learns_nothing_more() {
    let db = Db::new().await;
    let server = start(&db, &[]);
    let path = format!("/changes?{}&wait=50s", at_the_end(&server, db.a()).await);
    let waiting = server.get(&path, Some(&db.a().key));
    let mut events = events(&server, &db.a().key, "", None).await;
    events.next().await;
    let ((reply, took), ()) = tokio::join!(timed(waiting), meanwhile(deactivate(&db)));
    assert_eq!(reply.status, 401, "{reply:?}");
    assert!(took < SOON, "{took:?}");
    let last = events.next().await.unwrap();
    assert_eq!(last.kind, "error");
    assert_eq!(last.data, json!({"detail": "Invalid or inactive API key."}));
    assert!(events.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_bounded_and_take_no_connection() {
    let db = Db::new().await;
    let limits = [
        ("TIMEDB_WAITING_CLIENTS", "20"),
        ("TIMEDB_POOL_SIZE", "1"),
        ("TIMEDB_ACQUIRE_TIMEOUT", "5"),
    ];
    let server = start(&db, &limits);
    let path = format!("/changes?{}&wait=20s", at_the_end(&server, db.a()).await);
    let waiting = (0..5).map(|_| server.get(&path, Some(&db.a().key)));
    let waiting = futures_util::future::join_all(waiting);
    let others = meanwhile(async {
        let refused = server.get(&path, Some(&db.a().key)).await;
        assert_eq!(refused.status, 429, "{refused:?}");
        assert_eq!(refused.headers["retry-after"], "1");
        // Without waiting there is no limit, and another tenant has places of its own.
        for path in ["/changes", "/values"] {
            let (reply, took) = timed(server.get(path, Some(&db.a().key))).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert!(took < Duration::from_secs(4), "{took:?}");
        }
        let of_b = format!("/changes?{}&wait=1s", at_the_end(&server, db.b()).await);
        assert_eq!(server.get(&of_b, Some(&db.b().key)).await.status, 200);
        write(&server, db.a(), 1.0).await;
    });
    let (replies, ()) = tokio::join!(waiting, others);
    for reply in replies {
        assert_eq!(reply.json()["count"], 1, "{reply:?}");
    }
    // The places are free again.
    let path = format!("/changes?{}&wait=1s", at_the_end(&server, db.a()).await);
    assert_eq!(server.get(&path, Some(&db.a().key)).await.status, 200);

    let none = start(&db, &[("TIMEDB_WAITING_CLIENTS", "0")]);
    let refused = none.get(&path, Some(&db.a().key)).await;
    assert_eq!(refused.status, 503, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_goes_back_with_its_client() {
    let db = Db::new().await;
    let server = start(&db, &[("TIMEDB_WAITING_CLIENTS", "1")]);
    let path = format!("/changes?{}", at_the_end(&server, db.a()).await);
    let key = Some(db.a().key.as_str());
    for _ in 0..3 {
        let long = format!("{path}&wait=50s");
        until_there_is_a_place(async || {
            let asked = server.get(&long, key);
            match tokio::time::timeout(Duration::from_millis(700), asked).await {
                Ok(refused) => refused.status,
                // It waits, and goes.
                Err(_) => StatusCode::OK,
            }
        })
        .await;
        until_there_is_a_place(async || {
            let stream = server.request(Method::GET, &path, key);
            let stream = stream.header("Accept", "text/event-stream").send();
            stream.await.unwrap().status()
        })
        .await;
    }
    let short = format!("{path}&wait=1s");
    until_there_is_a_place(async || server.get(&short, key).await.status).await;
}

/// Asks again as long as whoever asked before has the only place.
async fn until_there_is_a_place(ask: impl AsyncFn() -> StatusCode) {
    let start = Instant::now();
    loop {
        match ask().await {
            StatusCode::OK => return,
            StatusCode::TOO_MANY_REQUESTS => {}
            other => panic!("{other}"),
        }
        assert!(
            start.elapsed() < SOON,
            "clients that have gone keep their places"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_when_the_server_stops() {
    let db = Db::new().await;
    let mut server = start(&db, &[]);
    let path = format!("/changes?{}&wait=50s", at_the_end(&server, db.a()).await);
    let mut events = events(&server, &db.a().key, "", None).await;
    events.next().await;
    let stop = meanwhile(async { server.signal("TERM") });
    let waiting = server.get(&path, Some(&db.a().key));
    let (reply, ()) = tokio::join!(waiting, stop);
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["count"]),
        (200, &json!(0))
    );
    assert!(events.next().await.is_none());
    assert!(server.wait(SOON).success(), "{}", server.log());
}

/// A stream of events.
struct Events {
    response: Response,
    received: String,
}

#[derive(Debug)]
struct Received {
    kind: String,
    id: String,
    data: Value,
}

async fn events(server: &Server, key: &str, query: &str, last: Option<&str>) -> Events {
    let request = server.request(Method::GET, &format!("/changes?{query}"), Some(key));
    let mut request = request.header("Accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-store");
    let vary = headers.get_all("vary").iter();
    assert!(vary.into_iter().any(|value| value == "Accept"));
    Events {
        response,
        received: String::new(),
    }
}

impl Events {
    /// The next event; none at the end of the stream.
    async fn next(&mut self) -> Option<Received> {
        loop {
            if let Some((event, rest)) = self.received.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = event.lines();
                    let found = lines.filter_map(|line| line.strip_prefix(name)).next();
                    found.unwrap_or_default().trim().to_owned()
                };
                let (kind, id, data) = (field("event:"), field("id:"), field("data:"));
                self.received = rest.to_owned();
                if data.is_empty() {
                    continue;
                }
                let data = serde_json::from_str(&data).unwrap();
                return Some(Received { kind, id, data });
            }
            let piece = tokio::time::timeout(SOON, self.response.chunk()).await;
            let piece = piece.expect("an event in time").unwrap()?;
            self.received.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

#[tokio::test]
async fn events_come_with_writes_and_go_on_after_the_last_one() {
    let db = Db::new().await;
    let server = start(&db, &[("TIMEDB_REQUEST_TIMEOUT", "2")]);
    let key = &db.a().key;
    let mut stream = events(&server, key, "name=temperature", None).await;
    let first = stream.next().await.unwrap();
    assert_eq!((&*first.kind, &first.data["count"]), ("changes", &json!(0)));
    let mut ids = vec![first.id];
    for value in [1.0, 2.0] {
        tokio::time::sleep(Duration::from_millis(1200)).await;
        write(&server, db.b(), 7.0).await;
        write(&server, db.a(), value).await;
        let event = stream.next().await.unwrap();
        assert_eq!(event.data["data"][0]["value"], value, "{event:?}");
        assert_eq!(event.data["count"], 1);
        assert_eq!(event.data["cursor"], event.id.as_str());
        ids.push(event.id);
    }
    // As a browser comes again, with the query that it began with.
    let since = "name=temperature&since=2025-01-01T00:00:00Z";
    let mut again = events(&server, key, since, Some(&ids[1])).await;
    assert_eq!(again.next().await.unwrap().data["data"][0]["value"], 2.0);
    // Pieces of what is there already follow each other at once.
    let mut pieces = events(&server, key, "max_points=1", None).await;
    for value in [1.0, 2.0] {
        let event = pieces.next().await.unwrap();
        assert_eq!(event.data["data"][0]["value"], value, "{event:?}");
    }
    // What is wrong is an answer of its own.
    for (query, status) in [("cursor=AQ", 400), ("wait=1s", 422), ("sinse=1", 422)] {
        let request = server.request(Method::GET, &format!("/changes?{query}"), Some(key));
        let reply = server
            .send(request.header("Accept", "text/event-stream"))
            .await;
        assert_eq!(reply.status, status, "{query}: {reply:?}");
    }
    let request = server.request(Method::GET, "/changes", Some(timedb_tests::UNKNOWN_KEY));
    let reply = server
        .send(request.header("Accept", "text/event-stream"))
        .await;
    assert_eq!(reply.status, 401, "{reply:?}");
}
