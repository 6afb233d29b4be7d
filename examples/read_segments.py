"""Reads what timedb stores without timedb: a second implementation of docs/segment_format.md, written from that page.

    python examples/read_segments.py corpus FOLDER     reads the files of a corpus and compares them with their JSON
    python examples/read_segments.py store DSN [N]     compares N random segments of a tenant (all without N), its log
                                                       and its batches with timedb.versions and timedb.batches

DSN is that of a superuser, or of another role that row security does not bind. TIMEDB_DSN is that of a role that may log
in as a tenant, TIMEDB_KEY the tenant's key. Nothing may be written meanwhile. Needs numpy, pcodec, and for a store psycopg.
"""

import hashlib
import json
import os
import struct
import sys
import uuid
import zlib
from itertools import accumulate, chain, repeat
from pathlib import Path

import numpy
from pcodec import wrapped

NO_END = -(2**63)
MAX_COUNT = 2**20
NIL = bytes(16)


class Damaged(Exception):
    """The bytes are not what was written for this row."""


class Newer(Exception):
    """The bytes have a number that this reader does not know."""


def i64(number):
    """What is left of a number in 64 bits, with a sign."""
    return (number + 2**63) % 2**64 - 2**63


class Bytes:
    """Bytes that are taken off the front."""

    def __init__(self, data):
        self.data, self.at = bytes(data), 0

    def take(self, n):
        taken = self.data[self.at : self.at + n]
        if len(taken) != n:
            raise Damaged("it ends early")
        self.at += n
        return taken

    def rest(self):
        return self.take(len(self.data) - self.at)

    def end(self):
        if self.at != len(self.data):
            raise Damaged("bytes are left over")

    def u8(self):
        return self.take(1)[0]

    def f64(self):
        return struct.unpack("<d", self.take(8))[0]

    def varint(self):
        number = 0
        for shift in range(0, 70, 7):
            byte = self.u8()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number % 2**64
        raise Damaged("a number is too long")

    def zigzag(self):
        number = self.varint()
        return number >> 1 ^ -(number & 1)

    def count(self):
        number = self.varint()
        if number > MAX_COUNT:
            raise Damaged("a count is too large")
        return number

    def sized(self):
        return Bytes(self.take(self.varint()))

    def ids(self, n):
        return [self.take(16) for _ in range(n)]

    def tagged(self, n):
        return integers(self.u8(), 0, n, self)


# The forms of columns.


