"""What the tests of the tools upload, as one plain list of versions, and what of it each question must return.

`python model.py` uploads it as the tenant of TIMEDB_KEY; with the argument `others`, other values of the same series.
With `questions` it prints the questions and their answers.
"""

import datetime
import json
import os
import re
import struct
import sys
import uuid
from collections import namedtuple

Version = namedtuple("Version", "name known_time valid_time valid_time_end value")

UTC = datetime.timezone.utc
SECOND, MINUTE, HOUR = (datetime.timedelta(seconds=length) for length in (1, 60, 3600))
# The day before the clocks of Sweden went forward.
DAY = datetime.datetime(2025, 3, 29, tzinfo=UTC)
SERIES = {
    "wind": ("MW", {"site": "north", "kind": "forecast"}),
    "meter": ("dimensionless", {"site": "söder", "note": "\"quoted\", 'quoted' and \\"}),
    "extremes": ("dimensionless", {"site": "north"}),
    "load": ("kW", {"site": "south"}),
}
LOADS = 100_000


def batches():
    """Two uploads: everything, and one day's first forecast again with other values."""
    forecasts = []
    for known in (DAY, DAY + 6 * HOUR, DAY + 12 * HOUR):
        for lead in range(48):
            value = None if lead % 7 == 3 else known.hour + lead / 8
            valid = known + lead * HOUR
            forecasts.append(Version("wind", known, valid, valid + HOUR, value))
    # Microseconds, and the doubles that a detour over text or decimals would change.
    doubles = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, None, 123456789.123456789]
    step = datetime.timedelta(microseconds=250_001)
    meter = [
        Version("meter", DAY, DAY + number * step, None, doubles[number % len(doubles)])
        for number in range(1000)
    ]
    first = datetime.datetime(1, 1, 1, tzinfo=UTC)
    last = datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    extremes = [Version("extremes", DAY, valid, None, 1.0) for valid in (first, last)]
    load = [
        Version("load", DAY, DAY + number * MINUTE, None, number / 4) for number in range(LOADS)
    ]
    known = DAY + 6 * HOUR
    corrected = [
        Version("wind", known, known + lead * HOUR, known + (lead + 1) * HOUR, 100.0 + lead)
        for lead in range(12)
    ]
    return [forecasts + meter + extremes + load, corrected]


VERSIONS = [version for batch in batches() for version in batch]


def newest(versions, key):
    """The last one of each key, in the order of the keys; a later known time counts more than a later upload."""
    found = {}
    for version in sorted(versions, key=lambda version: version.known_time):
        found[key(version)] = version
    return [found[which] for which in sorted(found)]


def values(name):
    return newest([v for v in VERSIONS if v.name == name], lambda v: v.valid_time)


def forecasts(name):
    return newest([v for v in VERSIONS if v.name == name], lambda v: (v.known_time, v.valid_time))


Question = namedtuple("Question", "sql parameters answer")
PARAMETER = r"(?<!:):([a-z]+)"


