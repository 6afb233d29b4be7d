-- Users. All definers here belong to timedb_keeper, which alone sees users across tenants.

-- One spelling for each address, so that uniqueness and look-ups mean what people expect.
CREATE FUNCTION timedb_internal._normal_email(email text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_catalog.lower(pg_catalog.btrim(_normal_email.email, E' \t\r\n'))
$$;
COMMENT ON FUNCTION timedb_internal._normal_email IS 'An email trimmed and in lower case. Private.';

-- Finds the one user that an administrator means, and locks its row until the transaction ends.
CREATE FUNCTION timedb_internal._find_user(email text, INOUT tenant_id uuid, OUT user_id uuid)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    candidate record;
    matches integer := 0;
BEGIN
    FOR candidate IN
        SELECT u.tenant_id, u.user_id FROM timedb_internal.users u
        WHERE u.email = timedb_internal._normal_email(_find_user.email)
          AND (_find_user.tenant_id IS NULL OR u.tenant_id = _find_user.tenant_id)
        ORDER BY u.tenant_id
        FOR UPDATE
    LOOP
        matches := matches + 1;
        user_id := candidate.user_id;
        IF matches = 2 THEN
            RAISE EXCEPTION 'user with email "%" exists in several tenants', _find_user.email
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Pass tenant_id to say which one; timedb.list_users() shows them.';
        END IF;
    END LOOP;
    IF matches = 0 THEN
        RAISE EXCEPTION 'user with email "%" not found', COALESCE(_find_user.email, '')
            USING ERRCODE = 'undefined_object';
    END IF;
    tenant_id := candidate.tenant_id;
END
$$;
COMMENT ON FUNCTION timedb_internal._find_user IS 'Finds a user by email, in one tenant or in all. Private.';

-- IN and OUT parameters share names, hence INOUT: the columns are user_id, tenant_id, email, api_key.
CREATE FUNCTION timedb.create_user(OUT user_id uuid, INOUT tenant_id uuid, INOUT email text, OUT api_key text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    email := timedb_internal._normal_email(create_user.email);
    IF create_user.email IS NULL OR create_user.email !~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$'
       OR pg_catalog.length(create_user.email) > 254 OR NOT timedb_internal._is_printable(create_user.email) THEN
        RAISE EXCEPTION 'invalid email "%"', COALESCE(create_user.email, '')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'An email has the form name@host, up to 254 characters.';
    END IF;
    -- Locked, so that the tenant is not deleted meanwhile.
    PERFORM FROM timedb_internal.tenants t WHERE t.tenant_id = create_user.tenant_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'tenant "%" does not exist', create_user.tenant_id
            USING ERRCODE = 'undefined_object',
                  HINT = 'Create it with timedb.create_tenant().';
    END IF;

    user_id := timedb_internal._uuid7();
    INSERT INTO timedb_internal.users (tenant_id, user_id, email)
    VALUES (create_user.tenant_id, create_user.user_id, create_user.email)
    ON CONFLICT ON CONSTRAINT users_email_key DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user with email "%" already exists for this tenant', create_user.email
            USING ERRCODE = 'unique_violation',
                  HINT = 'timedb.regenerate_key() gives an existing user a new key.';
    END IF;
    PERFORM timedb_internal._record_event(create_user.tenant_id, 'user_created', create_user.user_id, NULL,
        pg_catalog.jsonb_build_object('email', create_user.email));
    api_key := timedb_internal._generate_key();
    PERFORM timedb_internal._store_key(create_user.tenant_id, create_user.user_id, 'default', 'read_write',
        NULL, NULL, 'key_created');
END
$$;
COMMENT ON FUNCTION timedb.create_user IS
    'For administrators. Creates a user of a tenant and returns it with its API key. The key is shown only this once, because only its hash is stored.';

CREATE FUNCTION timedb.list_users(tenant_id uuid DEFAULT NULL, include_inactive boolean DEFAULT true)
    RETURNS TABLE (email text, user_id uuid, tenant_id uuid, active boolean, created_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.email, u.user_id, u.tenant_id, u.active, u.created_at
    FROM timedb_internal.users u
    WHERE (list_users.tenant_id IS NULL OR u.tenant_id = list_users.tenant_id)
      AND (u.active OR list_users.include_inactive)
    ORDER BY u.created_at DESC, u.user_id DESC
$$;
COMMENT ON FUNCTION timedb.list_users IS
    'For administrators. Users, newest first: of one tenant, or of all when tenant_id is NULL.';

CREATE FUNCTION timedb_internal._set_user_active(email text, tenant_id uuid, active boolean) RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder record;
BEGIN
    SELECT * INTO STRICT holder FROM timedb_internal._find_user(_set_user_active.email, _set_user_active.tenant_id);
    UPDATE timedb_internal.users u SET active = _set_user_active.active
    WHERE u.tenant_id = holder.tenant_id AND u.user_id = holder.user_id AND u.active <> _set_user_active.active;
    IF FOUND THEN
        PERFORM timedb_internal._record_event(holder.tenant_id, CASE WHEN _set_user_active.active THEN 'user_activated' ELSE 'user_deactivated' END,
            holder.user_id, NULL);
    END IF;
    RETURN holder.user_id;
END
$$;
COMMENT ON FUNCTION timedb_internal._set_user_active IS 'Activates or deactivates a user. Private.';

CREATE FUNCTION timedb.activate_user(email text, tenant_id uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT timedb_internal._set_user_active(activate_user.email, activate_user.tenant_id, true)
$$;
COMMENT ON FUNCTION timedb.activate_user IS
    'For administrators. Lets a deactivated user''s keys work again and returns the user''s id. tenant_id is needed if the email exists in several tenants.';

CREATE FUNCTION timedb.deactivate_user(email text, tenant_id uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT timedb_internal._set_user_active(deactivate_user.email, deactivate_user.tenant_id, false)
$$;
COMMENT ON FUNCTION timedb.deactivate_user IS
    'For administrators. Refuses every key of a user from the next statement on and returns the user''s id. tenant_id is needed if the email exists in several tenants.';
