-- Brings what the Python project timedb stored in PostgreSQL (batches_table, series_table, values_table,
-- users_table) into this extension, in the same database. docs/migrating.md explains it step by step.
--
--   psql -X "$TIMEDB_DSN" -v legacy_schema=public -v keep_times=off -f examples/migrate_from_python.sql
--
-- One transaction, as a superuser: all of it, or nothing. The old tables are only read, and nobody can write to
-- them until it is done. At the end everything is compared; a difference is an error, and nothing stays. What has come
-- is then compacted.
--
--   legacy_schema  the schema of the old tables                                       (public)
--   keep_times     on: write change_time and changed_by of corrected versions into their metadata, as
--                  legacy_change_time and legacy_changed_by, and inserted_at of batches into their
--                  parameters, as legacy_inserted_at                                  (off)
\set ON_ERROR_STOP on
\set QUIET on
\if :{?legacy_schema}
\else
  \set legacy_schema public
\endif
\if :{?keep_times}
\else
  \set keep_times off
\endif

BEGIN;
-- Times and numbers pass through JSON: in UTC, and with every digit.
SET LOCAL TIME ZONE 'UTC';
SET LOCAL extra_float_digits = 1;
SET LOCAL client_min_messages = warning;
-- Operators and functions are PostgreSQL's own, whatever the old schema holds.
SET LOCAL search_path = pg_catalog, pg_temp;
LOCK TABLE :"legacy_schema".batches_table, :"legacy_schema".series_table, :"legacy_schema".values_table IN SHARE MODE;
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = :'legacy_schema' AND c.relname = 'users_table') AS has_users \gset
\if :has_users
  LOCK TABLE :"legacy_schema".users_table IN SHARE MODE;
\endif

-- Whoever made the old tables may be no superuser: reading a view, or a column of a type of theirs, would run what
-- they like with the rights of the superuser who runs this.
SELECT set_config('migrate.legacy_schema', :'legacy_schema', true) AS legacy_schema \gset
DO $$
DECLARE
    strange text;
BEGIN
    SELECT string_agg(DISTINCT format('%I.%I', n.nspname, c.relname), ', ') INTO strange
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_setting('migrate.legacy_schema')
      AND c.relname IN ('batches_table', 'series_table', 'values_table', 'users_table')
      AND (c.relkind NOT IN ('r', 'p') OR EXISTS (
          SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND t.typnamespace <> 'pg_catalog'::regnamespace));
    IF strange IS NOT NULL THEN
        RAISE EXCEPTION 'not a table with columns of PostgreSQL''s own types: %', strange
            USING ERRCODE = 'wrong_object_type', HINT = 'Copy it into such a table, in a schema of its own, and name that schema.';
    END IF;
END
$$;

-- 1. Copies to work on

CREATE TEMPORARY TABLE mig_batches ON COMMIT DROP AS
SELECT batch_id, tenant_id, workflow_id, batch_start_time, batch_finish_time, known_time, batch_params, inserted_at,
       NULL::uuid AS user_id
FROM :"legacy_schema".batches_table;

