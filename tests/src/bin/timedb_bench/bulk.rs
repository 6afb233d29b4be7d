//! Thousands of rows over HTTP as JSON, against COPY of the same rows in and out.

use std::time::Instant as Clock;

use jiff::Timestamp;
use serde_json::Value;
use timedb_tests::{Role, Server};
use uuid::Uuid;

use crate::data::{Checksum, HOUR, HOURS, Point, SERIES, START, plain_series_position};
use crate::encode::{Load, copy_text, iso, upload_json};
use crate::http::Connection;
use crate::read::{in_window, plain_window, window};
use crate::stage::{Stage, in_turn, same};
use crate::{Result, report};

/// Uploads and reads.
///
/// # Errors
/// When a side refuses, or the sides do not have the same points.
pub async fn measure(stage: &Stage) -> Result<()> {
    let server = Server::start_with(&stage.db.dsn(Role::User), &[], &[]);
    report::progress("reading 100,000 points over HTTP");
    get(stage, &server).await?;
    report::progress("uploading over HTTP");
    upload(stage, &server, "http_upload_10k", 10_000).await?;
    upload(stage, &server, "http_upload_100k", 100_000).await
}

/// Each run adds a version of the same points, on both sides.
async fn upload(stage: &Stage, server: &Server, metric: &str, rows: usize) -> Result<()> {
    let name = stage.name(metric);
    let data = stage.data.head(rows / SERIES);
    let tenant = stage.db.b();
    let body = upload_json(&data);
    let mut connection = Connection::open(server, &tenant.key).await?;
    // After the versions that an upload of another size left.
    let mut known = START + (rows + HOURS) as i64 * HOUR;
    let [ours, plain] = in_turn(
        stage.runs,
        async || {
            stage.checkpoint().await?;
            let start = Clock::now();
            connection.post("/upload", body.clone()).await?;
            Ok(start.elapsed().as_secs_f64())
        },
        async || {
            known += HOUR;
            let load = Load {
                tenant_id: tenant.tenant_id,
                batch_id: Uuid::new_v4(),
                known,
            };
            let text = copy_text(&data, &load);
            stage.checkpoint().await?;
            stage.copy_in(&text, "").await
        },
    )
    .await?;

    stage.begin_as(tenant).await?;
    let positions = stage.series_positions().await?;
    let sql = "SELECT series_id, valid_time, value FROM timedb.read_flat()";
    let statement = stage.user.prepare(sql).await?;
    let found = stage
        .checksum(&statement, &[], |id| positions.get(&id).copied())
        .await?;
    stage.commit().await?;
    let sql = "SELECT series_id, valid_time, value FROM plain.points WHERE tenant_id = $1 AND known_time = $2";
    let statement = stage.user.prepare(sql).await?;
    let last = crate::encode::Instant(known);
    let base = stage
        .checksum(
            &statement,
            &[&tenant.tenant_id, &last],
            plain_series_position,
        )
        .await?;
    same(
        &name,
        &data.checksum(|_| true),
        [("timedb", &found), ("the plain table", &base)],
    )?;
    report::more(&name, rows as f64 / ours, rows as f64 / plain);
    report::less(
        &stage.name(&format!("{metric}_ms")),
        ours * 1e3,
        plain * 1e3,
    );
    Ok(())
}

async fn get(stage: &Stage, server: &Server) -> Result<()> {
    let metric = "http_get_100k";
    let [start, end] = window().map(|instant| iso(instant.0));
    let path = format!("/values?start_valid={start}&end_valid={end}");
    let mut connection = Connection::open(server, &stage.db.a().key).await?;
    let copy = format!(
        "(SELECT row_to_json(p) FROM ({}) AS p) TO STDOUT",
        plain_window(stage.load.tenant_id)
    );

    let answer: Value = serde_json::from_slice(&connection.fetch(&path).await?)?;
    stage.begin().await?;
    let positions = stage.series_positions().await?;
    stage.commit().await?;
    let mut found = Checksum::default();
    let rows = answer["data"].as_array().ok_or("data is no list")?;
    for row in rows {
        found.add(point(row, |id| positions.get(&id).copied())?);
    }
    if answer["count"] != rows.len() {
        return Err(format!("count is {}, rows are {}", answer["count"], rows.len()).into());
    }
    let mut base = Checksum::default();
    let lines = stage.copy_out(&copy).await?.concat();
    for line in lines.trim_ascii_end().split(|&byte| byte == b'\n') {
        base.add(point(
            &serde_json::from_slice(line)?,
            plain_series_position,
        )?);
    }
    let expected = stage.data.checksum(in_window);
    same(
        &stage.name(metric),
        &expected,
        [("timedb", &found), ("the plain table", &base)],
    )?;

    let [ours, plain] = in_turn(
        stage.runs,
        async || {
            let start = Clock::now();
            connection.get(&path).await?;
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
    report::more(&stage.name(metric), count / ours, count / plain);
    report::less(
        &stage.name(&format!("{metric}_ms")),
        ours * 1e3,
        plain * 1e3,
    );
    Ok(())
}

fn point(row: &Value, position: impl Fn(Uuid) -> Option<usize>) -> Result<Point> {
    let text = |name: &str| {
        row[name]
            .as_str()
            .ok_or_else(|| format!("no {name} in {row}"))
    };
    let id = text("series_id")?.parse()?;
    let time: Timestamp = text("valid_time")?.parse()?;
    Ok(Point {
        series: position(id).ok_or_else(|| format!("{id} is no series of the data"))?,
        valid_time: time.as_microsecond(),
        value: row["value"]
            .as_f64()
            .ok_or_else(|| format!("no value in {row}"))?,
    })
}
