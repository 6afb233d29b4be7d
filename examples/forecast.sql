-- A wind farm in SQL: measurements and forecasts, a correction, a backtest, and what the store said before.
-- examples/forecast.py tells the same story over HTTP.
--
--   psql -X "$TIMEDB_DSN" -f examples/forecast.sql
--
-- TIMEDB_KEY holds the API key of a tenant in which nothing is called wind_power or wind_power_forecast yet. Whoever
-- connects is or may become timedb_session. The weather is made up, the same each time.
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\getenv key TIMEDB_KEY
SET ROLE timedb_session;
SET TIME ZONE 'UTC';
SELECT timedb.login(:'key') IS NOT NULL AS logged_in;

-- Four days in Stockholm. On the third one, 29 March, clocks go from 02:00 to 03:00: it has 23 hours.
\set begin '2026-03-26 23:00Z'
\set end '2026-03-30 22:00Z'
\set zone 'Europe/Stockholm'

-- What the farm gave in hour i, in MW, and how far off a run is: the more, the longer ahead.
CREATE FUNCTION pg_temp.power(i integer) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT round((40 + 25 * sin(i / 7.0) + 8 * sin(i / 2.3))::numeric, 2) $$;
CREATE FUNCTION pg_temp.error(run integer, lead integer) RETURNS float8 LANGUAGE sql IMMUTABLE AS
$$ SELECT round((0.35 * lead * sin(run * 0.9 + lead / 5.0))::numeric, 2) $$;
CREATE FUNCTION pg_temp.hour(i integer) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT timestamptz '2026-03-26 23:00Z' + make_interval(hours => i) $$;

\echo '## Measurements: each hour is known five minutes after it began; one of them is wrong'
SELECT count(*) AS uploads, sum(u.points) AS points
FROM generate_series(0, 94) AS i
CROSS JOIN LATERAL timedb.upload(
    valid_time  => ARRAY[pg_temp.hour(i)],
    value       => ARRAY[CASE i WHEN 37 THEN 999 ELSE pg_temp.power(i) END],
    name        => ARRAY['wind_power'],
    labels      => ARRAY['{"farm": "north"}']::jsonb[],
    unit        => ARRAY['MW'],
    known_time  => pg_temp.hour(i) + interval '5 minutes',
    workflow_id => 'forecast-example') AS u;

\echo '## Forecasts: every hour a run of 48 hours'
SELECT count(*) AS uploads, sum(u.points) AS points
FROM generate_series(-48, 94) AS run
CROSS JOIN LATERAL timedb.upload(
    valid_time  => ARRAY(SELECT pg_temp.hour(run + lead) FROM generate_series(1, 48) AS lead ORDER BY lead),
    value       => ARRAY(SELECT pg_temp.power(run + lead) + pg_temp.error(run, lead)
                         FROM generate_series(1, 48) AS lead ORDER BY lead),
    name        => ARRAY['wind_power_forecast'],
    labels      => ARRAY['{"farm": "north"}']::jsonb[],
    unit        => ARRAY['MW'],
    known_time  => pg_temp.hour(run),
    workflow_id => 'forecast-example') AS u;

\echo '## A correction: the meter said 999 MW'
SELECT clock_timestamp() AS before \gset
SELECT jsonb_array_length(answer -> 'updated') AS updated
FROM timedb.update_values(jsonb_build_array(jsonb_build_object(
    'series_id',  (SELECT series_id FROM timedb.series WHERE name = 'wind_power'),
    'valid_time', pg_temp.hour(37),
    'value',      pg_temp.power(37),
    'annotation', 'the meter was being tested',
    'tags',       jsonb_build_array('corrected', 'meter')))) AS answer;
SELECT known_time, value, annotation, tags, changed_by = (SELECT user_id FROM timedb.whoami()) AS by_me
FROM timedb.read_versions(name => 'wind_power', start_valid => pg_temp.hour(37), end_valid => pg_temp.hour(38))
ORDER BY change_time;