-- Why a version stays behind, or NULL. `number` counts the versions of a point in a batch, the current one last.
CREATE TEMPORARY TABLE mig_values ON COMMIT DROP AS
SELECT v.value_id, v.tenant_id, v.batch_id, v.series_id AS legacy_series_id, NULL::uuid AS series_id,
       v.valid_time, v.valid_time_end,
       CASE WHEN v.value NOT IN ('NaN', 'Infinity', '-Infinity') THEN v.value END AS value,
       v.value IN ('NaN', 'Infinity', '-Infinity') AS was_no_number,
       v.annotation, v.tags, v.changed_by, v.change_time, v.is_current, NULL::uuid AS user_id,
       CASE WHEN jsonb_typeof(v.metadata) = 'object' THEN v.metadata
            WHEN jsonb_typeof(v.metadata) <> 'null' THEN jsonb_build_object('legacy_metadata', v.metadata)
       END AS metadata,
       row_number() OVER point AS number,
       CASE WHEN b.batch_id IS NULL THEN 'its batch belongs to another tenant'
            WHEN NOT (v.valid_time >= '0001-01-01' AND v.valid_time < '10000-01-01'
                      AND (v.valid_time_end IS NULL OR v.valid_time_end < '10000-01-01'))
                THEN 'its time is infinite or outside the years 1 to 9999'
            WHEN NOT bool_or(v.is_current) OVER (point ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
                THEN 'its point has no current version'
       END AS left_out
FROM :"legacy_schema".values_table v
LEFT JOIN mig_batches b ON b.batch_id = v.batch_id AND b.tenant_id = v.tenant_id
WINDOW point AS (PARTITION BY v.tenant_id, v.batch_id, v.series_id, v.valid_time, v.valid_time_end
                 ORDER BY v.is_current, v.change_time, v.value_id);
CREATE INDEX ON mig_values (tenant_id, batch_id) WHERE number = 1 AND left_out IS NULL;

-- Series were shared by all tenants. Each tenant gets those that it has values in. Labels become texts.
CREATE TEMPORARY TABLE mig_series ON COMMIT DROP AS
SELECT u.tenant_id, s.series_id AS legacy_series_id, NULL::uuid AS series_id, s.name, s.description,
       CASE WHEN btrim(s.unit) <> '' THEN s.unit END AS unit,
       COALESCE(l.labels, '{}') AS labels
FROM (SELECT DISTINCT tenant_id, legacy_series_id FROM mig_values WHERE left_out IS NULL) u
JOIN :"legacy_schema".series_table s ON s.series_id = u.legacy_series_id
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(e.key, e.value) AS labels
    FROM jsonb_each_text(CASE WHEN jsonb_typeof(s.labels) = 'object' THEN s.labels ELSE '{}' END) e
    WHERE e.value IS NOT NULL
) l;

CREATE TEMPORARY TABLE mig_users (tenant_id uuid, legacy_email text, email text, api_key text, is_active boolean,
                                  created_at timestamptz, user_id uuid, key_imported boolean) ON COMMIT DROP;
\if :has_users
  INSERT INTO mig_users (tenant_id, legacy_email, api_key, is_active, created_at)
  SELECT tenant_id, email, api_key, is_active, created_at FROM :"legacy_schema".users_table;
\endif

CREATE TEMPORARY TABLE mig_tenants ON COMMIT DROP AS
SELECT tenant_id, 0::bigint AS corrections, 0::bigint AS no_ops
FROM (SELECT tenant_id FROM mig_batches UNION SELECT tenant_id FROM mig_users) t;
CREATE TEMPORARY TABLE mig_options ON COMMIT DROP AS SELECT :'keep_times'::boolean AS keep_times;
ANALYZE mig_batches, mig_values, mig_series;

-- 2. What would not work is said before anything is written

DO $$
DECLARE
    found text;
    locks bigint := current_setting('max_locks_per_transaction')::bigint * current_setting('max_connections')::bigint;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'only a superuser can write for other tenants' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timedb' AND extnamespace = to_regnamespace('timedb')) THEN
        RAISE EXCEPTION 'this database has not the extension timedb' USING HINT = 'Run "timedb create tables --with-users" first.';
    END IF;
    -- Batches keep their ids, so each of them is a request with a name.
    IF EXISTS (SELECT FROM mig_batches m JOIN timedb.requests r ON r.tenant_id = m.tenant_id AND r.batch_id = m.batch_id) THEN
        RAISE EXCEPTION 'these tables were brought over before' USING ERRCODE = 'unique_violation',
            DETAIL = 'The store has batches with their ids.', HINT = 'Nothing was changed. docs/migrating.md says how to start again.';
    END IF;
    -- Each batch_id is locked until the transaction ends.
    IF (SELECT count(*) FROM mig_batches) * 5 / 4 > locks THEN
        RAISE EXCEPTION '% batches need more locks than there are', (SELECT count(*) FROM mig_batches)
            USING ERRCODE = 'configuration_limit_exceeded',
                  HINT = format('Set max_locks_per_transaction = %s, restart PostgreSQL, and set it back afterwards.',
                                (SELECT count(*) FROM mig_batches) * 3 / 2 / current_setting('max_connections')::bigint + 64);
    END IF;
    SELECT string_agg(batch_id::text, ', ') INTO found
    FROM (SELECT batch_id FROM mig_batches WHERE NOT (known_time >= '0001-01-01' AND known_time < '10000-01-01') LIMIT 10) b;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'known_time is infinite or outside the years 1 to 9999 in batches %', found
            USING ERRCODE = 'datetime_field_overflow', HINT = 'Give them another one in batches_table, or delete them there.';
    END IF;
    SELECT string_agg(format('%s %s', name, labels), ', ') INTO found
    FROM (SELECT name, labels FROM mig_series GROUP BY tenant_id, name, labels HAVING count(*) > 1 LIMIT 10) s;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'series differ only in labels that are no texts: %', found
            USING ERRCODE = 'unique_violation', HINT = 'Labels are texts here. Change those of one of them in series_table.';
    END IF;
