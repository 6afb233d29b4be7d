//! The other tenant: a story of its own, told step by step and compared with a list of all that it has written.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use timedb_tests::random::Random;
use timedb_tests::rows::model::Model;
use timedb_tests::rows::{Filter, MODES, Point, Written, read};
use timedb_tests::times::{HOUR, Micros, START};
use timedb_tests::{Role, compact};
use tokio_postgres::Client;
use uuid::Uuid;

use super::assert_whole;
use super::ledger::Storm;

/// 1990-01-01.
const LONG_AGO: i64 = 631_152_000_000_000;

struct Story {
    storm: Arc<Storm>,
    client: Client,
    user: Uuid,
    random: Random,
    model: Model,
}

/// Nothing in it may be refused: who disturbs the tenant is somebody else.
pub async fn story(storm: Arc<Storm>) {
    let mut story = Story {
        client: storm.other().await,
        user: storm.b().user_id,
        random: Random::new(4),
        model: Model::default(),
        storm,
    };
    let set = "SELECT timedb.set_retention('30 years')";
    story.client.query_one(set, &[]).await.unwrap();
    let mut step = 0;
    while story.storm.goes_on() {
        match story.random.below(20) {
            0 => story.delete_batch().await,
            1 if step % 3 == 0 => story.delete_series().await,
            2 => story.expire().await,
            3..8 => story.correct().await,
            _ => story.upload().await,
        }
        story.storm.did("step of the other tenant");
        step += 1;
        if step % 20 == 0 {
            story.check(step).await;
        }
    }
    story.check(step).await;
    compact(&story.client).await;
    story.check(step).await;
    assert_whole(&story.client).await;
}

impl Story {
    /// A tick of some series, a point, or a run of a forecast.
    async fn upload(&mut self) {
        let (series, hours) = self.random.pick(&[(6, 1), (1, 1), (1, 30)]);
        let first = self.random.below(4);
        let start = self.random.pick(&[START, START, LONG_AGO]) + self.random.below(50) * HOUR;
        let known = START + self.random.below(5) * HOUR;
        let points: Vec<_> = (0..series)
            .flat_map(|s| (0..hours).map(move |hour| (s, hour)))
            .collect();
        let names: Vec<String> = points
            .iter()
            .map(|(s, _)| format!("s{}", first + s))
            .collect();
        let valid: Vec<i64> = points.iter().map(|(_, hour)| start + hour * HOUR).collect();
        let values: Vec<f64> = points.iter().map(|_| self.storm.value()).collect();
        let times: Vec<Micros> = valid.iter().map(|&valid| Micros(valid)).collect();
        let upload = "SELECT batch_id, series_ids FROM timedb.upload($1, $2, $3, known_time => $4)";
        let row = self
            .client
            .query_one(upload, &[&times, &values, &names, &Micros(known)])
            .await
            .unwrap_or_else(|error| panic!("{names:?}: {error:?}"));
        let (batch_id, ids): (Uuid, Vec<Uuid>) = (row.get(0), row.get(1));
        let change = self.change_time(Some(batch_id)).await;
        for ((place, valid), value) in points.iter().zip(valid).zip(values) {
            let series_id = ids[usize::try_from(place.0).expect("a small number")];
            self.model
                .names
                .insert(series_id, format!("s{}", first + place.0));
            self.model.written.push(Point {
                series_id,
                valid,
                end: None,
                known,
                change,
                value: Some(value.to_bits()),
                written: Written {
                    batch_id,
                    value_id: 0,
                    changed_by: Some(self.user),
                },
            });
        }
    }

    /// Of a batch, or of the last correction.
    async fn change_time(&self, batch: Option<Uuid>) -> i64 {
        let query = "SELECT change_time FROM timedb.batches
                     WHERE batch_id = $1 OR $1 IS NULL AND kind = 'correction' ORDER BY change_time DESC LIMIT 1";
        let row = self.client.query_one(query, &[&batch]).await.unwrap();
        row.get::<_, Micros>(0).0
    }

