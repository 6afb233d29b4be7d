"""Looks for API keys where none may be: the database's log at its most talkative, pg_stat_activity,
pg_stat_statements and the arguments of running programs, during and after a run of the tests.

    leaked_keys.py watch FOLDER PSQL DSN    samples until it is told to stop (SIGTERM)
    leaked_keys.py report FOLDER LOG EXTENT PSQL DSN

EXTENT is `whole` or `part`: all tests must have left enough behind for the look to mean something, a few need not.

A session that types keys as literals says so with the application name `types_keys`; such keys are what
shows that this looks in the right places.
"""

import collections
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import zlib

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY = re.compile(r"tdb_([0-9A-Za-z]{43})([0-9A-Za-z]{6})(?![0-9A-Za-z])")
# log_line_prefix = '%m [%p] app=%a '; what follows without it belongs to the entry above.
ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] app=(\S*) ")
TYPES_KEYS = "types_keys"


def checksum(body):
    rest, text = zlib.crc32(body.encode()), ""
    for _ in range(6):
        text = DIGITS[rest % 62] + text
        rest //= 62
    return text


def keys(text):
    """Keys in a text; what only resembles one (a test's wrong key) has another checksum."""
    return {match[0] for match in KEY.finditer(text) if checksum(match[1]) == match[2]}


def query(psql, dsn, sql):
    command = [psql, "-X", "-q", "-A", "-t", "-F", "\t", "-d", dsn, "-c", sql]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout


def arguments(root):
    """The arguments of all processes of the tests but those whose caller said that keys are typed there."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            environment = path.with_name("environ").read_bytes().split(b"\0")
        except OSError:
            continue
        is_of_tests = f"TIMEDB_TEST_ROOT={root}".encode() in environment
        if is_of_tests and f"PGAPPNAME={TYPES_KEYS}".encode() not in environment:
            yield b" ".join(words).decode(errors="replace")


def watch(folder, psql, dsn):
    root = os.environ["TIMEDB_TEST_ROOT"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    activity = (
        "SELECT application_name, regexp_replace(query, '[\\n\\t]', ' ', 'g') FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid()"
    )
    seen = set()
    with open(folder / "activity", "a", buffering=1) as log, open(folder / "arguments", "a", buffering=1) as others:
        while True:
            log.write(query(psql, dsn, activity))
            for line in arguments(root):
                # Without keys each program stands there once, which shows that they were looked at.
                program = line.split(" ", 1)[0]
                if "tdb_" in line or program not in seen:
                    others.write(line.replace("\n", " ") + "\n")
                    seen.add(program)
            time.sleep(0.5)


def report(folder, log, extent, psql, dsn):
    leaks, expected, typed = collections.Counter(), collections.Counter(), set()

    def note(place, app, text):
        found = keys(text)
        if found:
            if app == TYPES_KEYS:
                typed.update(found)
            told = KEY.sub("tdb_...", " ".join(text.split()))[:300]
            (expected if app == TYPES_KEYS else leaks)[f"{place}, application {app or '(none)'}: {told}"] += len(found)

    app, before, lines, size = "", "", 0, 0
    with open(log, errors="replace") as stream:
        for line in stream:
            lines, size = lines + 1, size + len(line)
            start = ENTRY.match(line)
            if start:
                app = start[1]
            if "tdb_" in line:
                note("log", app, f"{ENTRY.sub('', line)[:200]} after {ENTRY.sub('', before)[:100]}")
            elif start:
                before = line
    samples = 0
    for line in (folder / "activity").read_text(errors="replace").splitlines():
        samples += 1
        app, _, text = line.partition("\t")
        note("pg_stat_activity", app, text)
    programs = (folder / "arguments").read_text(errors="replace").splitlines()
    for line in programs:
        note("arguments of a program", "", line)
    statements = query(psql, dsn, "SELECT query FROM pg_stat_statements").splitlines()
    for line in statements:
        # It does not say whose they are. DO blocks and other commands stand there as they were typed.
        note("pg_stat_statements", TYPES_KEYS if keys(line) <= typed else "", line)

    print(f"    keys looked for in {lines} lines of the log ({size >> 20} MB), {samples} samples of sessions, "
          f"{len(programs)} lines of programs, {len(statements)} lines of statements; {sum(expected.values())} were typed by sessions that said so")
    for place, count in leaks.most_common(20):
        print(f"LEAKED {count}: {place}", file=sys.stderr)
    if leaks:
        sys.exit("API keys stand where none may be")
    if extent == "whole" and (not expected or samples < 10 or len(programs) < 5 or len(statements) < 100):
        sys.exit("the look for leaked keys saw too little to mean anything")


if __name__ == "__main__":
    verb, folder, *rest = sys.argv[1:]
    {"watch": watch, "report": report}[verb](pathlib.Path(folder), *rest)