END
$$;

-- 3. Tenants, users and keys

DO $$
DECLARE
    t record;
    u record;
    made record;
BEGIN
    FOR t IN SELECT tenant_id FROM mig_tenants ORDER BY tenant_id LOOP
        PERFORM timedb.create_tenant(tenant_id => t.tenant_id, if_not_exists => true);
    END LOOP;
    FOR u IN SELECT * FROM mig_users ORDER BY tenant_id, created_at, legacy_email LOOP
        SELECT c.user_id, c.email INTO made FROM timedb.create_user(u.tenant_id, u.legacy_email) c;
        -- Nobody has seen the key that it made.
        PERFORM timedb.revoke_key(k.key_id) FROM timedb.list_keys(made.email, u.tenant_id) k;
        IF (SELECT c.problem IS NULL FROM timedb.check_key(u.api_key) c) THEN
            PERFORM timedb.import_key(made.email, u.api_key, name => 'legacy', tenant_id => u.tenant_id);
        ELSE
            RAISE WARNING 'the key of % has not the form of a key of the Python project: make a new one with "timedb keys create"', made.email;
        END IF;
        IF NOT u.is_active THEN
            PERFORM timedb.deactivate_user(made.email, u.tenant_id);
        END IF;
        UPDATE mig_users m SET user_id = made.user_id, email = made.email,
               key_imported = EXISTS (SELECT FROM timedb.list_keys(made.email, u.tenant_id) k WHERE k.name = 'legacy')
        WHERE m.tenant_id = u.tenant_id AND m.legacy_email = u.legacy_email;
    END LOOP;
END
$$;

-- Who wrote what, where changed_by is the email of a user of the tenant. A version without a user of its own is
-- shown with the user of its batch, so a batch has one only where that is true of all its versions.
UPDATE mig_values v SET user_id = u.user_id
FROM mig_users u WHERE u.tenant_id = v.tenant_id AND u.email = lower(btrim(v.changed_by));
UPDATE mig_batches b SET user_id = v.users[1]
FROM (SELECT tenant_id, batch_id, array_agg(DISTINCT user_id) FILTER (WHERE number = 1) AS users
      FROM mig_values WHERE left_out IS NULL
      GROUP BY tenant_id, batch_id HAVING bool_and(user_id IS NOT NULL)) v
WHERE b.tenant_id = v.tenant_id AND b.batch_id = v.batch_id AND cardinality(v.users) = 1;

-- 4. Values, tenant by tenant. A superuser may say which tenant it writes as; the functions then run as a role
--    that row security binds to that tenant, as for everybody else.

DO $$
DECLARE
    keep_times boolean := (SELECT o.keep_times FROM mig_options o);
    t record;
    s record;
    b record;
    c record;
    answer jsonb;
    id uuid;
