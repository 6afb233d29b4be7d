"""What OpenAPI cannot say, for schemathesis: which parts of a request only go together, and that a request may be well
formed and still ask for something impossible, which is 400. Nothing else is excused."""

import datetime
import io
import json
import random
import struct
import uuid

import pyarrow
import pyarrow.parquet
import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

RELATIVE = ["window_length", "issue_offset", "start_window", "days_ahead", "time_of_day"]
VERSIONS = ["all_versions", "include_updates", "include_knowledge_time"]
BUCKETS = ["fill", "aggregate", "look_before"]
WITH_A_TABLE = [
    "batch_start_time",
    "batch_finish_time",
    "known_time",
    "workflow_id",
    "batch_id",
    "skip_unchanged",
    "batch_params",
]


# What is known or stored; a random text is as good as never one.
KNOWN = {"unit": "dimensionless", "tz": "Europe/Oslo"}
STORED = ["cursor", "after", "series_id", "name"]
CHANCE = random.Random(1)


def leave_out(query, names):
    for name in names:
        query.pop(name, None)


def use_known(part):
    part.update({name: known for name, known in KNOWN.items() if part.get(name) is not None})


@schemathesis.hook
def before_call(context, case, kwargs):
    """Takes contradictions out of what is meant to be accepted."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        # Another request of the same name is refused.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if isinstance(case.body, dict) and case.path == "/upload" and case.body.get("batch_id"):
        case.body["batch_id"] = str(uuid.uuid4())
    if case.query and CHANCE.random() < 0.7:
        leave_out(case.query, STORED)
        use_known(case.query)
    if case.path == "/points" and isinstance(case.body, dict):
        leave_out(case.body, ["name"])
        use_known(case.body)
    if case.path == "/upload" and case.media_type != "application/json":
        has_name = "Idempotency-Key" in (case.headers or {}) or "batch_id" in (case.query or {})
        if has_name and "batch_start_time" not in (case.query or {}):
            # The same request when it is sent again: it cannot be about now.
            case.query = {**(case.query or {}), "batch_start_time": "2025-01-01T00:00:00Z"}
        if "batch_id" in (case.query or {}):
            case.query["batch_id"] = str(uuid.uuid4())
    query = case.query
    if not query:
        return
    if case.path == "/write":
        # A password that is another key than the one in the head.
        leave_out(query, ["p"])
    if isinstance(case.body, dict) and case.body.get("time_unit") is not None:
        leave_out(query, ["time_unit"])
    if case.path == "/upload":
        leave_out(query, ["format"])
        if case.media_type == "application/json":
            leave_out(query, WITH_A_TABLE)
        return
    if query.get("format", "json") != "json":
        leave_out(query, ["orient"])
    if case.path == "/changes":
        # It would, or is too long.
        leave_out(query, ["wait"])
    if case.path in ("/values", "/values/last"):
        # One that no page has given is of no read.
        leave_out(query, ["cursor"])
    if case.path != "/values":
        return
    if "bucket" in query and query.get("mode", "flat") == "flat":
        leave_out(query, ["limit"])
    if query.get("mode") != "relative":
        leave_out(query, RELATIVE)
    else:
        leave_out(query, VERSIONS)
    if query.get("mode", "flat") != "flat":
        leave_out(query, ["bucket"])
    elif "bucket" in query:
        leave_out(query, VERSIONS)
    if "bucket" not in query:
        leave_out(query, BUCKETS)


def is_impossible(response):
    """Whether a well-formed request asks for what there is not: that is 400, or 422 for a time out of range and for two
    fields that contradict each other."""
    if response.status_code == 400:
        return True
    if response.status_code != 422:
        return False
    types = {entry["type"] for entry in response.json()["detail"]}
    return types <= {"value_error", "datetime_from_date_parsing"}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Passes the failures that are some."""
    return not (failure.title == "Schema-valid request rejected" and is_impossible(response))


def in_lines(rows):
    lines = (json.dumps({**row, "valid_time": row["valid_time"].isoformat()}) for row in rows)
    return "".join(line + "\n" for line in lines).encode()


def in_csv(rows):
    lines = (f'{row["valid_time"].isoformat()},{row["name"]},{row["value"]}' for row in rows)
    return "\n".join(["valid_time,name,value", *lines]).encode()


def table(rows):
    fields = {"valid_time": pyarrow.timestamp("us", "UTC"), "name": pyarrow.string(), "value": pyarrow.float64()}
    return pyarrow.Table.from_pylist(rows, pyarrow.schema(fields.items()))


def in_arrow(rows):
    stream = io.BytesIO()
    with pyarrow.ipc.new_stream(stream, table(rows).schema) as writer:
        writer.write_table(table(rows))
    return stream.getvalue()


def in_parquet(rows):
    file = io.BytesIO()
    pyarrow.parquet.write_table(table(rows), file)
    return file.getvalue()


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "valid_time": st.datetimes(
                datetime.datetime(1970, 1, 1), datetime.datetime(2100, 1, 1), timezones=st.just(datetime.timezone.utc)
            ),
            "name": st.sampled_from(["wind", "load"]),
            "value": st.floats(allow_nan=False, allow_infinity=False),
        }
    ),
    max_size=5,
    unique_by=lambda row: (row["valid_time"], row["name"]),
)


def in_line_protocol(rows):
    lines = (f'{row["name"]},site=a power={row["value"]} {int(row["valid_time"].timestamp())}' for row in rows)
    return "\n".join(lines).encode()


def varint(number):
    number %= 1 << 64
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(octets) + bytes([number])


def member(place, content):
    """A member of a message of Protocol Buffers that has a length."""
    return bytes([place << 3 | 2]) + varint(len(content)) + content


def in_write_request(rows):
    series = b""
    for row in rows:
        label = member(1, b"__name__") + member(2, row["name"].encode())
        at = varint(int(row["valid_time"].timestamp() * 1000))
        sample = b"\x09" + struct.pack("<d", row["value"]) + b"\x10" + at
        series += member(1, member(1, label) + member(2, sample))
    return series


for media_type, write in {
    "text/plain": in_line_protocol,
    "application/x-protobuf": in_write_request,
    "application/x-ndjson": in_lines,
    "text/csv": in_csv,
    "application/vnd.apache.arrow.stream": in_arrow,
    "application/vnd.apache.parquet": in_parquet,
}.items():
    schemathesis.openapi.media_type(media_type, ROWS.map(write))
