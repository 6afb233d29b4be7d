-- What folded writes say about themselves, packed: a row holds up to a thousand of them as a compressed blob. The
-- ranges of change_time of a tenant's chunks do not overlap, and the log begins after the last one.
CREATE TABLE timedb_internal.batch_chunks (
    tenant_id uuid NOT NULL,
    max_change timestamptz NOT NULL,
    min_change timestamptz NOT NULL,
    count integer NOT NULL,
    blob bytea NOT NULL,
    CONSTRAINT batch_chunks_chunk_key PRIMARY KEY (tenant_id, max_change),
    CONSTRAINT batch_chunks_count_check CHECK (count > 0)
);

-- The blob is compressed already.
ALTER TABLE timedb_internal.batch_chunks ALTER COLUMN blob SET STORAGE EXTERNAL;

COMMENT ON TABLE timedb_internal.batch_chunks IS 'Packed batches. An implementation detail: see timedb.batches.';
COMMENT ON COLUMN timedb_internal.batch_chunks.max_change IS 'The greatest change_time of its batches.';