BEGIN
    PERFORM set_config('timedb.access', 'read_write', true);
    FOR t IN SELECT tenant_id FROM mig_tenants ORDER BY tenant_id LOOP
        PERFORM set_config('timedb.tenant_id', t.tenant_id::text, true);
        PERFORM set_config('timedb.user_id', '', true);

        FOR s IN SELECT * FROM mig_series m WHERE m.tenant_id = t.tenant_id ORDER BY name, labels LOOP
            SELECT n.series_id INTO STRICT id
            FROM timedb.create_series(s.name, unit => s.unit, labels => s.labels, description => s.description) n;
            UPDATE mig_series m SET series_id = id
            WHERE m.tenant_id = t.tenant_id AND m.legacy_series_id = s.legacy_series_id;
        END LOOP;
        UPDATE mig_values v SET series_id = m.series_id FROM mig_series m
        WHERE v.tenant_id = t.tenant_id AND m.tenant_id = t.tenant_id AND v.legacy_series_id = m.legacy_series_id;

        -- The first version of each point: one upload a batch, in the order in which they came.
        FOR b IN
            SELECT m.*, v.valid_time, v.valid_time_end, v.value, v.series_id
            FROM mig_batches m
            LEFT JOIN LATERAL (
                SELECT array_agg(v.valid_time) AS valid_time, array_agg(v.valid_time_end) AS valid_time_end,
                       array_agg(v.value) AS value, array_agg(v.series_id) AS series_id
                FROM mig_values v
                WHERE v.tenant_id = m.tenant_id AND v.batch_id = m.batch_id AND v.number = 1 AND v.left_out IS NULL
            ) v ON true
            WHERE m.tenant_id = t.tenant_id
            ORDER BY m.inserted_at, m.batch_id
        LOOP
            PERFORM set_config('timedb.user_id', COALESCE(b.user_id::text, ''), true);
            PERFORM timedb.upload(
                valid_time => COALESCE(b.valid_time, '{}'), value => COALESCE(b.value, '{}'),
                valid_time_end => COALESCE(b.valid_time_end, '{}'), series_id => COALESCE(b.series_id, '{}'),
                batch_id => b.batch_id, known_time => b.known_time, workflow_id => b.workflow_id,
                batch_start_time => b.batch_start_time,
                batch_finish_time => CASE WHEN b.batch_finish_time >= b.batch_start_time THEN b.batch_finish_time END,
                batch_params => CASE WHEN keep_times
                    THEN COALESCE(b.batch_params, '{}') || jsonb_build_object('legacy_inserted_at', b.inserted_at)
                    ELSE b.batch_params END);
        END LOOP;

        -- Then what was said later: versions in their order, in one call at most one of a point and a
        -- known_time. A first version with an annotation, tags or metadata gets them here.
        FOR c IN
            WITH later AS (
                SELECT v.user_id, v.series_id, v.valid_time, row_number() OVER (
                           PARTITION BY v.series_id, v.valid_time, v.valid_time_end, m.known_time
                           ORDER BY v.number, v.change_time, v.batch_id) AS step,
                       jsonb_build_object(
                           'series_id', v.series_id, 'valid_time', v.valid_time, 'valid_time_end', v.valid_time_end,
                           'batch_id', v.batch_id, 'known_time', m.known_time, 'value', v.value,
                           'annotation', v.annotation, 'tags', to_jsonb(v.tags),
                           'metadata', CASE WHEN keep_times
                               THEN COALESCE(v.metadata, '{}') || jsonb_strip_nulls(jsonb_build_object(
                                    'legacy_change_time', v.change_time, 'legacy_changed_by', v.changed_by))
                               ELSE v.metadata END) AS entry
                FROM mig_values v
                JOIN mig_batches m ON m.tenant_id = v.tenant_id AND m.batch_id = v.batch_id
                WHERE v.tenant_id = t.tenant_id AND v.left_out IS NULL
                  AND (v.number > 1 OR v.annotation IS NOT NULL OR v.tags IS NOT NULL OR v.metadata IS NOT NULL)
            ), portions AS (
                SELECT l.*, (row_number() OVER (PARTITION BY step, user_id ORDER BY valid_time, series_id) - 1) / 10000 AS portion
                FROM later l
            )
            SELECT step, user_id, jsonb_agg(entry) AS entries FROM portions
            GROUP BY step, user_id, portion ORDER BY step, user_id, portion
        LOOP
            PERFORM set_config('timedb.user_id', COALESCE(c.user_id::text, ''), true);
            answer := timedb.update_values(c.entries);
            UPDATE mig_tenants m SET corrections = corrections + jsonb_array_length(answer -> 'updated'),
                   no_ops = no_ops + jsonb_array_length(answer -> 'skipped_no_ops')
            WHERE m.tenant_id = t.tenant_id;
        END LOOP;
    END LOOP;
    PERFORM set_config('timedb.user_id', '', true);