def questions():
    """Statements with parameters as `:name`, and the rows of their answers."""
    wind, meter = values("wind"), values("meter")
    start, end = DAY + 4 * HOUR, DAY + 30 * HOUR
    local = datetime.timezone(2 * HOUR)
    return [
        Question(
            """SELECT valid_time, valid_time_end, value FROM timedb.values
               WHERE name = :name AND valid_time >= :start AND valid_time < :end ORDER BY valid_time""",
            {"name": "wind", "start": start.astimezone(local), "end": end.astimezone(local)},
            [(v.valid_time, v.valid_time_end, v.value) for v in wind if start <= v.valid_time < end],
        ),
        Question(
            """SELECT valid_time, value FROM timedb.values
               WHERE labels @> CAST(:labels AS jsonb) AND valid_time > :start ORDER BY valid_time""",
            {"labels": json.dumps({"site": "söder"}), "start": meter[10].valid_time},
            [(v.valid_time, v.value) for v in meter[11:]],
        ),
        Question(
            "SELECT valid_time, value FROM timedb.values WHERE name = :name AND value IS NULL ORDER BY valid_time",
            {"name": "wind"},
            [(v.valid_time, None) for v in wind if v.value is None],
        ),
        Question(
            """SELECT DISTINCT labels ->> 'note' AS note, labels, unit, name FROM timedb.values
               WHERE name = ANY(CAST(:names AS text[])) ORDER BY name""",
            {"names": ["wind", "meter"]},
            [
                (SERIES[name][1].get("note"), SERIES[name][1], SERIES[name][0], name)
                for name in ("meter", "wind")
            ],
        ),
        Question(
            "SELECT valid_time, value FROM timedb.values WHERE name = :name ORDER BY valid_time",
            {"name": "extremes"},
            [(v.valid_time, v.value) for v in values("extremes")],
        ),
        # A local day of 23 hours.
        Question(
            """SELECT valid_time, value FROM timedb.values
               WHERE name = :name AND valid_time >= CAST(:day AS date)::timestamp AT TIME ZONE 'Europe/Stockholm'
                 AND valid_time < (CAST(:day AS date) + 1)::timestamp AT TIME ZONE 'Europe/Stockholm'
               ORDER BY valid_time""",
            {"name": "wind", "day": datetime.date(2025, 3, 30)},
            [
                (v.valid_time, v.value)
                for v in wind
                if DAY + 23 * HOUR <= v.valid_time < DAY + 46 * HOUR
            ],
        ),
        Question(
            """SELECT known_time, lead_time, value FROM timedb.forecasts
               WHERE name = :name AND known_time = :known AND lead_time <= :lead ORDER BY valid_time""",
            {"name": "wind", "known": DAY + 6 * HOUR, "lead": 20 * HOUR},
            [
                (v.known_time, v.valid_time - v.known_time, v.value)
                for v in forecasts("wind")
                if v.known_time == DAY + 6 * HOUR and v.valid_time - v.known_time <= 20 * HOUR
            ],
        ),
        Question(
            """SELECT known_time, valid_time, value, change_time <= now() AS written, tags, annotation
               FROM timedb.versions WHERE name = :name ORDER BY valid_time, known_time, change_time""",
            {"name": "wind"},
            [
                (v.known_time, v.valid_time, v.value, True, None, None)
                # The list is in the order of writing, and sorting keeps it where the times are equal.
                for v in sorted(VERSIONS, key=lambda v: (v.valid_time, v.known_time))
                if v.name == "wind"
            ],
        ),
        Question(
            """SELECT s.name, s.unit, s.labels, count(*) AS rows, count(v.value) AS numbers, max(v.valid_time) AS newest
               FROM timedb.series AS s JOIN timedb.values AS v USING (series_id)
               WHERE s.labels ->> 'site' = :site GROUP BY s.series_id, s.name, s.unit, s.labels ORDER BY s.name""",
            {"site": "north"},
            [
                (
                    name,
                    *SERIES[name],
                    len(values(name)),
                    sum(v.value is not None for v in values(name)),
                    values(name)[-1].valid_time,
                )
                for name in ("extremes", "wind")
            ],
        ),
    ]


# The same statement often enough that a driver prepares it, and PostgreSQL keeps a plan for all parameters.
REPEATED = "SELECT valid_time, value FROM timedb.values WHERE name = :name AND valid_time >= :start ORDER BY valid_time"


def repeated():
    """Questions of one text with different parameters."""
    for hour in range(14):
        start = DAY + hour * 4 * HOUR
        answer = [(v.valid_time, v.value) for v in values("wind") if v.valid_time >= start]
        yield Question(REPEATED, {"name": "wind", "start": start}, answer)


