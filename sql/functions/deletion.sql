-- Deletion. Those for tenants run as timedb_definer, bound by row-level security.

CREATE FUNCTION timedb.delete_batch(batch_id uuid)
RETURNS TABLE (points bigint, segments bigint, bytes bigint)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'delete_batch_wrapper';
COMMENT ON FUNCTION timedb.delete_batch IS
'Deletes a batch: all versions that belong to it, with those that corrections of its points wrote, and its row of timedb.batches. Reads as of any time no longer show them. Its batch_id and idempotency_key can be used again.';

CREATE FUNCTION timedb.delete_series(series_id uuid)
RETURNS TABLE (points bigint, segments bigint, bytes bigint)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'delete_series_wrapper';
COMMENT ON FUNCTION timedb.delete_series IS
'Deletes a series with all its points, labels and rules. Batches that wrote to it stay, with its id among their series_ids.';

-- Definer (timedb_definer), as the tenant; only timedb_keeper may call it.
CREATE FUNCTION timedb_internal._erase_store(tenant_id uuid)
RETURNS TABLE (series bigint, points bigint, bytes bigint)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', '_erase_store_wrapper';
COMMENT ON FUNCTION timedb_internal._erase_store IS 'Deletes all that a tenant has stored. Private.';

-- Definer (timedb_keeper). Nothing of the tenant stays in any table, so the record says of it only what recognises it:
-- the SHA-256 of its id. That record belongs to no tenant: no id has only ones.
CREATE FUNCTION timedb.delete_tenant(tenant_id uuid)
RETURNS TABLE (users bigint, series bigint, points bigint, bytes bigint)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant constant uuid := delete_tenant.tenant_id;
BEGIN
    PERFORM timedb_internal._check_tenant(tenant);
    IF tenant = '00000000-0000-0000-0000-000000000000' AND NOT timedb.auth_required() THEN
        RAISE EXCEPTION 'tenant "%" is whose data everybody reads and writes in this open store', tenant
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Close the store first: timedb.set_auth_required(true).';
    END IF;
    -- The data first: whoever writes it is waited for, and from then on finds no tenant.
    SELECT e.series, e.points, e.bytes INTO series, points, bytes FROM timedb_internal._erase_store(tenant) e;
    PERFORM FROM timedb_internal.tenants t WHERE t.tenant_id = tenant FOR UPDATE;
    DELETE FROM timedb_internal.key_usage k WHERE k.tenant_id = tenant;
    DELETE FROM timedb_internal.usage_days d WHERE d.tenant_id = tenant;
    DELETE FROM timedb_internal.api_keys k WHERE k.tenant_id = tenant;
    DELETE FROM timedb_internal.bound_roles b WHERE b.tenant_id = tenant;
    DELETE FROM timedb_internal.users u WHERE u.tenant_id = tenant;
    GET DIAGNOSTICS users = ROW_COUNT;
    DELETE FROM timedb.audit_events e WHERE e.tenant_id = tenant;
    DELETE FROM timedb_internal.tenants t WHERE t.tenant_id = tenant;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'tenant "%" does not exist', tenant USING ERRCODE = 'undefined_object';
    END IF;
    PERFORM timedb_internal._record_event('ffffffff-ffff-ffff-ffff-ffffffffffff', 'tenant_deleted', NULL, NULL,
        pg_catalog.jsonb_build_object(
            'tenant_sha256', pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(tenant::text, 'UTF8')), 'hex'),
            'users', users, 'series', series, 'points', points));
    RETURN QUERY SELECT delete_tenant.users, delete_tenant.series, delete_tenant.points, delete_tenant.bytes;
END
$$;
COMMENT ON FUNCTION timedb.delete_tenant IS
'For administrators. Deletes a tenant: its users and keys, all that it has stored, and the record of what was done to it. It cannot be undone. What stays is an event without a tenant, with the SHA-256 of the tenant''s id.';
