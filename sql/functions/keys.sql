-- Making and listing keys. What touches key material in clear is in Rust (the crate timedb_key), and, except for
-- check_key(), callable only by timedb_keeper's functions. Extensions such as pgaudit print the
-- parameters of statements, so no statement of these functions is passed a key or its hash. An assignment is no
-- statement in PL/pgSQL; PERFORM and SELECT are.

-- A fresh key: tdb_, 43 base62 characters of 256 random bits, 6 of checksum. _take_key() returns what is stored of it.
CREATE FUNCTION timedb_internal._generate_key() RETURNS text
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', '_generate_key_wrapper';
COMMENT ON FUNCTION timedb_internal._generate_key IS 'Makes a key. Private.';

-- Needs no table, so keys of other stores can be checked too.
CREATE FUNCTION timedb.check_key(key text) RETURNS TABLE (format text, problem text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 1
    AS 'MODULE_PATHNAME', 'check_key_wrapper';
COMMENT ON FUNCTION timedb.check_key IS
    'Whether a text can be an API key, judging only by its form and checksum: its format (timedb or legacy), or the problem. Only timedb.authenticate() tells whether the key is valid.';

-- Takes a key that exists already, and returns what keeps it from being one, or NULL.
CREATE FUNCTION timedb_internal._bring_key(key text) RETURNS text
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', '_bring_key_wrapper';
COMMENT ON FUNCTION timedb_internal._bring_key IS 'Takes a key to be stored. Private.';

-- What the store keeps of the key that was generated or brought last; tells it once.
CREATE FUNCTION timedb_internal._take_key() RETURNS TABLE (key_hash bytea, key_prefix text, legacy boolean)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1
    AS 'MODULE_PATHNAME', '_take_key_wrapper';
COMMENT ON FUNCTION timedb_internal._take_key IS 'What is stored of a new key. Private.';

-- Names are for people: trimmed, and nothing that a terminal would obey.
CREATE FUNCTION timedb_internal._key_name(name text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    name := pg_catalog.btrim(_key_name.name, E' \t\r\n');
    IF _key_name.name IS NULL OR pg_catalog.length(_key_name.name) NOT BETWEEN 1 AND 100 OR NOT timedb_internal._is_printable(_key_name.name) THEN
        RAISE EXCEPTION 'invalid key name "%"', COALESCE(_key_name.name, '')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A name has 1 to 100 visible characters, none of which controls a terminal or changes the direction of text.';
    END IF;
    RETURN _key_name.name;
END
$$;
COMMENT ON FUNCTION timedb_internal._key_name IS 'Checks and trims the name of a key. Private.';

-- Stores what is kept of the new key, notes the event and returns the key's id; NULL when the store has the
-- key already. The caller has locked the user's row.
CREATE FUNCTION timedb_internal._store_key(tenant_id uuid, user_id uuid, name text, access text,
                                  not_before timestamptz, expires_at timestamptz, event text, details jsonb DEFAULT '{}') RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id uuid := timedb_internal._uuid7();
BEGIN
    INSERT INTO timedb_internal.api_keys (tenant_id, key_id, user_id, name, key_hash, key_prefix, access, legacy, not_before, expires_at)
    SELECT _store_key.tenant_id, id, _store_key.user_id, _store_key.name, k.key_hash, k.key_prefix, _store_key.access, k.legacy,
           _store_key.not_before, _store_key.expires_at
    FROM timedb_internal._take_key() k
    ON CONFLICT ON CONSTRAINT api_keys_tag_key DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO timedb_internal.key_usage (tenant_id, key_id) VALUES (_store_key.tenant_id, id);
    PERFORM timedb_internal._record_event(_store_key.tenant_id, _store_key.event, _store_key.user_id, id,
        pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('name', _store_key.name, 'access', _store_key.access,
            'not_before', _store_key.not_before, 'expires_at', _store_key.expires_at)) || _store_key.details);
    RETURN id;
END
$$;
COMMENT ON FUNCTION timedb_internal._store_key IS
    'Stores the hash of a key of a user. Private.';

-- What create_key() and import_key() have in common: finds the user, locks its row, and checks what
-- the new key is to be.
CREATE FUNCTION timedb_internal._holder_of_new_key(email text, INOUT tenant_id uuid, name text, access text,
                                          not_before timestamptz, expires_at timestamptz, OUT user_id uuid)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF _holder_of_new_key.access IS NULL OR _holder_of_new_key.access NOT IN ('read_write', 'read_only') THEN
        RAISE EXCEPTION 'invalid access "%"', COALESCE(_holder_of_new_key.access, '')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Access is read_write or read_only.';
    END IF;
    IF _holder_of_new_key.expires_at <= pg_catalog.clock_timestamp() THEN
        RAISE EXCEPTION 'expires_at % is in the past', _holder_of_new_key.expires_at
            USING ERRCODE = 'invalid_parameter_value', HINT = 'NULL means that the key never expires.';
    END IF;
    -- What a client reads of them has four digits for the year.
    IF _holder_of_new_key.expires_at >= '10000-01-01Z' THEN
        RAISE EXCEPTION 'expires_at is after the year 9999'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'NULL means that the key never expires.';
    END IF;
    IF _holder_of_new_key.not_before NOT BETWEEN '0001-01-01Z' AND '9999-12-31Z' THEN
        RAISE EXCEPTION 'not_before is not in the years 1 to 9999'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'NULL means that the key works immediately.';
    END IF;
    IF _holder_of_new_key.expires_at <= _holder_of_new_key.not_before THEN
        RAISE EXCEPTION 'expires_at % is not after not_before %', _holder_of_new_key.expires_at, _holder_of_new_key.not_before
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    SELECT f.tenant_id, f.user_id INTO STRICT tenant_id, user_id
    FROM timedb_internal._find_user(_holder_of_new_key.email, _holder_of_new_key.tenant_id) f;
    IF NOT (SELECT u.active FROM timedb_internal.users u
            WHERE u.tenant_id = _holder_of_new_key.tenant_id AND u.user_id = _holder_of_new_key.user_id) THEN
        RAISE EXCEPTION 'user "%" is deactivated', _holder_of_new_key.email
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Call timedb.activate_user() first.';
    END IF;
    IF EXISTS (SELECT FROM timedb_internal.api_keys k
               WHERE k.tenant_id = _holder_of_new_key.tenant_id AND k.user_id = _holder_of_new_key.user_id
                 AND k.name = _holder_of_new_key.name AND k.revoked_at IS NULL AND k.replaced_by IS NULL
                 AND (k.expires_at IS NULL OR k.expires_at > pg_catalog.clock_timestamp())) THEN
        RAISE EXCEPTION 'user "%" already has a key named "%"', _holder_of_new_key.email, _holder_of_new_key.name
            USING ERRCODE = 'unique_violation',
                  HINT = 'Choose another name, or call timedb.rotate_key() or timedb.revoke_key() for the old key.';
    END IF;
END
$$;
COMMENT ON FUNCTION timedb_internal._holder_of_new_key IS
    'Checks what a new key is to be, and finds its user. Private.';

-- Definer (timedb_keeper): sees users and keys of every tenant.
CREATE FUNCTION timedb.create_key(email text, name text, access text DEFAULT 'read_write', expires_at timestamptz DEFAULT NULL,
                                  not_before timestamptz DEFAULT NULL, tenant_id uuid DEFAULT NULL)
    RETURNS TABLE (key_id uuid, api_key text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder record;
BEGIN
    name := timedb_internal._key_name(create_key.name);
    expires_at := NULLIF(create_key.expires_at, 'infinity');
    SELECT * INTO STRICT holder FROM timedb_internal._holder_of_new_key(create_key.email, create_key.tenant_id, create_key.name,
        create_key.access, create_key.not_before, create_key.expires_at);
    api_key := timedb_internal._generate_key();
    key_id := timedb_internal._store_key(holder.tenant_id, holder.user_id, create_key.name,
        create_key.access, create_key.not_before, create_key.expires_at, 'key_created');
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION timedb.create_key IS
    'For administrators. Gives a user another API key: read_write or read_only, valid from not_before until expires_at (NULL: from now, forever). The key is shown only this once. tenant_id is needed if the email exists in several tenants.';

-- Definer (timedb_keeper), as create_key. Errors never quote the key.
CREATE FUNCTION timedb.import_key(email text, key text, name text DEFAULT 'imported', access text DEFAULT 'read_write',
                                  expires_at timestamptz DEFAULT NULL, not_before timestamptz DEFAULT NULL, tenant_id uuid DEFAULT NULL)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder record;
    problem text := timedb_internal._bring_key(import_key.key);
    id uuid;
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'not an API key: %', problem USING ERRCODE = 'invalid_parameter_value';
    END IF;
    name := timedb_internal._key_name(import_key.name);
    expires_at := NULLIF(import_key.expires_at, 'infinity');
    SELECT * INTO STRICT holder FROM timedb_internal._holder_of_new_key(import_key.email, import_key.tenant_id, import_key.name,
        import_key.access, import_key.not_before, import_key.expires_at);
    id := timedb_internal._store_key(holder.tenant_id, holder.user_id, import_key.name,
        import_key.access, import_key.not_before, import_key.expires_at, 'key_imported');
    IF id IS NULL THEN
        RAISE EXCEPTION 'the store already has this key' USING ERRCODE = 'unique_violation';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION timedb.import_key IS
    'For administrators. Gives a user an existing key, in the format of timedb or of the Python project (43 URL-safe characters, flagged legacy), and returns its id.';

CREATE FUNCTION timedb.list_keys(email text DEFAULT NULL, tenant_id uuid DEFAULT NULL, include_dead boolean DEFAULT false)
    RETURNS TABLE (key_id uuid, name text, email text, status text, access text, key_prefix text, legacy boolean,
                   created_at timestamptz, not_before timestamptz, expires_at timestamptz, revoked_at timestamptz,
                   last_used_at timestamptz, replaced_by uuid, user_id uuid, tenant_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.key_id, k.name, u.email, s.status, k.access, k.key_prefix, k.legacy,
           k.created_at, k.not_before, k.expires_at, k.revoked_at, g.last_used_at, k.replaced_by, k.user_id, k.tenant_id
    FROM timedb_internal.api_keys k
    JOIN timedb_internal.users u ON u.tenant_id = k.tenant_id AND u.user_id = k.user_id
    LEFT JOIN timedb_internal.key_usage g ON g.tenant_id = k.tenant_id AND g.key_id = k.key_id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN k.revoked_at IS NOT NULL THEN 'revoked'
        WHEN k.expires_at <= pg_catalog.clock_timestamp() THEN 'expired'
        WHEN NOT u.active THEN 'inactive'
        WHEN k.not_before > pg_catalog.clock_timestamp() THEN 'pending'
        ELSE 'active' END) AS s (status)
    WHERE (list_keys.email IS NULL OR u.email = timedb_internal._normal_email(list_keys.email))
      AND (list_keys.tenant_id IS NULL OR k.tenant_id = list_keys.tenant_id)
      AND (list_keys.include_dead OR s.status NOT IN ('revoked', 'expired'))
    ORDER BY k.created_at DESC, k.key_id DESC
$$;
COMMENT ON FUNCTION timedb.list_keys IS
    'For administrators. Keys, newest first: of one user, one tenant or all; with include_dead also revoked and expired ones. status is active, pending (not_before is in the future), inactive (the user is deactivated), expired or revoked. last_used_at is accurate to the minute.';
