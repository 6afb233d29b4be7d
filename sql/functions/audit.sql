-- The record of administration: written by the functions that administer, read by tenants (the table,
-- under row security) and by administrators (the function below).

-- Called by timedb_keeper's functions only.
CREATE FUNCTION timedb_internal._record_event(tenant_id uuid, event text, user_id uuid, key_id uuid, details jsonb DEFAULT '{}') RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO timedb.audit_events
        (tenant_id, event_id, occurred_at, event, user_id, key_id, actor_role, actor_user_id, actor_key_id, details)
    SELECT _record_event.tenant_id, timedb_internal._uuid7(), pg_catalog.clock_timestamp(), _record_event.event,
           _record_event.user_id, _record_event.key_id, session_user, w.user_id, w.key_id,
           _record_event.details
    FROM timedb.whoami() w
$$;
COMMENT ON FUNCTION timedb_internal._record_event IS 'Adds a row to timedb.audit_events. Private.';

-- Definer (timedb_keeper): sees the events of every tenant.
CREATE FUNCTION timedb.list_events(tenant_id uuid DEFAULT NULL, since timestamptz DEFAULT NULL, max_events integer DEFAULT 1000)
    RETURNS TABLE (occurred_at timestamptz, event text, tenant_id uuid, user_id uuid, key_id uuid, actor_role text,
                   actor_user_id uuid, actor_key_id uuid, details jsonb, event_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.occurred_at, e.event, e.tenant_id, e.user_id, e.key_id, e.actor_role,
           e.actor_user_id, e.actor_key_id, e.details, e.event_id
    FROM timedb.audit_events e
    WHERE (list_events.tenant_id IS NULL OR e.tenant_id = list_events.tenant_id)
      AND (list_events.since IS NULL OR e.occurred_at >= list_events.since)
    ORDER BY e.event_id DESC
    LIMIT list_events.max_events
$$;
COMMENT ON FUNCTION timedb.list_events IS
    'For administrators. What was done to tenants, users and keys, newest first: in one tenant, or in all when tenant_id is NULL.';
