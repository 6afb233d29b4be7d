//! 100,000 points out of the million in SQL: added up in the server, as rows, and packed.

use std::time::Instant as Clock;

use futures_util::TryStreamExt;
use tokio_postgres::Statement;
use uuid::Uuid;

use crate::data::{Checksum, HOUR, Point, SERIES, START, plain_series_id, plain_series_position};
use crate::encode::{Instant, iso};
use crate::packed;
use crate::stage::{Parameters, Stage, in_turn, same};
use crate::{Result, report};

/// The hours of the window that has 100,000 points of all series, in the middle of the data.
const WINDOW: [i64; 2] = [4_500, 5_500];

/// Start and end of the window.
pub fn window() -> [Instant; 2] {
    WINDOW.map(|hour| Instant(START + hour * HOUR))
}

/// Whether a point is in the window.
pub fn in_window(point: &Point) -> bool {
    let [start, end] = window();
    (start.0..end.0).contains(&point.valid_time)
}

/// The query on the plain table that does what `read_flat` does, with values in place of parameters.
pub fn plain_window(tenant_id: Uuid) -> String {
    let [start, end] = window().map(|instant| iso(instant.0));
    distinct_on(&format!(
        "tenant_id = '{tenant_id}' AND valid_time >= '{start}' AND valid_time < '{end}'"
    ))
}

fn distinct_on(condition: &str) -> String {
    format!(
        "SELECT DISTINCT ON (series_id, valid_time) series_id, valid_time, value
         FROM plain.points WHERE {condition}
         ORDER BY series_id, valid_time, known_time DESC, change_time DESC"
    )
}

/// All reads in SQL.
///
/// # Errors
/// When a side refuses, or the sides do not return the same points.
pub async fn measure(stage: &Stage) -> Result<()> {
    report::progress("reading 100,000 points in SQL");
    let [start, end] = window();
    let tenant = stage.load.tenant_id;
    let plain = distinct_on("tenant_id = $1 AND valid_time >= $2 AND valid_time < $3");
    let read = "timedb.read_flat(start_valid => $1, end_valid => $2)";
    let expected = stage.data.checksum(in_window);
    sums(
        stage,
        "read_flat_100k",
        &expected,
        (read, &[&start, &end]),
        (&plain, &[&tenant, &start, &end]),
    )
    .await?;
    rows(
        stage,
        &expected,
        (read, &[&start, &end]),
        (&plain, &[&tenant, &start, &end]),
    )
    .await?;
    packed(stage, &expected).await?;

    // The plain table's index finds whole series at once.
    let positions: Vec<usize> = (SERIES / 2..SERIES / 2 + 100_000 / stage.data.hours).collect();
    let plain_ids: Vec<Uuid> = positions.iter().map(|&i| plain_series_id(i)).collect();
    stage.begin().await?;
    let series = stage.series_positions().await?;
    stage.commit().await?;
    let wanted = series.iter().filter(|(_, i)| positions.contains(i));
    let ids: Vec<Uuid> = wanted.map(|(id, _)| *id).collect();
    sums(
        stage,
        "read_flat_100k_10_series",
        &stage
            .data
            .checksum(|point| positions.contains(&point.series)),
        ("timedb.read_flat(series_id => $1)", &[&ids]),
        (
            &distinct_on("tenant_id = $1 AND series_id = ANY ($2)"),
            &[&tenant, &plain_ids],
        ),
    )
    .await
}

/// A source of points, and its parameters.
type Source<'a> = (&'a str, &'a Parameters<'a>);

