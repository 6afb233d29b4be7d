-- INSERT and COPY into the views. Rows are collected in the backend's memory and stored as one batch when the statement
-- ends, which is when PostgreSQL fires the AFTER trigger: as one call of timedb.upload(), whose checks they pass.
-- Nobody may call these functions, or make triggers with them.

-- Takes a row and returns it unchanged. Reads and writes no table, so that it needs neither its owner's privileges nor a
-- search_path, which would be set for each row anew.
CREATE FUNCTION timedb_internal._take_row() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'timedb_take_row';

COMMENT ON FUNCTION timedb_internal._take_row IS
'Of the views that rows can be inserted into: takes a row of the statement.';

-- Runs as timedb_definer, as all that writes. Before the statement it checks that the caller may write, after it stores
-- the rows.
CREATE FUNCTION timedb_internal._store_rows() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_store_rows';

COMMENT ON FUNCTION timedb_internal._store_rows IS
'Of the views that rows can be inserted into: begins a statement, and stores its rows at its end.';

CREATE TRIGGER values_begin BEFORE INSERT ON timedb.values
    FOR EACH STATEMENT EXECUTE FUNCTION timedb_internal._store_rows();
CREATE TRIGGER values_take INSTEAD OF INSERT ON timedb.values
    FOR EACH ROW EXECUTE FUNCTION timedb_internal._take_row();
CREATE TRIGGER values_store AFTER INSERT ON timedb.values
    FOR EACH STATEMENT EXECUTE FUNCTION timedb_internal._store_rows();

CREATE TRIGGER forecasts_begin BEFORE INSERT ON timedb.forecasts
    FOR EACH STATEMENT EXECUTE FUNCTION timedb_internal._store_rows();
CREATE TRIGGER forecasts_take INSTEAD OF INSERT ON timedb.forecasts
    FOR EACH ROW EXECUTE FUNCTION timedb_internal._take_row();
CREATE TRIGGER forecasts_store AFTER INSERT ON timedb.forecasts
    FOR EACH STATEMENT EXECUTE FUNCTION timedb_internal._store_rows();
