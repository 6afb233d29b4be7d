-- Reading. The internal functions run as timedb_definer, bound by row-level security; called in
-- a SELECT list they hand out one chunk at a time, so that a large result is never materialised.
-- What users call are plain SQL functions around them, which the planner inlines.

CREATE FUNCTION timedb._read_packed(
    mode text,
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL
) RETURNS SETOF bytea
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'read_packed_wrapper';

COMMENT ON FUNCTION timedb._read_packed(text, uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz) IS
'A read for the HTTP server: chunks of packed columns (layout: timedb_ext/src/pack.rs), series ascending by id. Call it in the SELECT list.';

CREATE FUNCTION timedb._read_chunks(
    mode text,
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL
) RETURNS TABLE (series_id uuid, name text, unit text, labels jsonb, points integer, packed bytea)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'read_chunks_wrapper';

COMMENT ON FUNCTION timedb._read_chunks(text, uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz) IS
'A read as chunks of one series each, packed, for the streaming scan behind timedb._read_rows().';

-- A read as rows. The planner replaces a call in FROM by a scan that unpacks the chunks of
-- _read_chunks() as they come (timedb_ext/src/scan.rs); the function itself runs where it cannot.
CREATE FUNCTION timedb._read_rows(
    mode text,
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL
) RETURNS TABLE (
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    known_time timestamptz,
    change_time timestamptz,
    valid_time timestamptz,
    valid_time_end timestamptz,
    value double precision
)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_read_rows';

COMMENT ON FUNCTION timedb._read_rows(text, uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz) IS
'A read as rows of all columns, for the read functions and timedb.values.';

CREATE FUNCTION timedb.read_flat(
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL
) RETURNS TABLE (
    valid_time timestamptz,
    valid_time_end timestamptz,
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    value double precision
)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT r.valid_time, r.valid_time_end, r.series_id, r.name, r.unit, r.labels, r.value
    FROM timedb._read_rows(
        'flat', read_flat.series_id, read_flat.name, read_flat.labels,
        read_flat.start_valid, read_flat.end_valid, read_flat.start_known, read_flat.end_known
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_flat(uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz) IS
'The newest version of each point: per (series, valid_time, valid_time_end) the one with the greatest (known_time, change_time). Ranges include their start and exclude their end; NULL leaves a side open. labels keeps the series that have all of the given labels. Series by series, ascending by valid_time within each.';

CREATE FUNCTION timedb.read_overlapping(
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL
) RETURNS TABLE (
    known_time timestamptz,
    valid_time timestamptz,
    valid_time_end timestamptz,
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    value double precision
)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT r.known_time, r.valid_time, r.valid_time_end, r.series_id, r.name, r.unit, r.labels, r.value
    FROM timedb._read_rows(
        'overlapping', read_overlapping.series_id, read_overlapping.name, read_overlapping.labels,
        read_overlapping.start_valid, read_overlapping.end_valid, read_overlapping.start_known, read_overlapping.end_known
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_overlapping(uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz) IS
'The newest version of each point for each known_time: per (series, known_time, valid_time, valid_time_end) the one with the greatest change_time. Ranges include their start and exclude their end; NULL leaves a side open. labels keeps the series that have all of the given labels. Series by series, ascending by valid_time within each.';

CREATE FUNCTION timedb.read_versions(
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL
) RETURNS TABLE (
    known_time timestamptz,
    change_time timestamptz,
    valid_time timestamptz,
    valid_time_end timestamptz,
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    value double precision
)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT r.known_time, r.change_time, r.valid_time, r.valid_time_end, r.series_id, r.name, r.unit, r.labels, r.value
    FROM timedb._read_rows(
        'versions', read_versions.series_id, read_versions.name, read_versions.labels,
        read_versions.start_valid, read_versions.end_valid, read_versions.start_known, read_versions.end_known
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_versions(uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz) IS
'Every version of every point. Ranges include their start and exclude their end; NULL leaves a side open. labels keeps the series that have all of the given labels. Series by series, ascending by valid_time within each.';

-- All current values of the tenant. Conditions on columns of the series reach the scan of
-- timedb.series; for ranges of time, read_flat() reads less.
CREATE VIEW timedb.values WITH (security_invoker = true, security_barrier = true) AS
    SELECT s.series_id, s.name, s.unit, s.labels, r.valid_time, r.valid_time_end, r.value
    FROM timedb.series AS s
    CROSS JOIN LATERAL timedb._read_rows('flat', ARRAY[s.series_id]) AS r;

COMMENT ON VIEW timedb.values IS
'The newest version of each point of the tenant, as timedb.read_flat() gives it. For a range of time call read_flat(): it reads only what lies in the range.';
