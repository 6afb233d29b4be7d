//! The conversation with the database stops after each of its messages: the database may sit in the
//! middle of a transaction with role and tenant set, and never hear of COMMIT.

use std::time::Duration;

use timedb_tests::proxy::{Direction, Proxy};
use timedb_tests::{Db, Role};

use super::{Broken, Narrow};

const DIRECTIONS: [Direction; 2] = [Direction::ToDatabase, Direction::FromDatabase];

/// What the server takes itself to be connected to, and after which messages to the database the conversation stops:
/// with whether the database is in a transaction then.
type Way = (&'static str, &'static [(i64, bool)]);

/// BEGIN, the question for a challenge, authenticate, the statement, COMMIT: nothing of them, or all but the last, went
/// through.
const POOLED: Way = (
    "transaction",
    &[(0, false), (1, true), (2, true), (3, true), (4, true)],
);
/// One message, which nothing comes before.
const PREPARED: Way = ("auto", &[(0, false)]);
/// BEGIN, the statement being prepared, COMMIT, and the statement: so it is the first time on a connection.
const BEING_PREPARED: Way = ("auto", &[(0, false), (1, true), (2, true), (3, false)]);

async fn through_proxy(request_timeout: &str, pooler: &str) -> (Narrow, Proxy) {
    let proxy = Proxy::start().await;
    let db = Db::new().await;
    let dsn = proxy.dsn(&db.dsn(Role::User));
    let narrow = Narrow::start_on(db, &dsn, request_timeout, pooler).await;
    narrow.assert_tenants_are_themselves("before").await;
    (narrow, proxy)
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

async fn times_out(broken: Broken, (pooler, steps): Way) {
    for direction in DIRECTIONS {
        // What the database did commit would be in the way of the next direction.
        let (narrow, proxy) = through_proxy("1", pooler).await;
        for (step, _) in steps {
            let story = format!("{broken:?} stopped {direction:?} after {step} messages");
            proxy.stop_after(direction, *step);
            let reply = broken.send(&narrow.server, narrow.db.a()).await;
            assert!(
                [503, 504].contains(&reply.status.as_u16()),
                "{story}: {reply:?}"
            );
            afterwards(&narrow, direction, &story).await;
        }
    }
}

async fn hangs_up(broken: Broken, (pooler, steps): Way) {
    for direction in DIRECTIONS {
        let (narrow, proxy) = through_proxy("60", pooler).await;
        for (step, is_in_transaction) in steps {
            let story = format!("{broken:?} hung up {direction:?} after {step} messages");
            proxy.stop_after(direction, *step);
            let wire = broken.start(&narrow.server, narrow.db.a()).await;
            // Long enough for all messages that may pass.
            tokio::time::sleep(Duration::from_millis(300)).await;
            if direction == Direction::ToDatabase {
                let in_transaction = narrow.backends().await.iter().any(|(_, _, open)| *open);
                assert_eq!(
                    in_transaction, *is_in_transaction,
                    "{story}: it did not stop where it should"
                );
            }
            drop(wire);
            afterwards(&narrow, direction, &story).await;
        }
    }
}

// More threads: starting the server blocks one while the proxy works on another.
macro_rules! at_each_message {
    ($($times_out:ident $hangs_up:ident $broken:ident $way:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $times_out() {
            times_out(Broken::$broken, $way).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn $hangs_up() {
            hangs_up(Broken::$broken, $way).await;
        }
    )*};
}

// Reads and lists have been prepared when they are broken off, by those that look who is who; writes and counts have not.
at_each_message! {
    a_pooled_read_that_times_out_leaves_nothing_behind
    a_pooled_read_hung_up_leaves_nothing_behind Read POOLED;
    a_pooled_list_that_times_out_leaves_nothing_behind
    a_pooled_list_hung_up_leaves_nothing_behind List POOLED;
    a_pooled_write_that_times_out_leaves_nothing_behind
    a_pooled_write_hung_up_leaves_nothing_behind Write POOLED;
    a_prepared_read_that_times_out_leaves_nothing_behind
    a_prepared_read_hung_up_leaves_nothing_behind Read PREPARED;
    a_prepared_list_that_times_out_leaves_nothing_behind
    a_prepared_list_hung_up_leaves_nothing_behind List PREPARED;
    a_write_that_times_out_while_it_is_prepared_leaves_nothing_behind
    a_write_hung_up_while_it_is_prepared_leaves_nothing_behind Write BEING_PREPARED;
    a_count_that_times_out_while_it_is_prepared_leaves_nothing_behind
    a_count_hung_up_while_it_is_prepared_leaves_nothing_behind Count BEING_PREPARED;
}
