-- Upkeep of what is stored. Runs as timedb_definer, bound by row-level security: a tenant compacts what is its own.
CREATE FUNCTION timedb.compact(max_points bigint DEFAULT 1000000, entirely boolean DEFAULT true)
RETURNS TABLE (folded_writes bigint, merged_segments bigint, written_segments bigint, points bigint, more boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'compact_wrapper';

COMMENT ON FUNCTION timedb.compact IS
'Makes the tenant''s store smaller and faster to read: folds the log into segments and merges small segments into larger ones; with entirely => false only those of which a series has many by now, as writes do in passing. No answer changes. One call rewrites about max_points points; more says whether there is anything left to do, so call it until it says no. Only one runs for a tenant at a time: where another is at work, it does nothing.';

-- The same for administrators: definer (timedb_definer), as the tenant, to which row security binds it. Only
-- timedb_keeper may call it.
CREATE FUNCTION timedb_internal._compact_tenant(tenant_id uuid, max_points bigint, entirely boolean)
RETURNS TABLE (folded_writes bigint, merged_segments bigint, written_segments bigint, points bigint, more boolean, busy boolean,
               problem text)
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', '_compact_tenant_wrapper';

COMMENT ON FUNCTION timedb_internal._compact_tenant IS 'timedb.compact() as a tenant. Private.';

-- What is damaged in one tenant's store keeps no other from being compacted.
CREATE FUNCTION timedb_internal._compact_or_say(tenant_id uuid, max_points bigint, entirely boolean,
    OUT folded_writes bigint, OUT merged_segments bigint, OUT written_segments bigint, OUT points bigint, OUT more boolean,
    OUT busy boolean, OUT problem text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT c.folded_writes, c.merged_segments, c.written_segments, c.points, c.more, c.busy, c.problem
    INTO folded_writes, merged_segments, written_segments, points, more, busy, problem
    FROM timedb_internal._compact_tenant(_compact_or_say.tenant_id, _compact_or_say.max_points, _compact_or_say.entirely) c;
EXCEPTION WHEN data_corrupted THEN
    folded_writes := 0;
    merged_segments := 0;
    written_segments := 0;
    points := 0;
    more := false;
    busy := false;
    problem := SQLERRM;
END
$$;
COMMENT ON FUNCTION timedb_internal._compact_or_say IS 'Compacts the store of a tenant, or says what is damaged in it. Private.';

-- Definer (timedb_keeper): it knows the tenants. They are not all compacted in one call: each takes a lock.
CREATE FUNCTION timedb.compact_store(tenant_id uuid DEFAULT NULL, max_points bigint DEFAULT 1000000, entirely boolean DEFAULT true,
    max_tenants integer DEFAULT 100)
RETURNS TABLE (tenant_id uuid, folded_writes bigint, merged_segments bigint, written_segments bigint, points bigint, more boolean,
               busy boolean, problem text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.tenant_id, c.folded_writes, c.merged_segments, c.written_segments, c.points, c.more, c.busy, c.problem
    FROM timedb_internal._some_tenants(compact_store.tenant_id, compact_store.max_tenants) t (tenant_id),
         LATERAL timedb_internal._compact_or_say(t.tenant_id, compact_store.max_points, compact_store.entirely) c
$$;
COMMENT ON FUNCTION timedb.compact_store IS
'timedb.compact() for the store of one tenant, or of up to max_tenants at random, for administrators and schedulers such as pg_cron: one row a tenant. max_points holds for each tenant. busy says that another compaction is at work there, so that nothing was done; problem says what is damaged; the other tenants are compacted all the same.';