def pco(dtype, n, data):
    """n numbers that pco has compressed."""
    page = data.count()
    if page < 256:
        raise Damaged("pages are too short")
    pages = -(-n // page)
    lengths = [data.varint() for _ in range(pages - 1)]
    file, _ = wrapped.FileDecompressor.new(bytes([4, 1]))
    rest = data.rest()
    chunk, at = file.chunk_decompressor(rest, dtype)
    found = []
    for number in range(pages):
        size = min(page, n - number * page)
        end = at + lengths[number] if number < pages - 1 else len(rest)
        numbers = numpy.zeros(size, dtype={"u16": "u2", "u32": "u4", "u64": "u8", "f64": "f8"}[dtype])
        progress, read = chunk.read_page_into(rest[at:end], size, numbers)
        if not progress.finished or progress.n_processed != size or at + read != end:
            raise Damaged("a page is not as long as it should be")
        found.extend(numbers.tolist())
        at = end
    return found


def packed(n, data):
    """n numbers of equal width, times their unit."""
    unit, width = data.varint(), data.u8()
    if width > 64:
        raise Damaged("numbers are too wide")
    bits = int.from_bytes(data.take(-(-n * width // 8)), "little")
    return [unit * (bits >> i * width & 2**width - 1) for i in range(n)]


def integers(codec, base, n, data):
    """n integers up to the end of the data."""
    if codec == 7:
        return repeating(base, n, data)
    if codec > 7:
        raise Newer("a codec of integers")
    a = base + data.zigzag()
    if codec == 0:
        numbers = [a] * n
    elif codec == 1:
        step = data.zigzag()
        numbers = [a + i * step for i in range(n)]
    elif codec == 2:
        numbers = [a + x for x in packed(n, data)]
    elif codec == 3:
        b = data.zigzag()
        numbers = list(accumulate((b + x for x in packed(n - 1, data)), initial=a))
    else:
        unit = data.varint()
        numbers = [a + unit * x for x in pco(["u16", "u32", "u64"][codec - 4], n, data)]
    data.end()
    return [i64(number) for number in numbers]


def repeating(base, n, data):
    kind, k = data.u8(), data.count()
    if not 1 <= k <= n:
        raise Damaged("too many numbers are repeated")
    codec = data.u8()
    once = not_repeating(codec, base, k, data.sized())
    codec = data.u8()
    if kind == 0:
        lengths = not_repeating(codec, 0, k, data)
        if min(lengths) < 1 or sum(lengths) != n:
            raise Damaged("runs do not add up")
        return list(chain.from_iterable(map(repeat, once, lengths)))
    if kind == 1:
        return [at(once, place) for place in not_repeating(codec, 0, n, data)]
    raise Newer("a kind of repeating integers")


def not_repeating(codec, base, n, data):
    if codec == 7:
        raise Newer("a codec of integers within codec 7")
    return integers(codec, base, n, data)


def at(entries, place):
    if not 0 <= place < len(entries):
        raise Damaged("a place is beyond its dictionary")
    return entries[place]


def nulls(codec, n, data):
    """Whether each of n positions is null."""
    if codec == 0:
        bits = int.from_bytes(data.take(-(-n // 8)), "little")
        marks = [bool(bits >> i & 1) for i in range(n)]
    elif codec == 1:
        marks, null = [], False
        while len(marks) < n:
            marks.extend([null] * data.count())
            null = not null
        if len(marks) > n:
            raise Damaged("runs do not add up")
    else:
        raise Newer("a codec of nulls")
    data.end()
    return marks


def dictionary(codec, n, data):
    """What each of n positions has: bytes, or None."""
    if codec != 0:
        raise Newer("a codec of dictionaries")
    entries = [None] + [data.sized().data for _ in range(data.count())]
    return [at(entries, place) for place in data.tagged(n)]


def optional(codec, base, n, data):
    """n integers, or None where they are missing."""
    if codec != 0:
        raise Newer("a codec of optional integers")
    codec = data.u8()
    marks = nulls(codec, n, data.sized())
    present = marks.count(False)
    numbers = iter(integers(data.u8(), base, present, data) if present else [])
    data.end()
    return [None if null else next(numbers) for null in marks]


def values(codec, n, data):
    """n doubles."""
    if codec == 0:
        scale = data.u8()
        if scale & 0x7F > 15:
            raise Damaged("a scale is too large")
        patches, position = {}, 0
        if scale & 0x80:
            for _ in range(data.count()):
                position += data.count()
                patches[position] = data.f64()
                position += 1
        power = float(10 ** (scale & 0x7F))
        found = [float(number) / power for number in data.tagged(n)]
        for position, value in patches.items():
            at(found, position)
            found[position] = value
    elif codec == 1:
        found = [data.f64()] * n
    elif codec == 2:
        found = [data.f64() for _ in range(n)]
    elif codec == 3:
        found = pco("f64", n, data)
    else:
        raise Newer("a codec of values")
    data.end()
    return found


def batches_of_points(codec, n, data):
    if codec == 0:
        found = data.ids(1) * n
    elif codec == 1:
        ids = data.ids(data.count())
        found = [at(ids, place) for place in data.tagged(n)]
    else:
        raise Newer("a codec of batches")
    data.end()
    return found


def texts(entries):
    return [entry if entry is None else entry.decode() for entry in entries]


def tags_of(entry):
    data, tags = Bytes(entry or b""), []
    while data.at < len(data.data):
        tags.append(data.sized().data.decode())
    return tags


# The frame.


def columns_of(data, known):
    """The columns of a directory: id -> (codec, bytes)."""
    entries = [(data.varint(), data.varint()) for _ in range(data.count())]
    columns = {}
    for tag, length in entries:
        column = tag >> 4
        if column not in known:
            raise Newer(f"column {column}")
        if column in columns:
            raise Damaged("a column occurs twice")
        columns[column] = (tag & 15, data.take(length))
    data.end()
    return columns


def open_blob(blob, tenant, other, count, times, known):
    """Checks the frame of a blob, and finds its columns."""
    if not blob or blob[0] == 0:
        raise Damaged("it has no version")
    if blob[0] != 1:
        raise Newer(f"version {blob[0]}")
    about = tenant + other + struct.pack("<I6q", count, *times) + blob[:1] + blob[5:]
    if len(blob) < 5 or zlib.crc32(about) != int.from_bytes(blob[1:5], "little"):
        raise Damaged("its checksum does not match")
    return columns_of(Bytes(blob[5:]), known)


class Columns:
    """The columns of a blob of n positions, by id."""

    def __init__(self, columns, n):
        self.columns, self.n = columns, n

    def get(self, column, form, *args, absent=None):
        if column not in self.columns:
            return absent
        codec, data = self.columns[column]
        return form(codec, *args, Bytes(data))

    def integers(self, column, base=0, n=None, absent=None):
        if column not in self.columns and absent is None:
            raise Damaged(f"column {column} is missing")
        n = self.n if n is None else n
        return self.get(column, integers, base, n, absent=[absent] * n)

    def dictionary(self, column):
        return self.get(column, dictionary, self.n, absent=[None] * self.n)


# Points.

OF_SEGMENT = {1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12}


def batch_id(tenant, change_time):
    """The id of a batch whose client has chosen none."""
    tail = hashlib.sha256(b"timedb batch" + tenant + struct.pack(">q", change_time)).digest()
    milliseconds, micros = divmod(change_time, 1000)
    head = milliseconds % 2**48 << 16 | 7 << 12 | micros << 2
    return struct.pack(">QQ", head, 1 << 63 | int.from_bytes(tail[:8], "big") >> 2)


def points_of(columns, tenant, min_valid, min_known, change_time):
    """The points of a segment or a row of the log."""
    n = columns.n
    valid = columns.integers(1, min_valid)
    marks = columns.get(8, nulls, n, absent=[False] * n)
    present = marks.count(False)
    if present and 2 not in columns.columns:
        raise Damaged("the values are missing")
    doubles = iter(columns.get(2, values, present) if present else [])

    def two_ways(codec, base, other, data):
        return codec >= 8, integers(codec & 7, other if codec >= 8 else base, n, data)

    relative, known = columns.get(3, two_ways, min_known, 0)
    if relative:
        known = [i64(change - before) for change, before in zip(change_time, known)]
    ends = [None] * n
    if 7 in columns.columns:
        absolute, numbers = columns.get(7, two_ways, 0, min_valid)
        none = NO_END if absolute else 0
        ends = [
            None if number == none else number if absolute else i64(start + number)
            for start, number in zip(valid, numbers)
        ]
    generated = {change: batch_id(tenant, change) for change in set(change_time)}
    batches = columns.get(6, batches_of_points, n)
    annotations, metadata = texts(columns.dictionary(9)), texts(columns.dictionary(11))
    tags = [tags_of(entry) for entry in columns.dictionary(10)]
    changed_by = columns.dictionary(12)
    return [
        {
            "valid_time": valid[i],
            "valid_time_end": ends[i],
            "value": None if marks[i] else next(doubles),
            "known_time": known[i],
            "change_time": change_time[i],
            "batch": batches[i] if batches else generated[change_time[i]],
            "annotation": annotations[i],
            "tags": tags[i],
            "metadata": metadata[i],
            "changed_by": changed_by[i],
        }
        for i in range(n)
    ]


def read_segment(row):
    """The points of a row of timedb_internal.segments."""
    times = [row[f"{m}_{axis}"] for axis in ("valid", "known", "change") for m in ("min", "max")]
    n = row["count"]
    if not 1 <= n <= MAX_COUNT:
        raise Damaged("its count is out of range")
    columns = open_blob(row["blob"], row["tenant_id"], row["series_id"], n, times, OF_SEGMENT)
    columns = Columns(columns, n)
    change = columns.integers(4, row["min_change"])
    return points_of(columns, row["tenant_id"], row["min_valid"], row["min_known"], change)


def span_class(row):
    """Where the segment has to stand in the index."""
    level = sum(row["count"] >= least for least in (256, 2048))
    span = row["max_valid"] - row["min_valid"]
    return 64 * level + max(span - 1, 0).bit_length()


def read_log(row):
    """The batch of a row of timedb_internal.write_log, and the points of each of its series that has any."""
    n, tenant, change = row["points"], row["tenant_id"], row["change_time"]
    known = OF_SEGMENT - {4} | {13, 14, 15}
    if not 0 <= n <= MAX_COUNT:
        raise Damaged("its count is out of range")
    columns = open_blob(row["blob"], tenant, row["list_id"] or NIL, n, [change] * 6, known)
    columns = Columns(columns, n)

    def inline(codec, data):
        if codec != 0:
            raise Newer("a codec of series")
        ids = data.ids(len(data.data) // 16)
        data.end()
        return ids

    series = columns.get(13, inline)
    if series is None:
        if row["list_id"] and row["series_ids"] is None:
            raise Damaged("its list of series is missing")
        listed = Bytes(row["series_ids"] or b"")
        series = listed.ids(len(listed.data) // 16)
    points = points_of(columns, tenant, change, change, [change] * n) if n else []
    counts = columns.integers(14, n=len(series)) if n else []
    if any(count < 0 for count in counts) or sum(counts) != n:
        raise Damaged("its counts do not add up")
    codec, data = columns.columns.get(15, (0, b"\0"))
    if codec != 0:
        raise Newer("a codec of the batch")
    said = columns_of(Bytes(data), set(range(1, 15)))
    [batch] = batches_of(Columns(said, 1), tenant, change)
    batch["series"] = series
    if n and not {10, 12, 13} & said.keys():
        times = [point["valid_time"] for point in points]
        batch.update(points=n, valid=[min(times), max(times)])
    rest = iter(points)
    return batch, [(one, [next(rest) for _ in range(k)]) for one, k in zip(series, counts) if k]


# Batches.


def series_lists(codec, n, data):
    """The series of each of n batches."""
    if codec != 0:
        raise Newer("a codec of lists of series")
    ids, m = data.ids(data.count()), data.count()
    codec = data.u8()
    lengths = integers(codec, 0, m, data.sized())
    if min(lengths) < 0 or sum(lengths) > MAX_COUNT:
        raise Damaged("a list of series is damaged")
    places = []
    if sum(lengths):
        codec = data.u8()
        places = integers(codec, 0, sum(lengths), data.sized())
    members = iter([at(ids, place) for place in places])
    lists = [[next(members) for _ in range(length)] for length in lengths]
    return [at(lists, place) for place in data.tagged(n)]


def batches_of(columns, tenant, base):
    n = columns.n
    change = columns.integers(1, base)
    settled = columns.integers(2)
    users, workflows, params = (columns.dictionary(column) for column in (3, 8, 9))
    kinds = columns.integers(4, absent=0)
    known = columns.get(5, optional, 0, n, absent=[0] * n)
    start, points, skipped = (columns.integers(column, absent=0) for column in (6, 10, 11))
    finish = columns.get(7, optional, 0, n, absent=[None] * n)
    min_valid = columns.get(12, optional, base, n, absent=[None] * n)
    covering = n - min_valid.count(None)
    spans = iter(columns.integers(13, n=covering) if covering else [])
    chosen = columns.dictionary(14)
    series = columns.get(15, series_lists, n, absent=[[]] * n)
    if not set(kinds) <= {0, 1, 2}:
        raise Newer("a kind of batch")
    return [
        {
            "change_time": change[i],
            "settled_time": i64(change[i] - settled[i]),
            "id": chosen[i] or batch_id(tenant, change[i]),
            "kind": ["upload", "correction", "deleted"][kinds[i]],
            "user": users[i],
            "workflow_id": workflows[i] and workflows[i].decode(),
            "batch_params": params[i] and params[i].decode(),
            "known_time": None if known[i] is None else i64(change[i] - known[i]),
            "start_time": i64(change[i] - start[i]),
            "finish_time": None if finish[i] is None else i64(change[i] - finish[i]),
            "points": points[i],
            "skipped": skipped[i],
            "valid": None if min_valid[i] is None else [min_valid[i], i64(min_valid[i] + next(spans))],
            "series": series[i],
        }
        for i in range(n)
    ]


def read_chunk(row):
    """The batches of a row of timedb_internal.batch_chunks."""
    n = row["count"]
    if not 1 <= n <= MAX_COUNT:
        raise Damaged("its count is out of range")
    times = [0, 0, 0, 0, row["min_change"], row["max_change"]]
    columns = open_blob(row["blob"], row["tenant_id"], NIL, n, times, set(range(1, 16)))
    return batches_of(Columns(columns, n), row["tenant_id"], row["min_change"])


# Comparing.


def bits(value):
    return None if value is None else struct.pack("<d", value)


def corpus(folder):
    """Reads each file of a corpus, and compares it with its JSON."""

    def column(entry, n):
        if isinstance(entry, dict):
            if "all" in entry:
                return [entry["all"]] * n
            steps = chain.from_iterable(repeat(step, k) for step, k in entry["steps"])
            return [i64(time) for time in accumulate(steps, initial=entry["start"])]
        return entry

    def same_points(points, expected):
        expected = {name: column(entry, len(points)) for name, entry in expected.items()}
        assert {len(entries) for entries in expected.values()} == {len(points)}
        for i, point in enumerate(points):
            for name in ("valid_time", "valid_time_end", "known_time", "change_time"):
                assert point[name] == expected[name][i], (name, i)
            value = expected["value"][i]
            assert bits(point["value"]) == bits(value and float(value)), i
            assert point["batch"].hex() == expected["batch"][i], i
            note = expected["note"][i] or {"tags": []}
            for name in ("annotation", "metadata"):
                assert point[name] == note.get(name), (name, i)
            assert point["tags"] == note["tags"], i
            changed_by = point["changed_by"]
            assert (changed_by and changed_by.hex()) == note.get("changed_by"), i

    def readable(batch):
        texts = {name: batch[name] and batch[name].hex() for name in ("id", "user")}
        return batch | texts | {"series": [one.hex() for one in batch["series"]]}

    files = sorted(Path(folder).glob("*.json"))
    for file in files:
        said = json.loads(file.read_text())
        row, contents = said["row"], said["contents"]
        for name in ("tenant_id", "series_id", "list_id"):
            if row.get(name):
                row[name] = bytes.fromhex(row[name])
        if row.get("series_ids"):
            row["series_ids"] = bytes.fromhex("".join(row["series_ids"]))
        row["blob"] = file.with_suffix(".bin").read_bytes()
        read = {"segments": read_segment, "write_log": read_log, "batch_chunks": read_chunk}
        found = read[row["table"]](row)
        try:
            if row["table"] == "segments":
                same_points(found, contents["points"])
            elif row["table"] == "write_log":
                batch, series = found
                assert readable(batch) == contents["batch"], readable(batch)
                assert [one.hex() for one, _ in series] == [one for one, _ in contents["series"]]
                for (_, points), (_, expected) in zip(series, contents["series"]):
                    same_points(points, expected)
            else:
                assert [readable(batch) for batch in found] == contents["batches"]
        except AssertionError as error:
            sys.exit(f"{file.name}: not what it was: {error}")
        damaged = row | {"blob": row["blob"][:-1] + bytes([row["blob"][-1] ^ 1])}
        try:
            read[row["table"]](damaged)
            sys.exit(f"{file.name}: a flipped bit goes unseen")
        except Damaged:
            pass
    print(f"{len(files)} files of the corpus are what they were")


# What a batch has, and what timedb.batches calls it.
SHOWN = {
    "id": "batch_id",
    "kind": "kind",
    "user": "user_id",
    "workflow_id": "workflow_id",
    "batch_params": "batch_params",
    "known_time": "known_time",
    "start_time": "batch_start_time",
    "finish_time": "batch_finish_time",
    "settled_time": "settled_time",
    "points": "points",
    "skipped": "skipped",
    "series": "series_ids",
}
POINT_TIMES = ["valid_time", "valid_time_end", "known_time", "change_time"]


def micros(*names):
    """Columns of instants, as microseconds since 1970."""
    return ", ".join(f"(extract(epoch FROM {name}) * 1000000)::bigint AS {name}" for name in names)


def plain(value):
    """Ids as bytes."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.bytes if isinstance(value, uuid.UUID) else value


class Store:
    """A tenant's rows, and what timedb shows of them."""

    def __init__(self, dsn, tenant_dsn, key):
        import psycopg
        from psycopg.rows import dict_row

        self.tables = psycopg.connect(dsn, row_factory=dict_row, autocommit=True)
        self.shown = psycopg.connect(tenant_dsn, row_factory=dict_row, autocommit=True)
        with self.shown.transaction():
            self.shown.execute("SELECT timedb.hide_parameters()")
            login = self.shown.execute("SELECT timedb.login(%s) AS tenant", [key])
            self.tenant = login.fetchone()["tenant"].bytes

    def rows(self, what, table):
        """Rows of a table, of the tenant."""
        query = f"SELECT {what} FROM timedb_internal.{table} AS r WHERE r.tenant_id = %s ORDER BY random()"
        found = self.tables.execute(query, [uuid.UUID(bytes=self.tenant)]).fetchall()
        return [{name: plain(value) for name, value in row.items()} for row in found]

    def view(self, what, name):
        found = self.shown.execute(f"SELECT {what} FROM timedb.{name}").fetchall()
        return [{name: plain(value) for name, value in row.items()} for row in found]

    def batches(self, chunks, log):
        """The batches of all rows, compared with timedb.batches."""
        times = ["change_time", "known_time", "settled_time", "batch_start_time", "batch_finish_time"]
        others = "batch_id, kind, user_id, workflow_id, batch_params, points, skipped, series_ids"
        shown = {}
        for row in self.view(f"{others}, {micros(*times, 'min_valid', 'max_valid')}", "batches"):
            shown[row["change_time"]] = row
        found = {}
        for batch in chain.from_iterable([*map(read_chunk, chunks), [batch for batch, _ in log]]):
            change = batch["change_time"]
            assert change not in found, f"the write of {change} stands in two places"
            found[change] = batch
            row = shown.get(change)
            assert row, f"timedb does not show the write of {change}"
            for name, theirs in SHOWN.items():
                mine = batch[name]
                if name == "batch_params":
                    mine = mine and json.loads(mine)
                assert mine == row[theirs], f"{name} of {change} is {mine} instead of {row[theirs]}"
            valid = [row["min_valid"], row["max_valid"]]
            assert (batch["valid"] or [None, None]) == valid, (batch["valid"], valid)
        assert found.keys() == shown.keys(), f"{len(found)} batches instead of {len(shown)}"
        return found.values()

    def versions(self):
        """Every version that timedb shows, by series and times."""
        others = "series_id, value, batch_id, changed_by, annotation, tags, metadata"
        shown = {}
        for row in self.view(f"{others}, {micros(*POINT_TIMES)}", "versions"):
            key = (row["series_id"], *(row[name] for name in POINT_TIMES))
            assert key not in shown, f"timedb shows a version twice: {key}"
            said = [row[name] for name in ("batch_id", "annotation", "metadata", "changed_by")]
            shown[key] = (bits(row["value"]), row["tags"] or [], *said)
        return shown


def store(dsn, most=None):
    """Compares what the tables hold with what timedb shows."""
    of = Store(dsn, os.environ["TIMEDB_DSN"], os.environ["TIMEDB_KEY"])
    bounds = [f"{m}_{axis}" for axis in ("valid", "known", "change") for m in ("min", "max")]
    lists = {row["list_id"]: row["series_ids"] for row in of.rows("list_id, series_ids", "series_lists")}
    for name, ids in lists.items():
        assert hashlib.sha256(ids).digest()[:16] == name, "a list of series has another list_id"
    log = []
    for row in of.rows(f"tenant_id, points, list_id, blob, {micros('change_time')}", "write_log"):
        log.append(read_log(row | {"series_ids": lists.get(row["list_id"])}))
    chunks = of.rows(f"tenant_id, count, blob, {micros('min_change', 'max_change')}", "batch_chunks")
    batches = of.batches(chunks, log)
    writers = {batch["id"]: batch["user"] for batch in batches}
    versions, seen = of.versions(), set()

    def check(series, points):
        order = [[NO_END if point[name] is None else point[name] for name in POINT_TIMES] for point in points]
        assert order == sorted(order), "points are out of order"
        for point in points:
            key = (series, *(point[name] for name in POINT_TIMES))
            metadata = point["metadata"] and json.loads(point["metadata"])
            writer = point["changed_by"] or writers[point["batch"]]
            said = (point["batch"], point["annotation"], metadata, writer)
            found = (bits(point["value"]), point["tags"], *said)
            assert versions.get(key) == found, f"{key}: {found} instead of {versions.get(key)}"
            assert key not in seen, f"a version stands in two places: {key}"
            seen.add(key)

    segments = of.rows(f"tenant_id, series_id, count, span_class, blob, {micros(*bounds)}", "segments")
    kept = segments if most is None else segments[: int(most)]
    for row in kept:
        points = read_segment(row)
        for axis in ("valid", "known", "change"):
            times = [point[f"{axis}_time"] for point in points]
            expected = (row[f"min_{axis}"], row[f"max_{axis}"])
            assert (min(times), max(times)) == expected, "bounds that are not those of the points"
        assert span_class(row) == row["span_class"], f"{span_class(row)}, not {row['span_class']}"
        check(row["series_id"], points)
    for _, series in log:
        for one, points in series:
            check(one, points)
    if len(kept) == len(segments):
        assert seen == versions.keys(), f"{len(versions.keys() - seen)} versions stand nowhere"
    print(
        f"{len(kept)} of {len(segments)} segments, {len(log)} rows of the log and {len(chunks)} chunks hold "
        f"{len(seen)} of {len(versions)} versions and {len(batches)} batches, as timedb shows them"
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["corpus", folder]:
            corpus(folder)
        case ["store", dsn, *most] if len(most) < 2:
            store(dsn, *most)
        case _:
            sys.exit(__doc__)
