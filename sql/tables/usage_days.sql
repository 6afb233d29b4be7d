-- How much each key was used on each day, as servers count it. Apart from key_usage, which a use updates in place and
-- which has one row a key.
CREATE TABLE timedb_internal.usage_days (
    tenant_id uuid NOT NULL,
    key_id uuid NOT NULL,
    day date NOT NULL,
    requests bigint NOT NULL,
    rows_in bigint NOT NULL,
    rows_out bigint NOT NULL,
    CONSTRAINT usage_days_day_key PRIMARY KEY (tenant_id, key_id, day)
) WITH (fillfactor = 70);

COMMENT ON TABLE timedb_internal.usage_days IS 'How much each key was used on each day, as HTTP servers report it.';
COMMENT ON COLUMN timedb_internal.usage_days.day IS 'The day of the report, in UTC: a report comes within a minute of what it is about.';
COMMENT ON COLUMN timedb_internal.usage_days.requests IS 'How many requests were answered with the key, whatever the answer.';
COMMENT ON COLUMN timedb_internal.usage_days.rows_in IS 'How many values they have written.';
COMMENT ON COLUMN timedb_internal.usage_days.rows_out IS 'How many values they were answered with.';
