#!/usr/bin/env python3
"""Multi-tenant authentication with API keys: the story of the notebook, told as a program.

It creates two tenants with the command line, starts the server, uploads and reads with requests and
pandas, and checks every outcome. It needs

- TEST_TIMEDB_DSN or DATABASE_URL: a superuser's connection URI of an EMPTY database. What timedb
  stores in that database is deleted first.
- `timedb` on the PATH, or its path in TIMEDB_BIN
- `pg_dump` on the PATH, or its folder in TIMEDB_PG_BIN
- the packages requests and pandas

The exit code is 0 when everything came out as documented.
"""

import os
import subprocess
import sys
import tempfile
import threading
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import requests

DATABASE_URL = os.environ.get("TEST_TIMEDB_DSN") or os.environ.get("DATABASE_URL")
TIMEDB = os.environ.get("TIMEDB_BIN", "timedb")
PG_DUMP = str(Path(os.environ["TIMEDB_PG_BIN"], "pg_dump")) if "TIMEDB_PG_BIN" in os.environ else "pg_dump"

ALICE, BOB = "alice@tenant-a.com", "bob@tenant-b.com"
BASE_TIME = datetime(2025, 1, 1, tzinfo=timezone.utc)
NO_KEY = {"detail": "API key required. Please provide X-API-Key header."}
BAD_KEY = {"detail": "Invalid or inactive API key."}


class Unexpected(Exception):
    """An outcome that is not the documented one."""


def part(title):
    print(f"\n## {title}\n", flush=True)


def check(what, actual, expected):
    if actual != expected:
        raise Unexpected(f"{what}: expected {expected!r}, got {actual!r}")
    print(f"  ok: {what}", flush=True)


def require(what, holds, shown=""):
    if not holds:
        raise Unexpected(f"{what}. {shown}")
    print(f"  ok: {what}", flush=True)


def without_keys(text):
    """Keys are shown once, to their owner: this program's output is not the place."""
    for key in KEYS:
        text = text.replace(key, key[:8] + "...")
    return text


KEYS = set()


