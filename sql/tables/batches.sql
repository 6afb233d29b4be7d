-- One row a write: who wrote what kind of work, and when. Also what makes a write repeatable (the
-- request's key, hash and answer) and what changes are found by (change_time, series, valid times).
CREATE TABLE timedb.batches (
    tenant_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    kind text NOT NULL DEFAULT 'upload',
    user_id uuid,
    workflow_id text,
    batch_start_time timestamptz,
    batch_finish_time timestamptz,
    known_time timestamptz,
    change_time timestamptz NOT NULL,
    batch_params jsonb,
    points bigint NOT NULL,
    skipped bigint NOT NULL DEFAULT 0,
    min_valid timestamptz,
    max_valid timestamptz,
    settled_time timestamptz NOT NULL,
    idempotency_key text,
    request_hash bytea,
    series_ids uuid[] NOT NULL,
    answer jsonb,
    CONSTRAINT batches_batch_key PRIMARY KEY (tenant_id, batch_id),
    CONSTRAINT batches_kind_check CHECK (kind IN ('upload', 'correction')),
    CONSTRAINT batches_points_check CHECK (points >= 0 AND skipped >= 0)
);
CREATE INDEX batches_change_index ON timedb.batches (tenant_id, change_time, batch_id);
CREATE UNIQUE INDEX batches_idempotency_key ON timedb.batches (tenant_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

COMMENT ON TABLE timedb.batches IS 'Writes of the tenant: uploads and corrections.';
COMMENT ON COLUMN timedb.batches.kind IS 'upload, or correction (timedb.update_values).';
COMMENT ON COLUMN timedb.batches.user_id IS 'The authenticated user; NULL in a store without authentication.';
COMMENT ON COLUMN timedb.batches.known_time IS 'When the values of this upload became known, for points without a known_time of their own; NULL for corrections, which keep that of each point.';
COMMENT ON COLUMN timedb.batches.change_time IS 'When this was written.';
COMMENT ON COLUMN timedb.batches.points IS 'How many versions were written.';
COMMENT ON COLUMN timedb.batches.skipped IS 'How many points were left out because nothing changed.';
COMMENT ON COLUMN timedb.batches.min_valid IS 'The least valid_time written.';
COMMENT ON COLUMN timedb.batches.max_valid IS 'The greatest valid_time written.';
COMMENT ON COLUMN timedb.batches.settled_time IS 'When this was written, all of the tenant''s writes up to this time had ended.';
COMMENT ON COLUMN timedb.batches.idempotency_key IS 'The key that the client gave the request, so that it can be sent again.';
COMMENT ON COLUMN timedb.batches.request_hash IS 'SHA-256 of a request that can be sent again.';
COMMENT ON COLUMN timedb.batches.series_ids IS 'The series written to, in the order of the request.';
COMMENT ON COLUMN timedb.batches.answer IS 'The answer to a correction that can be sent again.';
