#!/usr/bin/env python3
"""A wind farm: measurements and forecasts, a correction, a backtest, and what the store said before.

It needs

- TIMEDB_URL: the address of a server
- TIMEDB_KEY: the API key of a tenant in which nothing is called wind_power or wind_power_forecast yet
- the packages requests and pandas

The weather is made up, the same each time. Everything that is printed is checked as well; the exit code is 0
when it came out as expected. examples/forecast.sql tells the same story in SQL.
"""

import math
import os
import sys
from datetime import datetime, timedelta, timezone

import pandas as pd
import requests

HOUR = timedelta(hours=1)
FARM = {"farm": "north"}
ZONE = "Europe/Stockholm"
# Four days in Stockholm. On the third one, 29 March, clocks go from 02:00 to 03:00: it has 23 hours.
BEGIN = datetime(2026, 3, 26, 23, tzinfo=timezone.utc)
HOURS = 95
RUN_LENGTH = 48
# One of the measurements is wrong.
SPIKE = BEGIN + 37 * HOUR


class Unexpected(Exception):
    """An outcome that is not the expected one."""


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


class Store:
    """The HTTP interface, as far as the story needs it."""

    def __init__(self, url, key):
        self.url = url
        self.http = requests.Session()
        self.http.headers["X-API-Key"] = key
        self.http.trust_env = False  # no proxy stands before the server

    def call(self, method, path, **what):
        answer = self.http.request(method, self.url + path, timeout=60, **what)
        if answer.status_code != 200:
            raise Unexpected(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def upload(self, name, points, known_time, headers=None):
        """Points of one series, as one batch."""
        return self.call("POST", "/upload", headers=headers, json={
            "batch_start_time": known_time.isoformat(),
            "known_time": known_time.isoformat(),
            "workflow_id": "forecast-example",
            "series": {"farm": {"name": name, "labels": FARM, "unit": "MW"}},
            "value_rows": [{"valid_time": t.isoformat(), "value_key": "farm", "value": v} for t, v in points],
        })

    def values(self, **parameters):
        """A read as a frame, indexed by valid_time."""
        data = self.call("GET", "/values", params=parameters).json()["data"]
        frame = pd.DataFrame(data)
        for column in ("valid_time", "known_time", "change_time"):
            if column in frame:
                frame[column] = pd.to_datetime(frame[column], format="ISO8601")
        return frame.set_index("valid_time").sort_index() if "valid_time" in frame else frame


def power(i):
    """What the farm gave in hour i, in MW."""
    return round(40 + 25 * math.sin(i / 7) + 8 * math.sin(i / 2.3), 2)


def error(run, lead):
    """How far off a run is: the more, the longer ahead."""
    return round(0.35 * lead * math.sin(run * 0.9 + lead / 5), 2)


def measurements(store):
    part("Measurements: each hour is known five minutes after it began")
    for i in range(HOURS):
        time = BEGIN + i * HOUR
        store.upload("wind_power", [(time, 999.0 if time == SPIKE else power(i))], time + timedelta(minutes=5))
    frame = store.values(name="wind_power")
    print(frame["value"].head(3).to_string())
    check("hours measured", len(frame), HOURS)


def forecasts(store):
    part(f"Forecasts: every hour a run of {RUN_LENGTH} hours")
    runs = range(-RUN_LENGTH, HOURS)
    for run in runs:
        points = [(BEGIN + (run + lead) * HOUR, round(power(run + lead) + error(run, lead), 2)) for lead in range(1, RUN_LENGTH + 1)]
        store.upload("wind_power_forecast", points, BEGIN + run * HOUR)
    noon = BEGIN + 13 * HOUR
    frame = store.values(name="wind_power_forecast", mode="overlapping", start_valid=noon.isoformat(), end_valid=(noon + HOUR).isoformat())
    print(frame.set_index("known_time")["value"].tail(3).to_string())
    check("forecasts of one hour", len(frame), RUN_LENGTH)
    flat = store.values(name="wind_power_forecast", start_valid=noon.isoformat(), end_valid=(noon + HOUR).isoformat())
    check("a flat read takes the newest", flat["value"].iloc[0], round(power(13) + error(12, 1), 2))


def series_id(store, name):
    found = [key for key, series in store.call("GET", "/list_timeseries").json().items() if series["name"] == name]
    check(f"there is one series {name}", len(found), 1)
    return found[0]


def correction(store):
    part("A correction: the meter said 999 MW")
    hour = {"start_valid": SPIKE.isoformat(), "end_valid": (SPIKE + HOUR).isoformat()}
    update = {
        "series_id": series_id(store, "wind_power"),
        "valid_time": SPIKE.isoformat(),
        "value": power(37),
        "annotation": "the meter was being tested",
        "tags": ["corrected", "meter"],
    }
    answer = store.call("PUT", "/values", json={"updates": [update]}).json()
    check("versions written", (len(answer["updated"]), len(answer["skipped_no_ops"])), (1, 0))
    answer = store.call("PUT", "/values", json={"updates": [update]}).json()
    check("once more, nothing changes", (len(answer["updated"]), len(answer["skipped_no_ops"])), (0, 1))

    versions = store.values(name="wind_power", all_versions="true", **hour).sort_values("change_time")
    print(versions[["known_time", "value", "annotation", "tags"]].to_string())
    check("both versions are there", versions["value"].tolist(), [999.0, power(37)])
    check("known_time is that of the measurement", versions["known_time"].nunique(), 1)
    require("and it says who changed it", versions["changed_by"].notna().all())
    # The store's clock, not this machine's: the instant before the correction was written.
    return versions["change_time"].iloc[-1] - pd.Timedelta(microseconds=1)


def history(store, before):
    part("What did the store say before?")
    hour = {"name": "wind_power", "start_valid": SPIKE.isoformat(), "end_valid": (SPIKE + HOUR).isoformat()}
    now = store.values(**hour)["value"].item()
    known = store.values(as_of=(SPIKE + HOUR).isoformat(), **hour)["value"].item()
    said = store.values(as_of_change=before.isoformat(), **hour)["value"].item()
    print(pd.Series({"now": now, "as_of an hour later": known, "as_of_change before the correction": said}).to_string())
    check("a correction keeps known_time, so as_of shows it", known, power(37))
    check("as_of_change shows what the store said", said, 999.0)
    friday = store.values(name="wind_power_forecast", as_of=(BEGIN + 24 * HOUR).isoformat())
    check("forecasts known by then end 48 hours later", friday.index.max(), BEGIN + 72 * HOUR)


def backtest(store):
    part("A backtest: what was known the day before at 10:00 in Stockholm")
    window = {"start_valid": BEGIN.isoformat(), "end_valid": (BEGIN + HOURS * HOUR).isoformat()}
    actual = store.values(name="wind_power", **window)["value"]
    ahead = store.values(
        name="wind_power_forecast", mode="relative", days_ahead=1, time_of_day="10:00", tz=ZONE, **window
    )
    days = ahead.index.tz_convert(ZONE).tz_localize(None).normalize()
    cutoffs = (days - pd.Timedelta(days=1) + pd.Timedelta(hours=10)).tz_localize(ZONE)
    require("no value was known after its cut-off", (ahead["known_time"] <= pd.Series(cutoffs, index=ahead.index)).all())
    ahead["error"] = (ahead["value"] - actual).abs()
    by_day = ahead.groupby(days.date)["error"].agg(["mean", "count"])
    by_day.columns = ["MAE", "hours"]
    print(by_day.round(2).to_string())
    check("hours of the days", by_day["hours"].tolist(), [24, 24, 23, 24])
    newest = (store.values(name="wind_power_forecast", **window)["value"] - actual).abs().mean()
    require("a day ahead it errs more than an hour ahead", by_day["MAE"].mean() > 2 * newest, f"{by_day}, {newest}")


def lead_times(store):
    part("How the error grows with the lead time")
    window = {"start_valid": BEGIN.isoformat(), "end_valid": (BEGIN + HOURS * HOUR).isoformat()}
    actual = store.values(name="wind_power", **window)["value"]
    runs = store.values(name="wind_power_forecast", mode="overlapping", **window)
    lead = ((runs.index - runs["known_time"]) / pd.Timedelta(hours=1)).astype(int)
    errors = (runs["value"] - actual.reindex(runs.index)).abs()
    table = errors.groupby(pd.cut(lead, [0, 6, 12, 24, 48]), observed=True).mean().round(2)
    print(table.rename("MAE").rename_axis("hours ahead").to_string())
    require("it grows", table.is_monotonic_increasing and len(table) == 4, table)
    short = store.values(name="wind_power_forecast", mode="overlapping", max_lead="6h", **window)
    check("max_lead reads only the first hours of each run", len(short), int((lead <= 6).sum()))


def energy(store):
    part("Energy by the day, with the clock change in it")
    window = {"start_valid": BEGIN.isoformat(), "end_valid": (BEGIN + HOURS * HOUR).isoformat()}
    # An hour at so many MW is so many MWh.
    table = store.values(name="wind_power", bucket="1 day", tz=ZONE, aggregate="sum,count,max", **window)
    table = table[["sum", "count", "max"]].round(2).rename(columns={"sum": "MWh", "count": "hours", "max": "peak MW"})
    print(table.set_index(table.index.tz_convert(ZONE)).to_string())
    check("hours of the days", table["hours"].tolist(), [24, 24, 23, 24])
    check("all of the energy", round(table["MWh"].sum(), 2), round(sum(power(i) for i in range(HOURS)), 2))


def changes(store):
    part("What has changed since I looked")
    cursor = None
    seen = 0
    while True:
        page = store.call("GET", "/changes", params={"name": "wind_power", **({"cursor": cursor} if cursor else {})}).json()
        seen += len(page["data"])
        cursor = page["cursor"]
        if not page["more"]:
            break
    check("every measurement, and the correction", seen, HOURS + 1)
    time = BEGIN + HOURS * HOUR
    store.upload("wind_power", [(time, power(HOURS))], time + timedelta(minutes=5))
    page = store.call("GET", "/changes", params={"name": "wind_power", "cursor": cursor}).json()
    print(pd.DataFrame(page["data"])[["valid_time", "value"]].to_string())
    check("since then only the newest", [row["value"] for row in page["data"]], [power(HOURS)])


def sent_twice(store):
    part("An upload that is sent twice")
    known = BEGIN + (HOURS + 1) * HOUR
    points = [(known + lead * HOUR, power(HOURS + 1 + lead)) for lead in range(1, 4)]
    first = store.upload("wind_power_forecast", points, known, headers={"Idempotency-Key": "run-96"})
    again = store.upload("wind_power_forecast", points, known, headers={"Idempotency-Key": "run-96"})
    check("both have the same answer", again.json(), first.json())
    frame = store.values(name="wind_power_forecast", all_versions="true", start_known=known.isoformat())
    check("and the points were written once", len(frame), 3)


def main():
    url, key = os.environ.get("TIMEDB_URL"), os.environ.get("TIMEDB_KEY")
    if not url or not key:
        raise Unexpected("Please set TIMEDB_URL and TIMEDB_KEY")
    store = Store(url, key)
    taken = {series["name"] for series in store.call("GET", "/list_timeseries").json().values()}
    require("the series are new", taken.isdisjoint({"wind_power", "wind_power_forecast"}), taken)
    measurements(store)
    forecasts(store)
    before = correction(store)
    history(store, before)
    backtest(store)
    lead_times(store)
    energy(store)
    changes(store)
    sent_twice(store)
    print("\nSUCCESS: every outcome is the expected one.")


if __name__ == "__main__":
    try:
        main()
    except Unexpected as problem:
        sys.exit(f"\nFAILED: {problem}")
