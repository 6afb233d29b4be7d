-- What to do about damaged storage: find it, set it aside, put it back.

-- Runs as timedb_definer, bound by row-level security: tenants cannot read what is verified.
CREATE FUNCTION timedb.verify(series_id uuid[] DEFAULT NULL)
RETURNS TABLE (damage_id text, kind text, series_id uuid, segment_id bigint, list_id uuid,
               min_valid timestamptz, max_valid timestamptz, min_change timestamptz, max_change timestamptz,
               points bigint, batches bigint, problem text)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_verify';

COMMENT ON FUNCTION timedb.verify IS
'Reads everything that the tenant has stored and returns a row for each row that is damaged, none if all is well: what it is called, what it is (segment, log, chunk, list, request, series), which points and batches would be lost with it, as it says itself, and what is wrong. With series_id only these series and their segments. It changes nothing, and says every ten seconds how far it has come.';

-- The same for administrators: definer (timedb_definer), as the tenant, to which row security binds it. Only
-- timedb_keeper may call it.
CREATE FUNCTION timedb_internal._verify_tenant(tenant_id uuid)
RETURNS TABLE (damage_id text, kind text, series_id uuid, segment_id bigint, list_id uuid,
               min_valid timestamptz, max_valid timestamptz, min_change timestamptz, max_change timestamptz,
               points bigint, batches bigint, problem text)
LANGUAGE c STABLE STRICT PARALLEL UNSAFE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_verify_tenant';

COMMENT ON FUNCTION timedb_internal._verify_tenant IS 'timedb.verify() as a tenant. Private.';

-- Definer (timedb_keeper): it knows the tenants.
CREATE FUNCTION timedb.verify_store(tenant_id uuid DEFAULT NULL, max_tenants integer DEFAULT 100)
RETURNS TABLE (tenant_id uuid, damage_id text, kind text, series_id uuid, segment_id bigint, list_id uuid,
               min_valid timestamptz, max_valid timestamptz, min_change timestamptz, max_change timestamptz,
               points bigint, batches bigint, problem text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.tenant_id, v.damage_id, v.kind, v.series_id, v.segment_id, v.list_id,
           v.min_valid, v.max_valid, v.min_change, v.max_change, v.points, v.batches, v.problem
    FROM timedb_internal._some_tenants(verify_store.tenant_id, verify_store.max_tenants) t (tenant_id),
         LATERAL timedb_internal._verify_tenant(t.tenant_id) v
$$;
COMMENT ON FUNCTION timedb.verify_store IS
'timedb.verify() for the store of one tenant, or of up to max_tenants at random, for administrators: they learn what is damaged, and nothing of names or values.';

-- Definer (timedb_definer), as the tenant. Only timedb_keeper may call it.
CREATE FUNCTION timedb_internal._set_aside(tenant_id uuid, damage_id text)
RETURNS TABLE (damage_id text, kind text, series_id uuid, segment_id bigint, list_id uuid,
               min_valid timestamptz, max_valid timestamptz, min_change timestamptz, max_change timestamptz,
               points bigint, batches bigint, problem text)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'timedb_set_aside';

COMMENT ON FUNCTION timedb_internal._set_aside IS 'Sets a damaged row of a tenant aside. Private.';

-- Definer (timedb_definer), as the tenant. Only timedb_keeper may call it.
CREATE FUNCTION timedb_internal._put_back(tenant_id uuid, damage_id text, mended text)
RETURNS TABLE (kind text, points bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', '_put_back_wrapper';

COMMENT ON FUNCTION timedb_internal._put_back IS 'Puts a row of a tenant back that was set aside. Private.';

-- Definer (timedb_keeper): it knows the tenants, and writes the record.
CREATE FUNCTION timedb.set_aside(tenant_id uuid, INOUT damage_id text, OUT kind text, OUT points bigint, OUT batches bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    damage record;
BEGIN
    PERFORM timedb_internal._check_tenant(set_aside.tenant_id);
    SELECT * INTO STRICT damage FROM timedb_internal._set_aside(set_aside.tenant_id, set_aside.damage_id);
    PERFORM timedb_internal._record_event(set_aside.tenant_id, 'damage_set_aside', NULL, NULL,
        pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('damage_id', damage.damage_id, 'kind', damage.kind,
            'series_id', damage.series_id, 'list_id', damage.list_id, 'min_valid', damage.min_valid, 'max_valid', damage.max_valid,
            'min_change', damage.min_change, 'max_change', damage.max_change, 'points', damage.points, 'batches', damage.batches,
            'problem', damage.problem)));
    damage_id := damage.damage_id;
    kind := damage.kind;
    points := damage.points;
    batches := damage.batches;
END
$$;
COMMENT ON FUNCTION timedb.set_aside IS
'For administrators. Takes a damaged row, by the damage_id that timedb.verify_store() returns, out of its table into timedb_internal.damaged_rows, where all of its columns are kept, so that the rest of the tenant''s store can be read, written and compacted. Returns what it is called from now on, and what is missing until timedb.put_back().';

-- Definer (timedb_keeper), as set_aside.
CREATE FUNCTION timedb.put_back(tenant_id uuid, damage_id text, mended jsonb DEFAULT NULL, OUT kind text, OUT points bigint)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept record;
BEGIN
    PERFORM timedb_internal._check_tenant(put_back.tenant_id);
    IF pg_catalog.jsonb_typeof(put_back.mended) <> 'object' THEN
        RAISE EXCEPTION 'mended must be an object, not %', pg_catalog.jsonb_typeof(put_back.mended)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It has the columns that differ from what was set aside, as to_jsonb() spells them.';
    END IF;
    SELECT * INTO STRICT kept FROM timedb_internal._put_back(put_back.tenant_id, put_back.damage_id, put_back.mended::text);
    PERFORM timedb_internal._record_event(put_back.tenant_id, 'damage_put_back', NULL, NULL,
        pg_catalog.jsonb_build_object('damage_id', put_back.damage_id, 'kind', kept.kind, 'points', kept.points));
    kind := kept.kind;
    points := kept.points;
END
$$;
COMMENT ON FUNCTION timedb.put_back IS
'For administrators. Puts a row back that timedb.set_aside() has taken away, if it is whole by now. mended has the columns in which it differs from what was set aside, as to_jsonb() of the row in a backup has them.';
