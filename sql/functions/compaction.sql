-- Upkeep of what is stored. Runs as timedb_definer, bound by row-level security: a tenant compacts what is its own.
CREATE FUNCTION timedb.compact(max_points bigint DEFAULT 1000000, entirely boolean DEFAULT true)
RETURNS TABLE (folded_writes bigint, merged_segments bigint, written_segments bigint, points bigint, more boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'compact_wrapper';

COMMENT ON FUNCTION timedb.compact IS
'Makes the tenant''s store smaller and faster to read: folds the log into segments and merges small segments into larger ones; with entirely => false only those of which a series has many by now, as writes do in passing. No answer changes. One call rewrites about max_points points; more says whether there is anything left to do, so call it until it says no. Only one runs for a tenant at a time: where another is at work, it does nothing.';
