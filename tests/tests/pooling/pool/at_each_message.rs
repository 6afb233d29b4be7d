//! The conversation with the database stops after each of its messages: the database may sit in the
//! middle of a transaction with role and tenant set, and never hear of COMMIT.

use std::time::Duration;

use timedb_tests::proxy::{Direction, Proxy};
use timedb_tests::{Db, Role};

use super::{Broken, Narrow};

/// BEGIN, authenticate, the statement, COMMIT: nothing of them, or all but the last, went through.
const STEPS: [i64; 4] = [0, 1, 2, 3];
const DIRECTIONS: [Direction; 2] = [Direction::ToDatabase, Direction::FromDatabase];

async fn through_proxy(request_timeout: &str) -> (Narrow, Proxy) {
    let proxy = Proxy::start().await;
    let db = Db::new().await;
    let dsn = proxy.dsn(&db.dsn(Role::User));
    (Narrow::start_on(db, &dsn, request_timeout).await, proxy)
}

/// What must hold after the request was broken off in this step.
async fn afterwards(narrow: &Narrow, direction: Direction, story: &str) {
    narrow.until_clean(story).await;
    narrow.assert_tenants_are_themselves(story).await;
    if direction == Direction::ToDatabase {
        let listed = narrow
            .server
            .get("/list_timeseries", Some(&narrow.db.a().key))
            .await;
        assert!(
            !listed.text.contains("broken"),
            "{story}: written without COMMIT: {listed:?}"
        );
    }
}

async fn times_out(broken: Broken) {
    for direction in DIRECTIONS {
        // What the database did commit would be in the way of the next direction.
        let (narrow, proxy) = through_proxy("1").await;
        for step in STEPS {
            let story = format!("{broken:?} stopped {direction:?} after {step} messages");
            proxy.stop_after(direction, step);
            let reply = broken.send(&narrow.server, narrow.db.a()).await;
            assert!(
                [503, 504].contains(&reply.status.as_u16()),
                "{story}: {reply:?}"
            );
            afterwards(&narrow, direction, &story).await;
        }
    }
}

async fn hangs_up(broken: Broken) {
    for direction in DIRECTIONS {
        let (narrow, proxy) = through_proxy("60").await;
        for step in STEPS {
            let story = format!("{broken:?} hung up {direction:?} after {step} messages");
            proxy.stop_after(direction, step);
            let wire = broken.start(&narrow.server, narrow.db.a()).await;
            // Long enough for all messages that may pass.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let in_transaction = narrow.backends().await.iter().any(|(_, _, open)| *open);
            let expected = direction == Direction::ToDatabase && step > 0;
            assert_eq!(
                in_transaction, expected,
                "{story}: it did not stop where it should"
            );
            drop(wire);
            afterwards(&narrow, direction, &story).await;
        }
    }
}

// More threads: starting the server blocks one while the proxy works on another.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_times_out_after_any_message_leaves_nothing_behind() {
    times_out(Broken::Read).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_times_out_after_any_message_leaves_nothing_behind() {
    times_out(Broken::List).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_times_out_after_any_message_leaves_nothing_behind() {
    times_out(Broken::Write).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_hung_up_after_any_message_leaves_nothing_behind() {
    hangs_up(Broken::Read).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_hung_up_after_any_message_leaves_nothing_behind() {
    hangs_up(Broken::List).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_hung_up_after_any_message_leaves_nothing_behind() {
    hangs_up(Broken::Write).await;
}
