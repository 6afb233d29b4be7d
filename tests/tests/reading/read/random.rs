//! Random histories of two tenants against the naive model: as rows in SQL, in packed chunks, and over HTTP.

use std::collections::HashSet;

use timedb_tests::random::{Random, new_seed};
use timedb_tests::rows::model::Model;
use timedb_tests::rows::{Cutoff, Filter, MODES, Mode};
use timedb_tests::times::{DAY, HOUR, Micros, START};
use timedb_tests::{Db, Server, compact_sometimes};
use uuid::Uuid;

use super::writer::{Upload, Writer};

const NAMES: [&str; 4] = ["wind", "load", "price", "только имя"];
/// Where the times of uploads begin: at the new year, and before the weekends in which Stockholm's clocks
/// change: 2025-03-28T12:00:00Z and 2025-10-24T12:00:00Z.
const BEGINNINGS: [i64; 3] = [START, 1_743_163_200_000_000, 1_761_307_200_000_000];
const ZONES: [Option<&str>; 6] = [
    None,
    Some("Europe/Stockholm"),
    Some("America/New_York"),
    Some("Australia/Lord_Howe"),
    Some("Africa/Cairo"),
    Some("Asia/Kathmandu"),
];

/// Exactly there as often as not, or a microsecond beside it.
fn near(random: &mut Random, exact: i64) -> i64 {
    exact + random.pick(&[0, 0, 0, 1, -1])
}

/// Values of every kind that is encoded in its own way.
fn value(random: &mut Random) -> Option<f64> {
    Some(match random.below(10) {
        0 => return None,
        1 => loop {
            let any = f64::from_bits(random.number());
            if any.is_finite() {
                break any;
            }
        },
        2 => -0.0,
        3 => f64::from(random.below(1000)),
        _ => (f64::from(random.below(200_000)) - 100_000.0) / 100.0,
    })
}

fn random_upload(random: &mut Random) -> Upload {
    let mut upload = Upload::default();
    // Few instants, so that versions meet; many, so that segments are split; far ones, so that spans differ.
    let (points, instants, step) = random.pick(&[
        (1, 30, HOUR),
        (12, 30, HOUR),
        (40, 60, HOUR),
        (60, 72, HOUR),
        (30, 5_000, DAY),
        (20, 40, 1),
        (9_000, 6_000, HOUR / 60),
    ]);
    let beginning = random.pick(&BEGINNINGS);
    let consecutive = random.chance(50);
    let with_ends = random.chance(30);
    let few_series = 1 + random.below(NAMES.len());
    // Few instants here too, before the values and among them.
    let known = Micros(beginning + random.steps(-16, 16) * 3 * HOUR);
    upload.known = random.chance(80).then_some(known);
    let mut known_times = Vec::new();
    let each_its_own = random.chance(35);
    let mut seen = HashSet::new();
    for i in 0..points {
        let place = match consecutive {
            true => i % instants,
            false => random.steps(0, instants),
        };
        let valid = beginning + place * step;
        let end = (with_ends && random.chance(50)).then(|| valid + random.steps(1, 4) * HOUR);
        let name = random.pick(&NAMES[..few_series]);
        let own = (each_its_own && random.chance(80))
            .then(|| Micros(beginning + random.steps(-4, 4) * 3 * HOUR));
        if seen.insert((name, valid, end, own.or(upload.known))) {
            known_times.push(own);
            upload.name.push(name);
            upload.valid.push(Micros(valid));
            upload.end.push(end.map(Micros));
            upload.value.push(value(random));
        }
    }
    upload.known_times = each_its_own.then_some(known_times);
    upload
}

