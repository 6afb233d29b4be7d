-- The ends of keys. All definers here belong to timedb_keeper, which alone sees keys across tenants.

-- Finds a key by its id, and locks its row until the transaction ends.
CREATE FUNCTION timedb_internal._find_key(key_id uuid) RETURNS timedb_internal.api_keys
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_key timedb_internal.api_keys%ROWTYPE;
BEGIN
    SELECT k.* INTO found_key FROM timedb_internal.api_keys k WHERE k.key_id = _find_key.key_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'API key with id "%" not found', _find_key.key_id
            USING ERRCODE = 'undefined_object', HINT = 'timedb.list_keys() shows the keys with their ids.';
    END IF;
    RETURN found_key;
END
$$;
COMMENT ON FUNCTION timedb_internal._find_key IS 'Finds a key by its id. Private.';

CREATE FUNCTION timedb.revoke_key(key_id uuid) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_key timedb_internal.api_keys%ROWTYPE := timedb_internal._find_key(revoke_key.key_id);
BEGIN
    IF old_key.revoked_at IS NOT NULL THEN
        RETURN false;
    END IF;
    UPDATE timedb_internal.api_keys k SET revoked_at = pg_catalog.clock_timestamp()
    WHERE k.tenant_id = old_key.tenant_id AND k.key_id = old_key.key_id;
    PERFORM timedb_internal._record_event(old_key.tenant_id, 'key_revoked', old_key.user_id, old_key.key_id,
        pg_catalog.jsonb_build_object('name', old_key.name));
    RETURN true;
END
$$;
COMMENT ON FUNCTION timedb.revoke_key IS
    'For administrators. Ends one key from the next statement on. False if it was already revoked.';

-- The new key is like the old one: name, access, and the same lifetime as the old one was given. An
-- old key is rotated once, so that no chain of overlaps keeps it alive.
CREATE FUNCTION timedb.rotate_key(key_id uuid, overlap interval DEFAULT '24 hours')
    RETURNS TABLE (new_key_id uuid, api_key text, old_key_until timestamptz)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_key timedb_internal.api_keys%ROWTYPE := timedb_internal._find_key(rotate_key.key_id);
    now constant timestamptz := pg_catalog.clock_timestamp();
BEGIN
    IF rotate_key.overlap IS NULL OR rotate_key.overlap NOT BETWEEN '0'::interval AND '1000 years'::interval THEN
        RAISE EXCEPTION 'invalid overlap "%"', COALESCE(rotate_key.overlap::text, '')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The overlap is how long the old key continues to work: an interval from 0 to 1000 years.';
    END IF;
    IF old_key.revoked_at IS NOT NULL OR old_key.expires_at <= now THEN
        RAISE EXCEPTION 'API key with id "%" is %', old_key.key_id,
                CASE WHEN old_key.revoked_at IS NULL THEN 'expired' ELSE 'revoked' END
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'timedb.create_key() makes a new key.';
    END IF;
    IF old_key.replaced_by IS NOT NULL THEN
        RAISE EXCEPTION 'API key with id "%" has already been rotated', old_key.key_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = pg_catalog.format('Rotate its successor, %s.', old_key.replaced_by);
    END IF;

    api_key := timedb_internal._generate_key();
    new_key_id := timedb_internal._store_key(old_key.tenant_id, old_key.user_id, old_key.name, old_key.access,
        NULL, CASE WHEN old_key.expires_at IS NOT NULL
            THEN LEAST(now + (old_key.expires_at - GREATEST(old_key.created_at, old_key.not_before)), '9999-12-31Z') END, 'key_created',
        pg_catalog.jsonb_build_object('replaces', old_key.key_id));
    old_key_until := LEAST(old_key.expires_at, now + rotate_key.overlap);
    UPDATE timedb_internal.api_keys k
    SET replaced_by = rotate_key.new_key_id, expires_at = rotate_key.old_key_until,
        revoked_at = CASE WHEN rotate_key.overlap = '0'::interval THEN now END
    WHERE k.tenant_id = old_key.tenant_id AND k.key_id = old_key.key_id;
    PERFORM timedb_internal._record_event(old_key.tenant_id, 'key_rotated', old_key.user_id, old_key.key_id,
        pg_catalog.jsonb_build_object('name', old_key.name, 'replaced_by', rotate_key.new_key_id, 'until', rotate_key.old_key_until));
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION timedb.rotate_key IS
    'For administrators. Makes a successor of a key, with the same name, access and lifetime, and returns it, which is the only time it is shown. Both keys work until the overlap ends; an overlap of 0 ends the old one immediately.';

-- The user's row is locked, so that of two calls at once the later one revokes the earlier one's key.
CREATE FUNCTION timedb.regenerate_key(email text, tenant_id uuid DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder record;
    old_key record;
    api_key text := timedb_internal._generate_key();
BEGIN
    SELECT * INTO STRICT holder FROM timedb_internal._find_user(regenerate_key.email, regenerate_key.tenant_id);
    FOR old_key IN
        UPDATE timedb_internal.api_keys k SET revoked_at = pg_catalog.clock_timestamp()
        WHERE k.tenant_id = holder.tenant_id AND k.user_id = holder.user_id AND k.revoked_at IS NULL
        RETURNING k.key_id, k.name
    LOOP
        PERFORM timedb_internal._record_event(holder.tenant_id, 'key_revoked', holder.user_id, old_key.key_id,
            pg_catalog.jsonb_build_object('name', old_key.name));
    END LOOP;
    PERFORM timedb_internal._store_key(holder.tenant_id, holder.user_id, 'default', 'read_write', NULL, NULL, 'key_created');
    RETURN api_key;
END
$$;
COMMENT ON FUNCTION timedb.regenerate_key IS
    'For administrators. Gives a user a new API key and revokes every older one immediately. The key is shown only this once. tenant_id is needed if the email exists in several tenants.';