/// Count and sum, which the server adds up.
async fn sums(
    stage: &Stage,
    metric: &str,
    expected: &Checksum,
    ours: Source<'_>,
    plain: Source<'_>,
) -> Result<()> {
    let metric = stage.name(metric);
    let (from, mine) = ours;
    let ours = stage
        .user
        .prepare(&format!("SELECT count(*), sum(value) FROM {from}"))
        .await?;
    let (from, theirs) = plain;
    let plain = stage
        .user
        .prepare(&format!("SELECT count(*), sum(value) FROM ({from}) AS p"))
        .await?;
    let once = async |statement: &Statement, parameters: &Parameters<'_>| -> Result<()> {
        let row = stage.user.query_one(statement, parameters).await?;
        let (count, sum) = (row.get(0), row.get::<_, Option<f64>>(1).unwrap_or(0.0));
        if !expected.agrees(count, sum) {
            return Err(format!("{metric}: {count} points, sum {sum}, not {expected}").into());
        }
        Ok(())
    };
    let [ours, plain] = in_turn(
        stage.runs,
        async || {
            let start = Clock::now();
            stage.begin().await?;
            once(&ours, mine).await?;
            stage.commit().await?;
            Ok(start.elapsed().as_secs_f64())
        },
        async || {
            let start = Clock::now();
            once(&plain, theirs).await?;
            Ok(start.elapsed().as_secs_f64())
        },
    )
    .await?;
    let count = expected.count as f64;
    report::more(&metric, count / ours, count / plain);
    Ok(())
}

/// All rows over the wire to the same client.
async fn rows(
    stage: &Stage,
    expected: &Checksum,
    (ours, mine): Source<'_>,
    (plain, theirs): Source<'_>,
) -> Result<()> {
    let metric = stage.name("read_flat_100k_rows");
    let ours = format!("SELECT series_id, valid_time, value FROM {ours}");
    let ours = stage.user.prepare(&ours).await?;
    let plain = stage.user.prepare(plain).await?;
    stage.begin().await?;
    let positions = stage.series_positions().await?;
    let found = stage
        .checksum(&ours, mine, |id| positions.get(&id).copied())
        .await?;
    stage.commit().await?;
    let base = stage
        .checksum(&plain, theirs, plain_series_position)
        .await?;
    same(
        &metric,
        expected,
        [("timedb", &found), ("the plain table", &base)],
    )?;
    let [ours, plain] = in_turn(
        stage.runs,
        async || {
            let start = Clock::now();
            stage.begin().await?;
            stage.drain(&ours, mine).await?;
            stage.commit().await?;
            Ok(start.elapsed().as_secs_f64())
        },
        async || {
            let start = Clock::now();
            stage.drain(&plain, theirs).await?;
            Ok(start.elapsed().as_secs_f64())
        },
    )
    .await?;
    let count = expected.count as f64;
    report::more(&metric, count / ours, count / plain);
    Ok(())
}

/// The packed form that the HTTP server reads, against the leanest form PostgreSQL has.
async fn packed(stage: &Stage, expected: &Checksum) -> Result<()> {
    let metric = stage.name("read_packed_100k");
    let [from, to] = window();
    let sql = "SELECT timedb_internal._read_packed('flat', start_valid => $1, end_valid => $2)";
    let statement = stage.user.prepare(sql).await?;
    let copy = format!(
        "({}) TO STDOUT (FORMAT binary)",
        plain_window(stage.load.tenant_id)
    );
    let read = async || -> Result<Vec<tokio_postgres::Row>> {
        let parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = vec![&from, &to];
        let rows = stage.user.query_raw(&statement, parameters).await?;
        Ok(rows.try_collect().await?)
    };
    stage.begin().await?;
    let positions = stage.series_positions().await?;
    let mut found = Checksum::default();
    for row in read().await? {
        packed::add(row.get(0), |id| positions.get(&id).copied(), &mut found)?;
    }
    stage.commit().await?;
    let base = packed::copied(&stage.copy_out(&copy).await?)?;
    same(
        &metric,
        expected,
        [("timedb", &found), ("the plain table", &base)],
    )?;
    let [ours, plain] = in_turn(
        stage.runs,
        async || {
            let start = Clock::now();
            stage.begin().await?;
            std::hint::black_box(read().await?);
            stage.commit().await?;
            Ok(start.elapsed().as_secs_f64())
        },
        async || {
            let start = Clock::now();
            std::hint::black_box(stage.copy_out(&copy).await?);
            Ok(start.elapsed().as_secs_f64())
        },
    )
    .await?;
    let count = expected.count as f64;
    report::more(&metric, count / ours, count / plain);
    Ok(())
}
