//! How much memory the server and PostgreSQL's processes take, sampled all the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::store::Store;

const PERIOD: Duration = Duration::from_secs(5);
/// With fewer samples of one life nothing is said about growth.
const LEAST_SAMPLES: usize = 24;

/// Samples, in kB of memory that no file backs, for each life of each of the two: by its process.
#[derive(Default)]
pub struct Samples(BTreeMap<(&'static str, u32), Vec<u64>>);

/// The one who samples.
pub struct Memory {
    end: Arc<AtomicBool>,
    task: JoinHandle<Samples>,
}

/// What is to be said about one life.
pub struct Life {
    pub of: &'static str,
    pub samples: usize,
    /// The medians of the second quarter and of the last, in kB.
    pub medians: (u64, u64),
    pub most: u64,
}

impl Memory {
    /// Starts to sample.
    pub fn watch(store: Arc<Store>) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&end);
        let task = tokio::spawn(async move {
            let mut samples = Samples::default();
            while !over.load(Ordering::Relaxed) {
                samples.take(&store).await;
                tokio::time::sleep(PERIOD).await;
            }
            samples
        });
        Self { end, task }
    }

    /// Stops, and returns what is to be said.
    pub async fn stop(self) -> Vec<Life> {
        self.end.store(true, Ordering::Relaxed);
        let samples = self.task.await.expect("sampling does not panic");
        samples.0.into_iter().filter_map(life).collect()
    }
}

impl Life {
    /// Whether it takes clearly more at its end than when it had found its size.
    pub fn grows(&self) -> bool {
        let (early, late) = self.medians;
        late > early + early / 4 + 16 * 1024
    }
}

fn life(((of, _), mut samples): ((&'static str, u32), Vec<u64>)) -> Option<Life> {
    if samples.len() < LEAST_SAMPLES {
        return None;
    }
    let quarter = samples.len() / 4;
    let most = samples.iter().copied().max().unwrap_or(0);
    let medians = (
        median(&mut samples.clone()[quarter..2 * quarter]),
        median(&mut samples[3 * quarter..]),
    );
    Some(Life {
        of,
        samples: quarter * 4,
        medians,
        most,
    })
}

fn median(samples: &mut [u64]) -> u64 {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or(0)
}

impl Samples {
    async fn take(&mut self, store: &Arc<Store>) {
        let store = Arc::clone(store);
        let taken = tokio::task::spawn_blocking(move || {
            let server = store.server_process();
            let own = anonymous(server);
            let postmaster = store.cluster.try_process_id();
            let of_postgres = postmaster.map(|process| {
                let sum = children(process).into_iter().filter_map(anonymous).sum();
                (process, sum)
            });
            (own.map(|kb| (server, kb)), of_postgres)
        });
        let Ok((server, postgres)) = taken.await else {
            return;
        };
        for (of, sample) in [("the server", server), ("PostgreSQL's processes", postgres)] {
            if let Some((process, kb)) = sample {
                self.0.entry((of, process)).or_default().push(kb);
            }
        }
    }
}

/// kB of memory of a process that no file backs and that it does not share; `None` once it has ended.
fn anonymous(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The processes that a process has started.
fn children(process: u32) -> Vec<u32> {
    let file = format!("/proc/{process}/task/{process}/children");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect()
}
