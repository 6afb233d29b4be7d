-- Counts per key and day. Definer (timedb_definer), bound by row security: only the caller's own key can be counted, the
-- one that authenticated. The key's row of key_usage is locked against a deletion of its tenant, which ends with these
-- rows. It writes nothing where nothing can be written.
CREATE FUNCTION timedb_internal._count_use(requests bigint, rows_in bigint, rows_out bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most constant bigint := 9223372036854775807;
BEGIN
    IF pg_catalog.current_setting('transaction_read_only') = 'on' THEN
        RETURN false;
    END IF;
    IF (_count_use.requests >= 0 AND _count_use.rows_in >= 0 AND _count_use.rows_out >= 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'counts of a use are 0 or more' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO timedb_internal.usage_days AS d (tenant_id, key_id, day, requests, rows_in, rows_out)
    SELECT u.tenant_id, u.key_id, (pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')::date,
           _count_use.requests, _count_use.rows_in, _count_use.rows_out
    FROM timedb.whoami() AS w
    JOIN timedb_internal.key_usage AS u ON u.tenant_id = w.tenant_id AND u.key_id = w.key_id
    FOR KEY SHARE OF u
    ON CONFLICT ON CONSTRAINT usage_days_day_key DO UPDATE
    SET requests = LEAST(d.requests::numeric + EXCLUDED.requests, most)::bigint,
        rows_in = LEAST(d.rows_in::numeric + EXCLUDED.rows_in, most)::bigint,
        rows_out = LEAST(d.rows_out::numeric + EXCLUDED.rows_out, most)::bigint;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION timedb_internal._count_use IS
    'Adds to what the authenticated key was used for today. Private.';

CREATE FUNCTION timedb.usage(since date DEFAULT NULL, until date DEFAULT NULL)
    RETURNS TABLE (day date, key_id uuid, requests bigint, rows_in bigint, rows_out bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.day, d.key_id, d.requests, d.rows_in, d.rows_out
    FROM timedb_internal.usage_days AS d
    WHERE (usage.since IS NULL OR d.day >= usage.since) AND (usage.until IS NULL OR d.day < usage.until)
    ORDER BY d.day, d.key_id
$$;
COMMENT ON FUNCTION timedb.usage IS
    'How much the tenant''s keys were used on each day (UTC) from since until before until, as HTTP servers count it: requests, values written, values read. What goes over SQL connections is not counted.';

-- Definer (timedb_keeper): it knows the tenants and their keys.
CREATE FUNCTION timedb.usage_store(tenant_id uuid DEFAULT NULL, since date DEFAULT NULL, until date DEFAULT NULL)
    RETURNS TABLE (tenant_id uuid, tenant_name text, day date, key_id uuid, key_name text, email text,
                   requests bigint, rows_in bigint, rows_out bigint)
    LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT timedb_internal._check_tenant(usage_store.tenant_id) WHERE usage_store.tenant_id IS NOT NULL;
    SELECT d.tenant_id, t.name, d.day, d.key_id, k.name, u.email, d.requests, d.rows_in, d.rows_out
    FROM timedb_internal.usage_days AS d
    JOIN timedb_internal.tenants AS t ON t.tenant_id = d.tenant_id
    LEFT JOIN timedb_internal.api_keys AS k ON k.tenant_id = d.tenant_id AND k.key_id = d.key_id
    LEFT JOIN timedb_internal.users AS u ON u.tenant_id = k.tenant_id AND u.user_id = k.user_id
    WHERE (usage_store.tenant_id IS NULL OR d.tenant_id = usage_store.tenant_id)
      AND (usage_store.since IS NULL OR d.day >= usage_store.since)
      AND (usage_store.until IS NULL OR d.day < usage_store.until)
    ORDER BY d.tenant_id, d.day, d.key_id
$$;
COMMENT ON FUNCTION timedb.usage_store IS
    'For administrators. timedb.usage() of one tenant or all, with the names of tenants and keys.';
