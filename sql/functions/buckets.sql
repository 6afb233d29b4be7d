-- Downsampling: flat values, folded into buckets of time next to their segments. Both functions have the same
-- arguments (timedb_ext/crates/wire/src/reads.rs), and run as timedb_definer, bound by row-level security.

CREATE FUNCTION timedb.read_buckets(
    bucket interval,
    tz text DEFAULT 'UTC',
    fill text DEFAULT NULL,
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
    aggregates text[] DEFAULT NULL,
    look_before boolean DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS TABLE (
    bucket timestamptz,
    bucket_end timestamptz,
    series_id uuid,
    name text,
    unit text,
    labels jsonb,
    count bigint,
    avg double precision,
    sum double precision,
    min double precision,
    max double precision,
    first double precision,
    last double precision,
    time_weighted_avg double precision
)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_read_buckets';

COMMENT ON FUNCTION timedb.read_buckets IS
'Aggregates of the values that timedb.read_flat() returns with the same filters, in buckets of time: months, days (7 are weeks from Monday) or a time that divides a day, by the clock of the time zone tz. Nulls are not counted. For time_weighted_avg a value holds until the next one. fill says what empty buckets of the range contain: none (they are left out), null, last or linear. With look_before, the last value before start_valid counts for fill => last and for time_weighted_avg. aggregates names the ones to compute; NULL means all. Series by series, ascending.';

CREATE FUNCTION timedb_internal._read_buckets_packed(
    bucket interval,
    tz text DEFAULT 'UTC',
    fill text DEFAULT NULL,
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
    aggregates text[] DEFAULT NULL,
    look_before boolean DEFAULT NULL,
    names text[] DEFAULT NULL
) RETURNS SETOF bytea
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'read_buckets_packed_wrapper';

COMMENT ON FUNCTION timedb_internal._read_buckets_packed IS
'timedb.read_buckets() for the HTTP server: chunks of packed columns (layout: timedb_ext/crates/wire). Call it in the SELECT list.';
