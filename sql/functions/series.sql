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

COMMENT ON FUNCTION timedb.create_series IS
'Finds or creates the series with this name and these labels; created says which. A unit other than the stored one is an error (23505); a new series without unit is dimensionless.';

-- The description of one series. Runs as timedb_definer, because tenants may not read timedb_internal.segments.
CREATE FUNCTION timedb.describe_series(series_id uuid)
RETURNS TABLE (
    series_id uuid,
    name text,
    unit text,
    description text,
    labels jsonb,
    created_at timestamptz,
    versions bigint,
    segments bigint,
    bytes bigint,
    first_valid_time timestamptz,
    last_valid_time timestamptz,
    first_known_time timestamptz,
    last_known_time timestamptz,
    last_change_time timestamptz
)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'describe_series_wrapper';

COMMENT ON FUNCTION timedb.describe_series IS
'What the series is, how many versions of points it has in how many segments and bytes, and the range of its times: the smallest and the greatest valid_time and known_time, and the last change_time. An unknown series is an error (42704).';

-- Changing what identifies a series. Runs as timedb_definer, as all that writes.
CREATE FUNCTION timedb.rename_series(series_id uuid, name text DEFAULT NULL, labels jsonb DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'rename_series_wrapper';

COMMENT ON FUNCTION timedb.rename_series IS
'Gives a series a new name or new labels (all of them; NULL leaves them as they are) and keeps its id and its points. Returns whether that changes anything. It is an error if another series has both already (23505).';

-- Changing what does not identify it. Runs as timedb_definer, as all that writes.
CREATE FUNCTION timedb.update_series(series_id uuid, description text DEFAULT NULL, unit text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'update_series_wrapper';

COMMENT ON FUNCTION timedb.update_series IS
'Gives a series a new description (an empty one removes it) or a new unit; NULL leaves it as it is. Returns whether that changes anything. The unit of a series that has points cannot be changed (55000): reads and uploads convert.';
