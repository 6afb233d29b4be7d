"""What a client of Python pays for each format, beside JSON: 100,000 rows to and from a DataFrame, and as they are sent; and
what an answer of ten million rows takes of the server's memory, and until its first byte.

Prints `metric, ours, baseline` with tabs. TIMEDB_URL, TIMEDB_KEY; PID is the server's process, RUNS how often.
"""

import io
import json
import os
import statistics
import time

import numpy
import pandas
import pyarrow
import pyarrow.parquet
import requests

URL, PID, RUNS = os.environ["TIMEDB_URL"], os.environ["PID"], int(os.environ["RUNS"])
client = requests.Session()
client.headers["X-API-Key"] = os.environ["TIMEDB_KEY"]
TYPES = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
MINUTE, START = 60_000_000, 1_735_689_600_000_000
SERIES, ROWS, LARGE, PIECE = 10, 10_000, 1_000_000, 500_000


def table(series, first, rows):
    minutes = START + numpy.arange(first, first + rows, dtype="int64") * MINUTE
    return pyarrow.table({
        "valid_time": pyarrow.array(minutes, pyarrow.timestamp("us", "UTC")),
        "name": pyarrow.DictionaryArray.from_arrays(numpy.zeros(rows, dtype="int8"), [series]),
        "value": numpy.round(20 + 10 * numpy.sin(minutes / (1440 * MINUTE)), 2),
    })


def arrow(rows):
    out = io.BytesIO()
    with pyarrow.ipc.new_stream(out, rows.schema) as writer:
        writer.write_table(rows)
    return out.getvalue()


def parquet(rows):
    out = io.BytesIO()
    pyarrow.parquet.write_table(rows, out)
    return out.getvalue()


def records(frame):
    rows = frame.assign(valid_time=frame["valid_time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"), name=frame["name"].astype(str))
    return rows.to_dict("records")


# How a frame becomes a body, and a body a frame, as docs/http_api.md does it.
WRITE = {
    "json": lambda frame: json.dumps({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows": [
        {"value_key": row.pop("name"), **row} for row in records(frame)]}).encode(),
    "ndjson": lambda frame: "".join(json.dumps(row) + "\n" for row in records(frame)).encode(),
    "csv": lambda frame: frame.to_csv(index=False).encode(),
    "arrow": lambda frame: arrow(pyarrow.Table.from_pandas(frame, preserve_index=False)),
    "parquet": lambda frame: parquet(pyarrow.Table.from_pandas(frame, preserve_index=False)),
}
READ = {
    "json": lambda body: pandas.DataFrame(json.loads(body)["data"]),
    "ndjson": lambda body: pandas.read_json(io.BytesIO(body), lines=True),
    "csv": lambda body: pandas.read_csv(io.BytesIO(body)),
    "arrow": lambda body: pyarrow.ipc.open_stream(body).read_pandas(),
    "parquet": lambda body: pandas.read_parquet(io.BytesIO(body)),
}


def post(format, body):
    reply = client.post(URL + "/upload", data=body, headers={"Content-Type": TYPES[format]})
    assert reply.status_code == 200, reply.text


def get(format, names):
    reply = client.get(URL + "/values", params=[("format", format)] + [("name", name) for name in names])
    assert reply.status_code == 200, reply.text
    return reply.content


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(work):
    """The median of each format's times, a warm-up and RUNS rounds of all in turn."""
    rounds = [{format: seconds(lambda: work(format)) for format in TYPES} for _ in range(RUNS + 1)][1:]
    return {format: statistics.median(times[format] for times in rounds) for format in TYPES}


def tell(metric, times):
    for format, time_taken in times.items():
        if format != "json":
            print(metric.format(format), time_taken * 1e3, times["json"] * 1e3, sep="\t", flush=True)


names = [f"small {series}" for series in range(SERIES)]
frame = pandas.concat([table(name, 0, ROWS).to_pandas() for name in names], ignore_index=True)
bodies = {format: write(frame) for format, write in WRITE.items()}
post("arrow", bodies["arrow"])
tell("get_100k_{}_ms", in_turn(lambda format: get(format, names)))
for format in TYPES:
    assert len(READ[format](get(format, names))) == SERIES * ROWS, format
tell("frame_of_100k_{}_ms", in_turn(lambda format: READ[format](get(format, names))))
# Each adds a version of what is stored.
tell("post_100k_{}_ms", in_turn(lambda format: post(format, bodies[format])))
tell("frame_to_100k_{}_ms", in_turn(lambda format: post(format, WRITE[format](frame))))

large = [f"large {series}" for series in range(SERIES)]
for name in large:
    for first in range(0, LARGE, PIECE):
        post("arrow", arrow(table(name, first, PIECE)))
for format in TYPES:
    with open(f"/proc/{PID}/clear_refs", "w") as refs:
        refs.write("5")
    began = time.perf_counter()
    params = [("format", format)] + [("name", name) for name in large]
    with client.get(URL + "/values", params=params, headers={"Accept-Encoding": "identity"}, stream=True) as reply:
        assert reply.status_code == 200, reply.text
        size, first = 0, None
        for part in reply.raw.stream(1 << 16, decode_content=False):
            first = first or time.perf_counter() - began
            size += len(part)
    whole = time.perf_counter() - began
    peak = next(line for line in open(f"/proc/{PID}/status") if line.startswith("VmHWM")).split()[1]
    print(f"get_10m_{format}_first_byte_ms", first * 1e3, whole * 1e3, sep="\t")
    print(f"get_10m_{format}_server_mb", int(peak) / 1e3, size / 1e6, sep="\t", flush=True)
