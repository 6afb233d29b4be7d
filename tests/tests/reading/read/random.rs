//! Random histories of two tenants against the naive model: as rows in SQL, in packed chunks, and over HTTP.

use std::collections::HashSet;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use timedb_tests::rows::model::Model;
use timedb_tests::rows::{Cutoff, Filter, MODES, Mode};
use timedb_tests::times::Micros;
use timedb_tests::{Db, Server};
use uuid::Uuid;

use super::writer::{Upload, Writer};
use super::{HOUR, START};

const DAY: i64 = 24 * HOUR;
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

struct Random(Pcg64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }

    /// A number of steps from `from` up to but not including `to`.
    fn steps(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to.abs_diff(from)) as i64
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Exactly there as often as not, or a microsecond beside it.
    fn near(&mut self, exact: i64) -> i64 {
        exact + self.pick(&[0, 0, 0, 1, -1])
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

    fn upload(&mut self) -> Upload {
        let mut upload = Upload::default();
        // Few instants, so that versions meet; many, so that segments are split; far ones, so that spans differ.
        let (points, instants, step) = self.pick(&[
            (1, 30, HOUR),
            (12, 30, HOUR),
            (40, 60, HOUR),
            (60, 72, HOUR),
            (30, 5_000, DAY),
            (20, 40, 1),
            (9_000, 6_000, HOUR / 60),
        ]);
        let beginning = self.pick(&BEGINNINGS);
        let consecutive = self.chance(50);
        let with_ends = self.chance(30);
        let few_series = 1 + self.below(NAMES.len() as u64);
        // Few instants here too, before the values and among them.
        let known = Micros(beginning + self.steps(-16, 16) * 3 * HOUR);
        upload.known = self.chance(80).then_some(known);
        let mut known_times = Vec::new();
        let each_its_own = self.chance(35);
        let mut seen = HashSet::new();
        for i in 0..points {
            let place = match consecutive {
                true => i % instants,
                false => self.steps(0, instants),
            };
            let valid = beginning + place * step;
            let end = (with_ends && self.chance(50)).then(|| valid + self.steps(1, 4) * HOUR);
            let name = NAMES[self.below(few_series) as usize];
            let own = (each_its_own && self.chance(80))
                .then(|| Micros(beginning + self.steps(-4, 4) * 3 * HOUR));
            if seen.insert((name, valid, end, own.or(upload.known))) {
                known_times.push(own);
                upload.name.push(name);
                upload.valid.push(Micros(valid));
                upload.end.push(end.map(Micros));
                upload.value.push(self.value());
            }
        }
        upload.known_times = each_its_own.then_some(known_times);
        upload
    }

    fn filter(&mut self, model: &Model) -> Filter {
        let beginning = self.pick(&BEGINNINGS);
        let (unit, span) = match self.chance(60) {
            true => (HOUR, 60),
            false => (DAY, 5_000),
        };
        let mut bound = |percent, unit, from, to| {
            let exact = self.steps(from, to) * unit;
            let bound = self.near(exact);
            self.chance(percent).then_some(bound)
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
            series_id: (self.chance(30) && !ids.is_empty())
                .then(|| vec![self.pick(&ids), self.pick(&ids), Uuid::nil()]),
            name: self.chance(20).then(|| self.pick(&NAMES).to_owned()),
            range: range.map(|bound| Some(bound? + beginning)),
            lead,
            ..Filter::default()
        };
        if let Some(at) = self.chance(40).then(|| self.written(model)) {
            filter.as_of = at.map(|at| self.near(model.written[at].known));
        }
        if let Some(at) = self.chance(40).then(|| self.written(model)) {
            filter.as_of_change = at.map(|at| self.near(model.written[at].change));
        }
        filter.cutoff = Some(self.cutoff(filter.range[0], beginning));
        filter
    }

    /// The place of a version.
    fn written(&mut self, model: &Model) -> Option<usize> {
        let versions = model.written.len() as u64;
        (versions > 0).then(|| self.below(versions.max(1)) as usize)
    }

    fn cutoff(&mut self, start_valid: Option<i64>, beginning: i64) -> Cutoff {
        if self.chance(50) {
            let tz = self.pick(&ZONES);
            let time_of_day = match self.below(4) {
                // What a change of the clock skips or repeats.
                0 => self.steps(0, 3 * 3600) * 1_000_000,
                1 => self.pick(&[0, 24 * HOUR - 1, 24 * HOUR]),
                _ => self.steps(0, 24) * HOUR,
            };
            let ahead = self.pick(&[0, 1, 1, 2, 30]);
            return Cutoff::Day {
                ahead,
                time_of_day,
                tz,
            };
        }
        let start = beginning + self.steps(-48, 96) * HOUR;
        Cutoff::Window {
            length: self.pick(&[1, HOUR / 2, HOUR, 6 * HOUR, DAY, 30 * DAY]),
            offset: self.steps(-60, 12) * HOUR + self.pick(&[0, 0, 1, -1]),
            start: (start_valid.is_none() || self.chance(50)).then(|| self.near(start)),
        }
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
    let mut random = Random(Pcg64::seed_from_u64(seed));
    for step in 0..uploads {
        let story = format!("seed {seed}, step {step}");
        let turn = random.below(2) as usize;
        let upload = random.upload();
        writers[turn].upload(upload).await;
        if step % 4 == 3 {
            for writer in &writers {
                let filter = random.filter(&writer.model);
                for mode in MODES {
                    writer.check(mode, &filter, &story).await;
                }
                for _ in 0..3 {
                    let filter = random.filter(&writer.model);
                    writer.check(Mode::Relative, &filter, &story).await;
                }
                let mode = random.pick(&[
                    Mode::Flat,
                    Mode::Overlapping,
                    Mode::Versions,
                    Mode::Relative,
                ]);
                let filter = random.filter(&writer.model);
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
    history(Uuid::new_v4().as_u64_pair().0, 80).await;
}
