-- What holds for the whole store.

CREATE FUNCTION timedb.version() RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'version_wrapper';
COMMENT ON FUNCTION timedb.version IS 'The version of the loaded library.';

CREATE FUNCTION timedb.built_for() RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'built_for_wrapper';
COMMENT ON FUNCTION timedb.built_for IS
    'The release of PostgreSQL that the loaded library was built with, as server_version_num.';

-- What finds its work done by an earlier transaction calls this: locks of rows do the same by themselves.
CREATE FUNCTION timedb_internal._commit_as_writer() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', '_commit_as_writer_wrapper';
COMMENT ON FUNCTION timedb_internal._commit_as_writer IS
    'Makes this transaction''s commit wait as if it had written: until the log is flushed and synchronous standbys have it. Private.';

-- Definer (timedb_definer): callers have no right on timedb_internal.settings. No row means required, so
-- a store whose settings got lost is closed.
CREATE FUNCTION timedb.auth_required() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (
        SELECT FROM timedb_internal.settings s WHERE s.name = 'auth_required' AND s.value = 'false'::pg_catalog.jsonb
    )
$$;
COMMENT ON FUNCTION timedb.auth_required IS 'Whether an API key is required. False in an open store, where no key means the zero UUID''s tenant.';

-- Definer (timedb_keeper). An open store's writes belong to the zero tenant, which then exists.
CREATE FUNCTION timedb.set_auth_required(required boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF set_auth_required.required IS NULL THEN
        RAISE EXCEPTION 'required must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF set_auth_required.required THEN
        DELETE FROM timedb_internal.settings s WHERE s.name = 'auth_required';
        IF FOUND THEN
            PERFORM timedb_internal._record_event('00000000-0000-0000-0000-000000000000', 'store_closed', NULL, NULL);
        ELSE
            PERFORM timedb_internal._commit_as_writer();
        END IF;
        RETURN;
    END IF;
    PERFORM timedb.create_tenant('default', '00000000-0000-0000-0000-000000000000', true);
    INSERT INTO timedb_internal.settings AS s (name, value) VALUES ('auth_required', 'false')
    ON CONFLICT ON CONSTRAINT settings_name_key DO UPDATE SET value = excluded.value WHERE s.value <> excluded.value;
    IF FOUND THEN
        PERFORM timedb_internal._record_event('00000000-0000-0000-0000-000000000000', 'store_opened', NULL, NULL);
    END IF;
    RAISE NOTICE 'authentication is no longer required'
        USING DETAIL = 'Whoever reaches the server without a key can read and write the data of tenant 00000000-0000-0000-0000-000000000000.';
END
$$;
COMMENT ON FUNCTION timedb.set_auth_required IS
    'For administrators. Opens the store (false): no key then means the zero UUID''s tenant; or closes it again (true).';
