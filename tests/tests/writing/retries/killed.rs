//! The server is killed, its connections are cut, its backends are terminated, again and again, while clients
//! send: in the end everything is stored once.

use std::time::Duration;

use timedb_tests::proxy::{Direction, Proxy};
use timedb_tests::random::Random;
use timedb_tests::{Db, Role, Server};

use super::trouble::{Clients, Request, assert_current, assert_once, named, skipping, with_id};

/// How often it happens.
const TIMES: usize = 10;

/// Waits a while, never the same.
async fn a_while(random: &mut Random) {
    let pause = 20 + random.below(130);
    tokio::time::sleep(Duration::from_millis(pause)).await;
}

/// Clients send while SIGKILL ends the server at random moments; each time another one takes its place.
async fn while_killed(
    seed: u64,
    make: fn(usize, usize) -> Request,
) -> (Db, Clients, Server, Vec<Vec<Request>>) {
    let db = Db::new().await;
    let mut server = Server::start(&db);
    let clients = Clients::new(&db, server.url());
    let killing = async {
        let mut random = Random::new(seed);
        for _ in 0..TIMES {
            // On a busy machine one request could be what every kill of them breaks off.
            clients.until_one_is_answered().await;
            a_while(&mut random).await;
            server.signal("KILL");
            server.wait(Duration::from_secs(5));
            server = Server::start(&db);
            clients.moved(server.url());
        }
    };
    let sent = clients.send_during(make, killing).await;
    (db, clients, server, sent)
}

fn by_key(client: usize, number: usize) -> Request {
    named(format!("client {client}, request {number}"), client, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn named_requests_to_a_server_that_is_killed_are_stored_once() {
    let (db, clients, _server, sent) = while_killed(1, by_key).await;
    let resent = assert_once(&db, &clients, &sent).await;
    assert!(resent >= TIMES, "{resent} requests were sent again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_with_a_batch_id_to_a_server_that_is_killed_are_stored_once() {
    let (db, clients, _server, sent) = while_killed(2, with_id).await;
    let resent = assert_once(&db, &clients, &sent).await;
    assert!(resent >= TIMES, "{resent} requests were sent again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_without_a_name_that_skip_to_a_server_that_is_killed_leave_the_right_values() {
    let (db, clients, _server, sent) = while_killed(3, skipping).await;
    assert_current(&db, &clients, &sent).await;
}

/// Clients send while backends are terminated at random moments.
async fn while_terminated(
    seed: u64,
    make: fn(usize, usize) -> Request,
) -> (Db, Clients, Server, Vec<Vec<Request>>) {
    let db = Db::new().await;
    let server = Server::start(&db);
    let clients = Clients::new(&db, server.url());
    let superuser = db.connect(Role::Superuser).await;
    let terminating = async {
        let mut random = Random::new(seed);
        for _ in 0..3 * TIMES {
            a_while(&mut random).await;
            let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                             WHERE datname = current_database() AND usename = $1";
            superuser
                .query(terminate, &[&db.role_name(Role::User)])
                .await
                .unwrap();
        }
    };
    let sent = clients.send_during(make, terminating).await;
    (db, clients, server, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn named_requests_whose_backends_are_terminated_are_stored_once() {
    let (db, clients, _server, sent) = while_terminated(4, by_key).await;
    let resent = assert_once(&db, &clients, &sent).await;
    assert!(resent >= TIMES, "{resent} requests were sent again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_without_a_name_that_skip_whose_backends_are_terminated_leave_the_right_values() {
    let (db, clients, _server, sent) = while_terminated(5, skipping).await;
    assert_current(&db, &clients, &sent).await;
}

/// Clients send while connections to the database are cut after a random number of messages.
async fn while_cut(
    seed: u64,
    make: fn(usize, usize) -> Request,
) -> (Db, Clients, Server, Vec<Vec<Request>>) {
    let db = Db::new().await;
    let proxy = Proxy::start().await;
    let server = Server::start_with(&proxy.dsn(&db.dsn(Role::User)), &[], &[]);
    let clients = Clients::new(&db, server.url());
    let cutting = async {
        let mut random = Random::new(seed);
        for _ in 0..3 * TIMES {
            a_while(&mut random).await;
            let direction = if random.below(2) == 0 {
                Direction::ToDatabase
            } else {
                Direction::FromDatabase
            };
            proxy.cut_after(direction, random.below(16));
        }
        proxy.cut_after(Direction::ToDatabase, 0);
    };
    let sent = clients.send_during(make, cutting).await;
    (db, clients, server, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn named_requests_whose_connections_are_cut_are_stored_once() {
    let (db, clients, _server, sent) = while_cut(6, by_key).await;
    // A limit that nobody has reached yet would cut what comes now.
    let mut settled = named("after the cuts".to_owned(), 99, 0);
    for _ in 0..20 {
        settled = clients.until_answered(settled).await;
    }
    let mut sent = sent;
    sent.push(vec![settled]);
    let resent = assert_once(&db, &clients, &sent).await;
    assert!(resent >= TIMES, "{resent} requests were sent again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_without_a_name_that_skip_whose_connections_are_cut_leave_the_right_values() {
    let (db, clients, _server, sent) = while_cut(7, skipping).await;
    let mut settled = skipping(0, 0);
    for _ in 0..20 {
        settled = clients.until_answered(settled).await;
    }
    assert_current(&db, &clients, &sent).await;
}