END
$$;

-- 5. What is there now, read as each tenant reads it

CREATE TEMPORARY TABLE mig_now (tenant_id uuid, batch_id uuid, series_id uuid, valid_time timestamptz, valid_time_end timestamptz,
                                value float8, annotation text, tags text[]) ON COMMIT DROP;
CREATE TEMPORARY TABLE mig_flat (tenant_id uuid, series_id uuid, valid_time timestamptz, valid_time_end timestamptz,
                                 value float8) ON COMMIT DROP;
DO $$
DECLARE
    t record;
BEGIN
    FOR t IN SELECT tenant_id FROM mig_tenants LOOP
        PERFORM set_config('timedb.tenant_id', t.tenant_id::text, true);
        INSERT INTO mig_now
        SELECT DISTINCT ON (r.batch_id, r.series_id, r.valid_time, r.valid_time_end)
               t.tenant_id, r.batch_id, r.series_id, r.valid_time, r.valid_time_end, r.value, r.annotation, r.tags
        FROM timedb.read_versions() r
        WHERE r.batch_id IN (SELECT m.batch_id FROM mig_batches m WHERE m.tenant_id = t.tenant_id)
        ORDER BY r.batch_id, r.series_id, r.valid_time, r.valid_time_end, r.change_time DESC;
        -- A tenant that had values here before may have newer ones than those that came now.
        IF NOT EXISTS (SELECT FROM timedb.batches b WHERE b.tenant_id = t.tenant_id AND b.kind = 'upload'
                       AND b.batch_id NOT IN (SELECT m.batch_id FROM mig_batches m)) THEN
            INSERT INTO mig_flat
            SELECT t.tenant_id, r.series_id, r.valid_time, r.valid_time_end, r.value FROM timedb.read_flat() r;
        END IF;
    END LOOP;
    PERFORM set_config('timedb.tenant_id', '', true);
    PERFORM set_config('timedb.access', '', true);
END
$$;

