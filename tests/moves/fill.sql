-- A store as it arrives in life, for what must keep it: a later major version of PostgreSQL, a restored dump, a later
-- version of timedb. Run by psql in an empty database with the extension, with variables: bulk_series and bulk_points (of
-- each), live_series and live_minutes. The role `app` logs in for its session, `board` is bound to A's user.
\set ON_ERROR_STOP on
\set QUIET on
SET timezone = 'UTC';
SELECT api_key AS key_a FROM timedb.create_user(timedb.create_tenant('a'), 'alice@a.example') \gset
SELECT api_key AS key_b FROM timedb.create_user(timedb.create_tenant('b'), 'bob@b.example') \gset
SELECT timedb.bind_role('board', 'alice@a.example');
SELECT timedb.create_user(timedb.create_tenant('none'), 'carol@c.example');
SELECT timedb.deactivate_user('carol@c.example');
\o :keys
\qecho '\\set key_a' :key_a
\qecho '\\set key_b' :key_b
\o
SELECT set_config('fill.bulk_series', :'bulk_series', false), set_config('fill.bulk_points', :'bulk_points', false),
       set_config('fill.live_series', :'live_series', false), set_config('fill.live_minutes', :'live_minutes', false) \g /dev/null
SET SESSION AUTHORIZATION app;

SELECT timedb.login(:'key_a') \g /dev/null
-- In bulk: a series an upload, every ten minutes.
DO $$
BEGIN
    FOR series IN 1 .. current_setting('fill.bulk_series')::integer LOOP
        PERFORM timedb.upload(
            valid_time => array_agg(timestamptz '2024-01-01Z' + i * interval '10 minutes' ORDER BY i),
            value => array_agg(CASE WHEN i % 1000 <> 7 THEN round((50 + 10 * sin(i / 144.0 + series) + (i * 7919 % 13) / 10.0)::numeric, 3)::float8 END ORDER BY i),
            name => ARRAY['bulk ' || series], unit => ARRAY['MW'],
            labels => ARRAY[jsonb_build_object('site', 'Østerbro ' || series % 7, 'kind', 'bulk')],
            known_time => '2024-01-01Z', workflow_id => 'history', batch_params => '{"source": "file"}')
        FROM generate_series(1, current_setting('fill.bulk_points')::integer) AS i;
        COMMIT;
    END LOOP;
END
$$;
-- Live: a value of each series a minute, some late, some twice, some out of order.
DO $$
BEGIN
    FOR minute IN 1 .. current_setting('fill.live_minutes')::integer LOOP
        PERFORM timedb.upload(
            valid_time => array_agg(timestamptz '2025-06-01Z'
                + (minute - CASE WHEN (s + minute) % 50 = 0 THEN 30 WHEN (s + minute) % 70 = 0 THEN 1 ELSE 0 END) * interval '1 minute' ORDER BY s),
            value => array_agg(s + (minute * 31 % 17) / 8.0 ORDER BY s),
            name => array_agg('live ' || s ORDER BY s), labels => array_agg(jsonb_build_object('kind', 'live', 'number', s::text) ORDER BY s),
            series_index => array_agg(s ORDER BY s), workflow_id => 'meters',
            idempotency_key => CASE WHEN minute % 10 = 0 THEN 'minute ' || minute END)
        FROM generate_series(1, current_setting('fill.live_series')::integer) AS s;
        COMMIT;
        IF minute % 100 = 50 THEN
            PERFORM timedb.compact();
            COMMIT;
        END IF;
    END LOOP;
END
$$;
-- Forecasts, revised every six hours.
DO $$
BEGIN
    FOR issue IN 0 .. 39 LOOP
        PERFORM timedb.upload(
            valid_time => array_agg(timestamptz '2025-06-01Z' + issue * interval '6 hours' + i * interval '1 hour' ORDER BY i),
            value => array_agg(i * 1.5 + issue ORDER BY i), name => ARRAY['wind'], unit => ARRAY['MW'], labels => ARRAY['{"kind": "forecast"}'::jsonb],
            known_time => timestamptz '2025-06-01Z' + issue * interval '6 hours', workflow_id => 'weather')
        FROM generate_series(0, 47) AS i;
        COMMIT;
    END LOOP;
END
$$;
-- Corrections with notes, a deletion, an end of life.
SELECT timedb.update_values(jsonb_agg(jsonb_build_object('series_id', series_id, 'valid_time', valid_time, 'value', 0.5,
                                                         'annotation', 'meter exchanged', 'tags', '["checked"]'::jsonb)))
FROM timedb.read_flat(name => 'live 1', end_valid => '2025-06-01 00:20Z') \g /dev/null
SELECT timedb.delete_batch((SELECT batch_id FROM timedb.batches WHERE workflow_id = 'weather' ORDER BY known_time LIMIT 1)) \g /dev/null
SELECT timedb.delete_series((SELECT series_id FROM timedb.series WHERE name = 'live 2')) \g /dev/null
SELECT timedb.set_retention('30 years') \g /dev/null
SELECT timedb.logout() \g /dev/null

-- Another tenant, with the same names and other values, that nobody folds.
SELECT timedb.login(:'key_b') \g /dev/null
DO $$
BEGIN
    FOR minute IN 1 .. 100 LOOP
        PERFORM timedb.upload(ARRAY[timestamptz '2025-06-01Z' + minute * interval '1 minute'], ARRAY[-minute::float8],
                              (ARRAY['live 1', 'wind', 'bulk 1'])[1 + minute % 3 : 1 + minute % 3]);
        COMMIT;
    END LOOP;
END
$$;
