-- Who the caller is. The state is five settings that only the library can set (identity/settings.rs).

-- Read by every policy. Never IMMUTABLE: the tenant changes within a session, plans are kept.
CREATE FUNCTION timedb.current_tenant() RETURNS uuid
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'current_tenant_wrapper';
COMMENT ON FUNCTION timedb.current_tenant IS 'The authenticated tenant, or NULL.';

CREATE FUNCTION timedb.whoami()
    RETURNS TABLE (tenant_id uuid, user_id uuid, key_id uuid, access text)
    LANGUAGE c STABLE PARALLEL SAFE ROWS 1
    AS 'MODULE_PATHNAME', 'whoami_wrapper';
COMMENT ON FUNCTION timedb.whoami IS
    'The authenticated tenant, user and key, and whether the key may write. One row; NULLs if nobody is authenticated.';

-- Asked by views and functions in SQL, once a statement: without a tenant they find nothing to warn over.
CREATE FUNCTION timedb_internal._is_anybody() RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', '_is_anybody_wrapper';
COMMENT ON FUNCTION timedb_internal._is_anybody IS 'Whether anybody is authenticated; warns if not. Private.';

-- Definer (timedb_keeper): looks a key up before there is a tenant. It only reads, so it works in
-- READ ONLY transactions and on a standby.
CREATE FUNCTION timedb.authenticate(key text) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'authenticate_wrapper';
COMMENT ON FUNCTION timedb.authenticate IS
    'Makes the key''s tenant the current one until the transaction ends, and returns it. NULL is accepted only where authentication is not required.';

-- Definer (timedb_keeper), as authenticate. A login outlives the transaction and leaks through a
-- transaction-mode pooler to the next client, so timedb_user has no right to it.
CREATE FUNCTION timedb.login(key text) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'login_wrapper';
COMMENT ON FUNCTION timedb.login IS
    'Makes the key''s tenant the current one for the session, until timedb.logout() or DISCARD ALL. The session outlives the key. Not for pooled connections.';

-- Lives in the backend's memory; works in READ ONLY transactions and on a standby.
CREATE FUNCTION timedb.challenge() RETURNS bytea
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'challenge_wrapper';
COMMENT ON FUNCTION timedb.challenge IS
    'Random bytes for proofs of a key in this session (docs/security.md, "Proofs"); those for an earlier challenge are no longer accepted.';

-- Definer (timedb_keeper), as authenticate.
CREATE FUNCTION timedb.authenticate_proof(proof bytea) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'authenticate_proof_wrapper';
COMMENT ON FUNCTION timedb.authenticate_proof IS
    'As timedb.authenticate(), with a proof of the key in answer to timedb.challenge(), which nobody who reads it can use again. Keeps statement parameters out of PostgreSQL''s log until the transaction ends.';

-- For a server whose session is its own (docs/decisions/0022-prepared-on-a-direct-connection.md). Statements that it
-- has prepared return a column of this type. PostgreSQL refuses a prepared statement whose columns have become other
-- types, before it looks at anything else: so one never means what somebody has put in the extension's place.
CREATE DOMAIN timedb_internal.seal AS boolean;
COMMENT ON DOMAIN timedb_internal.seal IS 'The type of a column that makes a prepared statement worthless once the extension is gone. Private.';

CREATE FUNCTION timedb_internal._begin_session() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', '_begin_session_wrapper';
COMMENT ON FUNCTION timedb_internal._begin_session IS
    'Keeps statement parameters out of PostgreSQL''s log until the session ends. Private.';

-- Definer (timedb_keeper), as authenticate. A statement that asks this before all else is a transaction of its own.
CREATE FUNCTION timedb_internal._enter(proof bytea, reads_only boolean) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', '_enter_wrapper';
COMMENT ON FUNCTION timedb_internal._enter IS
    'As timedb.authenticate_proof(), for a transaction of one statement, which writes nothing if reads_only; without a proof as timedb.authenticate(NULL). Private.';

-- Definer (timedb_keeper), as login.
CREATE FUNCTION timedb.login_proof(proof bytea) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'login_proof_wrapper';
COMMENT ON FUNCTION timedb.login_proof IS
    'As timedb.login(), with a proof of the key in answer to timedb.challenge(), which nobody who reads it can use again.';

CREATE FUNCTION timedb.logout() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'logout_wrapper';
COMMENT ON FUNCTION timedb.logout IS 'Ends what timedb.login() began.';

CREATE FUNCTION timedb.hide_parameters() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'hide_parameters_wrapper';
COMMENT ON FUNCTION timedb.hide_parameters IS
    'Keeps statement parameters, such as a key, out of the server''s log until the transaction ends, including out of what pgaudit, auto_explain and debug_print_plan write there.';