-- Annotations and tags as both projects store them: trimmed, and tags in lower case, sorted, each once.
CREATE FUNCTION pg_temp.plain(annotation text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT NULLIF(regexp_replace(annotation, '^\s+|\s+$', '', 'g'), '') $$;
CREATE FUNCTION pg_temp.plain(tags text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(DISTINCT lower(pg_temp.plain(tag))) FROM unnest(tags) tag WHERE pg_temp.plain(tag) IS NOT NULL $$;

DO $$
DECLARE
    different bigint;
    example record;
BEGIN
    CREATE TEMPORARY TABLE mig_differences ON COMMIT DROP AS
    WITH was AS (
        SELECT tenant_id, batch_id, series_id, valid_time, valid_time_end, value,
               CASE WHEN annotation IS NOT NULL THEN pg_temp.plain(annotation) END AS annotation,
               CASE WHEN tags IS NOT NULL THEN pg_temp.plain(tags) END AS tags
        FROM mig_values WHERE is_current AND left_out IS NULL
    ), here AS (
        SELECT tenant_id, batch_id, series_id, valid_time, valid_time_end, value,
               CASE WHEN annotation IS NOT NULL THEN pg_temp.plain(annotation) END AS annotation,
               CASE WHEN tags IS NOT NULL THEN pg_temp.plain(tags) END AS tags
        FROM mig_now
    )
    (SELECT * FROM was EXCEPT ALL SELECT * FROM here) UNION ALL (SELECT * FROM here EXCEPT ALL SELECT * FROM was);
    SELECT count(*) INTO different FROM mig_differences;
    IF different > 0 THEN
        SELECT * INTO example FROM mig_differences LIMIT 1;
        RAISE EXCEPTION 'current values differ in % rows', different
            USING ERRCODE = 'data_corrupted', DETAIL = format('One of them: %s.', example), HINT = 'Nothing was changed.';
    END IF;

    -- What a flat read showed: the newest known_time. Where several batches have it, any of them.
    WITH newest AS (
        SELECT v.tenant_id, v.series_id, v.valid_time, v.valid_time_end, v.value,
               rank() OVER (PARTITION BY v.tenant_id, v.series_id, v.valid_time, v.valid_time_end ORDER BY b.known_time DESC) AS place
        FROM mig_values v
        JOIN mig_batches b ON b.tenant_id = v.tenant_id AND b.batch_id = v.batch_id
        WHERE v.is_current AND v.left_out IS NULL AND v.tenant_id IN (SELECT tenant_id FROM mig_flat)
    ), points AS (
        SELECT count(*) AS number FROM (SELECT DISTINCT tenant_id, series_id, valid_time, valid_time_end FROM newest) p
    )
    SELECT abs((SELECT number FROM points) - (SELECT count(*) FROM mig_flat))
           + (SELECT count(*) FROM (SELECT * FROM mig_flat EXCEPT
              SELECT tenant_id, series_id, valid_time, valid_time_end, value FROM newest WHERE place = 1) d)
    INTO different;
    IF different > 0 THEN
        RAISE EXCEPTION 'flat reads differ in % points', different
            USING ERRCODE = 'data_corrupted', HINT = 'Nothing was changed.';
    END IF;
END
$$;

-- 6. The report

\echo 'Brought over:'
SELECT t.tenant_id,
       (SELECT count(*) FROM mig_users u WHERE u.tenant_id = t.tenant_id) AS users,
       (SELECT count(*) FROM mig_users u WHERE u.tenant_id = t.tenant_id AND u.key_imported) AS keys,
       (SELECT count(*) FROM mig_series s WHERE s.tenant_id = t.tenant_id) AS series,
       (SELECT count(*) FROM mig_batches b WHERE b.tenant_id = t.tenant_id) AS batches,
       (SELECT count(*) FROM mig_values v WHERE v.tenant_id = t.tenant_id AND v.left_out IS NULL) AS versions,
       (SELECT count(*) FROM mig_values v WHERE v.tenant_id = t.tenant_id AND v.left_out IS NULL AND v.is_current) AS current_before,
       (SELECT count(*) FROM mig_now n WHERE n.tenant_id = t.tenant_id) AS current_now,
       t.corrections, t.no_ops
FROM mig_tenants t ORDER BY t.tenant_id;

\echo 'Different, or left behind:'
SELECT what, count
FROM (SELECT 1, 'a value that is NaN or infinite is a missing value now', count(*) FROM mig_values WHERE was_no_number AND left_out IS NULL
      UNION ALL
      SELECT 2, 'a version stays behind: ' || left_out, count(*) FROM mig_values WHERE left_out IS NOT NULL GROUP BY left_out
      UNION ALL
      SELECT 3, 'a series without values stays behind', count(*) FROM :"legacy_schema".series_table s
      WHERE s.series_id NOT IN (SELECT legacy_series_id FROM mig_series)
      UNION ALL
      SELECT 4, 'a batch has lost a finish time before its start', count(*) FROM mig_batches WHERE batch_finish_time < batch_start_time
      UNION ALL
      SELECT 5, 'a key is no key here', count(*) FROM mig_users WHERE NOT key_imported
     ) AS report (place, what, count)
WHERE count > 0 ORDER BY place, what;

COMMIT;
\echo 'Done. Every current value, annotation and tag is the same as before.'

-- 7. The log is folded into segments: a write folds what was committed before it, which one transaction has not been.
--    No answer changes, so this may be broken off; later writes go on with it.

-- Behind COMMIT what was set for the transaction is gone.
SET search_path = pg_catalog, pg_temp;
DO $$
DECLARE
    tenants uuid[] := ARRAY(SELECT DISTINCT tenant_id FROM timedb_internal.write_log);
    id uuid;
    is_left boolean;
BEGIN
    FOREACH id IN ARRAY tenants LOOP
        LOOP
            PERFORM pg_catalog.set_config('timedb.tenant_id', id::pg_catalog.text, true),
                    pg_catalog.set_config('timedb.access', 'read_write', true);
            SELECT c.more INTO STRICT is_left FROM timedb.compact() c;
            COMMIT;
            EXIT WHEN NOT is_left;
        END LOOP;
    END LOOP;
END
$$;
RESET search_path;
