-- Reading. The internal functions run as timedb_definer, bound by row-level security; called in a SELECT
-- list they return one chunk at a time, so that a large result is never materialized.
-- What users call are plain SQL functions around them, which the planner inlines. Each has a second form that begins with
-- the name of a series. Of a literal without a type PostgreSQL takes that form, so it takes arrays of ids, too.
-- The internal functions have the same arguments, and that of pages two more. The list that all follow is timedb_ext/crates/wire/src/reads.rs.

CREATE FUNCTION timedb_internal._read_packed(
    mode text,
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    window_length interval DEFAULT NULL,
    issue_offset interval DEFAULT NULL,
    start_window timestamptz DEFAULT NULL,
    days_ahead integer DEFAULT NULL,
    time_of_day time DEFAULT NULL,
    tz text DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS SETOF bytea
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'read_packed_wrapper';

COMMENT ON FUNCTION timedb_internal._read_packed IS
'A read for the HTTP server: chunks of packed columns (layout: timedb_ext/crates/wire), series ascending by id. Call it in the SELECT list.';

CREATE FUNCTION timedb_internal._read_page_packed(
    mode text,
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    window_length interval DEFAULT NULL,
    issue_offset interval DEFAULT NULL,
    start_window timestamptz DEFAULT NULL,
    days_ahead integer DEFAULT NULL,
    time_of_day time DEFAULT NULL,
    tz text DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL,
    cursor text DEFAULT NULL,
    max_points integer DEFAULT 10000
) RETURNS TABLE (cursor text, packed bytea)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'read_page_packed_wrapper';

COMMENT ON FUNCTION timedb_internal._read_page_packed IS
'A page of a read for the HTTP server: one row with at most max_points points, by series and valid_time, as a chunk of packed columns, and the cursor of the next page; NULL where this is the last one. All pages are as of as_of_change, or else of the change_time up to which all writes had ended when the first one was read.';

CREATE FUNCTION timedb_internal._read_chunks(
    mode text,
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    window_length interval DEFAULT NULL,
    issue_offset interval DEFAULT NULL,
    start_window timestamptz DEFAULT NULL,
    days_ahead integer DEFAULT NULL,
    time_of_day time DEFAULT NULL,
    tz text DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS TABLE (series_id uuid, name text, unit text, labels jsonb, points integer, packed bytea)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'read_chunks_wrapper';

COMMENT ON FUNCTION timedb_internal._read_chunks IS
'A read as chunks of one series each, packed, for the streaming scan behind timedb_internal._read_rows().';

-- Which series a read is of, for conditions on series that are no arguments: the scan asks them of each series before
-- it reads any.
CREATE FUNCTION timedb_internal._list_series(
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS TABLE (series_id uuid, name text, unit text, labels jsonb)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_list_series';

COMMENT ON FUNCTION timedb_internal._list_series IS
'The series that a read with these arguments is of, for the streaming scan behind timedb_internal._read_rows().';

-- Asked by the planner, which so loads the library before it looks for ways to read.
CREATE FUNCTION timedb_internal._plan_read(request internal) RETURNS internal
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'timedb_plan_read';

COMMENT ON FUNCTION timedb_internal._plan_read IS
'Tells the planner how many rows timedb_internal._read_rows() may return.';

-- A read as rows. The planner replaces a call in FROM by a scan that unpacks the chunks of
-- _read_chunks() as they come (timedb_ext/src/sql/scan.rs); the function itself runs where it cannot.
CREATE FUNCTION timedb_internal._read_rows(
    mode text,
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    window_length interval DEFAULT NULL,
    issue_offset interval DEFAULT NULL,
    start_window timestamptz DEFAULT NULL,
    days_ahead integer DEFAULT NULL,
    time_of_day time DEFAULT NULL,
    tz text DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS TABLE (
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    known_time timestamptz,
    change_time timestamptz,
    valid_time timestamptz,
    valid_time_end timestamptz,
    value double precision,
    batch_id uuid,
    value_id bigint,
    changed_by uuid,
    annotation text,
    tags text[],
    metadata jsonb
)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10000 SUPPORT timedb_internal._plan_read
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_read_rows';

COMMENT ON FUNCTION timedb_internal._read_rows IS
'A read as rows of all columns, for the read functions and the views.';

CREATE FUNCTION timedb.read_flat(
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
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
    FROM timedb_internal._read_rows(
        'flat', read_flat.series_id, read_flat.name, read_flat.labels, read_flat.start_valid,
        read_flat.end_valid, read_flat.start_known, read_flat.end_known, read_flat.as_of,
        read_flat.as_of_change, read_flat.min_lead, read_flat.max_lead, unit => read_flat.unit, names => read_flat.names
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_flat(uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, interval, interval, text, text[]) IS
'The newest version of each point: per (series, valid_time, valid_time_end) the one with the greatest (known_time, change_time). Ranges include their start and exclude their end; NULL leaves that side open. labels selects the series that have all of the given labels. as_of considers only what was known by then, as_of_change only what was written by then. min_lead and max_lead bound valid_time - known_time. unit converts values. Series by series, ascending by valid_time within each.';

CREATE FUNCTION timedb.read_flat(
    series text,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
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
    FROM timedb_internal._read_rows(
        'flat', CASE WHEN pg_catalog.starts_with(read_flat.series, '{') THEN read_flat.series::uuid[] END, COALESCE(read_flat.name, CASE WHEN NOT pg_catalog.starts_with(read_flat.series, '{') THEN read_flat.series END), read_flat.labels, read_flat.start_valid,
        read_flat.end_valid, read_flat.start_known, read_flat.end_known, read_flat.as_of,
        read_flat.as_of_change, read_flat.min_lead, read_flat.max_lead, unit => read_flat.unit, names => CASE WHEN read_flat.name <> read_flat.series AND NOT pg_catalog.starts_with(read_flat.series, '{') THEN '{}' ELSE read_flat.names END
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_flat(text, text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, interval, interval, text, text[]) IS
'timedb.read_flat() of the series with a name: series. One that begins with { is an array of ids instead, as text.';

CREATE FUNCTION timedb.read_overlapping(
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS TABLE (
    known_time timestamptz,
    valid_time timestamptz,
    valid_time_end timestamptz,
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    value double precision,
    lead_time interval
)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT r.known_time, r.valid_time, r.valid_time_end, r.series_id, r.name, r.unit, r.labels, r.value,
           r.valid_time - r.known_time
    FROM timedb_internal._read_rows(
        'overlapping', read_overlapping.series_id, read_overlapping.name, read_overlapping.labels,
        read_overlapping.start_valid, read_overlapping.end_valid, read_overlapping.start_known,
        read_overlapping.end_known, read_overlapping.as_of, read_overlapping.as_of_change,
        read_overlapping.min_lead, read_overlapping.max_lead, unit => read_overlapping.unit, names => read_overlapping.names
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_overlapping(uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, interval, interval, text, text[]) IS
'The newest version of each point for each known_time: per (series, known_time, valid_time, valid_time_end) the one with the greatest change_time. lead_time is valid_time - known_time. Ranges include their start and exclude their end; NULL leaves that side open. labels selects the series that have all of the given labels. as_of considers only what was known by then, as_of_change only what was written by then. min_lead and max_lead bound valid_time - known_time. unit converts values. Series by series, ascending by valid_time within each.';

CREATE FUNCTION timedb.read_overlapping(
    series text,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS TABLE (
    known_time timestamptz,
    valid_time timestamptz,
    valid_time_end timestamptz,
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    value double precision,
    lead_time interval
)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT r.known_time, r.valid_time, r.valid_time_end, r.series_id, r.name, r.unit, r.labels, r.value,
           r.valid_time - r.known_time
    FROM timedb_internal._read_rows(
        'overlapping', CASE WHEN pg_catalog.starts_with(read_overlapping.series, '{') THEN read_overlapping.series::uuid[] END, COALESCE(read_overlapping.name, CASE WHEN NOT pg_catalog.starts_with(read_overlapping.series, '{') THEN read_overlapping.series END), read_overlapping.labels,
        read_overlapping.start_valid, read_overlapping.end_valid, read_overlapping.start_known,
        read_overlapping.end_known, read_overlapping.as_of, read_overlapping.as_of_change,
        read_overlapping.min_lead, read_overlapping.max_lead, unit => read_overlapping.unit, names => CASE WHEN read_overlapping.name <> read_overlapping.series AND NOT pg_catalog.starts_with(read_overlapping.series, '{') THEN '{}' ELSE read_overlapping.names END
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_overlapping(text, text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, interval, interval, text, text[]) IS
'timedb.read_overlapping() of the series with a name: series. One that begins with { is an array of ids instead, as text.';

CREATE FUNCTION timedb.read_versions(
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS TABLE (
    known_time timestamptz,
    change_time timestamptz,
    valid_time timestamptz,
    valid_time_end timestamptz,
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    value double precision,
    batch_id uuid,
    value_id bigint,
    changed_by uuid,
    annotation text,
    tags text[],
    metadata jsonb
)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT r.known_time, r.change_time, r.valid_time, r.valid_time_end, r.series_id, r.name, r.unit, r.labels, r.value,
           r.batch_id, r.value_id, r.changed_by, r.annotation, r.tags, r.metadata
    FROM timedb_internal._read_rows(
        'versions', read_versions.series_id, read_versions.name, read_versions.labels,
        read_versions.start_valid, read_versions.end_valid, read_versions.start_known, read_versions.end_known,
        read_versions.as_of, read_versions.as_of_change, read_versions.min_lead, read_versions.max_lead,
        unit => read_versions.unit, names => read_versions.names
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_versions(uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, interval, interval, text, text[]) IS
'Every version of every point, with who wrote it and what it says. changed_by is the user who corrected the point, or else who uploaded its batch. value_id distinguishes the versions of one point. Ranges include their start and exclude their end; NULL leaves that side open. labels selects the series that have all of the given labels. as_of considers only what was known by then, as_of_change only what was written by then. min_lead and max_lead bound valid_time - known_time. unit converts values. Series by series, ascending by valid_time within each.';

CREATE FUNCTION timedb.read_versions(
    series text,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    start_known timestamptz DEFAULT NULL,
    end_known timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    min_lead interval DEFAULT NULL,
    max_lead interval DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS TABLE (
    known_time timestamptz,
    change_time timestamptz,
    valid_time timestamptz,
    valid_time_end timestamptz,
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    value double precision,
    batch_id uuid,
    value_id bigint,
    changed_by uuid,
    annotation text,
    tags text[],
    metadata jsonb
)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT r.known_time, r.change_time, r.valid_time, r.valid_time_end, r.series_id, r.name, r.unit, r.labels, r.value,
           r.batch_id, r.value_id, r.changed_by, r.annotation, r.tags, r.metadata
    FROM timedb_internal._read_rows(
        'versions', CASE WHEN pg_catalog.starts_with(read_versions.series, '{') THEN read_versions.series::uuid[] END, COALESCE(read_versions.name, CASE WHEN NOT pg_catalog.starts_with(read_versions.series, '{') THEN read_versions.series END), read_versions.labels,
        read_versions.start_valid, read_versions.end_valid, read_versions.start_known, read_versions.end_known,
        read_versions.as_of, read_versions.as_of_change, read_versions.min_lead, read_versions.max_lead,
        unit => read_versions.unit, names => CASE WHEN read_versions.name <> read_versions.series AND NOT pg_catalog.starts_with(read_versions.series, '{') THEN '{}' ELSE read_versions.names END
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_versions(text, text, jsonb, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, interval, interval, text, text[]) IS
'timedb.read_versions() of the series with a name: series. One that begins with { is an array of ids instead, as text.';

CREATE FUNCTION timedb.read_relative(
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    window_length interval DEFAULT NULL,
    issue_offset interval DEFAULT NULL,
    start_window timestamptz DEFAULT NULL,
    days_ahead integer DEFAULT NULL,
    time_of_day time DEFAULT NULL,
    tz text DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
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
    FROM timedb_internal._read_rows(
        'relative', read_relative.series_id, read_relative.name, read_relative.labels,
        read_relative.start_valid, read_relative.end_valid, as_of => read_relative.as_of,
        as_of_change => read_relative.as_of_change, window_length => read_relative.window_length,
        issue_offset => read_relative.issue_offset, start_window => read_relative.start_window,
        days_ahead => read_relative.days_ahead, time_of_day => read_relative.time_of_day,
        tz => read_relative.tz, unit => read_relative.unit, names => read_relative.names
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_relative(uuid[], text, jsonb, timestamptz, timestamptz, interval, interval, timestamptz, integer, time, text, timestamptz, timestamptz, text, text[]) IS
'For each point the newest version that was known by the cut-off of its window. Either windows of window_length from start_window (or start_valid) on, in both directions, with the cut-off issue_offset after the start of each; or days in the time zone tz (UTC), with the cut-off at time_of_day days_ahead days earlier. Ranges include their start and exclude their end; NULL leaves that side open. as_of considers only what was known by then, as_of_change only what was written by then. unit converts values. Series by series, ascending by valid_time within each.';

CREATE FUNCTION timedb.read_relative(
    series text,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    start_valid timestamptz DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    window_length interval DEFAULT NULL,
    issue_offset interval DEFAULT NULL,
    start_window timestamptz DEFAULT NULL,
    days_ahead integer DEFAULT NULL,
    time_of_day time DEFAULT NULL,
    tz text DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
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
    FROM timedb_internal._read_rows(
        'relative', CASE WHEN pg_catalog.starts_with(read_relative.series, '{') THEN read_relative.series::uuid[] END, COALESCE(read_relative.name, CASE WHEN NOT pg_catalog.starts_with(read_relative.series, '{') THEN read_relative.series END), read_relative.labels,
        read_relative.start_valid, read_relative.end_valid, as_of => read_relative.as_of,
        as_of_change => read_relative.as_of_change, window_length => read_relative.window_length,
        issue_offset => read_relative.issue_offset, start_window => read_relative.start_window,
        days_ahead => read_relative.days_ahead, time_of_day => read_relative.time_of_day,
        tz => read_relative.tz, unit => read_relative.unit, names => CASE WHEN read_relative.name <> read_relative.series AND NOT pg_catalog.starts_with(read_relative.series, '{') THEN '{}' ELSE read_relative.names END
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_relative(text, text, jsonb, timestamptz, timestamptz, interval, interval, timestamptz, integer, time, text, timestamptz, timestamptz, text, text[]) IS
'timedb.read_relative() of the series with a name: series. One that begins with { is an array of ids instead, as text.';

CREATE FUNCTION timedb.read_last(
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
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
    FROM timedb_internal._read_rows(
        'last', read_last.series_id, read_last.name, read_last.labels, end_valid => read_last.end_valid,
        as_of => read_last.as_of, as_of_change => read_last.as_of_change, unit => read_last.unit, names => read_last.names
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_last(uuid[], text, jsonb, timestamptz, timestamptz, timestamptz, text, text[]) IS
'For each series the last of the points that timedb.read_flat() returns: the one with the greatest (valid_time, valid_time_end), in its newest version. A null counts as a point. end_valid leaves out what is valid from then on; as_of considers only what was known by then, as_of_change only what was written by then. unit converts values. A series without points has no row. Ascending by series_id; as fast for a long series as for a short one.';

CREATE FUNCTION timedb.read_last(
    series text,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    end_valid timestamptz DEFAULT NULL,
    as_of timestamptz DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    unit text DEFAULT NULL,
    names text[] DEFAULT NULL
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
    FROM timedb_internal._read_rows(
        'last', CASE WHEN pg_catalog.starts_with(read_last.series, '{') THEN read_last.series::uuid[] END, COALESCE(read_last.name, CASE WHEN NOT pg_catalog.starts_with(read_last.series, '{') THEN read_last.series END), read_last.labels, end_valid => read_last.end_valid,
        as_of => read_last.as_of, as_of_change => read_last.as_of_change, unit => read_last.unit, names => CASE WHEN read_last.name <> read_last.series AND NOT pg_catalog.starts_with(read_last.series, '{') THEN '{}' ELSE read_last.names END
    ) AS r;
END;

COMMENT ON FUNCTION timedb.read_last(text, text, jsonb, timestamptz, timestamptz, timestamptz, text, text[]) IS
'timedb.read_last() of the series with a name: series. One that begins with { is an array of ids instead, as text.';

-- What the three plain reads return, as relations. Conditions on series and times reach the read, which is why there is
-- no security_barrier: it would keep them out, and protects nothing here, because the function returns only rows of the
-- caller's tenant (docs/decisions/0019-conditions-reach-the-read.md). Names sort as in timedb.series.

CREATE VIEW timedb.values WITH (security_invoker = true) AS
    SELECT r.series_id, r.name COLLATE pg_catalog."C" AS name, r.unit, r.labels, r.valid_time, r.valid_time_end, r.value
    FROM timedb_internal._read_rows('flat') AS r;

COMMENT ON VIEW timedb.values IS
'The newest version of each point of the tenant, as timedb.read_flat() returns it. Conditions on series_id, name, unit, labels and valid_time decide what is read. INSERT stores points, as timedb.upload() does.';
COMMENT ON COLUMN timedb.values.series_id IS 'The id of the series, which stays when it is renamed.';
COMMENT ON COLUMN timedb.values.name IS 'The name of the series.';
COMMENT ON COLUMN timedb.values.unit IS 'The unit of the value.';
COMMENT ON COLUMN timedb.values.labels IS 'The labels of the series: an object of texts.';
COMMENT ON COLUMN timedb.values.valid_time IS 'When the value is valid, or begins to be.';
COMMENT ON COLUMN timedb.values.valid_time_end IS 'Until when it is valid, where that was said.';
COMMENT ON COLUMN timedb.values.value IS 'The value; NULL where it is missing.';

CREATE VIEW timedb.forecasts WITH (security_invoker = true) AS
    SELECT r.series_id, r.name COLLATE pg_catalog."C" AS name, r.unit, r.labels, r.known_time, r.valid_time, r.valid_time_end,
           r.valid_time - r.known_time AS lead_time, r.value
    FROM timedb_internal._read_rows('overlapping') AS r;

COMMENT ON VIEW timedb.forecasts IS
'The newest version of each point for each known_time, as timedb.read_overlapping() returns it. Conditions on series_id, name, unit, labels, valid_time and known_time decide what is read. INSERT stores points, as timedb.upload() does.';
COMMENT ON COLUMN timedb.forecasts.series_id IS 'The id of the series, which stays when it is renamed.';
COMMENT ON COLUMN timedb.forecasts.name IS 'The name of the series.';
COMMENT ON COLUMN timedb.forecasts.unit IS 'The unit of the value.';
COMMENT ON COLUMN timedb.forecasts.labels IS 'The labels of the series: an object of texts.';
COMMENT ON COLUMN timedb.forecasts.known_time IS 'When the value became known, as its writer says.';
COMMENT ON COLUMN timedb.forecasts.valid_time IS 'When the value is valid, or begins to be.';
COMMENT ON COLUMN timedb.forecasts.valid_time_end IS 'Until when it is valid, where that was said.';
COMMENT ON COLUMN timedb.forecasts.lead_time IS 'valid_time - known_time.';
COMMENT ON COLUMN timedb.forecasts.value IS 'The value; NULL where it is missing.';

CREATE VIEW timedb.versions WITH (security_invoker = true) AS
    SELECT r.series_id, r.name COLLATE pg_catalog."C" AS name, r.unit, r.labels, r.known_time, r.change_time, r.valid_time,
           r.valid_time_end, r.value, r.batch_id, r.value_id, r.changed_by, r.annotation, r.tags, r.metadata
    FROM timedb_internal._read_rows('versions') AS r;

COMMENT ON VIEW timedb.versions IS
'Every version of every point, as timedb.read_versions() returns it. Conditions on series_id, name, unit, labels, valid_time and known_time decide what is read.';
COMMENT ON COLUMN timedb.versions.series_id IS 'The id of the series, which stays when it is renamed.';
COMMENT ON COLUMN timedb.versions.name IS 'The name of the series.';
COMMENT ON COLUMN timedb.versions.unit IS 'The unit of the value.';
COMMENT ON COLUMN timedb.versions.labels IS 'The labels of the series: an object of texts.';
COMMENT ON COLUMN timedb.versions.known_time IS 'When the value became known, as its writer says.';
COMMENT ON COLUMN timedb.versions.change_time IS 'When this version was written: no other write of the tenant has the same.';
COMMENT ON COLUMN timedb.versions.valid_time IS 'When the value is valid, or begins to be.';
COMMENT ON COLUMN timedb.versions.valid_time_end IS 'Until when it is valid, where that was said.';
COMMENT ON COLUMN timedb.versions.value IS 'The value; NULL where it is missing.';
COMMENT ON COLUMN timedb.versions.batch_id IS 'The batch of the upload that the version is of; a correction has that of the version which it corrects.';
COMMENT ON COLUMN timedb.versions.value_id IS 'Distinguishes the versions of one point.';
COMMENT ON COLUMN timedb.versions.changed_by IS 'The user who corrected the point, or else who uploaded its batch.';
COMMENT ON COLUMN timedb.versions.annotation IS 'What a correction says about the point.';
COMMENT ON COLUMN timedb.versions.tags IS 'What a correction marks the point with.';
COMMENT ON COLUMN timedb.versions.metadata IS 'What else a correction says about the point: an object.';
