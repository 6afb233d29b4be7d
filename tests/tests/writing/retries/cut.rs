//! The connection to the database ends after each message of a request, or the answer never comes: the
//! request sent again is carried out if it had not been, and answered as before if it had.

use std::time::Duration;

use timedb_tests::proxy::{Direction, Proxy};
use timedb_tests::{Db, Role, Server, count};
use uuid::Uuid;

use super::trouble::{Clients, assert_once, named};
use super::{body, is_replay};

/// Behind a pooler: BEGIN and the question for a challenge, authenticate, the statement, COMMIT. On a direct connection
/// the first time: what the session keeps, the statement being prepared in a transaction, and the statement.
const STEPS: [i64; 5] = [0, 1, 2, 3, 4];
const POOLERS: [&str; 2] = ["transaction", "auto"];

/// Whether the write is committed when its answers stop so: behind a pooler, all messages but the first two are sent
/// at once; directly, the statement is sent when it has been prepared.
fn is_committed(pooler: &str, direction: Direction, step: i64) -> bool {
    let last_awaited = if pooler == "auto" { 4 } else { 2 };
    direction == Direction::FromDatabase && step >= last_awaited
}

struct Cut {
    db: Db,
    proxy: Proxy,
    server: Server,
}

impl Cut {
    async fn start(request_timeout: &str, pooler: &str) -> Self {
        let db = Db::new().await;
        let proxy = Proxy::start().await;
        let variables = [
            ("TIMEDB_POOL_SIZE", "1"),
            ("TIMEDB_REQUEST_TIMEOUT", request_timeout),
            ("TIMEDB_POOLER", pooler),
        ];
        let server = Server::start_with(&proxy.dsn(&db.dsn(Role::User)), &[], &variables);
        let cut = Self { db, proxy, server };
        // The connection is there before the first one is cut off; nothing is stored.
        let mut twice = body(&[1.0, 2.0]);
        twice["value_rows"][1] = twice["value_rows"][0].clone();
        let key = Some(cut.db.a().key.as_str());
        let reply = cut.server.post("/upload", key, &twice).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        cut
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_cut_off_at_any_message_is_stored_once_when_it_is_sent_again() {
    for pooler in POOLERS {
        for direction in [Direction::ToDatabase, Direction::FromDatabase] {
            for step in STEPS {
                // On a new connection, and on one that has everything.
                let cut = Cut::start("60", pooler).await;
                let clients = Clients::new(&cut.db, cut.server.url());
                let mut sent = Vec::new();
                for step in [step, 0] {
                    let name = format!("{pooler} {direction:?} {step} {}", sent.len());
                    let request = named(name.clone(), sent.len(), 1);
                    cut.proxy.cut_after(direction, step);
                    let (status, answer, _) = clients.send(&request).await.expect("an answer");
                    assert_eq!(status, 503, "{name}: {answer}");
                    sent.push(clients.until_answered(request).await);
                }
                assert_once(&cut.db, &clients, &[sent]).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_is_lost_is_answered_when_it_is_sent_again() {
    for pooler in POOLERS {
        for direction in [Direction::ToDatabase, Direction::FromDatabase] {
            for step in STEPS {
                an_answer_is_lost(pooler, direction, step).await;
            }
        }
    }
}

async fn an_answer_is_lost(pooler: &str, direction: Direction, step: i64) {
    let cut = Cut::start("1", pooler).await;
    let key = Some(cut.db.a().key.as_str());
    let reader = cut.db.login(cut.db.a()).await;
    // The second time everything is prepared, and the answer that is lost is that of the statement.
    let again = match pooler {
        "auto" => (0, direction == Direction::FromDatabase),
        _ => (step, is_committed(pooler, direction, step)),
    };
    for (step, committed) in [(step, is_committed(pooler, direction, step)), again] {
        let story = format!("{pooler} {direction:?} {step}");
        let name = Uuid::new_v4().to_string();
        let upload = || {
            cut.server
                .request(reqwest::Method::POST, "/upload", key)
                .header("Idempotency-Key", &name)
                .json(&body(&[1.0, 2.0, 3.0]))
        };
        cut.proxy.stop_after(direction, step);
        let reply = cut.server.send(upload()).await;
        assert_eq!(reply.status, 504, "{story}: {reply:?}");
        let of_name = "SELECT count(*) FROM timedb.batches WHERE idempotency_key = $1";
        let stored = count(&reader, of_name, &[&name]).await;
        assert_eq!(stored, i64::from(committed), "{story}");
        let mut again = cut.server.send(upload()).await;
        while [409, 503].contains(&again.status.as_u16()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            again = cut.server.send(upload()).await;
        }
        assert_eq!(again.status, 200, "{story}: {again:?}");
        assert_eq!(is_replay(&again), committed, "{story}");
        assert_eq!(count(&reader, of_name, &[&name]).await, 1, "{story}");
    }
    let versions = "SELECT count(*) FROM timedb.read_versions()";
    assert_eq!(count(&reader, versions, &[]).await, 2 * 3);
}
