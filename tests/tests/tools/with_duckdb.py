# docs/tools.md prints this.
import os
import duckdb

duckdb.sql("INSTALL postgres")
duckdb.sql("LOAD postgres")
duckdb.sql(f"ATTACH '{os.environ['TIMEDB_DSN']}' AS store (TYPE postgres, READ_ONLY)")
frame = duckdb.sql(
    """SELECT valid_time, value FROM store.timedb."values"
       WHERE name = 'wind' AND valid_time >= '2025-03-30 00:00:00Z'::timestamptz
         AND valid_time < '2025-03-31 00:00:00Z'::timestamptz ORDER BY valid_time"""
).pl()
# The page ends.
import model

model.compare("page", frame.rows(), model.page())
# The statement as it is written, in PostgreSQL.
asked = duckdb.sql(
    """SELECT * FROM postgres_query('store', 'SELECT valid_time, value FROM timedb.values
       WHERE name = ''load'' ORDER BY valid_time')"""
).pl()
model.compare("stream", asked.rows(), model.stream())
joined = duckdb.sql(
    """SELECT s.name, count(*) FROM store.timedb.series AS s JOIN store.timedb."values" AS v USING (series_id)
       WHERE s.name IN ('wind', 'load') GROUP BY s.name ORDER BY s.name"""
).fetchall()
model.compare("joined", joined, [(name, len(model.values(name))) for name in ("load", "wind")])
print("SUCCESS")
