-- The log: one row a write, which says what the write was and holds its points, those of all series together,
-- unless they are many of one series: those go into segments at once. Folding moves the points of settled rows into
-- segments and what they say about themselves into batch_chunks, and deletes the rows; a write that finds the log
-- at its bound folds it. The key is what makes a write unique: two of a tenant never have the same change_time.
CREATE TABLE timedb_internal.write_log (
    tenant_id uuid NOT NULL,
    change_time timestamptz NOT NULL,
    points integer NOT NULL,
    list_id uuid,
    blob bytea NOT NULL,
    CONSTRAINT write_log_write_key PRIMARY KEY (tenant_id, change_time),
    CONSTRAINT write_log_points_check CHECK (points >= 0)
)
-- Rows of a few kilobytes stay on their page: every read passes them. They come and go, so dead ones are removed soon.
WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The blob is compressed already.
ALTER TABLE timedb_internal.write_log ALTER COLUMN blob SET STORAGE EXTERNAL;

COMMENT ON TABLE timedb_internal.write_log IS 'The latest writes with their points, until they are folded into segments. An implementation detail: see timedb.batches.';
COMMENT ON COLUMN timedb_internal.write_log.points IS 'How many points the blob holds.';
COMMENT ON COLUMN timedb_internal.write_log.list_id IS 'What its series are called as a list; NULL for few.';
