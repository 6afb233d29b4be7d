-- What administrators did to tenants, users and keys. Rows are only ever added, by the functions that
-- do these things: a trigger would add them again when a dump is restored.
CREATE TABLE timedb.audit_events (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    event text NOT NULL,
    user_id uuid,
    key_id uuid,
    actor_role text NOT NULL,
    actor_user_id uuid,
    actor_key_id uuid,
    details jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT audit_events_event_key PRIMARY KEY (tenant_id, event_id)
);

COMMENT ON TABLE timedb.audit_events IS 'What was done to tenants, users and keys, when and by whom. Each tenant reads its own rows.';
COMMENT ON COLUMN timedb.audit_events.tenant_id IS 'The tenant, which is always the caller''s own.';
COMMENT ON COLUMN timedb.audit_events.occurred_at IS 'When it was done.';
COMMENT ON COLUMN timedb.audit_events.event IS 'What was done.';
COMMENT ON COLUMN timedb.audit_events.event_id IS 'UUIDv7: ids sort by their time.';
COMMENT ON COLUMN timedb.audit_events.user_id IS 'The user it happened to.';
COMMENT ON COLUMN timedb.audit_events.key_id IS 'The key it happened to.';
COMMENT ON COLUMN timedb.audit_events.actor_role IS 'The role that had connected to PostgreSQL.';
COMMENT ON COLUMN timedb.audit_events.actor_user_id IS 'The user who was authenticated at that moment, if any.';
COMMENT ON COLUMN timedb.audit_events.actor_key_id IS 'The key that user had authenticated with.';
COMMENT ON COLUMN timedb.audit_events.details IS 'What else there is to say, such as the name of a key. Never key material.';
