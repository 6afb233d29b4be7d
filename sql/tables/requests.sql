-- Requests that can be sent again: those to which the client gave a name, a batch_id or an idempotency key. All
-- others are found by their change_time.
CREATE TABLE timedb.requests (
    tenant_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    idempotency_key text,
    request_hash bytea,
    change_time timestamptz NOT NULL,
    points bigint NOT NULL,
    skipped bigint NOT NULL DEFAULT 0,
    series_ids uuid[] NOT NULL,
    answer jsonb,
    CONSTRAINT requests_batch_key PRIMARY KEY (tenant_id, batch_id)
);
CREATE UNIQUE INDEX requests_idempotency_key ON timedb.requests (tenant_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

COMMENT ON TABLE timedb.requests IS 'Writes that can be sent again, by the names that clients gave them, and what they were answered.';
COMMENT ON COLUMN timedb.requests.tenant_id IS 'The tenant, which is always the caller''s own.';
COMMENT ON COLUMN timedb.requests.points IS 'How many versions were written.';
COMMENT ON COLUMN timedb.requests.skipped IS 'How many points were left out because nothing changed.';
COMMENT ON COLUMN timedb.requests.batch_id IS 'The id of the batch, chosen by the client or generated.';
COMMENT ON COLUMN timedb.requests.idempotency_key IS 'The key that the client gave the request.';
COMMENT ON COLUMN timedb.requests.request_hash IS 'SHA-256 of the request.';
COMMENT ON COLUMN timedb.requests.change_time IS 'Which write it was.';
COMMENT ON COLUMN timedb.requests.series_ids IS 'The series of the request, in its order.';
COMMENT ON COLUMN timedb.requests.answer IS 'The answer to a correction.';
