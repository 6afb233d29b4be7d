//! What goes wrong meanwhile: PostgreSQL is restarted, the server is killed, a backend is, and all of PostgreSQL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::store::Store;
use crate::tally::Tally;

/// One of them.
pub struct Caused {
    pub what: &'static str,
    /// After how much of the load.
    pub at: Duration,
    /// How long the server was not ready.
    pub away: Duration,
}

/// Causes all of them, at even distances.
pub async fn cause(
    store: &Arc<Store>,
    tally: &Tally,
    start: Instant,
    length: Duration,
) -> Vec<Caused> {
    let mut caused = Vec::new();
    type Cause = fn(&Store);
    let causes: [(&str, Cause); 4] = [
        ("PostgreSQL is restarted (fast)", |store| {
            store.cluster.restart();
        }),
        ("the server is killed (-9), another one starts", |store| {
            store.replace_server();
        }),
        ("PostgreSQL is killed (-9) and started", |store| {
            store.cluster.kill_and_start();
        }),
        ("the server is killed (-9) once more", |store| {
            store.replace_server();
        }),
    ];
    for (number, (what, cause)) in (1..).zip(causes) {
        let at = length * number / 5;
        tokio::time::sleep_until((start + at).into()).await;
        tally.trouble_begins();
        eprintln!("    after {} s: {what}", at.as_secs());
        let (began, store_of_cause) = (Instant::now(), Arc::clone(store));
        let done = tokio::task::spawn_blocking(move || cause(&store_of_cause));
        done.await.expect("a trouble is caused to its end");
        let away = store.until_ready(began).await;
        tally.trouble_ends();
        caused.push(Caused { what, at, away });
    }
    caused
}
