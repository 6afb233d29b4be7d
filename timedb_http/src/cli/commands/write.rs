//! `timedb write`: points from a file, in batches that are written once however often the command runs. A thread reads
//! the file while the batch before is on its way.

mod arrow_points;
mod batch;
mod csv_points;
mod cutter;
mod json_points;
mod parquet_points;
mod record;
mod source;

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;

use batch::{UploadDone, WriteOptions};
use record::Defaults;

use super::keys::read_time;
use super::series::labels;
use super::shown::show_done;
use super::tenant::TenantSession;
use crate::cli::config::Environment;
use crate::cli::failure::Failure;
use crate::cli::grammar::WritePoints;
use crate::cli::terminal;

/// How often it says how far it has come.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// `timedb write`
pub async fn run(arguments: &WritePoints, environment: &Environment) -> Result<(), Failure> {
    let known_time = read_time("--known-time", arguments.known_time.as_deref())?;
    let labels = labels(&arguments.labels)?.map(|labels| labels.0.into_iter());
    let labels = labels.into_iter().flatten().map(|(name, value)| {
        let value = value.as_str().unwrap_or_default().to_owned();
        (name, value)
    });
    let defaults = Defaults {
        name: arguments.name.clone(),
        labels: labels.collect(),
        unit: arguments.unit.clone(),
    };
    // What is no file of points is refused before anybody is bothered.
    let source = source::open(arguments.file.as_deref(), arguments.format)?;
    let mut session = TenantSession::open(&arguments.tenant, environment).await?;
    let (send, mut batches) = mpsc::channel(1);
    let size = usize::try_from(arguments.batch_points).unwrap_or(usize::MAX);
    let reader = std::thread::spawn(move || source::read(source, &defaults, size, &send));
    let upload = WriteOptions {
        workflow_id: &arguments.workflow_id,
        known_time,
        skip_unchanged: arguments.skip_unchanged,
        name: arguments.batch.as_deref(),
    };
    let mut total = Total::default();
    let mut said = Instant::now();
    while let Some(batch) = batches.recv().await {
        match batch::write(&mut session, &upload, &batch, total.batches + 1).await {
            Ok(done) => total.add(&done),
            Err(trouble) => {
                let failure = session.explain(trouble).await;
                return Err(total.stopped(&format!("{failure} ({})", batch.place())));
            }
        }
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            terminal::complain(&format!("{} points so far", total.points + total.present));
        }
    }
    match reader.join() {
        Ok(Ok(())) => total.show(arguments.tenant.common.json),
        Ok(Err(problem)) => Err(total.stopped(&problem)),
        Err(_) => Err(total.stopped("The file cannot be read.")),
    }
}

/// What has been done so far.
#[derive(Default)]
struct Total {
    batches: u64,
    points: i64,
    /// Points of batches that an earlier run has written.
    present: i64,
    replayed: u64,
    unchanged: i64,
}

impl Total {
    fn add(&mut self, done: &UploadDone) {
        self.batches += 1;
        self.unchanged += done.skipped;
        match done.replayed {
            true => {
                self.replayed += 1;
                self.present += done.points;
            }
            false => self.points += done.points,
        }
    }

    fn stopped(&self, problem: &str) -> Failure {
        Failure::new(format!(
            "{problem}\n{} batches before that are stored, with {} points. Run the same command again to go on: what is \
             stored is not stored twice",
            self.batches,
            self.points + self.present
        ))
    }

    fn show(&self, as_json: bool) -> Result<(), Failure> {
        let json = json!({"batches": self.batches, "replayed": self.replayed, "points": self.points,
            "present": self.present, "unchanged": self.unchanged});
        let mut sentence = format!("{} points written", self.points);
        if self.replayed > 0 {
            sentence += &format!(", {} were there from an earlier run", self.present);
        }
        if self.unchanged > 0 {
            sentence += &format!(", {} left out as unchanged", self.unchanged);
        }
        show_done(as_json, &json, &sentence)
    }
}
