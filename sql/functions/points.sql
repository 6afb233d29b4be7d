-- Point-in-time reads: values each as known by its own cut-off. Both functions have the same arguments, and run as
-- timedb_definer, bound by row-level security.

CREATE FUNCTION timedb.read_points(
    series_id uuid[] DEFAULT NULL,
    valid_time timestamptz[] DEFAULT NULL,
    as_of timestamptz[] DEFAULT NULL,
    name text[] DEFAULT NULL,
    labels jsonb[] DEFAULT NULL,
    series_index integer[] DEFAULT NULL,
    valid_time_end timestamptz[] DEFAULT NULL,
    max_age interval DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    unit text DEFAULT NULL
) RETURNS TABLE (
    ordinality bigint,
    series_id uuid,
    valid_time timestamptz,
    valid_time_end timestamptz,
    known_time timestamptz,
    value double precision,
    unit text,
    found boolean
)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_read_points';

COMMENT ON FUNCTION timedb.read_points IS
'Point-in-time join: for each row of the arrays, the value of the point at valid_time as it was known at as_of, that is, in the version with the greatest (known_time, change_time) that was known by then. as_of has one element for all rows or one per row; series are named as in timedb.upload(), and must exist. With max_age, the latest point at most so much before valid_time is meant. valid_time_end distinguishes points that share a valid_time; null is the point without one. as_of_change considers only what was written by then, unit converts values. One row per row of the arrays, in their order: ordinality counts from 1. found says whether there was a point; its value may be null.';

CREATE FUNCTION timedb_internal._read_points_packed(
    series_id uuid[] DEFAULT NULL,
    valid_time timestamptz[] DEFAULT NULL,
    as_of timestamptz[] DEFAULT NULL,
    name text[] DEFAULT NULL,
    labels jsonb[] DEFAULT NULL,
    series_index integer[] DEFAULT NULL,
    valid_time_end timestamptz[] DEFAULT NULL,
    max_age interval DEFAULT NULL,
    as_of_change timestamptz DEFAULT NULL,
    unit text DEFAULT NULL
) RETURNS TABLE (packed bytea, places integer[])
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'read_points_packed_wrapper';

COMMENT ON FUNCTION timedb_internal._read_points_packed IS
'timedb.read_points() for the HTTP server: a chunk of packed columns (layout: timedb_ext/crates/wire) with a point for each row, by series and valid_time, and for each of them the place of its row, counted from 0. A row without a point has the known_time -2^63.';
