//! The table at the end, and the verdict.

use std::time::Duration;

use crate::chaos::Caused;
use crate::memory::Life;
use crate::store::{Found, Store};
use crate::tally::Tally;

/// Prints what happened. True if nothing is wrong.
pub fn print(
    spent: Duration,
    tally: &Tally,
    troubles: &[Caused],
    lives: &[Life],
    found: &Found,
    store: &Store,
) -> bool {
    let mut sums = tally.sums();
    println!(
        "{} s of mixed load by {} tenants\n",
        spent.as_secs(),
        store.tenants.len()
    );
    println!("| request | answered | a second | values | p50 ms | p99 ms | most ms |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for (kind, requests) in &mut sums.kinds {
        requests.micros.sort_unstable();
        let part = |of_hundred: usize| match requests.micros.len() {
            0 => "-".to_owned(),
            count => {
                let at = (count * of_hundred / 100).min(count - 1);
                format!("{:.1}", f64::from(requests.micros[at]) / 1e3)
            }
        };
        println!(
            "| {kind} | {} | {:.1} | {} | {} | {} | {} |",
            requests.answered,
            requests.answered as f64 / spent.as_secs_f64(),
            requests.values,
            part(50),
            part(99),
            part(100)
        );
    }
    println!("\n| trouble | after s | not ready for ms |\n|---|---:|---:|");
    for trouble in troubles {
        println!(
            "| {} | {} | {} |",
            trouble.what,
            trouble.at.as_secs(),
            trouble.away.as_millis()
        );
    }
    println!("\n| memory of | samples | second quarter MB | last quarter MB | most MB |");
    println!("|---|---:|---:|---:|---:|");
    let megabytes = |kb: u64| format!("{:.1}", kb as f64 / 1024.0);
    let mut problems = found.problems.clone();
    for life in lives {
        let (early, late) = life.medians;
        println!(
            "| {} | {} | {} | {} | {} |",
            life.of,
            life.samples,
            megabytes(early),
            megabytes(late),
            megabytes(life.most)
        );
        if life.grows() {
            problems.push(format!("the memory of {} grows", life.of));
        }
    }
    let (acknowledged, stored) = found.versions;
    println!(
        "\n{acknowledged} versions acknowledged, {stored} stored, {} points compared, {:.2} bytes a version; {} answers 503 and \
         {} broken connections around the troubles",
        found.points, found.bytes_per_point, sums.excused, sums.broken
    );
    println!("violations: {}", sums.violation_count);
    for violation in &sums.violations {
        println!("- {violation}");
    }
    for problem in &problems {
        println!("- {problem}");
    }
    let idle = sums.kinds.values().any(|requests| requests.answered == 0);
    sums.violation_count == 0 && problems.is_empty() && !idle && troubles.len() == 4
}
