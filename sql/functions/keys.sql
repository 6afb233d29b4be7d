-- Making keys. What touches key material in clear is in Rust (key.rs), and callable by
-- timedb_keeper's functions only.

-- A fresh key: tdb_, 43 base62 characters of 256 random bits, 6 of checksum.
CREATE FUNCTION timedb._generate_key() RETURNS text
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', '_generate_key_wrapper';
COMMENT ON FUNCTION timedb._generate_key() IS 'Makes a key. Private.';

-- SHA-256, as it stands in api_keys.
CREATE FUNCTION timedb._key_hash(key text) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', '_key_hash_wrapper';
COMMENT ON FUNCTION timedb._key_hash(text) IS 'Hashes a key as it is stored. Private.';

-- Ids are UUIDv7: new rows stand together in every index, and ids sort by their time.
CREATE FUNCTION timedb._uuid7() RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', '_uuid7_wrapper';
COMMENT ON FUNCTION timedb._uuid7() IS 'Makes an id. Private.';

-- Stores the hash of a fresh key and returns the key, the only time that anyone sees it.
CREATE FUNCTION timedb._issue_key(tenant_id uuid, user_id uuid, name text) RETURNS text
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key text := timedb._generate_key();
BEGIN
    INSERT INTO timedb.api_keys (tenant_id, key_id, user_id, name, key_hash, key_prefix)
    VALUES (_issue_key.tenant_id, timedb._uuid7(), _issue_key.user_id, _issue_key.name,
            timedb._key_hash(key), pg_catalog.left(key, 12));
    RETURN key;
END
$$;
COMMENT ON FUNCTION timedb._issue_key(uuid, uuid, text) IS 'Makes and stores a key for a user. Private.';

-- Definer (timedb_keeper): sees users and keys of every tenant. The user's row is locked, so that
-- of two calls at once the later one revokes the earlier one's key.
CREATE FUNCTION timedb.regenerate_key(email text, tenant_id uuid DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder record;
BEGIN
    SELECT * INTO STRICT holder FROM timedb._find_user(regenerate_key.email, regenerate_key.tenant_id);
    UPDATE timedb.api_keys k SET revoked_at = pg_catalog.clock_timestamp()
    WHERE k.tenant_id = holder.tenant_id AND k.user_id = holder.user_id AND k.revoked_at IS NULL;
    RETURN timedb._issue_key(holder.tenant_id, holder.user_id, 'default');
END
$$;
COMMENT ON FUNCTION timedb.regenerate_key(text, uuid) IS
    'Gives a user a new API key and revokes every older one at once. The key is shown this once. tenant_id is needed when the email stands in several tenants.';
