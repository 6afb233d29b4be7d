//! Mixed load for half an hour: tenants send live ticks, bulk, late and corrected points, read and follow changes while
//! their keys change, stores are compacted, and server and PostgreSQL are restarted and killed. No acknowledged write may
//! be lost, no foreign row be seen, no memory grow, and no answer be a fault but 503 around a restart.
//!
//! scripts/load.sh starts it. LOAD_SECONDS (1800) says for how long.

mod chaos;
mod clients;
mod memory;
mod model;
mod report;
mod store;
mod tally;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clients::Clients;
use memory::Memory;
use store::Store;
use tally::Tally;

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = match std::env::var("LOAD_SECONDS") {
        Ok(text) if !text.is_empty() => text
            .parse()
            .unwrap_or_else(|_| panic!("LOAD_SECONDS is a whole number, not {text:?}")),
        _ => 1800,
    };
    let length = Duration::from_secs(seconds);
    let (store, tally) = (Arc::new(Store::create().await), Arc::new(Tally::default()));
    let start = Instant::now();
    let clients = Clients::start(&store, &tally);
    let memory = Memory::watch(Arc::clone(&store));
    let troubles = chaos::cause(&store, &tally, start, length).await;
    tokio::time::sleep_until((start + length).into()).await;
    let memory = memory.stop().await;
    clients.stop().await;
    let spent = start.elapsed();
    let found = store.compare(&tally).await;
    // Not exit(): the cluster goes with the store.
    if report::print(spent, &tally, &troubles, &memory, &found, &store) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
