# docs/tools.md prints this.
import os
import django
import psycopg
from django.conf import settings
from django.db import connection, models
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from psycopg.conninfo import conninfo_to_dict

server = conninfo_to_dict(os.environ["TIMEDB_DSN"])
settings.configure(USE_TZ=True, DATABASES={"default": {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": server["host"], "PORT": server["port"], "NAME": server["dbname"],
    "USER": server["user"], "PASSWORD": server.get("password", ""),
    "OPTIONS": {"options": "-c search_path=timedb"},
}})
django.setup()


@receiver(connection_created)
def log_in(connection, **_):
    if key := os.environ.get("TIMEDB_KEY"):  # a role that is bound to a user has none
        # Not with a cursor of Django's: those write parameters into the text, which a server may log.
        with connection.connection.transaction():
            cursor = psycopg.Cursor(connection.connection)
            cursor.execute("SELECT timedb.hide_parameters()")
            cursor.execute("SELECT timedb.login(%s)", [key])


class Value(models.Model):
    pk = models.CompositePrimaryKey("series_id", "valid_time")
    series_id = models.UUIDField()
    name = models.TextField()
    labels = models.JSONField()
    valid_time = models.DateTimeField()
    value = models.FloatField(null=True)

    class Meta:
        app_label = "timedb"
        managed = False
        db_table = "values"


rows = Value.objects.filter(
    name="wind", valid_time__gte="2025-03-30T00:00Z", valid_time__lt="2025-03-31T00:00Z"
).order_by("valid_time").values_list("valid_time", "value")
# The page ends.
import datetime
import io
import json
import zoneinfo

import model
from django.core.management import call_command
from django.db.models import Count, Max
from django.db.models.functions import TruncDay

model.compare("page", rows, model.page())


class Series(models.Model):
    series_id = models.UUIDField(primary_key=True)
    name = models.TextField()
    unit = models.TextField()
    labels = models.JSONField()

    class Meta:
        app_label = "timedb"
        managed = False
        db_table = "series"


class Forecast(models.Model):
    pk = models.CompositePrimaryKey("series", "known_time", "valid_time")
    series = models.ForeignKey(Series, models.DO_NOTHING)
    known_time = models.DateTimeField()
    valid_time = models.DateTimeField()
    valid_time_end = models.DateTimeField(null=True)
    lead_time = models.DurationField()
    value = models.FloatField(null=True)

    class Meta:
        app_label = "timedb"
        managed = False
        db_table = "forecasts"


def ask(sql, parameters):
    """Without a model Django returns jsonb as text."""
    with connection.cursor() as cursor:
        cursor.execute(model.named(sql), parameters)
        is_json = [column.name == "labels" for column in cursor.description]
        for row in cursor.fetchall():
            yield tuple(json.loads(value) if parse else value for value, parse in zip(row, is_json))


model.ask_all(ask)

# Conditions on labels, a null, a length of time, a join over a foreign key, an aggregate, a day of another zone.
wind = model.values("wind")
found = Value.objects.filter(labels__site="north", labels__contains={"kind": "forecast"}, value__isnull=True)
answer = [(v.valid_time, v.value) for v in wind if v.value is None]
model.compare("nulls", found.order_by("valid_time").values_list("valid_time", "value"), answer)
found = Forecast.objects.filter(series__name="wind", known_time=model.DAY, lead_time__lte=10 * model.HOUR)
found = [(f.series.labels, f.lead_time, f.value) for f in found.select_related("series").order_by("valid_time")]
leads = [(v.valid_time - v.known_time, v.value) for v in model.forecasts("wind") if v.known_time == model.DAY]
answer = [(model.SERIES["wind"][1], lead, value) for lead, value in leads if lead <= 10 * model.HOUR]
model.compare("forecasts", found, answer)
found = Value.objects.filter(name__in=["wind", "meter"]).values("name").order_by("name")
found = found.annotate(numbers=Count("value"), newest=Max("valid_time"))
answer = [
    (name, sum(v.value is not None for v in model.values(name)), model.values(name)[-1].valid_time)
    for name in ("meter", "wind")
]
model.compare("aggregate", found.values_list("name", "numbers", "newest"), answer)
one = Value.objects.get(name="wind", valid_time=wind[5].valid_time)
assert Value.objects.get(pk=one.pk).value == wind[5].value
day = TruncDay("valid_time", tzinfo=zoneinfo.ZoneInfo("Europe/Stockholm"))
days = dict(Value.objects.filter(name="wind").values(day=day).annotate(hours=Count("name")).values_list("day", "hours"))
assert sorted(days.values()) == [14, 23, 23], days
# A stream, through a cursor of the server.
stream = Value.objects.filter(name="load").order_by("valid_time").values_list("valid_time", "value")
model.compare("stream", stream.iterator(chunk_size=10_000), model.stream())
# The models that Django writes itself.
text = io.StringIO()
call_command("inspectdb", "values", "forecasts", "versions", "series", include_views=True, stdout=text)
for line in ("class Values(", "lead_time = models.DurationField(", "value = models.FloatField(", "labels = models.JSONField("):
    assert line in text.getvalue(), text.getvalue()
print("SUCCESS")