fn random_filter(random: &mut Random, model: &Model) -> Filter {
    let beginning = random.pick(&BEGINNINGS);
    let (unit, span) = match random.chance(60) {
        true => (HOUR, 60),
        false => (DAY, 5_000),
    };
    let mut bound = |percent, unit, from, to| {
        let exact = random.steps(from, to) * unit;
        let bound = near(random, exact);
        random.chance(percent).then_some(bound)
    };
    let range = [
        bound(60, unit, 0, span),
        bound(60, unit, 0, span),
        bound(40, 3 * HOUR, -16, 17),
        bound(40, 3 * HOUR, -16, 17),
    ];
    let lead = [bound(30, HOUR, -40, 60), bound(30, HOUR, -20, 90)];
    let ids: Vec<Uuid> = model.names.keys().copied().collect();
    let mut filter = Filter {
        series_id: (random.chance(30) && !ids.is_empty())
            .then(|| vec![random.pick(&ids), random.pick(&ids), Uuid::nil()]),
        name: random.chance(20).then(|| random.pick(&NAMES).to_owned()),
        range: range.map(|bound| Some(bound? + beginning)),
        lead,
        ..Filter::default()
    };
    if let Some(at) = random.chance(40).then(|| written(random, model)) {
        filter.as_of = at.map(|at| near(random, model.written[at].known));
    }
    if let Some(at) = random.chance(40).then(|| written(random, model)) {
        filter.as_of_change = at.map(|at| near(random, model.written[at].change));
    }
    filter.cutoff = Some(cutoff(random, filter.range[0], beginning));
    filter
}

/// The place of a version.
fn written(random: &mut Random, model: &Model) -> Option<usize> {
    let versions = model.written.len();
    (versions > 0).then(|| random.below(versions))
}

fn cutoff(random: &mut Random, start_valid: Option<i64>, beginning: i64) -> Cutoff {
    if random.chance(50) {
        let tz = random.pick(&ZONES);
        let time_of_day = match random.below(4) {
            // What a change of the clock skips or repeats.
            0 => random.steps(0, 3 * 3600) * 1_000_000,
            1 => random.pick(&[0, 24 * HOUR - 1, 24 * HOUR]),
            _ => random.steps(0, 24) * HOUR,
        };
        let ahead = random.pick(&[0, 1, 1, 2, 30]);
        return Cutoff::Day {
            ahead,
            time_of_day,
            tz,
        };
    }
    let start = beginning + random.steps(-48, 96) * HOUR;
    Cutoff::Window {
        length: random.pick(&[1, HOUR / 2, HOUR, 6 * HOUR, DAY, 30 * DAY]),
        offset: random.steps(-60, 12) * HOUR + random.pick(&[0, 0, 1, -1]),
        start: (start_valid.is_none() || random.chance(50)).then(|| near(random, start)),
    }
}

/// A history of uploads of both tenants, taking turns, compared again and again on the way.
async fn history(seed: u64, uploads: usize) {
    let db = Db::new().await;
    let server = Server::start(&db);
    let mut writers = [
        Writer::new(&db, db.a()).await,
        Writer::new(&db, db.b()).await,
    ];
    let mut random = Random::new(seed);
    for step in 0..uploads {
        let story = format!("seed {seed}, step {step}");
        let turn = random.below(2);
        let upload = random_upload(&mut random);
        writers[turn].upload(upload).await;
        compact_sometimes(&writers[turn].client, &mut random).await;
        if step % 4 == 3 {
            for writer in &writers {
                let filter = random_filter(&mut random, &writer.model);
                for mode in MODES {
                    writer.check(mode, &filter, &story).await;
                }
                for _ in 0..3 {
                    let filter = random_filter(&mut random, &writer.model);
                    writer.check(Mode::Relative, &filter, &story).await;
                }
                let mode = random.pick(&[
                    Mode::Flat,
                    Mode::Overlapping,
                    Mode::Versions,
                    Mode::Relative,
                ]);
                let filter = random_filter(&mut random, &writer.model);
                writer.check_answer(&server, mode, &filter, &story).await;
            }
        }
    }
    let story = format!("seed {seed}, end");
    for writer in &writers {
        for mode in MODES {
            writer.check(mode, &Filter::default(), &story).await;
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
    history(new_seed(), 80).await;
}
