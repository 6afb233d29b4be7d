-- Tables as the Python project made them, with what may stand in them: two tenants that share a series, history,
-- users of every kind, and rows that no store should have had.
CREATE SCHEMA IF NOT EXISTS :"schema";
SET search_path = :"schema";
CREATE TABLE batches_table (
    batch_id uuid PRIMARY KEY, tenant_id uuid NOT NULL, workflow_id text, batch_start_time timestamptz,
    batch_finish_time timestamptz, known_time timestamptz NOT NULL DEFAULT now(), batch_params jsonb,
    inserted_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE series_table (
    series_id uuid PRIMARY KEY, name text NOT NULL, unit text NOT NULL, labels jsonb NOT NULL DEFAULT '{}',
    description text, inserted_at timestamptz NOT NULL DEFAULT now(), UNIQUE (name, labels)
);
CREATE TABLE values_table (
    value_id bigserial PRIMARY KEY, batch_id uuid NOT NULL REFERENCES batches_table, tenant_id uuid NOT NULL,
    series_id uuid NOT NULL REFERENCES series_table, valid_time timestamptz NOT NULL, valid_time_end timestamptz,
    value float8, annotation text, metadata jsonb, tags text[], changed_by text,
    change_time timestamptz NOT NULL DEFAULT now(), is_current boolean NOT NULL DEFAULT true
);
CREATE TABLE users_table (
    user_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL, email text NOT NULL,
    api_key text NOT NULL UNIQUE, is_active boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(), UNIQUE (tenant_id, email)
);

INSERT INTO users_table (tenant_id, email, api_key, is_active) VALUES
    ('aaaaaaaa-0000-0000-0000-000000000000', 'Ann@a.example', 'ann_________-key-of-the-python-project-4567', true),
    ('aaaaaaaa-0000-0000-0000-000000000000', 'gone@a.example', 'gone________-key-of-the-python-project-4567', false),
    ('bbbbbbbb-0000-0000-0000-000000000000', 'ann@a.example', 'annb________-key-of-the-python-project-4567', true),
    ('bbbbbbbb-0000-0000-0000-000000000000', 'hand@b.example', 'made by hand', true);

INSERT INTO series_table (series_id, name, unit, labels, description) VALUES
    ('00000000-0000-0000-0000-000000000001', 'wind_power', 'MW', '{"farm": "north"}', 'at the grid'),
    ('00000000-0000-0000-0000-000000000002', 'wind_speed', 'm/s', '{"height": 80}', NULL),
    ('00000000-0000-0000-0000-000000000003', 'unused', 'dimensionless', '{}', NULL);

INSERT INTO batches_table (batch_id, tenant_id, workflow_id, batch_start_time, batch_finish_time, known_time, batch_params, inserted_at) VALUES
    ('10000000-0000-0000-0000-000000000000', 'aaaaaaaa-0000-0000-0000-000000000000', 'day-ahead', '2026-01-01 05:50Z', '2026-01-01 05:55Z',
     '2026-01-01 06:00Z', '{"model": "v1"}', '2026-01-01 06:01Z'),
    ('20000000-0000-0000-0000-000000000000', 'aaaaaaaa-0000-0000-0000-000000000000', NULL, '2026-01-01 18:00Z', '2026-01-01 17:00Z',
     '2026-01-01 18:00Z', NULL, '2026-01-01 18:01Z'),
    ('30000000-0000-0000-0000-000000000000', 'aaaaaaaa-0000-0000-0000-000000000000', 'twin', NULL, NULL,
     '2026-01-01 18:00Z', NULL, '2026-01-01 18:02Z'),
    ('40000000-0000-0000-0000-000000000000', 'aaaaaaaa-0000-0000-0000-000000000000', 'empty', NULL, NULL,
     '2026-01-01 19:00Z', NULL, '2026-01-01 19:01Z'),
    ('50000000-0000-0000-0000-000000000000', 'bbbbbbbb-0000-0000-0000-000000000000', 'b', NULL, NULL,
     '2026-01-01 06:00Z', NULL, '2026-01-01 06:02Z');

-- Of tenant a: a history, an interval beside an instant, null, a first version with a note, and two batches with one
-- known_time of which both were corrected.
INSERT INTO values_table (batch_id, tenant_id, series_id, valid_time, valid_time_end, value, annotation, metadata, tags, changed_by, change_time, is_current)
SELECT b.id, 'aaaaaaaa-0000-0000-0000-000000000000', s.id, v.valid_time, v.valid_time_end, v.value, v.annotation, v.metadata, v.tags,
       v.changed_by, v.change_time, v.is_current
FROM (VALUES
    ('1', '1', '2026-01-02 00:00Z'::timestamptz, NULL::timestamptz, 10::float8, NULL, NULL::jsonb, NULL::text[], 'ann@a.example', '2026-01-01 06:01Z'::timestamptz, false),
    ('1', '1', '2026-01-02 00:00Z', NULL, 12, 'second look', '{"source": "phone"}', '{checked,manual}', 'ann@a.example', '2026-01-03 09:00Z', true),
    ('1', '1', '2026-01-02 00:00Z', NULL, 11, 'first look', NULL, '{manual}', 'nobody@else.example', '2026-01-03 08:00Z', false),
    ('1', '1', '2026-01-02 00:00Z', '2026-01-02 01:00Z', 0.1, NULL, NULL, NULL, NULL, '2026-01-01 06:01Z', true),
    ('1', '1', '2026-01-02 01:00Z', NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-01 06:01Z', true),
    ('1', '1', '2026-01-02 02:00Z', NULL, 'NaN', NULL, NULL, NULL, NULL, '2026-01-01 06:01Z', true),
    ('1', '2', '2026-01-02 00:00Z', NULL, 7.25, 'by hand', '["a list"]', NULL, 'ann@a.example', '2026-01-01 06:01Z', true),
    ('1', '2', 'infinity', NULL, 1, NULL, NULL, NULL, NULL, '2026-01-01 06:01Z', true),
    ('1', '2', '2026-01-02 01:00Z', NULL, 1, NULL, NULL, NULL, NULL, '2026-01-01 06:01Z', false),
    ('2', '1', '2026-01-02 01:00Z', NULL, 21, NULL, NULL, NULL, NULL, '2026-01-01 18:01Z', false),
    ('2', '1', '2026-01-02 01:00Z', NULL, 22, NULL, NULL, NULL, 'ann@a.example', '2026-01-03 08:00Z', true),
    ('3', '1', '2026-01-02 01:00Z', NULL, 31, NULL, NULL, NULL, 'Ann@a.example', '2026-01-01 18:02Z', false),
    ('3', '1', '2026-01-02 01:00Z', NULL, 32, NULL, NULL, NULL, 'ann@a.example', '2026-01-03 09:00Z', true),
    ('5', '1', '2026-01-02 03:00Z', NULL, 99, NULL, NULL, NULL, NULL, '2026-01-01 06:02Z', true)
) AS v (batch, series, valid_time, valid_time_end, value, annotation, metadata, tags, changed_by, change_time, is_current)
CROSS JOIN LATERAL (SELECT (v.batch || '0000000-0000-0000-0000-000000000000')::uuid AS id) b
CROSS JOIN LATERAL (SELECT ('00000000-0000-0000-0000-00000000000' || v.series)::uuid AS id) s;
-- Of tenant b: the same series and instants.
INSERT INTO values_table (batch_id, tenant_id, series_id, valid_time, value)
SELECT '50000000-0000-0000-0000-000000000000', 'bbbbbbbb-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000001',
       timestamptz '2026-01-02 00:00Z' + make_interval(hours => i), 500 + i
FROM generate_series(0, 2) AS i;
