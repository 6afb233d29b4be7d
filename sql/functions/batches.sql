-- The tenant's batches as rows. The function runs as timedb_definer, bound by row-level security: tenants cannot read
-- the log.
CREATE FUNCTION timedb_internal._list_batches(start_change timestamptz DEFAULT NULL, end_change timestamptz DEFAULT NULL)
RETURNS TABLE (
    tenant_id uuid,
    batch_id uuid,
    kind text,
    user_id uuid,
    workflow_id text,
    batch_start_time timestamptz,
    batch_finish_time timestamptz,
    known_time timestamptz,
    change_time timestamptz,
    batch_params jsonb,
    points bigint,
    skipped bigint,
    min_valid timestamptz,
    max_valid timestamptz,
    settled_time timestamptz,
    series_ids uuid[]
)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_batches';

COMMENT ON FUNCTION timedb_internal._list_batches IS
'The tenant''s batches with start_change <= change_time < end_change, for timedb.batches.';

CREATE VIEW timedb.batches WITH (security_invoker = true, security_barrier = true) AS
    SELECT b.tenant_id, b.batch_id, b.kind, b.user_id, b.workflow_id, b.batch_start_time, b.batch_finish_time,
           b.known_time, b.change_time, b.batch_params, b.points, b.skipped, b.min_valid, b.max_valid, b.settled_time,
           r.idempotency_key, r.request_hash, b.series_ids, r.answer
    FROM timedb_internal._list_batches() AS b
    LEFT JOIN timedb.requests AS r ON r.batch_id = b.batch_id;

COMMENT ON VIEW timedb.batches IS 'Writes of the tenant: uploads and corrections.';
COMMENT ON COLUMN timedb.batches.tenant_id IS 'The tenant, which is always the caller''s own.';
COMMENT ON COLUMN timedb.batches.workflow_id IS 'What made the batch, as its writer calls it.';
COMMENT ON COLUMN timedb.batches.batch_start_time IS 'When its making began, as its writer says.';
COMMENT ON COLUMN timedb.batches.batch_finish_time IS 'When its making ended, as its writer says.';
COMMENT ON COLUMN timedb.batches.batch_params IS 'What else its writer says about it.';
COMMENT ON COLUMN timedb.batches.batch_id IS 'The id that the client chose, or one that follows from change_time.';
COMMENT ON COLUMN timedb.batches.kind IS 'upload, or correction (timedb.update_values).';
COMMENT ON COLUMN timedb.batches.user_id IS 'The authenticated user; NULL in a store without authentication.';
COMMENT ON COLUMN timedb.batches.known_time IS 'When the values of this upload became known, for points without a known_time of their own; NULL for corrections, which keep that of each point.';
COMMENT ON COLUMN timedb.batches.change_time IS 'When this was written: no other batch of the tenant has the same.';
COMMENT ON COLUMN timedb.batches.points IS 'How many versions were written.';
COMMENT ON COLUMN timedb.batches.skipped IS 'How many points were left out because nothing changed.';
COMMENT ON COLUMN timedb.batches.min_valid IS 'The least valid_time written.';
COMMENT ON COLUMN timedb.batches.max_valid IS 'The greatest valid_time written.';
COMMENT ON COLUMN timedb.batches.settled_time IS 'When this was written, all of the tenant''s writes up to this time had ended.';
COMMENT ON COLUMN timedb.batches.idempotency_key IS 'The key that the client gave the request, so that it can be sent again.';
COMMENT ON COLUMN timedb.batches.request_hash IS 'SHA-256 of a request that can be sent again.';
COMMENT ON COLUMN timedb.batches.series_ids IS 'The series written to, in the order of the request, each once.';
COMMENT ON COLUMN timedb.batches.answer IS 'The answer to a correction that can be sent again.';