def timedb(*arguments, fails=False):
    """Runs the command line as the notebook does; returns what it printed."""
    result = subprocess.run(
        [TIMEDB, *arguments, "--dsn", DATABASE_URL], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    for line in result.stdout.split("\n"):
        if "API Key:" in line:
            KEYS.add(line.split("API Key:")[1].strip())
    print(without_keys((result.stdout + result.stderr).rstrip()))
    what = f"timedb {' '.join(arguments)}"
    if fails:
        require(f"{what}: refused", result.returncode != 0)
        require("the refusal is an ERROR line", "ERROR: " in result.stderr, result.stderr)
    else:
        check(f"{what}: exit code", result.returncode, 0)
    return result


def key_in(output):
    """The notebook's own way of finding the key."""
    key = None
    for line in output.split("\n"):
        if "API Key:" in line:
            key = line.split("API Key:")[1].strip()
    require("the output shows an API key", key is not None and key.startswith("tdb_") and key.isascii())
    return key


class Server:
    """`timedb api` on a port of its own."""

    def __init__(self):
        self.log = tempfile.TemporaryFile("w+")
        environment = {**os.environ, "TIMEDB_DSN": DATABASE_URL, "DATABASE_URL": DATABASE_URL}
        self.process = subprocess.Popen(
            [TIMEDB, "api", "--host", "127.0.0.1", "--port", "0"],
            stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL, text=True, env=environment,
        )
        self.lines = []
        self.url = None
        self.listens = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        self.listens.wait(30)
        if self.url is None:
            raise Unexpected(f"the server did not say where it listens:\n{self.output()}")

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("Listening on "):
                self.url = line.removeprefix("Listening on ").strip()
                self.listens.set()
        self.listens.set()

    def output(self):
        self.log.seek(0)
        return "".join(self.lines) + self.log.read()

    def stop(self):
        """Asks it to finish, as Ctrl-C does; returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Client:
    """Requests with a key, or without one."""

    def __init__(self, url, key=None):
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy stands before 127.0.0.1
        if key is not None:
            self.http.headers["X-API-Key"] = key

    def get(self, path, **params):
        return self.http.get(self.url + path, params=params, timeout=30)

    def upload(self, rows, **fields):
        body = {"batch_start_time": datetime.now(timezone.utc).isoformat(), "value_rows": rows, **fields}
        return self.http.post(f"{self.url}/upload", json=body, timeout=30)

    def rows(self, mode="flat"):
        """The six hours of the story."""
        response = self.get(
            "/values",
            start_valid=BASE_TIME.isoformat(),
            end_valid=(BASE_TIME + timedelta(hours=6)).isoformat(),
            mode=mode,
        )
        check(f"GET /values (mode={mode})", response.status_code, 200)
        data = response.json()
        require("count is the number of rows", data["count"] == len(data["data"]))
        return pd.DataFrame(data["data"])


def six_hours(name, first):
    return [
        {"valid_time": (BASE_TIME + timedelta(hours=i)).isoformat(), "value_key": name, "value": first + i}
        for i in range(6)
    ]


def refused(what, response, body):
    check(f"{what}: status", response.status_code, 401)
    check(f"{what}: body", response.json(), body)
    check(f"{what}: WWW-Authenticate", response.headers.get("WWW-Authenticate"), "ApiKey")


def create_schema():
    part("Part 1: the schema")
    gone = timedb("delete", "tables", "-y")
    require("all tables are deleted", "✓ All timedb tables deleted" in (gone.stdout or gone.stderr))
    made = timedb("create", "tables", "--with-users", "-y")
    said = made.stdout or made.stderr
    for text in ("✓ Base timedb tables created", "✓ Users table created", "Schema created successfully!"):
        require(text, text in said)


def create_users(tenant_a, tenant_b):
    part("Part 2: tenants and users")
    keys = []
    for tenant, email in ((tenant_a, ALICE), (tenant_b, BOB)):
        made = timedb("users", "create", "--tenant-id", tenant, "--email", email)
        for text in ("User created successfully!", "User ID:", f"Tenant ID: {tenant}", email):
            require(f"the answer says {text!r}", text in made.stdout)
        keys.append(key_in(made.stdout))
    listed = timedb("users", "list").stdout
    require("both users are listed", ALICE in listed and BOB in listed and "active" in listed)
    require("the newest user comes first", listed.index(BOB) < listed.index(ALICE))
    require("the list shows no key", not any(key in listed for key in keys))
    return keys


def authentication(server, key_a):
    part("Part 4: authentication is enforced")
    check("the API's name", Client(server.url).get("/").json()["name"], "TimeDB API")
    refused("without a key", Client(server.url).get("/values"), NO_KEY)
    refused("with an unknown key", Client(server.url, "invalid-key-12345").get("/values"), BAD_KEY)
    refused("an upload without a key", Client(server.url).upload([]), NO_KEY)
    answer = Client(server.url, key_a).get("/values")
    check("with Alice's key: status", answer.status_code, 200)
    check("with Alice's key: body", answer.json(), {"count": 0, "data": []})


def isolation(a, b):
    part("Part 5: tenants are isolated")
    for client, name, first in ((a, "temperature_a", 20.0), (b, "humidity_b", 50.0)):
        uploaded = client.upload(six_hours(name, first))
        check(f"upload of {name}: status", uploaded.status_code, 200)
        check(f"upload of {name}: message", uploaded.json()["message"], "Batch created successfully")
        uuid.UUID(uploaded.json()["batch_id"])
        check(f"upload of {name}: series", list(uploaded.json()["series_ids"]), [name])
    seen = []
    for client, name, first in ((a, "temperature_a", 20.0), (b, "humidity_b", 50.0)):
        frame = client.rows()
        print(frame[["valid_time", "name", "value"]].to_string())
        check(f"{name}: six rows", len(frame), 6)
        check(f"{name}: values", frame["value"].tolist(), [first + i for i in range(6)])
        check(f"{name}: first valid_time", frame["valid_time"][0], "2025-01-01T00:00:00+00:00")
        check(f"{name}: unit", set(frame["unit"]), {"dimensionless"})
        seen.append(set(frame["name"]))
    check("series of tenant A", seen[0], {"temperature_a"})
    check("series that both tenants see", seen[0] & seen[1], set())


def deactivation(server, key_b):
    part("Part 6: deactivation")
    done = timedb("users", "deactivate", "--email", BOB, "-y")
    require("the answer names the user", f"✓ User '{BOB}' deactivated" in (done.stdout or done.stderr))
    refused("with a deactivated user's key", Client(server.url, key_b).get("/values"), BAD_KEY)
    done = timedb("users", "activate", "--email", BOB)
    require("the answer names the user", f"✓ User '{BOB}' activated" in (done.stdout or done.stderr))
    check("after activation: status", Client(server.url, key_b).get("/values").status_code, 200)


def regeneration(server, old_key):
    part("Part 7: a new key")
    done = timedb("users", "regenerate-key", "--email", BOB, "-y")
    require("the key is regenerated", "API key regenerated!" in (done.stdout + done.stderr))
    new_key = key_in(done.stdout)
    require("it is another key", new_key != old_key)
    refused("with the old key", Client(server.url, old_key).get("/values"), BAD_KEY)
    check("with the new key: rows", len(Client(server.url, new_key).rows()), 6)
    return new_key


def same_names_and_revisions(a, b):
    part("Part 8: the same series name in both tenants, and a second upload")
    shared = "price"
    ids = [client.upload(six_hours(shared, first)).json()["series_ids"][shared] for client, first in ((a, 1.0), (b, 101.0))]
    require("each tenant has a series of its own", ids[0] != ids[1])
    again = a.upload(six_hours(shared, 2.0))
    check("a second upload of the series: status", again.status_code, 200)
    check("it is the same series", again.json()["series_ids"], {shared: ids[0]})

    def prices(client, mode="flat"):
        frame = client.rows(mode)
        return frame[frame["name"] == shared]

    check("flat shows A the new values", prices(a)["value"].tolist(), [2.0 + i for i in range(6)])
    check("and B its own", prices(b)["value"].tolist(), [101.0 + i for i in range(6)])
    versions = prices(a, "overlapping")
    check("overlapping shows both versions", len(versions), 12)
    first, second = (group["value"].tolist() for _, group in versions.groupby("known_time"))
    check("the older one as it was", first, [1.0 + i for i in range(6)])
    check("the newer one as it is", second, [2.0 + i for i in range(6)])
    return ids[0]


def foreign_ids(b, foreign):
    part("Part 9: another tenant's id is answered like an unknown one")
    unknown = str(uuid.uuid4())
    answers = []
    for series_id in (foreign, unknown):
        row = {"valid_time": BASE_TIME.isoformat(), "value_key": "x", "value": 1.0, "series_id": series_id}
        response = b.upload([row])
        print(f"  {response.status_code} {response.text}")
        # Each request has an id of its own.
        headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
        answers.append((response.status_code, response.text.replace(series_id, "<id>"), headers))
        for name in ("date", "content-length"):
            answers[-1][2].pop(name, None)
    check("the status", answers[0][0], 404)
    check("status, body and headers are the same", answers[0], answers[1])
    listed = b.get("/list_timeseries").json()
    require("the list of B's series does not have it", foreign not in listed and len(listed) == 2, listed)


def same_email(server, key_a, tenant_a, tenant_b):
    part("Part 10: the same email in two tenants")
    other_key = key_in(timedb("users", "create", "--tenant-id", tenant_b, "--email", ALICE).stdout)
    twice = timedb("users", "create", "--tenant-id", tenant_b, "--email", ALICE, fails=True)
    require("a third time is refused", "already exists for this tenant" in twice.stderr)
    timedb("users", "deactivate", "--email", ALICE, "-y", fails=True)
    for key in (key_a, other_key):
        check("both keys still work", Client(server.url, key).get("/values").status_code, 200)
    timedb("users", "deactivate", "--email", ALICE, "--tenant-id", tenant_b, "-y")
    refused("only the one named is refused", Client(server.url, other_key).get("/values"), BAD_KEY)
    check("the other one works", Client(server.url, key_a).get("/values").status_code, 200)
    timedb("users", "regenerate-key", "--email", ALICE, "-y", fails=True)
    check("no key was replaced", Client(server.url, key_a).get("/values").status_code, 200)


def no_key_in(what, text):
    require(f"{len(KEYS)} keys were made", len(KEYS) == 4, len(KEYS))
    # A dump shows bytes as hexadecimal digits.
    found = [key[:8] for key in KEYS if key in text or key.encode().hex() in text]
    check(f"keys in {what}", found, [])


def dump():
    part("Part 11: a full dump holds no key")
    dumped = subprocess.run([PG_DUMP, "--dbname", DATABASE_URL], capture_output=True, text=True)
    check("pg_dump: exit code", dumped.returncode, 0)
    require("the dump holds the users and the series", all(t in dumped.stdout for t in (ALICE, BOB, "temperature_a")))
    no_key_in("the dump", dumped.stdout)


def main():
    if not DATABASE_URL:
        raise Unexpected("Please set TEST_TIMEDB_DSN or DATABASE_URL environment variable")
    tenant_a, tenant_b = str(uuid.uuid4()), str(uuid.uuid4())
    print("# Multi-tenant authentication with API keys")
    create_schema()
    key_a, key_b = create_users(tenant_a, tenant_b)

    part("Part 3: the server")
    server = Server()
    try:
        print(f"  it listens on {server.url}")
        a, b = Client(server.url, key_a), Client(server.url, key_b)
        authentication(server, key_a)
        isolation(a, b)
        deactivation(server, key_b)
        b = Client(server.url, regeneration(server, key_b))
        foreign_ids(b, same_names_and_revisions(a, b))
        same_email(server, key_a, tenant_a, tenant_b)
        dump()
    except BaseException:
        print(f"\nWhat the server wrote:\n{without_keys(server.output())}", file=sys.stderr)
        raise
    finally:
        code = server.stop()
    part("The end")
    check("the server stops cleanly: exit code", code, 0)
    no_key_in("the server's output", server.output())
    print("\nSUCCESS: every outcome is the documented one.")


if __name__ == "__main__":
    try:
        main()
    except Unexpected as problem:
        sys.exit(f"\nFAILED: {problem}")
