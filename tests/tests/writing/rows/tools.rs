//! What Python's tools send: DataFrame.to_sql in its ways, executemany, and COPY of psycopg.

use timedb_tests::{Db, Role, python};

use super::{batches, rows};

const PROGRAM: &str = r#"
import os
import pandas as pd, psycopg, sqlalchemy
from sqlalchemy.dialects.postgresql import JSONB

def log_in(connection, *_):
    with connection.cursor() as cursor:
        cursor.execute("BEGIN; SELECT timedb.hide_parameters()")
        cursor.execute("SELECT timedb.login(%s)", (os.environ["API_KEY"],))
    connection.commit()

engine = sqlalchemy.create_engine(os.environ["DSN"].replace("postgresql://", "postgresql+psycopg://"))
sqlalchemy.event.listen(engine, "connect", log_in)
times = pd.date_range("2025-01-01", periods=4, freq="h", tz="UTC")
frame = pd.DataFrame({"name": ["x", "x", "y", "y"], "valid_time": times, "value": [1.0, float("nan"), 3.0, 4.0]})
frame.to_sql("values", engine, schema="timedb", if_exists="append", index=False)
frame.assign(name="multi").to_sql("values", engine, schema="timedb", if_exists="append", index=False, method="multi", chunksize=3)
frame.assign(name="labelled", labels=[{"site": "north"}] * 4, known_time=times[0]).to_sql(
    "forecasts", engine, schema="timedb", if_exists="append", index=False, method="multi", dtype={"labels": JSONB})
with psycopg.connect(os.environ["DSN"]) as connection:
    log_in(connection)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO timedb.values (name, valid_time, value) VALUES (%s, %s, %s)",
                           [("many", time, float("nan")) for time in times])
        with cursor.copy("COPY timedb.values (name, valid_time, value) FROM STDIN") as copy:
            for time in times:
                copy.write_row(("copied", time, 5.0))
back = pd.read_sql("SELECT name, valid_time, value FROM timedb.values WHERE name IN ('x', 'y') ORDER BY valid_time", engine)
pd.testing.assert_frame_equal(back.assign(valid_time=pd.to_datetime(back.valid_time, utc=True).dt.as_unit(frame.valid_time.dt.unit)), frame)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn pandas_and_psycopg_write_rows() {
    let db = Db::new().await;
    python(&["-c", PROGRAM])
        .env("DSN", db.dsn(Role::Session))
        .env("API_KEY", &db.a().key)
        .ok();
    let client = db.login(db.a()).await;
    let stored = "SELECT name, labels, count(*), count(value) FROM timedb.values GROUP BY name, labels ORDER BY name";
    assert_eq!(
        rows(&client, stored).await,
        [
            "copied {} 4 4",
            r#"labelled {"site": "north"} 4 3"#,
            "many {} 4 0",
            "multi {} 4 3",
            "x {} 2 1",
            "y {} 2 2",
        ]
    );
    // psycopg's executemany is a statement for each row; the others are one for each chunk.
    let many = batches(&client).await;
    assert_eq!(many[many.len() - 5..], ["1", "1", "1", "1", "4"]);
    let multi = "SELECT array_agg(points ORDER BY change_time) FROM timedb.batches WHERE series_ids = ARRAY(SELECT series_id FROM timedb.series WHERE name = 'multi')";
    assert_eq!(rows(&client, multi).await, ["{3,1}"]);
}
