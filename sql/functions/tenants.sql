-- Definer (timedb_keeper): tenants have no INSERT on any table.
CREATE FUNCTION timedb.create_tenant(name text DEFAULT NULL, tenant_id uuid DEFAULT NULL, if_not_exists boolean DEFAULT false) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id uuid := COALESCE(create_tenant.tenant_id, timedb_internal._uuid7());
BEGIN
    IF pg_catalog.length(create_tenant.name) > 200 OR NOT timedb_internal._is_printable(create_tenant.name) THEN
        RAISE EXCEPTION 'invalid tenant name "%"', create_tenant.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A name has 1 to 200 visible characters, none of which controls a terminal or changes the direction of text.';
    END IF;
    IF id = 'ffffffff-ffff-ffff-ffff-ffffffffffff' THEN
        RAISE EXCEPTION 'no tenant can have the id "%"', id
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'timedb.list_events() shows under it what is of no tenant. Leave tenant_id out to get a new id.';
    END IF;
    INSERT INTO timedb_internal.tenants (tenant_id, name) VALUES (id, create_tenant.name)
    ON CONFLICT ON CONSTRAINT tenants_tenant_key DO NOTHING;
    IF FOUND THEN
        PERFORM timedb_internal._record_event(id, 'tenant_created', NULL, NULL,
            pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('name', create_tenant.name)));
    ELSIF create_tenant.if_not_exists IS NOT TRUE THEN
        RAISE EXCEPTION 'tenant "%" already exists', id
            USING ERRCODE = 'unique_violation',
                  HINT = 'Pass if_not_exists => true to use the tenant as it is.';
    ELSE
        PERFORM timedb_internal._commit_as_writer();
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION timedb.create_tenant IS
    'For administrators. Creates a tenant and returns its id. Without tenant_id a new id is generated; with if_not_exists an existing tenant is left as it is.';

-- Definer (timedb_keeper): it alone knows all tenants.
CREATE FUNCTION timedb.list_tenants() RETURNS TABLE (tenant_id uuid, name text, created_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.tenant_id, t.name, t.created_at FROM timedb_internal.tenants t ORDER BY t.tenant_id
$$;
COMMENT ON FUNCTION timedb.list_tenants IS 'For administrators. The tenants of this store.';

CREATE FUNCTION timedb_internal._check_tenant(tenant_id uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM timedb_internal.tenants t WHERE t.tenant_id = _check_tenant.tenant_id) THEN
        RAISE EXCEPTION 'tenant "%" does not exist', _check_tenant.tenant_id
            USING ERRCODE = 'undefined_object',
                  HINT = 'timedb.list_tenants() shows the tenants of this store.';
    END IF;
END
$$;
COMMENT ON FUNCTION timedb_internal._check_tenant IS 'Fails for a tenant that does not exist. Private.';

-- At random, so that over many calls each has its turn.
CREATE FUNCTION timedb_internal._some_tenants(tenant_id uuid, max_tenants integer) RETURNS SETOF uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF _some_tenants.tenant_id IS NOT NULL THEN
        PERFORM timedb_internal._check_tenant(_some_tenants.tenant_id);
        RETURN QUERY SELECT _some_tenants.tenant_id;
        RETURN;
    END IF;
    IF _some_tenants.max_tenants IS NULL OR _some_tenants.max_tenants < 1 THEN
        RAISE EXCEPTION 'max_tenants must be positive, not %', COALESCE(_some_tenants.max_tenants::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY SELECT t.tenant_id FROM timedb_internal.tenants t ORDER BY pg_catalog.random() LIMIT _some_tenants.max_tenants;
END
$$;
COMMENT ON FUNCTION timedb_internal._some_tenants IS 'The tenant, or some if it is NULL. Private.';
