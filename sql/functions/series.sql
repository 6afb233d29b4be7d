-- Creating a series: found when it exists by name and labels, created otherwise. Runs as
-- timedb_definer, so that tenants need no INSERT right and row-level security binds it.
CREATE FUNCTION timedb.create_series(
    name text,
    unit text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    description text DEFAULT NULL
) RETURNS TABLE (series_id uuid, created boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'create_series_wrapper';

COMMENT ON FUNCTION timedb.create_series(text, text, jsonb, text) IS
'Finds or creates the series with this name and these labels; created tells which. A unit other than the stored one is an error (23505); a new series without unit is dimensionless.';
