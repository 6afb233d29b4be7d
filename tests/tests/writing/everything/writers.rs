//! Those who write: live ticks, single points, forecasts, corrections.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use timedb_tests::random::Random;
use timedb_tests::times::{HOUR, MINUTE, Micros, START};
use tokio_postgres::Client;
use uuid::Uuid;

use super::ledger::{Storm, Version};

const PAUSE: Duration = Duration::from_millis(2);
/// 1990-01-01.
const LONG_AGO: i64 = 631_152_000_000_000;

/// What is uploaded: points, each with the name of its series.
struct Upload {
    valid: Vec<i64>,
    names: Vec<String>,
    known: Option<i64>,
}

impl Upload {
    /// Sends it, and enters what it has written into the ledger. Of a series of ids, names are not looked at.
    async fn send(
        self,
        storm: &Storm,
        what: &'static str,
        client: &Client,
        id: Option<Uuid>,
    ) -> Option<Uuid> {
        let values: Vec<f64> = self.valid.iter().map(|_| storm.value()).collect();
        let valid: Vec<Micros> = self.valid.iter().map(|&valid| Micros(valid)).collect();
        let (names, ids) = match id {
            Some(id) => (None, Some(vec![id])),
            None => (Some(&self.names), None),
        };
        let query = "SELECT batch_id, series_ids FROM timedb.upload($1, $2, $3, series_id => $4, known_time => $5)";
        let known = self.known.map(Micros);
        // Only a series that is named by its id can be missing.
        let refusals: &[&str] = if id.is_some() { &["42704"] } else { &[] };
        let row = storm
            .call(
                what,
                client,
                query,
                &[&valid, &values, &names, &ids, &known],
                refusals,
            )
            .await?;
        let batch = row.get(0);
        let series: Vec<Uuid> = row.get(1);
        for (i, value) in values.into_iter().enumerate() {
            let version = Version {
                series: series[i % series.len()],
                valid: self.valid[i],
                batch,
            };
            storm.wrote(value, version);
        }
        series.first().copied()
    }
}

/// A point of each of some series, every minute.
pub async fn ticks(storm: Arc<Storm>, writer: usize) {
    let client = storm.client().await;
    let mut minute = 0;
    while storm.goes_on() {
        minute += 1;
        let start = if minute % 10 == 0 { LONG_AGO } else { START };
        let upload = Upload {
            valid: vec![start + minute * MINUTE; 8],
            names: (0..8).map(|i| format!("tick {writer} {i}")).collect(),
            known: None,
        };
        upload.send(&storm, "tick", &client, None).await;
        tokio::time::sleep(PAUSE).await;
    }
}

/// One point at a time, by name or by id.
pub async fn single_points(storm: Arc<Storm>) {
    let client = storm.client().await;
    let mut id = None;
    let mut random = Random::new(1);
    while storm.goes_on() {
        let start = random.pick(&[START, START, LONG_AGO]);
        let upload = Upload {
            valid: vec![start + random.below(1000) * MINUTE],
            names: vec![format!("point {}", random.below(3))],
            known: None,
        };
        id = upload.send(&storm, "single point", &client, id).await;
        if random.chance(30) {
            id = None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A run of two days, every hour.
pub async fn forecasts(storm: Arc<Storm>) {
    let client = storm.client().await;
    let mut run = 0;
    while storm.goes_on() {
        run += 1;
        let upload = Upload {
            valid: (0..48).map(|hour| START + (run + hour) * HOUR).collect(),
            names: vec![format!("forecast {}", run % 3)],
            known: Some(START + run * HOUR),
        };
        let upload = Upload {
            names: vec![upload.names[0].clone(); 48],
            ..upload
        };
        upload.send(&storm, "forecast", &client, None).await;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Of what has been written, old or new, corrected or not.
pub async fn corrections(storm: Arc<Storm>) {
    let client = storm.client().await;
    let mut random = Random::new(2);
    while storm.goes_on() {
        tokio::time::sleep(PAUSE).await;
        let chosen = {
            let ledger = storm.ledger();
            let count = ledger.written.len();
            let most = if random.chance(50) {
                100.min(count)
            } else {
                count
            };
            let place = if count > 0 { random.below(most) } else { 0 };
            ledger.written.values().rev().nth(place).cloned()
        };
        let Some(chosen) = chosen else { continue };
        let value = storm.value();
        let valid = jiff::Timestamp::from_microsecond(chosen.valid).expect("within the years");
        let mut update =
            json!({"series_id": chosen.series, "valid_time": valid.to_string(), "value": value});
        if random.chance(50) {
            update["batch_id"] = json!(chosen.batch);
        }
        let call = "SELECT timedb.update_values($1)";
        let answer = storm
            .call("correction", &client, call, &[&json!([update])], &["42704"])
            .await;
        let Some(answer) = answer else { continue };
        let answer: Value = answer.get(0);
        let batch = answer["updated"][0]["batch_id"].as_str();
        let batch = batch.and_then(|id| id.parse().ok());
        let batch = batch.unwrap_or_else(|| panic!("{update}: {answer}"));
        storm.wrote(value, Version { batch, ..chosen });
    }
}
