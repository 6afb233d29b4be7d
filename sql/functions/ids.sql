-- Ids are UUIDv7: new rows are next to each other in every index, and ids sort by their time.
CREATE FUNCTION timedb_internal._uuid7() RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', '_uuid7_wrapper';
COMMENT ON FUNCTION timedb_internal._uuid7 IS 'Makes an id. Private.';
