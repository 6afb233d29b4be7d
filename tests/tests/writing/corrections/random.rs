//! Random uploads and corrections against a list of all versions ever written.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use timedb_tests::random::{Random, new_seed};
use timedb_tests::rows::model::Model;
use timedb_tests::rows::{Filter, MODES, Point, Written, read};
use timedb_tests::times::{HOUR, Micros, START};
use timedb_tests::{Db, compact_sometimes};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Version, updated, versions};

const NAMES: [&str; 2] = ["wind", "load"];

/// A version with the series that it belongs to.
#[derive(Clone, Debug)]
struct Stored {
    series: Uuid,
    version: Version,
}

impl Stored {
    fn point(&self) -> (Uuid, i64, Option<i64>) {
        (self.series, self.version.valid, self.version.end)
    }
}

struct Story {
    client: Client,
    user: Uuid,
    random: Random,
    stored: Vec<Stored>,
    names: Model,
}

impl Story {
    async fn upload(&mut self) {
        let name = self.random.pick(&NAMES);
        let known = START + self.random.below(4) * HOUR;
        let mut points = HashSet::new();
        for _ in 0..1 + self.random.below(12) {
            let valid = START + self.random.below(20) * HOUR;
            let end = self.random.chance(25).then(|| valid + HOUR);
            points.insert((valid, end));
        }
        let points: Vec<_> = points.into_iter().collect();
        let valid: Vec<_> = points.iter().map(|point| Micros(point.0)).collect();
        let ends: Vec<_> = points.iter().map(|point| point.1.map(Micros)).collect();
        let values: Vec<Option<f64>> = points
            .iter()
            .map(|_| self.random.chance(90).then(|| self.random.below(5) as f64))
            .collect();
        let row = self
            .client
            .query_one(
                "SELECT u.batch_id, u.series_ids[1] FROM timedb.upload($1, $2, ARRAY[$3], valid_time_end => $4, known_time => $5) AS u",
                &[&valid, &values, &name, &ends, &Micros(known)],
            )
            .await
            .unwrap();
        let (batch, series): (Uuid, Uuid) = (row.get(0), row.get(1));
        self.names.names.insert(series, name.to_owned());
        let change = self.change_time(Some(batch)).await;
        for ((valid, end), value) in points.into_iter().zip(values) {
            self.stored.push(Stored {
                series,
                version: Version {
                    known,
                    change,
                    valid,
                    end,
                    value,
                    batch,
                    value_id: 0,
                    changed_by: Some(self.user),
                    annotation: None,
                    tags: None,
                    metadata: None,
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

    /// The newest version of a point that fits.
    fn newest(&self, wanted: impl Fn(&Stored) -> bool) -> Stored {
        let fits = self.stored.iter().filter(|stored| wanted(stored));
        let newest = fits.max_by_key(|stored| (stored.version.known, stored.version.change));
        newest
            .expect("the point was chosen from what is stored")
            .clone()
    }

    /// An update of some stored point, and the version that it means.
    fn update(&mut self) -> (Map<String, Value>, Stored) {
        let chosen = self.random.pick(&self.stored.clone());
        let mut update = Map::new();
        update.insert("series_id".to_owned(), json!(chosen.series));
        let time = |micros: i64| {
            json!(
                jiff::Timestamp::from_microsecond(micros)
                    .unwrap()
                    .to_string()
            )
        };
        update.insert("valid_time".to_owned(), time(chosen.version.valid));
        let (mut known, mut batch) = (None, None);
        if self.random.chance(40) {
            known = Some(chosen.version.known);
            update.insert(
                self.random
                    .pick(&["known_time", "knowledge_time"])
                    .to_owned(),
                time(chosen.version.known),
            );
        }
        if self.random.chance(30) {
            batch = Some(chosen.version.batch);
            update.insert("batch_id".to_owned(), json!(chosen.version.batch));
        }
        let fits = |stored: &Stored| {
            (stored.series, stored.version.valid) == (chosen.series, chosen.version.valid)
                && known.is_none_or(|known| known == stored.version.known)
                && batch.is_none_or(|batch| batch == stored.version.batch)
        };
        let other_end = |stored: &&Stored| fits(stored) && stored.version.end != chosen.version.end;
        if self.stored.iter().find(other_end).is_some() || self.random.chance(30) {
            let end = chosen.version.end.map_or(Value::Null, time);
            update.insert("valid_time_end".to_owned(), end);
        }
        let base = self.newest(|stored| fits(stored) && stored.version.end == chosen.version.end);
        (update, base)
    }

    /// Changes some fields, in the update and in the version; whether the version is another one then.
    fn change(&mut self, update: &mut Map<String, Value>, version: &mut Version) -> bool {
        let before = version.clone();
        let mut any = false;
        while !any {
            if self.random.chance(50) {
                any = true;
                version.value = self.random.chance(90).then(|| self.random.below(5) as f64);
                update.insert("value".to_owned(), json!(version.value));
            }
            if self.random.chance(30) {
                any = true;
                version.annotation =
                    self.random
                        .pick(&[None, Some("one".to_owned()), Some("two".to_owned())]);
                let padded = version.annotation.as_ref().map(|text| format!(" {text}\n"));
                update.insert("annotation".to_owned(), json!(padded));
            }
            if self.random.chance(30) {
                any = true;
                version.tags = self.random.pick(&[
                    None,
                    Some(vec!["a".to_owned()]),
                    Some(vec!["a".to_owned(), "b".to_owned()]),
                ]);
                let loud = version
                    .tags
                    .iter()
                    .flatten()
                    .rev()
                    .map(|tag| tag.to_uppercase());
                update.insert("tags".to_owned(), json!(loud.collect::<Vec<_>>()));
            }
            if self.random.chance(30) {
                any = true;
                version.metadata = self.random.pick(&[
                    None,
                    Some(json!({})),
                    Some(json!({"x": null, "y": [1, {"z": "a"}]})),
                ]);
                update.insert("metadata".to_owned(), json!(version.metadata));
            }
        }
        *version != before
    }

    async fn correct(&mut self) {
        let mut taken = HashSet::new();
        let (mut updates, mut new, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..1 + self.random.below(8) {
            let (mut update, base) = self.update();
            if !taken.insert((base.point(), base.version.known)) {
                continue;
            }
            let mut version = base.version.clone();
            let place = (base.series, base.version.valid, base.version.batch);
            if self.change(&mut update, &mut version) {
                new.push(Stored {
                    series: base.series,
                    version,
                });
            } else {
                skipped.push(place);
            }
            updates.push(Value::Object(update));
        }
        let answer = updated(&self.client, &json!(updates)).await;
        let answered = |list: &str| -> Vec<(Uuid, i64, Uuid)> {
            let entries = answer[list].as_array().unwrap().iter();
            let id = |entry: &Value, name: &str| entry[name].as_str().unwrap().parse().unwrap();
            let time = |entry: &Value| -> jiff::Timestamp {
                entry["valid_time"].as_str().unwrap().parse().unwrap()
            };
            entries
                .map(|entry| {
                    (
                        id(entry, "series_id"),
                        time(entry).as_microsecond(),
                        id(entry, "batch_id"),
                    )
                })
                .collect()
        };
        let place = |s: &Stored| (s.series, s.version.valid, s.version.batch);
        assert_eq!(
            answered("updated"),
            new.iter().map(place).collect::<Vec<_>>(),
            "{updates:?}"
        );
        assert_eq!(answered("skipped_no_ops"), skipped, "{updates:?}");
        if new.is_empty() {
            return;
        }
        let change = self.change_time(None).await;
        for mut stored in new {
            assert!(change > stored.version.change);
            stored.version.change = change;
            stored.version.changed_by = Some(self.user);
            self.stored.push(stored);
        }
    }

    async fn check(&mut self, story: &str) {
        self.names.written = self
            .stored
            .iter()
            .map(|Stored { series, version }| Point {
                series_id: *series,
                valid: version.valid,
                end: version.end,
                known: version.known,
                change: version.change,
                value: version.value.map(f64::to_bits),
                written: Written::default(),
            })
            .collect();
        let filter = Filter {
            range: [
                self.random
                    .chance(30)
                    .then(|| START + self.random.below(20) * HOUR),
                None,
                self.random
                    .chance(30)
                    .then(|| START + self.random.below(4) * HOUR),
                self.random
                    .chance(30)
                    .then(|| START + self.random.below(4) * HOUR),
            ],
            ..Filter::default()
        };
        for mode in MODES {
            let mut found = read(&self.client, mode, &filter).await;
            for point in &mut found {
                // Compared in full below, as versions.
                point.written = Written::default();
            }
            found.sort();
            assert_eq!(
                found,
                self.names.read(mode, &filter),
                "{story} {mode:?} {filter:?}"
            );
        }
        for series in self.names.names.keys() {
            let mut found = versions(&self.client, *series).await;
            found.iter_mut().for_each(|version| version.value_id = 0);
            let of_series = self.stored.iter().filter(|stored| stored.series == *series);
            let mut expected: Vec<Version> =
                of_series.map(|stored| stored.version.clone()).collect();
            expected.sort_by_key(|v| (v.valid, v.end, v.known, v.change));
            assert_eq!(found, expected, "{story}");
        }
    }
}

async fn history(seed: u64) {
    let db = Db::new().await;
    let mut story = Story {
        client: db.login(db.a()).await,
        user: db.a().user_id,
        random: Random::new(seed),
        stored: Vec::new(),
        names: Model::default(),
    };
    story.upload().await;
    for step in 0..120 {
        match story.random.chance(30) {
            true => story.upload().await,
            false => story.correct().await,
        }
        compact_sometimes(&story.client, &mut story.random).await;
        if step % 10 == 9 {
            story.check(&format!("seed {seed}, step {step}")).await;
        }
    }
}

#[tokio::test]
async fn random_corrections_read_like_the_list_of_all_versions_seed_1() {
    history(1).await;
}

#[tokio::test]
async fn random_corrections_read_like_the_list_of_all_versions_seed_2() {
    history(2).await;
}

/// Another history in each run; its seed is in the message of a failure.
#[tokio::test]
async fn random_corrections_read_like_the_list_of_all_versions_new_seed() {
    history(new_seed()).await;
}
