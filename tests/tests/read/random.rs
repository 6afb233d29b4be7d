//! Random histories of two tenants against the naive model, through SQL and through packed chunks.

use std::collections::HashSet;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use timedb_tests::{Db, Tenant};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::instants::Micros;
use crate::model::Model;
use crate::packed::parse_chunk;
use crate::rows::{Filter, MODES, Mode, Point, read};

const HOUR: i64 = 3_600_000_000;
/// 2025-01-01T00:00:00Z.
const START: i64 = 1_735_689_600_000_000;
const NAMES: [&str; 4] = ["wind", "load", "price", "только имя"];

/// A tenant with a session of its own and what it has written.
struct Writer {
    client: Client,
    model: Model,
}

struct Random(Pcg64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Values of every kind that is encoded in its own way.
    fn value(&mut self) -> Option<f64> {
        Some(match self.below(10) {
            0 => return None,
            1 => loop {
                let any = f64::from_bits(self.0.next_u64());
                if any.is_finite() {
                    break any;
                }
            },
            2 => -0.0,
            3 => self.below(1000) as f64,
            _ => (self.below(200_000) as f64 - 100_000.0) / 100.0,
        })
    }
}

/// One upload: columns for `timedb.upload`.
#[derive(Default)]
struct Upload {
    name: Vec<&'static str>,
    valid: Vec<Micros>,
    end: Vec<Option<Micros>>,
    value: Vec<Option<f64>>,
    known: Option<Micros>,
}

fn random_upload(random: &mut Random) -> Upload {
    let mut upload = Upload::default();
    // Few instants, so that versions meet; many, so that segments are split; far ones, so that spans differ.
    let (points, instants, step) = random.pick(&[
        (1, 30, HOUR),
        (12, 30, HOUR),
        (40, 60, HOUR),
        (30, 5_000, 24 * HOUR),
        (20, 40, 1),
        (9_000, 6_000, HOUR / 60),
    ]);
    let consecutive = random.chance(50);
    let with_ends = random.chance(30);
    let few_series = 1 + random.below(NAMES.len() as u64);
    let mut seen = HashSet::new();
    for i in 0..points {
        let place = if consecutive {
            i % instants
        } else {
            random.below(instants as u64) as i64
        };
        let valid = START + place * step;
        let end =
            (with_ends && random.chance(50)).then(|| valid + (1 + random.below(3) as i64) * HOUR);
        let name = NAMES[random.below(few_series) as usize];
        if seen.insert((name, valid, end)) {
            upload.name.push(name);
            upload.valid.push(Micros(valid));
            upload.end.push(end.map(Micros));
            upload.value.push(random.value());
        }
    }
    let known = START + random.below(8) as i64 * HOUR;
    upload.known = random.chance(80).then_some(Micros(known));
    upload
}

impl Writer {
    async fn new(db: &Db, tenant: &Tenant) -> Self {
        Self {
            client: db.login(tenant).await,
            model: Model::default(),
        }
    }

