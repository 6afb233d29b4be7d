//! `make bench`: timedb against a plain table of the same cluster, as tab-separated lines
//! `metric, ours, baseline, ratio`. What each line means is in docs/benchmarks.md.
//!
//! Slowness is no failure here; two sides that do not hold the same points are.

mod aggregate;
mod bound;
mod bulk;
mod data;
mod encode;
mod forecast;
mod formats;
mod guard;
mod http;
mod last;
mod live;
mod load;
mod packed;
mod pgbench;
mod points;
mod pointwise;
mod read;
mod report;
mod scale;
mod small;
mod stage;
mod store;
mod sums;
mod upload;
mod view;

use std::process::ExitCode;

use data::{Data, Kind};
use stage::Stage;
use store::Store;

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
    match std::env::args().nth(1).as_deref() {
        None => tables().await,
        Some("scale") => scale::measure().await,
        Some(other) => Err(format!("{other} is no benchmark: give nothing, or scale").into()),
    }
}

/// Beside the plain table.
async fn tables() -> Result<()> {
    let runs = number("TIMEDB_BENCH_RUNS", 5)?;
    let seconds = number("TIMEDB_BENCH_SECONDS", 4)?;
    let is_short = is_set("TIMEDB_BENCH_SHORT");
    let parts = Parts::chosen()?;
    let machine = Store::new(runs).await?;
    report::print_machine(&machine.admin, runs, seconds as u64).await?;
    drop(machine);
    if DATA_SET.iter().any(|part| parts.has(part)) {
        data_set(&parts, runs, seconds as u64).await?;
    }
    if parts.has("live") {
        live::measure(runs, is_short).await?;
    }
    if parts.has("pointwise") {
        pointwise::measure(runs, is_short).await?;
    }
    if parts.has("forecast") {
        forecast::measure(runs).await?;
    }
    if parts.has("last") {
        last::measure(runs).await?;
    }
    if parts.has("view") {
        view::measure(runs, is_set("TIMEDB_BENCH_LARGE")).await?;
    }
    if parts.has("aggregate") {
        aggregate::measure(runs).await?;
    }
    if parts.has("bound") {
        bound::measure(runs).await?;
    }
    if parts.has("points") {
        points::measure(runs).await?;
    }
    if parts.has("formats") {
        formats::measure(runs).await?;
    }
    Ok(())
}

/// The parts that read and write one and the same million points, and the other ones.
const DATA_SET: [&str; 5] = ["upload", "read", "bulk", "small", "guard"];
const OTHERS: [&str; 9] = [
    "live",
    "pointwise",
    "forecast",
    "last",
    "view",
    "aggregate",
    "bound",
    "points",
    "formats",
];

/// What is measured: everything, or what TIMEDB_BENCH_ONLY names.
struct Parts(Option<Vec<String>>);

impl Parts {
    fn chosen() -> Result<Self> {
        let Ok(only) = std::env::var("TIMEDB_BENCH_ONLY") else {
            return Ok(Self(None));
        };
        let names: Vec<String> = only.split(',').map(|name| name.trim().to_owned()).collect();
        let known = [&DATA_SET[..], &OTHERS].concat();
        match names.iter().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                Err(format!("TIMEDB_BENCH_ONLY has {name:?}, which is none of {known:?}").into())
            }
            None => Ok(Self(Some(names))),
        }
    }

    fn has(&self, part: &str) -> bool {
        let names = self.0.as_ref();
        names.is_none_or(|names| names.iter().any(|name| name == part))
    }
}

/// A million points in bulk; the uploads load them, so they are always measured.
async fn data_set(parts: &Parts, runs: usize, seconds: u64) -> Result<()> {
    for kind in [Kind::Decimals, Kind::Noise] {
        if parts.0.is_some() && kind == Kind::Noise {
            continue;
        }
        report::progress(&format!("data set: {kind:?}"));
        let stage = Stage::new(Data::generate(kind), runs).await?;
        upload::measure(&stage).await?;
        if parts.has("read") {
            read::measure(&stage).await?;
        }
        if parts.has("guard") && kind == Kind::Decimals {
            guard::row_security(&stage).await?;
        }
        if parts.has("bulk") {
            bulk::measure(&stage).await?;
        }
        if parts.has("small") && kind == Kind::Decimals {
            small::measure(&stage, seconds).await?;
        }
        if parts.has("guard") && kind == Kind::Decimals {
            guard::authentication(&stage).await?;
        }
    }
    Ok(())
}

/// Whether a variable of the environment says anything.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
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
