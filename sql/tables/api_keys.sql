-- Keys, of which only the SHA-256 is kept: 256 random bits need no salt and no slow hash. A part of it is the
-- look-up, so that no statement holds all of it. That is unique in the store on purpose: a key names its tenant,
-- not the reverse.
CREATE TABLE timedb_internal.api_keys (
    tenant_id uuid NOT NULL,
    key_id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    key_hash bytea NOT NULL,
    key_tag bytea NOT NULL GENERATED ALWAYS AS (pg_catalog.substr(key_hash, 1, 16)) STORED,
    key_prefix text NOT NULL,
    access text NOT NULL DEFAULT 'read_write',
    legacy boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    not_before timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    replaced_by uuid,
    CONSTRAINT api_keys_key_key PRIMARY KEY (tenant_id, key_id),
    CONSTRAINT api_keys_tag_key UNIQUE (key_tag),
    CONSTRAINT api_keys_hash_check CHECK (pg_catalog.octet_length(key_hash) = 32),
    CONSTRAINT api_keys_access_check CHECK (access IN ('read_write', 'read_only'))
);

-- All keys of one user, and one key by its id: administrators name no tenant.
CREATE INDEX api_keys_user_index ON timedb_internal.api_keys (tenant_id, user_id);
CREATE INDEX api_keys_id_index ON timedb_internal.api_keys (key_id);

COMMENT ON TABLE timedb_internal.api_keys IS 'API keys of users: hash, privileges and lifetime. The keys themselves are not stored.';
COMMENT ON COLUMN timedb_internal.api_keys.key_hash IS 'SHA-256 of the key.';
COMMENT ON COLUMN timedb_internal.api_keys.key_tag IS 'The first 16 bytes of key_hash, by which a key is found.';
COMMENT ON COLUMN timedb_internal.api_keys.key_prefix IS 'The first characters of the key, to distinguish keys.';
COMMENT ON COLUMN timedb_internal.api_keys.access IS 'read_write, or read_only: functions that write refuse it.';
COMMENT ON COLUMN timedb_internal.api_keys.legacy IS 'The key has the format of the Python project (43 URL-safe characters).';
COMMENT ON COLUMN timedb_internal.api_keys.expires_at IS 'NULL: never.';
COMMENT ON COLUMN timedb_internal.api_keys.not_before IS 'NULL: from the start.';
COMMENT ON COLUMN timedb_internal.api_keys.revoked_at IS 'NULL: not revoked.';
COMMENT ON COLUMN timedb_internal.api_keys.replaced_by IS 'The key that timedb.rotate_key() made for this one.';