    async fn upload(&mut self, upload: Upload) {
        let row = self
            .client
            .query_one(
                "WITH uploaded AS (
                     SELECT * FROM timedb.upload($1, $2, $3, valid_time_end => $4, known_time => $5)
                 ) SELECT batch_id, points, series_ids FROM uploaded",
                &[
                    &upload.valid,
                    &upload.value,
                    &upload.name,
                    &upload.end,
                    &upload.known,
                ],
            )
            .await
            .unwrap_or_else(|error| panic!("upload: {error:?}"));
        assert_eq!(row.get::<_, i64>("points"), upload.valid.len() as i64);
        let batch_id: Uuid = row.get("batch_id");
        let batch = self
            .client
            .query_one(
                "SELECT known_time, change_time FROM timedb.batches WHERE batch_id = $1",
                &[&batch_id],
            )
            .await
            .unwrap();
        let (known, change): (Micros, Micros) = (batch.get(0), batch.get(1));
        let mut distinct = Vec::new();
        for name in &upload.name {
            if !distinct.contains(name) {
                distinct.push(*name);
            }
        }
        let ids: Vec<Uuid> = row.get("series_ids");
        assert_eq!(ids.len(), distinct.len(), "one id for each distinct name");
        for (name, id) in distinct.iter().zip(&ids) {
            let known_as = self
                .model
                .names
                .entry(*id)
                .or_insert_with(|| (*name).to_owned());
            assert_eq!(known_as, name, "an id means one name for ever");
        }
        for i in 0..upload.valid.len() {
            let place = distinct
                .iter()
                .position(|name| *name == upload.name[i])
                .unwrap();
            self.model.written.push(Point {
                series_id: ids[place],
                valid: upload.valid[i].0,
                end: upload.end[i].map(|end| end.0),
                known: upload.known.map_or(known.0, |known| known.0),
                change: change.0,
                value: upload.value[i].map(f64::to_bits),
            });
        }
    }

    async fn check(&self, mode: Mode, filter: &Filter, story: &str) {
        let expected = self.model.read(mode, filter);
        let mut found = read(&self.client, mode, filter).await;
        let in_time = found.is_sorted_by_key(|point| (point.series_id, point.valid));
        assert!(
            in_time,
            "{story}: {mode:?} is not in the order of series and time"
        );
        found.sort();
        same(&expected, &found, &format!("{story}: {mode:?} {filter:?}"));
        let packed = self.read_packed(mode, filter).await;
        // Packed chunks come in their order, to the last column.
        same(
            &expected,
            &packed,
            &format!("{story}: packed {mode:?} {filter:?}"),
        );
    }

    async fn read_packed(&self, mode: Mode, filter: &Filter) -> Vec<Point> {
        let [a, b, c, d] = filter.range.map(|bound| bound.map(Micros));
        let rows = self
            .client
            .query(
                "SELECT timedb._read_packed($1, $2, $3, NULL, $4, $5, $6, $7)",
                &[
                    &mode.name(),
                    &filter.series_id,
                    &filter.name,
                    &a,
                    &b,
                    &c,
                    &d,
                ],
            )
            .await
            .unwrap();
        let mut points = Vec::new();
        for row in rows {
            let chunk = parse_chunk(row.get(0));
            for (id, name) in &chunk.series {
                assert_eq!(self.model.names.get(id), Some(name));
            }
            points.extend(chunk.points);
        }
        points
    }
}

#[track_caller]
fn same(expected: &[Point], found: &[Point], what: &str) {
    let difference = expected.iter().zip(found).position(|(a, b)| a != b);
    if let Some(at) = difference {
        panic!(
            "{what}: row {at} is {:?} instead of {:?}",
            found[at], expected[at]
        );
    }
    assert_eq!(found.len(), expected.len(), "{what}: number of rows");
}

fn random_filter(random: &mut Random, model: &Model) -> Filter {
    let mut bound = |unit: i64, span: u64| {
        let exact = START + random.below(span) as i64 * unit;
        let shift = random.pick(&[0, 0, 0, 1, -1]);
        random.chance(60).then_some(exact + shift)
    };
    let (unit, span) = if bound(1, 2).is_some() {
        (HOUR, 60)
    } else {
        (24 * HOUR, 5_000)
    };
    let range = [
        bound(unit, span),
        bound(unit, span),
        bound(HOUR, 9),
        bound(HOUR, 9),
    ];
    let ids: Vec<Uuid> = model.names.keys().copied().collect();
    Filter {
        series_id: (random.chance(30) && !ids.is_empty())
            .then(|| vec![random.pick(&ids), random.pick(&ids), Uuid::nil()]),
        name: random.chance(20).then(|| random.pick(&NAMES).to_owned()),
        range,
    }
}

/// A history of uploads of both tenants, taking turns, compared again and again on the way.
async fn history(seed: u64, uploads: usize) {
    let db = Db::new().await;
    let mut writers = [
        Writer::new(&db, db.a()).await,
        Writer::new(&db, db.b()).await,
    ];
    let mut random = Random(Pcg64::seed_from_u64(seed));
    for step in 0..uploads {
        let story = format!("seed {seed}, step {step}");
        let turn = random.below(2) as usize;
        let upload = random_upload(&mut random);
        writers[turn].upload(upload).await;
        if step % 4 == 3 {
            for writer in &writers {
                let filter = random_filter(&mut random, &writer.model);
                for mode in MODES {
                    writer.check(mode, &filter, &story).await;
                }
            }
        }
    }
    for writer in &writers {
        for mode in MODES {
            writer
                .check(mode, &Filter::default(), &format!("seed {seed}, end"))
                .await;
        }
    }
}

#[tokio::test]
async fn a_random_history_reads_like_the_list_of_all_points_seed_1() {
    history(1, 80).await;
}

#[tokio::test]
async fn a_random_history_reads_like_the_list_of_all_points_seed_2() {
    history(2, 80).await;
}

#[tokio::test]
async fn a_random_history_reads_like_the_list_of_all_points_seed_3() {
    history(3, 80).await;
}

/// Another history in each run; its seed is in the message of a failure.
#[tokio::test]
async fn a_random_history_reads_like_the_list_of_all_points_new_seed() {
    history(Uuid::new_v4().as_u64_pair().0, 80).await;
}
