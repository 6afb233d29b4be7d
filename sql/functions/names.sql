-- Whether people can read a name, and a terminal does nothing but show it. In Rust, because names of series are
-- held to the same.
CREATE FUNCTION timedb_internal._is_printable(name text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', '_is_printable_wrapper';
COMMENT ON FUNCTION timedb_internal._is_printable IS 'Whether a name is visible and inert. Private.';
