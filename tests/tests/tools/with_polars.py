# docs/tools.md prints this.
import os
from datetime import datetime, timezone
import adbc_driver_postgresql.dbapi
import polars

connection = adbc_driver_postgresql.dbapi.connect(os.environ["TIMEDB_DSN"])
if key := os.environ.get("TIMEDB_KEY"):  # a role that is bound to a user has none
    with connection.cursor() as cursor:
        cursor.execute("SELECT timedb.hide_parameters()")
        cursor.execute("SELECT timedb.login($1)", [key])
    connection.commit()
start, end = datetime(2025, 3, 30, tzinfo=timezone.utc), datetime(2025, 3, 31, tzinfo=timezone.utc)
frame = polars.read_database(
    """SELECT valid_time, value FROM timedb.values
       WHERE name = $1 AND valid_time >= $2 AND valid_time < $3 ORDER BY valid_time""",
    connection,
    execute_options={"parameters": ["wind", start, end]},
)
# The page ends.
import json
import re

import model

model.compare("page", frame.rows(), model.page())
assert frame.schema == {"valid_time": polars.Datetime("us", "UTC"), "value": polars.Float64}, frame.schema


def rows_of(frame):
    for row in frame.iter_rows(named=True):
        if "labels" in row:
            row["labels"] = json.loads(row["labels"])
        if "seconds" in row:
            row["seconds"] = row["seconds"] * model.SECOND
        yield tuple(row.values())


def without_interval(sql):
    """polars has no type for an interval, and panics."""
    return sql.replace("lead_time, value", "CAST(extract(epoch FROM lead_time) AS float8) AS seconds, value")


def ask(sql, parameters):
    numbered = model.numbered(without_interval(sql), parameters)
    options = {"parameters": list(parameters.values())}
    return rows_of(polars.read_database(numbered, connection, execute_options=options))


model.ask_all(ask)
stream = "SELECT valid_time, value FROM timedb.values WHERE name = 'load' ORDER BY valid_time"
model.compare("stream", polars.read_database(stream, connection).rows(), model.stream())
batches = list(polars.read_database(stream, connection, iter_batches=True, batch_size=10_000))
model.compare("batches", polars.concat(batches).rows(), model.stream())

# What ADBC finds in the catalog.
for view, columns in (("values", 7), ("forecasts", 9), ("versions", 15), ("series", 8)):
    schema = connection.adbc_get_table_schema(view, db_schema_filter="timedb")
    assert len(schema) >= columns, schema
    assert schema.field("labels").type.extension_name == "arrow.json", schema
connection.close()


# By a string: both open connections of their own, so only a bound role is somebody there.
def literal(value):
    if isinstance(value, list):
        return "ARRAY[" + ", ".join(literal(each) for each in value) + "]"
    return "'" + str(value).replace("'", "''") + "'"


def ask_uri(engine, sql, parameters):
    sql = re.sub(model.PARAMETER, lambda found: literal(parameters[found[1]]), without_interval(sql))
    return rows_of(polars.read_database_uri(sql, os.environ["TIMEDB_DSN"], engine=engine))


for engine in () if key else ("adbc", "connectorx"):
    model.ask_all(lambda sql, parameters: ask_uri(engine, sql, parameters))
    frame = polars.read_database_uri(stream, os.environ["TIMEDB_DSN"], engine=engine)
    model.compare(engine, frame.rows(), model.stream())
if not key:
    # Four connections at once.
    frame = polars.read_database_uri(
        "SELECT CAST(extract(epoch FROM valid_time) AS bigint) AS epoch, value FROM timedb.values WHERE name = 'load'",
        os.environ["TIMEDB_DSN"], engine="connectorx", partition_on="epoch", partition_num=4,
    )
    rows = [(int(valid.timestamp()), value) for valid, value in model.stream()]
    model.compare("partitions", frame.sort("epoch").rows(), rows)
print("SUCCESS")
