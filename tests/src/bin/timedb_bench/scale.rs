//! `make bench-scale`: whether a read of one series' day costs the same however much there is. Loads a
//! store in steps, in bulk and as live ticks, and reads days of single series after each.
//!
//! The lines are `metric, ours, baseline, ratio` again; the baseline is the same store at its first step.

use std::process::Command;
use std::time::Instant as Clock;

use futures_util::future::try_join_all;
use rand_pcg::rand_core::Rng;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::Result;
use crate::data::{self, DAY, Data, HOUR, HOURS, Kind, MINUTE, SERIES, START, series_name};
use crate::encode::Instant;
use crate::load::Arrays;
use crate::report::{self, percentile, progress};
use crate::store::Store;

const MILLION: usize = 1_000_000;
const STEPS: [usize; 4] = [1, 10, 100, 1_000];
/// A live store ends at a hundred million: it takes that many values in hours, not in minutes.
const LIVE_MAX: usize = 100 * MILLION;
const LIVE_SERIES: usize = 500;
const LIVE_CONNECTIONS: usize = 4;
const READS: usize = 1_000;
/// Bytes of the disk that are left alone, the write-ahead log's included.
const RESERVE: f64 = 16e9;

const LIVE_UPLOAD: &str =
    "SELECT points FROM timedb.upload(valid_time => array_fill($1::timestamptz,
    ARRAY[cardinality($2::float8[])]), value => $2, series_id => $3)";
const DAY_READ: &str = "SELECT valid_time, value
    FROM timedb.read_flat(series_id => ARRAY[$1::uuid], start_valid => $2, end_valid => $3)";

/// Both stores up to their sizes.
///
/// # Errors
/// When a setting is no number, or the server refuses.
pub async fn measure() -> Result<()> {
    let most = millions("TIMEDB_SCALE_MAX", 1_000 * MILLION)?;
    let live_most = millions("TIMEDB_SCALE_LIVE_MAX", most.min(LIVE_MAX))?;
    bulk(most).await?;
    live(live_most).await
}

/// A variable of the environment that is a number of values, such as 10M.
fn millions(name: &str, default: usize) -> Result<usize> {
    let Ok(text) = std::env::var(name) else {
        return Ok(default);
    };
    let number = text.strip_suffix('M').and_then(|text| text.parse().ok());
    let number: usize =
        number.ok_or_else(|| format!("{name} is {text:?}, not a number such as 10M"))?;
    Ok(number * MILLION)
}

/// What is compared from step to step, and what the first one gave.
struct Steps {
    store: Store,
    /// Ends each name.
    kind: &'static str,
    /// Bytes a value of the steps so far; at first a guess.
    bytes: f64,
    first: Option<Vec<f64>>,
}

impl Steps {
    /// Whether the disk has room for so many more values, with what says so on stderr.
    async fn fits(&self, values: usize) -> Result<bool> {
        let folder: String = self
            .store
            .admin
            .query_one("SHOW data_directory", &[])
            .await?
            .get(0);
        let output = Command::new("df")
            .args(["-B1", "--output=avail", &folder])
            .output()?;
        let output = String::from_utf8(output.stdout)?;
        let free: f64 = output.lines().last().unwrap_or("").trim().parse()?;
        // A table is rewritten in part while it is compacted.
        let needed = 1.5 * self.bytes * values as f64 + RESERVE;
        let verdict = if free < needed {
            "too little"
        } else {
            "enough"
        };
        progress(&format!(
            "{values} more values take {:.0} GB with what is left alone, {:.0} GB are free: {verdict}",
            needed / 1e9,
            free / 1e9
        ));
        Ok(free >= needed)
    }

    /// Reports a step: values loaded in all and in this step, the seconds of this one.
    async fn report(
        &mut self,
        values: usize,
        loaded: usize,
        seconds: f64,
        span: i64,
    ) -> Result<()> {
        let at_once = self.sizes(values, span).await?;
        let rate = loaded as f64 / seconds;
        let now = if self.store.compact(self.store.db.a()).await? {
            self.sizes(values, span).await?
        } else {
            at_once
        };
        let numbers = vec![rate, at_once[0], at_once[1], now[0], now[1]];
        self.bytes = at_once[0].max(now[0]);
        let first = self.first.get_or_insert_with(|| numbers.clone());
        let name = format!("{}{}m", self.kind, values / MILLION);
        report::more(&format!("load_{name}_per_s"), numbers[0], first[0]);
        report::less(&format!("bytes_{name}_at_once"), numbers[1], first[1]);
        report::less(&format!("day_read_{name}_at_once_us"), numbers[2], first[2]);
        report::less(&format!("bytes_{name}"), numbers[3], first[3]);
        report::less(&format!("day_read_{name}_us"), numbers[4], first[4]);
        Ok(())
    }

