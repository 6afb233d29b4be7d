-- The change feed. All run as timedb_definer, bound by row-level security: tenants cannot read segments.
-- The two that read have the same arguments (timedb_ext/crates/wire/src/reads.rs).
-- Their rows are bounded by max_points, so they are returned at once.

CREATE FUNCTION timedb.read_changes(
    since timestamptz DEFAULT NULL,
    cursor text DEFAULT NULL,
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    max_points integer DEFAULT 10000,
    names text[] DEFAULT NULL
) RETURNS TABLE (
    cursor text,
    change_time timestamptz,
    known_time timestamptz,
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
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_read_changes';

COMMENT ON FUNCTION timedb.read_changes IS
'The versions that writes have left, by (change_time, write, series_id, valid_time, valid_time_end), up to the change_time up to which all writes have ended. since: only what was written after it. cursor, of a row or of changes_cursor(): only what comes after it. Neither: from the beginning. max_points is 1 to 100000. After the last row ask with its cursor; when there is no row, ask later with the cursor that you have.';

CREATE FUNCTION timedb.changes_cursor(since timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'changes_cursor_wrapper';

COMMENT ON FUNCTION timedb.changes_cursor IS
'A cursor to begin with: after everything written up to since, or else up to the change_time up to which all writes have ended. NULL without a tenant.';

CREATE FUNCTION timedb_internal._read_changes_packed(
    since timestamptz DEFAULT NULL,
    cursor text DEFAULT NULL,
    series_id uuid[] DEFAULT NULL,
    name text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    max_points integer DEFAULT 10000,
    names text[] DEFAULT NULL
) RETURNS TABLE (cursor text, more boolean, packed bytea)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'read_changes_packed_wrapper';

COMMENT ON FUNCTION timedb_internal._read_changes_packed IS
'timedb.read_changes() for the HTTP server: one row with all changes as a chunk of packed columns (layout: timedb_ext/crates/wire), where they end, and whether there may be more behind that already.';
