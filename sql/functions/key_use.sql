-- Definer (timedb_definer), bound by row security: it can note the use of the caller's own key only, the
-- one that authenticated. Writing functions and login() do the same by themselves.
CREATE FUNCTION timedb.report_key_use() RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'report_key_use_wrapper';
COMMENT ON FUNCTION timedb.report_key_use IS
    'Records that the authenticated key is in use, for last_used_at in timedb.list_keys(). At most one write per key and minute: false means that there was nothing to write or that writing is not possible here (READ ONLY, standby). It never waits.';