# What the pages' own lines ask for: a day of the forecast.
def page():
    start, end = DAY + 24 * HOUR, DAY + 48 * HOUR
    return [(v.valid_time, v.value) for v in values("wind") if start <= v.valid_time < end]


def stream():
    return [(v.valid_time, v.value) for v in values("load")]


def plain(value):
    """One form of what tools return in several; a time without a zone is an error."""
    if isinstance(value, datetime.datetime):
        assert value.tzinfo is not None, f"a time without a zone: {value}"
        return value.astimezone(UTC).isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    # Tells -0.0 from 0.0, and every double from its neighbours.
    return repr(value) if isinstance(value, float) else value


def compare(what, rows, answer):
    rows = [tuple(plain(value) for value in row) for row in rows]
    answer = [tuple(plain(value) for value in row) for row in answer]
    for number, (row, expected) in enumerate(zip(rows, answer)):
        assert row == expected, f"{what}, row {number}: {row} instead of {expected}"
    assert len(rows) == len(answer), f"{what}: {len(rows)} rows instead of {len(answer)}"


def named(sql):
    """Parameters as `%(name)s`."""
    return re.sub(PARAMETER, r"%(\1)s", sql)


def numbered(sql, parameters):
    """Parameters as `$1`, in the order that they have."""
    names = list(parameters)
    return re.sub(PARAMETER, lambda found: f"${names.index(found[1]) + 1}", sql)


def ask_all(ask):
    """Asks everything through `ask(sql, parameters)`, which returns rows."""
    for question in [*questions(), *repeated()]:
        compare(question.sql, ask(question.sql, question.parameters), question.answer)


def print_questions():
    """The questions as lines of fields, for languages that would need a library to read anything else."""

    def cell(value):
        if isinstance(value, datetime.datetime):
            return (value - datetime.datetime(1970, 1, 1, tzinfo=UTC)) // datetime.timedelta(microseconds=1)
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        if isinstance(value, float):
            return struct.pack(">d", value).hex()
        if isinstance(value, dict):
            # As PostgreSQL writes jsonb.
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        return {None: "null", True: "true"}.get(value, value)

    def parameter(value):
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        if isinstance(value, datetime.datetime):
            return value.isoformat()
        return ",".join(value) if isinstance(value, list) else value

    for question in [*questions(), *repeated()]:
        sql = " ".join(question.sql.split())
        print("statement", re.sub(PARAMETER, "?", sql), sep="\t")
        for name in re.findall(PARAMETER, sql):
            value = question.parameters[name]
            print("parameter", type(value).__name__, parameter(value), sep="\t")
        print("rows")
        for row in question.answer:
            print("row", *map(cell, row), sep="\t")
        print("end")


def upload(others):
    import psycopg

    with psycopg.connect(os.environ["TIMEDB_DSN"]) as connection:
        connection.execute("SELECT timedb.hide_parameters()")
        connection.execute("SELECT timedb.login(%s)", [os.environ["TIMEDB_KEY"]])
        names = list(SERIES)
        for batch in batches():
            # Enough to be noticed.
            batch = [v for v in batch if v.name != "load"] if others else batch
            connection.execute(
                """SELECT timedb.upload(valid_time => %s, valid_time_end => %s, value => %s::float8[], name => %s,
                       labels => %s::jsonb[], unit => %s, series_index => %s::int[], known_times => %s)""",
                [
                    [v.valid_time for v in batch],
                    [v.valid_time_end for v in batch],
                    [-1.0 if others else v.value for v in batch],
                    names,
                    [json.dumps(SERIES[name][1]) for name in names],
                    [SERIES[name][0] for name in names],
                    [1 + names.index(v.name) for v in batch],
                    [v.known_time for v in batch],
                ],
            )
            # Later versions have later change times.
            connection.commit()


if __name__ == "__main__":
    if sys.argv[1:] == ["questions"]:
        print_questions()
    else:
        upload(others=sys.argv[1:] == ["others"])
