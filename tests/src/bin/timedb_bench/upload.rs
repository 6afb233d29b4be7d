//! A million points in one call against COPY and INSERT, and the bytes they take afterwards.

use std::time::Instant as Clock;

use uuid::Uuid;

use crate::data::{Checksum, Data, SERIES, plain_series_position, series_name};
use crate::encode::{Array, Instant, copy_binary, copy_text};
use crate::stage::{Stage, same};
use crate::{Result, report};

const UPLOAD: &str = "SELECT points, series_ids FROM timedb.upload(
    valid_time => $1, value => $2, name => $3, series_index => $4)";
const INSERT: &str = "INSERT INTO plain.points
    SELECT $1, u.series_id, u.valid_time, $2, $2, $3, u.value
    FROM unnest($4::uuid[], $5::timestamptz[], $6::float8[]) AS u(series_id, valid_time, value)";

/// Uploads to both sides and leaves the data set loaded on both.
///
/// # Errors
/// When a side refuses, or does not hold afterwards what it was given.
pub async fn measure(stage: &Stage) -> Result<()> {
    report::progress("uploading a million points, four ways in turn");
    let text = copy_text(&stage.data, &stage.load);
    let binary = copy_binary(&stage.data, &stage.load);
    let names: Vec<String> = (0..SERIES).map(series_name).collect();
    let arrays = Arrays::new(&stage.data);
    let mut rounds = Vec::with_capacity(stage.runs);
    for run in 0..=stage.runs {
        stage.truncate().await?;
        let inserted = insert(stage, &arrays).await?;
        stage.truncate().await?;
        let binary_copied = stage.copy_in(&binary, "(FORMAT binary)").await?;
        stage.truncate().await?;
        let uploaded = upload(stage, &arrays, &names).await?;
        stage.checkpoint().await?;
        let copied = stage.copy_in(&text, "").await?;
        if run > 0 {
            rounds.push([uploaded, copied, binary_copied, inserted]);
        } else {
            verify(stage).await?;
        }
    }
    let points = stage.data.len() as f64;
    let [ours, copied, binary_copied, inserted] =
        report::medians(&rounds).map(|seconds| points / seconds);
    report::more(&stage.name("upload_sql_1m_vs_copy"), ours, copied);
    report::more(
        &stage.name("upload_sql_1m_vs_copy_binary"),
        ours,
        binary_copied,
    );
    report::more(&stage.name("upload_sql_1m_vs_insert"), ours, inserted);

    stage.settle().await?;
    let [ours, plain] = stage.bytes().await?;
    report::less(
        &stage.name("bytes_per_value"),
        ours / points,
        plain / points,
    );
    Ok(())
}

struct Arrays {
    valid_time: Array,
    value: Array,
    series_index: Array,
    plain_series_id: Array,
}

impl Arrays {
    fn new(data: &Data) -> Self {
        Self {
            valid_time: Array::valid_times(data),
            value: Array::values(data),
            series_index: Array::series_index(data),
            plain_series_id: Array::plain_series_ids(data),
        }
    }
}

/// One upload with everything that belongs to it, the making of the series included.
async fn upload(stage: &Stage, arrays: &Arrays, names: &[String]) -> Result<f64> {
    let statement = stage.user.prepare(UPLOAD).await?;
    let start = Clock::now();
    stage.begin().await?;
    let row = stage
        .user
        .query_one(
            &statement,
            &[
                &arrays.valid_time,
                &arrays.value,
                &names,
                &arrays.series_index,
            ],
        )
        .await?;
    stage.commit().await?;
    let seconds = start.elapsed().as_secs_f64();
    let (points, series): (i64, Vec<Uuid>) = (row.get(0), row.get(1));
    if points != stage.data.len() as i64 || series.len() != SERIES {
        return Err(format!("uploaded {points} points of {} series", series.len()).into());
    }
    Ok(seconds)
}

async fn insert(stage: &Stage, arrays: &Arrays) -> Result<f64> {
    let statement = stage.user.prepare(INSERT).await?;
    let load = &stage.load;
    let start = Clock::now();
    let rows = stage
        .user
        .execute(
            &statement,
            &[
                &load.tenant_id,
                &Instant(load.known),
                &load.batch_id,
                &arrays.plain_series_id,
                &arrays.valid_time,
                &arrays.value,
            ],
        )
        .await?;
    let seconds = start.elapsed().as_secs_f64();
    if rows != stage.data.len() as u64 {
        return Err(format!("inserted {rows} rows").into());
    }
    Ok(seconds)
}

/// Every point of both stores, bit by bit.
async fn verify(stage: &Stage) -> Result<()> {
    let plain = stage
        .user
        .prepare("SELECT series_id, valid_time, value FROM plain.points")
        .await?;
    let plain: Checksum = stage.checksum(&plain, &[], plain_series_position).await?;
    stage.begin().await?;
    let positions = stage.series_positions().await?;
    let ours = stage
        .user
        .prepare("SELECT series_id, valid_time, value FROM timedb.read_flat()")
        .await?;
    let position = |id| positions.get(&id).copied();
    let ours = stage.checksum(&ours, &[], position).await?;
    stage.commit().await?;
    let expected = stage.data.checksum(|_| true);
    same(
        &stage.name("upload_sql_1m"),
        &expected,
        [("timedb", &ours), ("the plain table", &plain)],
    )
}