    async fn correct(&mut self) {
        if self.model.written.is_empty() {
            return;
        }
        let chosen = self.random.pick(&self.model.written);
        let value = self.storm.value();
        let time = |t| {
            jiff::Timestamp::from_microsecond(t)
                .expect("within the years")
                .to_string()
        };
        let update = json!([{
            "series_id": chosen.series_id, "valid_time": time(chosen.valid), "known_time": time(chosen.known),
            "batch_id": chosen.written.batch_id, "value": value,
        }]);
        let query = "SELECT timedb.update_values($1)";
        let row = self.client.query_one(query, &[&update]).await;
        let answer: Value = row
            .unwrap_or_else(|error| panic!("{update}: {error:?}"))
            .get(0);
        assert_eq!(
            answer["updated"][0]["batch_id"],
            json!(chosen.written.batch_id)
        );
        let change = self.change_time(None).await;
        let value = Some(value.to_bits());
        self.model.written.push(Point {
            change,
            value,
            ..chosen
        });
    }

    async fn deleted(&self, call: &str, id: Option<Uuid>) -> usize {
        let query = format!("SELECT coalesce(sum(points), 0)::bigint FROM timedb.{call}");
        let row = match id {
            Some(id) => self.client.query_one(&query, &[&id]).await,
            None => self.client.query_one(&query, &[]).await,
        };
        let points: i64 = row
            .unwrap_or_else(|error| panic!("{call}: {error:?}"))
            .get(0);
        usize::try_from(points).expect("a number of points")
    }

    async fn delete_batch(&mut self) {
        let any = "SELECT batch_id, change_time FROM timedb.batches ORDER BY random() LIMIT 1";
        let Some(row) = self.client.query_opt(any, &[]).await.unwrap() else {
            return;
        };
        let (batch, change): (Uuid, Micros) = (row.get(0), row.get(1));
        let before = self.model.written.len();
        let is_of_it = |point: &Point| point.written.batch_id == batch || point.change == change.0;
        self.model.written.retain(|point| !is_of_it(point));
        let deleted = self.deleted("delete_batch($1)", Some(batch)).await;
        assert_eq!(deleted, before - self.model.written.len(), "batch {batch}");
    }

    async fn delete_series(&mut self) {
        let Some(id) = self.model.names.keys().next().copied() else {
            return;
        };
        let before = self.model.written.len();
        self.model.written.retain(|point| point.series_id != id);
        self.model.names.remove(&id);
        let deleted = self.deleted("delete_series($1)", Some(id)).await;
        assert_eq!(deleted, before - self.model.written.len(), "series {id}");
    }

    async fn expire(&mut self) {
        let before = self.model.written.len();
        self.model.written.retain(|point| point.valid >= START);
        let deleted = self.deleted("apply_retention()", None).await;
        assert_eq!(deleted, before - self.model.written.len());
    }

    async fn check(&mut self, step: usize) {
        for mode in MODES {
            let mut found = read(&self.client, mode, &Filter::default()).await;
            for point in &mut found {
                point.written.value_id = 0;
            }
            found.sort();
            let expected = self.model.read(mode, &Filter::default());
            assert_eq!(found, expected, "step {step} {mode:?}");
        }
    }
}

pub async fn compactions(storm: Arc<Storm>) {
    let client = storm.other().await;
    while storm.goes_on() {
        compact(&client).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// No session of the other tenant ever waits for a lock that one of the first has. They extend the same tables: that
/// takes no longer than it takes.
pub async fn watch(storm: Arc<Storm>) {
    let superuser = storm.db.connect(Role::Superuser).await;
    let blocked = "SELECT a.query, b.query, l.locktype FROM pg_locks AS l
                   JOIN pg_stat_activity AS a ON a.pid = l.pid AND a.application_name = 'other'
                   CROSS JOIN LATERAL unnest(pg_blocking_pids(l.pid)) AS blocker
                   JOIN pg_stat_activity AS b ON b.pid = blocker AND b.application_name = 'everything'
                   WHERE NOT l.granted AND l.locktype <> 'extend' AND a.datname = current_database()";
    while storm.goes_on() {
        let found = superuser.query(blocked, &[]).await.unwrap();
        if let Some(row) = found.first() {
            let [waits, has, on] = [0, 1, 2].map(|i| row.get::<_, String>(i));
            panic!("{waits} waits for {has}: {on}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