\echo '## What did the store say before?'
SELECT now.value AS now, known.value AS as_of_an_hour_later, said.value AS before_the_correction
FROM timedb.read_flat(name => 'wind_power', start_valid => pg_temp.hour(37), end_valid => pg_temp.hour(38)) AS now
JOIN timedb.read_flat(name => 'wind_power', start_valid => pg_temp.hour(37), end_valid => pg_temp.hour(38),
                      as_of => pg_temp.hour(38)) AS known USING (valid_time)
JOIN timedb.read_flat(name => 'wind_power', start_valid => pg_temp.hour(37), end_valid => pg_temp.hour(38),
                      as_of_change => :'before') AS said USING (valid_time);
SELECT max(valid_time) AS known_on_friday_reached_until
FROM timedb.read_flat(name => 'wind_power_forecast', as_of => pg_temp.hour(24));

\echo '## A backtest: what was known the day before at 10:00 in Stockholm'
SELECT (forecast.valid_time AT TIME ZONE :'zone')::date AS day, count(*) AS hours,
       round(avg(abs(forecast.value - actual.value))::numeric, 2) AS mae,
       max(forecast.known_time AT TIME ZONE :'zone') AS newest_run
FROM timedb.read_relative(name => 'wind_power_forecast', start_valid => :'begin', end_valid => :'end',
                          days_ahead => 1, time_of_day => '10:00', tz => :'zone') AS forecast
JOIN timedb.read_flat(name => 'wind_power') AS actual USING (valid_time)
GROUP BY day ORDER BY day;

\echo '## How the error grows with the lead time'
SELECT CASE WHEN lead_time <= interval '6 hours' THEN '1 to 6' WHEN lead_time <= interval '12 hours' THEN '7 to 12'
            WHEN lead_time <= interval '24 hours' THEN '13 to 24' ELSE '25 to 48' END AS hours_ahead,
       count(*) AS forecasts, round(avg(abs(forecast.value - actual.value))::numeric, 2) AS mae
FROM timedb.read_overlapping(name => 'wind_power_forecast', start_valid => :'begin', end_valid => :'end') AS forecast
JOIN timedb.read_flat(name => 'wind_power') AS actual USING (valid_time)
GROUP BY hours_ahead ORDER BY mae;

\echo '## Energy by the day, with the clock change in it: an hour at so many MW is so many MWh'
SELECT (bucket AT TIME ZONE :'zone')::date AS day, bucket_end - bucket AS length, count AS hours,
       round(sum::numeric, 2) AS mwh, max AS peak_mw
FROM timedb.read_buckets('1 day', tz => :'zone', name => 'wind_power', start_valid => :'begin', end_valid => :'end')
ORDER BY bucket;

\echo '## What has changed since I looked'
SELECT timedb.changes_cursor() AS cursor \gset
SELECT points FROM timedb.upload(
    valid_time => ARRAY[pg_temp.hour(95)], value => ARRAY[pg_temp.power(95)], name => ARRAY['wind_power'],
    labels => ARRAY['{"farm": "north"}']::jsonb[], known_time => pg_temp.hour(95) + interval '5 minutes');
SELECT name, known_time, valid_time, value FROM timedb.read_changes(cursor => :'cursor');

\echo '## An upload that is sent twice'
SELECT points, replayed FROM timedb.upload(
    valid_time => ARRAY[pg_temp.hour(96)], value => ARRAY[pg_temp.power(96)], name => ARRAY['wind_power'],
    labels => ARRAY['{"farm": "north"}']::jsonb[], idempotency_key => 'hour-96');
SELECT points, replayed FROM timedb.upload(
    valid_time => ARRAY[pg_temp.hour(96)], value => ARRAY[pg_temp.power(96)], name => ARRAY['wind_power'],
    labels => ARRAY['{"farm": "north"}']::jsonb[], idempotency_key => 'hour-96');
SELECT count(*) AS versions FROM timedb.read_versions(name => 'wind_power', start_valid => pg_temp.hour(96));

SELECT timedb.logout();
