//! Random histories with `skip_unchanged`, against a naive list of everything written, and against the same
//! history without it.

use std::collections::{BTreeMap, BTreeSet};

use timedb_tests::random::Random;
use timedb_tests::times::{HOUR, Micros, START};
use timedb_tests::{Db, compact_sometimes};
use tokio_postgres::Client;

const NAMES: [&str; 3] = ["wind", "load", "price"];

/// A point: its series, valid_time and end.
type Key = (&'static str, i64, Option<i64>);
/// The bits of its value.
type Value = Option<u64>;

/// One upload; points in any order, some with a known_time of their own.
#[derive(Debug)]
struct Upload {
    known: i64,
    points: Vec<(Key, Option<f64>, Option<i64>)>,
}

/// Few points and few values, so that many say what is stored already.
fn random_upload(random: &mut Random, known: i64, each_its_own: bool) -> Upload {
    let dense = random.chance(20);
    let (points, places) = if dense { (6_000, 9_000) } else { (20, 12) };
    let mut seen = BTreeSet::new();
    let mut upload = Upload {
        known,
        points: Vec::new(),
    };
    for _ in 0..points {
        let valid = START + random.below(places) * HOUR;
        let end = random
            .chance(20)
            .then(|| valid + (1 + random.below(2)) * HOUR);
        let key = (random.pick(&NAMES), valid, end);
        let value = random.pick(&[Some(1.0), Some(1.0), Some(0.0), Some(-0.0), None]);
        let own = (each_its_own && random.chance(70)).then(|| START + random.below(10) * HOUR);
        if seen.insert((key, own.unwrap_or(known))) {
            upload.points.push((key, value, own));
        }
    }
    upload
}

/// Uploads, and gives how many points were written and left out.
async fn upload(client: &Client, upload: &Upload, skip: bool) -> (i64, i64) {
    let names: Vec<&str> = upload
        .points
        .iter()
        .map(|((name, _, _), _, _)| *name)
        .collect();
    let valid: Vec<Micros> = upload
        .points
        .iter()
        .map(|((_, t, _), _, _)| Micros(*t))
        .collect();
    let ends: Vec<Option<Micros>> = upload
        .points
        .iter()
        .map(|((_, _, end), _, _)| end.map(Micros))
        .collect();
    let values: Vec<Option<f64>> = upload.points.iter().map(|(_, value, _)| *value).collect();
    let own: Vec<Option<Micros>> = upload
        .points
        .iter()
        .map(|(_, _, own)| own.map(Micros))
        .collect();
    let own = own.iter().any(Option::is_some).then_some(own);
    let row = client
        .query_one(
            "SELECT points, skipped FROM timedb.upload($1, $2, $3, valid_time_end => $4, known_time => $5,
                                                       skip_unchanged => $6, known_times => $7)",
            &[&valid, &values, &names, &ends, &Micros(upload.known), &skip, &own],
        )
        .await
        .unwrap_or_else(|error| panic!("{upload:?}: {error:?}"));
    (row.get(0), row.get(1))
}

async fn read_flat(client: &Client, as_of: i64) -> BTreeMap<(String, i64, Option<i64>), Value> {
    let rows = client
        .query(
            "SELECT name, valid_time, valid_time_end, value FROM timedb.read_flat(as_of => $1)",
            &[&Micros(as_of)],
        )
        .await
        .unwrap();
    let points = rows.iter().map(|row| {
        let end: Option<Micros> = row.get(2);
        let key = (row.get(0), row.get::<_, Micros>(1).0, end.map(|end| end.0));
        (key, row.get::<_, Option<f64>>(3).map(f64::to_bits))
    });
    points.collect()
}

/// Everything ever written of each point, in the order of writing.
#[derive(Default)]
struct Model(BTreeMap<Key, Vec<(i64, Value)>>);

impl Model {
    fn flat(&self, as_of: i64) -> BTreeMap<Key, Value> {
        let points = self.0.keys();
        points
            .filter_map(|key| Some((*key, self.value(key, as_of)?)))
            .collect()
    }

    /// What was known of a point by an instant.
    fn value(&self, key: &Key, as_of: i64) -> Option<Value> {
        let known = self.0.get(key)?.iter().filter(|(known, _)| *known <= as_of);
        // Of the same known_time the last one written is the newest.
        known
            .max_by_key(|(known, _)| *known)
            .map(|(_, value)| *value)
    }

    fn upload(&mut self, upload: &Upload, skip: bool) -> (i64, i64) {
        let known = |own: &Option<i64>| own.unwrap_or(upload.known);
        let mut points: Vec<_> = upload.points.iter().collect();
        // What the upload itself says counts as known before what it says later.
        points.sort_by_key(|(_, _, own)| known(own));
        let mut skipped = 0;
        for (key, value, own) in points {
            let value = value.map(f64::to_bits);
            if skip && self.value(key, known(own)) == Some(value) {
                skipped += 1;
            } else {
                self.0.entry(*key).or_default().push((known(own), value));
            }
        }
        (upload.points.len() as i64 - skipped, skipped)
    }
}

#[tokio::test]
async fn what_is_written_and_left_out_is_what_a_naive_list_says() {
    let mut skipped = 0;
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let db = Db::new().await;
        let client = db.login(db.a()).await;
        let mut model = Model::default();
        for number in 0..25 {
            let known = START + random.below(10) * HOUR;
            let skip = random.chance(70);
            let each_its_own = random.chance(40);
            let sent = random_upload(&mut random, known, each_its_own);
            let counts = upload(&client, &sent, skip).await;
            compact_sometimes(&client, &mut random).await;
            assert_eq!(
                counts,
                model.upload(&sent, skip),
                "seed {seed}, upload {number}"
            );
            skipped += counts.1;
        }
        for hour in -1..11 {
            let as_of = START + hour * HOUR;
            let expected = model.flat(as_of).into_iter();
            let expected =
                expected.map(|((name, t, end), value)| ((name.to_owned(), t, end), value));
            assert_eq!(
                read_flat(&client, as_of).await,
                expected.collect(),
                "seed {seed}, hour {hour}"
            );
        }
    }
    assert!(skipped > 500, "{skipped} points were left out");
}

/// Where no upload comes with a known_time from before another one, nobody can tell what was left out.
#[tokio::test]
async fn flat_reads_are_the_same_with_and_without_it() {
    let mut skipped = 0;
    for seed in 100..104 {
        let mut random = Random::new(seed);
        let db = Db::new().await;
        let (with, without) = (db.login(db.a()).await, db.login(db.b()).await);
        let mut known = START;
        for _ in 0..20 {
            // Also several at one instant.
            known += random.below(3) * HOUR;
            let sent = random_upload(&mut random, known, false);
            skipped += upload(&with, &sent, true).await.1;
            upload(&without, &sent, false).await;
        }
        let mut as_of = START - HOUR;
        while as_of <= known + HOUR {
            assert_eq!(
                read_flat(&with, as_of).await,
                read_flat(&without, as_of).await,
                "seed {seed}, as of {as_of}"
            );
            as_of += HOUR;
        }
    }
    assert!(skipped > 500, "{skipped} points were left out");
}
