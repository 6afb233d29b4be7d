//! The soak: sqlsmith sends a random query after the other as tenant b. Nothing of tenant a may come back,
//! no process of the server may die, and tenant a's rows are afterwards what they were.
//!
//! scripts/soak.sh starts it. SOAK_SECONDS (300) says for how long, SOAK_SEED (1) where to begin.

mod smith;
mod store;
mod surface;
mod verdict;
mod watch;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use smith::Smith;
use store::Store;
use verdict::Verdict;
use watch::Watch;

/// After this long another seed takes over, with sessions of its own.
const ROUND: Duration = Duration::from_secs(60);
/// Fewer statements than this in a second mean that something else was tried than what should be.
const LEAST_PER_SECOND: u64 = 5;

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = number("SOAK_SECONDS", 300);
    let first_seed = number("SOAK_SEED", 1);
    let store = Store::create().await;
    let watch = Watch::start(store.pool_port(), store.canaries()).await;
    store.rehearse(&watch).await;

    let before = store.rows_of_a().await;
    let (start, limit) = (Instant::now(), Duration::from_secs(seconds));
    let (mut seed, mut blind) = (first_seed, Vec::new());
    while start.elapsed() < limit {
        let left = limit.saturating_sub(start.elapsed()).min(ROUND);
        eprintln!("    seed {seed}: {}", watch.summary());
        // Every other round leaves PostgreSQL's own tables out, so that more is asked of timedb.
        let smith = Smith::start(&store.client_dsn(watch.port()), seed, seed % 2 == 1);
        smith.run_for(left, &watch).await;
        // The pool hands out the session that was used last.
        if !store.sees_its_own(&watch).await {
            blind.push(seed);
        }
        seed += 1;
    }
    let spent = start.elapsed().as_secs();

    let verdict = Verdict {
        log: store.log(),
        crashes: store.crashes(),
        rows_are_the_same: before == store.rows_of_a().await,
        calls: store.calls().await,
        written: store.points_of_b().await,
        blind,
        least: LEAST_PER_SECOND * spent,
        seeds: (first_seed, seed - 1),
    };
    // Not exit(): the cluster and the pool go with the store.
    if verdict.print(&watch, &store) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a whole number, not {text:?}")),
        _ => default,
    }
}
