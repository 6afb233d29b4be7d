-- Writing points. Both functions run as timedb_definer: tenants have no INSERT right on any table,
-- and the definer is bound by row-level security like everybody else.

CREATE FUNCTION timedb.upload(
    valid_time timestamptz[],
    value double precision[],
    name text[] DEFAULT NULL,
    labels jsonb[] DEFAULT NULL,
    unit text[] DEFAULT NULL,
    description text[] DEFAULT NULL,
    series_id uuid[] DEFAULT NULL,
    series_index integer[] DEFAULT NULL,
    valid_time_end timestamptz[] DEFAULT NULL,
    known_time timestamptz DEFAULT NULL,
    workflow_id text DEFAULT NULL,
    batch_start_time timestamptz DEFAULT NULL,
    batch_finish_time timestamptz DEFAULT NULL,
    batch_params jsonb DEFAULT NULL,
    batch_id uuid DEFAULT NULL,
    idempotency_key text DEFAULT NULL,
    skip_unchanged boolean DEFAULT false,
    known_times timestamptz[] DEFAULT NULL
) RETURNS TABLE (batch_id uuid, points bigint, series_ids uuid[], skipped bigint, replayed boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'upload_arrays_wrapper';

COMMENT ON FUNCTION timedb.upload IS
'Stores points as one batch, all or none. valid_time and value have one element per point. name (or series_id) has one element for all points, one per point, or, with series_index (counted from 1, one per point), one per series; labels and description go with name, unit with either: it is the unit of the values, which are converted to that of an existing series. Series that do not exist are created. known_time defaults to now; known_times, one element a point, says when each value was known, null where known_time does. With a batch_id or an idempotency_key of the caller the same call can be made again: it writes nothing then and gives the same answer (replayed). skip_unchanged leaves out the points whose value is what a flat read as of its known_time gives already.';

-- The same for clients that send packed columns: a tenth of the time of arrays.
-- The layout is described in timedb_ext/crates/wire.
CREATE FUNCTION timedb_internal._upload_packed(
    data bytea,
    known_time timestamptz DEFAULT NULL,
    workflow_id text DEFAULT NULL,
    batch_start_time timestamptz DEFAULT NULL,
    batch_finish_time timestamptz DEFAULT NULL,
    batch_params jsonb DEFAULT NULL,
    batch_id uuid DEFAULT NULL,
    idempotency_key text DEFAULT NULL,
    skip_unchanged boolean DEFAULT false
) RETURNS TABLE (batch_id uuid, points bigint, series_ids uuid[], skipped bigint, replayed boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'upload_packed_wrapper';

COMMENT ON FUNCTION timedb_internal._upload_packed IS
'timedb.upload() for the HTTP server: the points as packed columns.';
