-- Correcting points. Runs as timedb_definer: tenants have no INSERT right on any table, and the definer is
-- bound by row-level security like everybody else.
CREATE FUNCTION timedb.update_values(
    updates jsonb,
    idempotency_key text DEFAULT NULL
) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'update_values_wrapper';

COMMENT ON FUNCTION timedb.update_values IS
'Corrects points: each becomes a new version with the known_time and the batch of the corrected one, all or none. updates is an array of objects with series_id, valid_time, optionally valid_time_end, and known_time or batch_id for a version other than the one that a flat read shows; and at least one of value, annotation, tags and metadata: null clears, what is omitted stays. Answers the versions written (updated) and the updates that change nothing (skipped_no_ops). With an idempotency_key the same call can be made again: it writes nothing then and gives the same answer.';
