-- Definer (timedb_keeper): tenants have no INSERT on any table.
CREATE FUNCTION timedb.create_tenant(name text DEFAULT NULL, tenant_id uuid DEFAULT NULL, if_not_exists boolean DEFAULT false) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id uuid := COALESCE(create_tenant.tenant_id, timedb._uuid7());
BEGIN
    IF pg_catalog.length(create_tenant.name) > 200 OR NOT timedb._is_printable(create_tenant.name) THEN
        RAISE EXCEPTION 'invalid tenant name "%"', create_tenant.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A name has 1 to 200 visible characters, none of which controls a terminal or changes the direction of text.';
    END IF;
    INSERT INTO timedb.tenants (tenant_id, name) VALUES (id, create_tenant.name)
    ON CONFLICT ON CONSTRAINT tenants_tenant_key DO NOTHING;
    IF FOUND THEN
        PERFORM timedb._record_event(id, 'tenant_created', NULL, NULL,
            pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('name', create_tenant.name)));
    ELSIF create_tenant.if_not_exists IS NOT TRUE THEN
        RAISE EXCEPTION 'tenant "%" already exists', id
            USING ERRCODE = 'unique_violation',
                  HINT = 'Pass if_not_exists => true to use the tenant as it is.';
    ELSE
        PERFORM timedb._commit_as_writer();
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION timedb.create_tenant IS
    'Creates a tenant and returns its id. Without tenant_id a new id is generated; with if_not_exists an existing tenant is left as it is.';
