# docs/tools.md prints this.
import os
import adbc_driver_postgresql.dbapi
import duckdb

store = adbc_driver_postgresql.dbapi.connect(os.environ["TIMEDB_DSN"])
with store.cursor() as cursor:
    if key := os.environ.get("TIMEDB_KEY"):  # a role that is bound to a user has none
        cursor.execute("SELECT timedb.hide_parameters()")
        cursor.execute("SELECT timedb.login($1)", [key])
        store.commit()
    cursor.execute("SELECT * FROM timedb.values WHERE name = 'wind' AND valid_time >= '2025-03-30T00:00Z'")
    wind = cursor.fetch_arrow_table()
frame = duckdb.sql("SELECT valid_time, value FROM wind WHERE valid_time < '2025-03-31 00:00:00Z' ORDER BY valid_time").pl()
# The page ends.
import model

model.compare("page", frame.rows(), model.page())


def fetch(sql):
    with store.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


# Two relations of the store, joined in DuckDB: labels are JSON there, and lengths of time intervals. UUIDs become a
# table's first, because DuckDB refuses to join those of a frame.
series, forecasts = fetch("SELECT * FROM timedb.series"), fetch("SELECT * FROM timedb.forecasts WHERE name = 'wind'")
duckdb.sql("CREATE TABLE all_series AS FROM series")
joined = duckdb.sql(
    """SELECT s.name, s.labels ->> 'kind', f.known_time, epoch(f.lead_time), f.value
       FROM all_series AS s JOIN forecasts AS f USING (series_id)
       WHERE s.labels ->> 'site' = 'north' AND f.lead_time < INTERVAL 10 HOURS ORDER BY f.known_time, f.lead_time"""
)
expected = [v for v in model.forecasts("wind") if v.valid_time - v.known_time < 10 * model.HOUR]
answer = [("wind", "forecast", v.known_time, (v.valid_time - v.known_time).total_seconds(), v.value) for v in expected]
model.compare("joined", joined.pl().rows(), answer)
# 100,000 rows, batch by batch.
with store.cursor() as cursor:
    cursor.execute("SELECT valid_time, value FROM timedb.values WHERE name = 'load'")
    load = cursor.fetch_record_batch()
    model.compare("stream", duckdb.sql("SELECT * FROM load ORDER BY valid_time").pl().rows(), model.stream())
print("SUCCESS")
