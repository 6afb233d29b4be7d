# docs/tools.md prints this.
import os
from datetime import datetime, timezone
import pandas
import sqlalchemy as sa

engine = sa.create_engine(os.environ["TIMEDB_DSN"].replace("postgresql://", "postgresql+psycopg://"))


@sa.event.listens_for(engine, "connect")
def log_in(connection, _record):
    if key := os.environ.get("TIMEDB_KEY"):  # a role that is bound to a user has none
        with connection.transaction():
            connection.execute("SELECT timedb.hide_parameters()")
            connection.execute("SELECT timedb.login(%s)", [key])


values = sa.Table("values", sa.MetaData(), schema="timedb", autoload_with=engine)
start, end = datetime(2025, 3, 30, tzinfo=timezone.utc), datetime(2025, 3, 31, tzinfo=timezone.utc)
wanted = sa.select(values.c.valid_time, values.c.value).where(
    values.c.name == "wind", values.c.valid_time >= start, values.c.valid_time < end
).order_by(values.c.valid_time)
frame = pandas.read_sql(wanted, engine, index_col="valid_time")
# The page ends.
import datetime

import model
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Session


def from_pandas(rows):
    """A frame shows a missing value as NaN; timedb stores none."""
    return [tuple(None if isinstance(v, float) and v != v else v for v in row) for row in rows]


model.compare("page", from_pandas(frame.itertuples(name=None)), model.page())
assert str(frame.index.dtype).startswith("datetime64[us, "), frame.index.dtype

# What reflection finds: all relations that a tenant may read, their columns and types.
inspector = sa.inspect(engine)
assert {"values", "forecasts", "versions", "batches"} <= set(inspector.get_view_names(schema="timedb"))
metadata = sa.MetaData()
metadata.reflect(engine, schema="timedb", views=True)
tables = {name.removeprefix("timedb."): table for name, table in metadata.tables.items()}
assert {"values", "forecasts", "versions", "series"} <= set(tables), tables.keys()
for table in tables.values():
    for column in table.columns:
        assert not isinstance(column.type, sa.types.NullType), f"{column}: a type that reflection does not know"
types = {column.name: type(column.type) for column in tables["versions"].columns}
assert types["valid_time"] is postgresql.TIMESTAMP and tables["versions"].c.valid_time.type.timezone
assert types["series_id"] is sa.UUID and types["labels"] is postgresql.JSONB
assert types["value"] is sa.DOUBLE_PRECISION and types["tags"] is postgresql.ARRAY, types
assert type(tables["forecasts"].c.lead_time.type) is postgresql.INTERVAL

with engine.connect() as connection:
    model.ask_all(lambda sql, parameters: connection.execute(sa.text(sql), parameters).all())
    # Core: conditions, a join, labels, an interval, an aggregate.
    forecasts, series = tables["forecasts"], tables["series"]
    core = (
        sa.select(series.c.name, sa.func.count(forecasts.c.value), sa.func.max(forecasts.c.lead_time))
        .join_from(series, forecasts, series.c.series_id == forecasts.c.series_id)
        .where(
            series.c.labels["site"].astext == "north",
            series.c.labels.contains({"kind": "forecast"}),
            forecasts.c.lead_time.between(datetime.timedelta(0), 10 * model.HOUR),
            forecasts.c.known_time.in_([model.DAY, model.DAY + 12 * model.HOUR]),
        )
        .group_by(series.c.name)
    )
    found = [v for v in model.forecasts("wind") if v.valid_time - v.known_time <= 10 * model.HOUR]
    count = sum(v.value is not None for v in found if v.known_time != model.DAY + 6 * model.HOUR)
    model.compare("core", connection.execute(core), [("wind", count, 10 * model.HOUR)])
    # A stream, through a cursor of the server.
    stream = sa.select(values.c.valid_time, values.c.value).where(values.c.name == "load").order_by("valid_time")
    streamed = connection.execution_options(yield_per=10_000).execute(stream)
    model.compare("stream", streamed, model.stream())
frames = pandas.read_sql(stream, engine, chunksize=30_000)
frame = pandas.concat(frames)
model.compare("frames", from_pandas(frame.itertuples(index=False, name=None)), model.stream())
assert len(frame.groupby(frame["valid_time"].dt.tz_convert("Europe/Stockholm").dt.date)) == 70
# With the types of Arrow, a missing value is not NaN.
frame = pandas.read_sql(wanted, engine, dtype_backend="pyarrow")
assert frame["value"].isna().sum() == sum(value is None for _, value in model.page())


# The ORM, with a class over a view; the pair of columns that is unique there is its key.
class Base(DeclarativeBase):
    pass


class Point(Base):
    __table__ = values
    __mapper_args__ = {"primary_key": [values.c.series_id, values.c.valid_time]}


with Session(engine) as session:
    points = session.scalars(sa.select(Point).filter_by(name="wind").order_by(Point.valid_time)).all()
    answer = [(v.valid_time, v.value) for v in model.values("wind")]
    model.compare("orm", [(point.valid_time, point.value) for point in points], answer)
print("SUCCESS")
