-- When each key was last used. Apart from api_keys, so that noting a use touches neither the row that
-- authenticates nor its indexes; the row is made with the key, so that a use is never an insert.
CREATE TABLE timedb_internal.key_usage (
    tenant_id uuid NOT NULL,
    key_id uuid NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT key_usage_key_key PRIMARY KEY (tenant_id, key_id)
) WITH (fillfactor = 70);

COMMENT ON TABLE timedb_internal.key_usage IS 'When each key was last used, accurate to the minute.';
COMMENT ON COLUMN timedb_internal.key_usage.last_used_at IS 'NULL: never.';
