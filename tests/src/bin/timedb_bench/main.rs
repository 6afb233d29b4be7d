//! `make bench`: timedb against a plain table of the same cluster, as tab-separated lines
//! `metric, ours, baseline, ratio`. What each line means is in docs/benchmarks.md.
//!
//! Slowness is no failure here; two sides that do not hold the same points are.

mod bulk;
mod data;
mod encode;
mod guard;
mod http;
mod packed;
mod pgbench;
mod read;
mod report;
mod small;
mod stage;
mod upload;

use std::process::ExitCode;

use data::{Data, Kind};
use stage::Stage;

/// Whatever went wrong, in words.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

// One thread, as pgbench has: the cores belong to the servers.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: {error} ({error:?})");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let runs = number("TIMEDB_BENCH_RUNS", 5)?;
    let seconds = number("TIMEDB_BENCH_SECONDS", 4)?;
    let only = std::env::var("TIMEDB_BENCH_ONLY").ok();
    let is_wanted = |part: &str| only.as_ref().is_none_or(|only| only == part);
    for kind in [Kind::Decimals, Kind::Noise] {
        if only.is_some() && kind == Kind::Noise {
            continue;
        }
        report::progress(&format!("data set: {kind:?}"));
        let stage = Stage::new(Data::generate(kind), runs).await?;
        if kind == Kind::Decimals {
            report::print_machine(&stage.admin, runs, seconds as u64).await?;
        }
        upload::measure(&stage).await?;
        if is_wanted("read") {
            read::measure(&stage).await?;
        }
        if is_wanted("guard") && kind == Kind::Decimals {
            guard::row_security(&stage).await?;
        }
        if is_wanted("bulk") {
            bulk::measure(&stage).await?;
        }
        if is_wanted("small") && kind == Kind::Decimals {
            small::measure(&stage, seconds as u64).await?;
        }
        if is_wanted("guard") && kind == Kind::Decimals {
            guard::authentication(&stage).await?;
        }
    }
    Ok(())
}

/// A variable of the environment that is a number from 1 on.
fn number(name: &str, default: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(text) => match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("{name} is {text:?}, not a number from 1 on").into()),
        },
        Err(_) => Ok(default),
    }
}
