-- How much is stored. What is told of a tenant runs as timedb_definer, bound by row-level security: tenants may not read
-- timedb_internal.segments. No segment is read: their columns tell everything.
CREATE FUNCTION timedb.stats() RETURNS TABLE (
    series bigint,
    points bigint,
    segments bigint,
    small_segments bigint,
    log_rows bigint,
    log_points bigint,
    segment_bytes bigint,
    log_bytes bigint,
    other_bytes bigint,
    bytes bigint,
    bytes_per_point double precision,
    ratio double precision,
    first_valid_time timestamptz,
    last_valid_time timestamptz,
    last_change_time timestamptz
)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'stats_wrapper';

COMMENT ON FUNCTION timedb.stats IS
'How much the tenant has stored: series, points (versions), segments and those of them that compaction may merge, rows of the log and their points; the bytes of all of that with rows and indexes, bytes a point, and how many times as much the points would take in a plain table; the smallest and the greatest valid_time, and the last change_time.';

CREATE FUNCTION timedb.stats_series(
    name text DEFAULT NULL,
    prefix text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    search text DEFAULT NULL,
    max_series integer DEFAULT 1000,
    after uuid DEFAULT NULL
) RETURNS TABLE (
    series_id uuid,
    name text,
    labels jsonb,
    points bigint,
    segments bigint,
    small_segments bigint,
    log_rows bigint,
    log_points bigint,
    bytes bigint,
    bytes_per_point double precision,
    ratio double precision,
    first_valid_time timestamptz,
    last_valid_time timestamptz,
    last_change_time timestamptz
)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'stats_series_wrapper';

COMMENT ON FUNCTION timedb.stats_series IS
'How much is stored of each series that timedb.find_series() finds with the same arguments, page by page in the same order.';

-- The same for administrators: definer (timedb_definer), as the tenant, to which row security binds it. Only
-- timedb_keeper may call it.
CREATE FUNCTION timedb_internal._tenant_stats(tenant_id uuid) RETURNS TABLE (
    series bigint,
    points bigint,
    segments bigint,
    small_segments bigint,
    log_rows bigint,
    log_points bigint,
    segment_bytes bigint,
    log_bytes bigint,
    other_bytes bigint,
    bytes bigint,
    bytes_per_point double precision,
    ratio double precision,
    first_valid_time timestamptz,
    last_valid_time timestamptz,
    last_change_time timestamptz
)
LANGUAGE c STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', '_tenant_stats_wrapper';

COMMENT ON FUNCTION timedb_internal._tenant_stats IS 'timedb.stats() of a tenant. Private.';

-- What is damaged in one tenant's store keeps no other from being counted.
CREATE FUNCTION timedb_internal._stats_or_say(tenant_id uuid,
    OUT series bigint, OUT points bigint, OUT segments bigint, OUT small_segments bigint, OUT log_rows bigint,
    OUT log_points bigint, OUT segment_bytes bigint, OUT log_bytes bigint, OUT other_bytes bigint,
    OUT bytes bigint, OUT bytes_per_point double precision, OUT ratio double precision,
    OUT first_valid_time timestamptz, OUT last_valid_time timestamptz, OUT last_change_time timestamptz,
    OUT problem text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT s.series, s.points, s.segments, s.small_segments, s.log_rows, s.log_points, s.segment_bytes, s.log_bytes,
           s.other_bytes, s.bytes, s.bytes_per_point, s.ratio, s.first_valid_time, s.last_valid_time, s.last_change_time
    INTO series, points, segments, small_segments, log_rows, log_points, segment_bytes, log_bytes, other_bytes, bytes,
         bytes_per_point, ratio, first_valid_time, last_valid_time, last_change_time
    FROM timedb_internal._tenant_stats(_stats_or_say.tenant_id) s;
EXCEPTION WHEN data_corrupted THEN
    problem := SQLERRM;
END
$$;
COMMENT ON FUNCTION timedb_internal._stats_or_say IS 'How much a tenant has stored, or what is damaged. Private.';

-- Definer (timedb_keeper): it knows the tenants.
CREATE FUNCTION timedb.stats_store(tenant_id uuid DEFAULT NULL) RETURNS TABLE (
    tenant_id uuid,
    name text,
    series bigint,
    points bigint,
    segments bigint,
    small_segments bigint,
    log_rows bigint,
    log_points bigint,
    segment_bytes bigint,
    log_bytes bigint,
    other_bytes bigint,
    bytes bigint,
    bytes_per_point double precision,
    ratio double precision,
    first_valid_time timestamptz,
    last_valid_time timestamptz,
    last_change_time timestamptz,
    problem text
)
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.tenant_id, t.name,
           s.series, s.points, s.segments, s.small_segments, s.log_rows, s.log_points, s.segment_bytes, s.log_bytes,
           s.other_bytes, s.bytes, s.bytes_per_point, s.ratio, s.first_valid_time, s.last_valid_time, s.last_change_time,
           s.problem
    FROM timedb_internal._some_tenants(stats_store.tenant_id, 2147483647) a (tenant_id)
    JOIN timedb_internal.tenants t ON t.tenant_id = a.tenant_id,
         LATERAL timedb_internal._stats_or_say(t.tenant_id) s
    ORDER BY t.tenant_id
$$;
COMMENT ON FUNCTION timedb.stats_store IS
'timedb.stats() of each tenant, or of one, for administrators: one row a tenant, and nothing of what is in it. problem says what is damaged in the log of the tenant, which is not counted then.';
