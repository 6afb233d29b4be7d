-- One row an upload: who wrote what kind of work, and when.
CREATE TABLE timedb.batches (
    tenant_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    user_id uuid,
    workflow_id text,
    batch_start_time timestamptz,
    batch_finish_time timestamptz,
    known_time timestamptz NOT NULL,
    change_time timestamptz NOT NULL,
    batch_params jsonb,
    points bigint NOT NULL,
    CONSTRAINT batches_batch_key PRIMARY KEY (tenant_id, batch_id),
    CONSTRAINT batches_points_check CHECK (points >= 0)
);
COMMENT ON TABLE timedb.batches IS 'Uploads of the tenant.';
COMMENT ON COLUMN timedb.batches.user_id IS 'The authenticated user; NULL in a store without authentication.';
COMMENT ON COLUMN timedb.batches.known_time IS 'When the values of this upload were known.';
COMMENT ON COLUMN timedb.batches.change_time IS 'When this upload was written.';
COMMENT ON COLUMN timedb.batches.points IS 'How many points were uploaded.';
