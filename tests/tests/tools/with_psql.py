"""Runs with_psql.sql, of which docs/tools.md prints the beginning, and asks psql everything else."""

import csv
import datetime
import io
import json
import os
import pathlib
import re
import subprocess
import tempfile

import model

PAGE = pathlib.Path(__file__).with_name("with_psql.sql")


def psql(script, folder="/"):
    """The rows that a script prints after those of the page."""
    command = ["psql", "-X", "-q", "--csv", "-t", "-P", "null=NULL", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    script = PAGE.read_text() + "\\echo after the page\n" + script
    # Tells the look for leaked keys that psql types them as literals.
    environment = dict(os.environ, PGAPPNAME="types_keys")
    done = subprocess.run(
        [*command, "-d", os.environ["TIMEDB_DSN"]],
        input=script, cwd=folder, env=environment, capture_output=True, text=True,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    page, rest = done.stdout.split("after the page\n")
    return list(csv.reader(io.StringIO(page))), list(csv.reader(io.StringIO(rest)))


def read(text, like):
    """A text as the type of the expected value."""
    if text == "NULL":
        return None
    if isinstance(like, bool):
        return text == "t"
    if isinstance(like, datetime.datetime):
        return datetime.datetime.fromisoformat(text)
    if isinstance(like, datetime.timedelta):
        hours, minutes, seconds = text.split(":")
        return int(hours) * model.HOUR + int(minutes) * model.MINUTE + int(seconds) * model.SECOND
    return json.loads(text) if isinstance(like, dict) else type(like)(text)


def compare(what, rows, answer):
    rows = [tuple(map(read, row, expected)) for row, expected in zip(rows, answer)] + rows[len(answer) :]
    model.compare(what, rows, answer)


def quoted(value):
    """As psql's backslash commands read it."""
    text = "{" + ",".join(value) + "}" if isinstance(value, list) else str(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


with tempfile.TemporaryDirectory() as folder:
    page, _ = psql("", folder)
    compare("page", page[1:] if "TIMEDB_KEY" in os.environ else page, model.page())
    copied = list(csv.reader(open(f"{folder}/wind.csv")))
    assert copied[0] == ["name", "valid_time", "value"] and len(copied) == 1 + len(model.values("wind"))

for question in model.questions():
    variables = "".join(f"\\set {name} {quoted(value)}\n" for name, value in question.parameters.items())
    _, rows = psql(variables + re.sub(model.PARAMETER, r":'\1'", question.sql) + ";")
    compare(question.sql, rows, question.answer)

# As a prepared statement, in a session with a zone of its own.
script = "SET TIME ZONE 'Europe/Stockholm'; PREPARE again(text, timestamptz) AS "
script += re.sub(model.PARAMETER, lambda found: {"name": "$1", "start": "$2"}[found[1]], model.REPEATED) + ";\n"
for question in model.repeated():
    script += f"EXECUTE again('wind', '{question.parameters['start']}');\n"
_, rows = psql(script)
compare("prepared", rows, [row for question in model.repeated() for row in question.answer])

# 100,000 rows at once, and 10,000 at a time.
stream = "SELECT valid_time, value FROM timedb.values WHERE name = 'load' ORDER BY valid_time"
_, rows = psql(stream + ";")
compare("stream", rows, model.stream())
_, rows = psql(f"\\set FETCH_COUNT 10000\n{stream};")
compare("fetched", rows, model.stream())
_, rows = psql(f"COPY ({stream}) TO STDOUT (FORMAT csv);")
compare("copy", rows, model.stream())

# What psql shows of the views.
_, rows = psql("\\d timedb.values")
assert ["valid_time", "timestamp with time zone", "", "", ""] in rows, rows
_, rows = psql("\\dv timedb.*")
assert {"values", "forecasts", "versions"} <= {row[1] for row in rows}, rows
print("SUCCESS")