    /// Bytes a value, and the median microseconds of a day of a series, each time another one.
    async fn sizes(&self, values: usize, span: i64) -> Result<[f64; 2]> {
        let [bytes, _] = self.store.both_bytes().await?;
        self.store.analyze().await?;
        self.store.begin().await?;
        let user = &self.store.user;
        let rows = user
            .query("SELECT series_id FROM timedb.series", &[])
            .await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        let statement = user.prepare(DAY_READ).await?;
        let mut random = data::random();
        let mut below = |bound: usize| (random.next_u64() % bound as u64) as usize;
        let days = (span / DAY).max(1) as usize;
        let mut micros = Vec::with_capacity(READS);
        for read in 0..READS * 2 {
            let start = START + below(days) as i64 * DAY;
            let bounds = [start, start + DAY].map(Instant);
            let clock = Clock::now();
            let series = ids[below(ids.len())];
            let rows = user
                .query(&statement, &[&series, &bounds[0], &bounds[1]])
                .await?;
            if rows.is_empty() {
                return Err(format!("series {series} has nothing on {start}").into());
            }
            // The first half warms what is not in memory yet.
            if read >= READS {
                micros.push(clock.elapsed().as_secs_f64() * 1e6);
            }
        }
        self.store.commit().await?;
        Ok([bytes / values as f64, percentile(&mut micros, 0.5)])
    }
}

/// Hourly values, 10,000 of each series, a million in a call.
async fn bulk(most: usize) -> Result<()> {
    let mut steps = Steps {
        store: Store::new(1).await?,
        kind: "",
        bytes: 4.0,
        first: None,
    };
    let client = steps.store.db.login(steps.store.db.a()).await;
    let data = Data::generate(Kind::Decimals);
    let mut arrays = Arrays::new(&data);
    let mut values = 0;
    for step in STEPS.map(|millions| millions * MILLION) {
        let more = step - values;
        if step > most || !steps.fits(more).await? {
            break;
        }
        progress(&format!("bulk: up to {step} values"));
        let mut seconds = 0.0;
        while values < step {
            let first = values / data.len() * SERIES;
            arrays.rename((first..first + SERIES).map(series_name).collect());
            let clock = Clock::now();
            arrays.upload(&client, START, data.len()).await?;
            seconds += clock.elapsed().as_secs_f64();
            values += data.len();
            if values % (50 * MILLION) == 0 {
                progress(&format!("bulk: {values} values after {seconds:.0} s"));
            }
        }
        let span = HOURS as i64 * HOUR;
        steps.report(values, more, seconds, span).await?;
    }
    Ok(())
}

/// 500 series, one point each a minute, one upload a tick.
async fn live(most: usize) -> Result<()> {
    let mut steps = Steps {
        store: Store::new(1).await?,
        kind: "live_",
        bytes: 350.0,
        first: None,
    };
    let mut clients = Vec::new();
    for _ in 0..LIVE_CONNECTIONS {
        clients.push(steps.store.db.login(steps.store.db.a()).await);
    }
    let ids = live_series(&clients[0]).await?;
    let mut random = data::random();
    let mut at = vec![2_000.0; LIVE_SERIES];
    let mut ticks = 0;
    for step in STEPS.map(|millions| millions * MILLION) {
        let more = step / LIVE_SERIES - ticks;
        if step > most || !steps.fits(more * LIVE_SERIES).await? {
            break;
        }
        progress(&format!("live: up to {step} values, {more} more ticks"));
        let mut seconds = 0.0;
        while ticks < step / LIVE_SERIES {
            // Each connection has one tick at a time; their values are made before the clock starts.
            let mut round = Vec::new();
            for _ in 0..LIVE_CONNECTIONS * 25 {
                for at in &mut at {
                    *at += (5.0 * data::normal(&mut random)).round();
                }
                let values: Vec<f64> = at.iter().map(|at| at / 100.0).collect();
                round.push((Instant(START + ticks as i64 * MINUTE), values));
                ticks += 1;
            }
            let clock = Clock::now();
            let shares = round.chunks(25).zip(&clients);
            try_join_all(shares.map(|(share, client)| upload(client, share, &ids))).await?;
            seconds += clock.elapsed().as_secs_f64();
            if ticks % 5_000 == 0 {
                progress(&format!(
                    "live: {} values after {seconds:.0} s",
                    ticks * LIVE_SERIES
                ));
            }
        }
        let span = ticks as i64 * MINUTE;
        steps
            .report(step, more * LIVE_SERIES, seconds, span)
            .await?;
    }
    Ok(())
}

/// Creates the series of the live store.
async fn live_series(client: &Client) -> Result<Vec<Uuid>> {
    let names: Vec<String> = (0..LIVE_SERIES).map(series_name).collect();
    let sql = "SELECT s.series_id FROM unnest($1::text[]) AS n(name)
               CROSS JOIN LATERAL timedb.create_series(n.name) AS s(series_id)";
    let rows = client.query(sql, &[&names]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Some ticks over one connection, each a transaction of its own.
async fn upload(client: &Client, ticks: &[(Instant, Vec<f64>)], ids: &[Uuid]) -> Result<()> {
    let statement = client.prepare(LIVE_UPLOAD).await?;
    for (time, values) in ticks {
        let row = client.query_one(&statement, &[time, values, &ids]).await?;
        if row.get::<_, i64>(0) != values.len() as i64 {
            return Err("a tick was not stored whole".into());
        }
    }
    Ok(())
}
