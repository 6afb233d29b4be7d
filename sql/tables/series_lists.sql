-- Lists of series that writes of the log have in common: a feed names the same ones each time.
CREATE TABLE timedb_internal.series_lists (
    tenant_id uuid NOT NULL,
    list_id uuid NOT NULL,
    series_ids bytea NOT NULL,
    CONSTRAINT series_lists_list_key PRIMARY KEY (tenant_id, list_id)
);

-- Ids hardly compress.
ALTER TABLE timedb_internal.series_lists ALTER COLUMN series_ids SET STORAGE EXTERNAL;

COMMENT ON TABLE timedb_internal.series_lists IS 'Lists of series that recur in timedb_internal.write_log.';
COMMENT ON COLUMN timedb_internal.series_lists.list_id IS 'The first 16 bytes of the SHA-256 of series_ids.';
COMMENT ON COLUMN timedb_internal.series_lists.series_ids IS '16 bytes each.';
