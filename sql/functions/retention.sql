-- How long points are kept, and what must not be deleted. Those for tenants run as timedb_definer, bound by row-level
-- security; those for administrators as timedb_keeper, which may read and write the rules of every tenant.

-- Definers check by this who may write, and keep what they name from being deleted meanwhile.
CREATE FUNCTION timedb_internal._enter_store(what text, series_id uuid) RETURNS uuid
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', '_enter_store_wrapper';
COMMENT ON FUNCTION timedb_internal._enter_store IS 'The tenant that the caller may write for; a series that is named is the tenant''s. Private.';

-- Definer (timedb_definer), as the tenant; only timedb_keeper may call it.
CREATE FUNCTION timedb_internal._enter_store_of(tenant_id uuid, series_id uuid) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', '_enter_store_of_wrapper';
COMMENT ON FUNCTION timedb_internal._enter_store_of IS 'Fails for a series that the tenant does not have; keeps it from being deleted meanwhile. Private.';

CREATE FUNCTION timedb_internal._check_age(max_age interval) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cutoff timestamptz;
BEGIN
    IF NOT pg_catalog.isfinite(_check_age.max_age) THEN
        RAISE EXCEPTION 'max_age must be finite' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'NULL keeps points for ever.';
    END IF;
    BEGIN
        cutoff := pg_catalog.now() - _check_age.max_age;
    EXCEPTION WHEN datetime_field_overflow THEN
        RAISE EXCEPTION 'max_age is too long: %', _check_age.max_age USING ERRCODE = 'invalid_parameter_value',
            HINT = 'NULL keeps points for ever.';
    END;
    IF cutoff >= pg_catalog.now() OR _check_age.max_age <= '0'::interval THEN
        RAISE EXCEPTION 'max_age must be longer than nothing, not %', _check_age.max_age
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It says how far back points may lie, such as ''2 years''; NULL keeps them for ever.';
    END IF;
END
$$;
COMMENT ON FUNCTION timedb_internal._check_age IS 'Fails for what is no age of points. Private.';

-- Definer (timedb_definer).
CREATE FUNCTION timedb.set_retention(max_age interval, series_id uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant uuid;
BEGIN
    tenant := timedb_internal._enter_store('timedb.set_retention()', set_retention.series_id);
    PERFORM timedb_internal._check_age(set_retention.max_age);
    INSERT INTO timedb.retention AS r (tenant_id, series_id, max_age)
    VALUES (tenant, COALESCE(set_retention.series_id, '00000000-0000-0000-0000-000000000000'), set_retention.max_age)
    ON CONFLICT ON CONSTRAINT retention_series_key DO UPDATE SET max_age = excluded.max_age;
    PERFORM timedb_internal._record_event(tenant, 'retention_set', NULL, NULL,
        pg_catalog.jsonb_build_object('series_id', set_retention.series_id, 'max_age', set_retention.max_age::text));
END
$$;
COMMENT ON FUNCTION timedb.set_retention IS
'Says how long the points of a series are kept, or, without series_id, those of all series of the tenant that have no rule of their own. NULL keeps them for ever, as without any rule. Nothing is deleted before timedb.apply_retention() is called.';

-- Definer (timedb_definer).
CREATE FUNCTION timedb.reset_retention(series_id uuid DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant uuid;
BEGIN
    tenant := timedb_internal._enter_store('timedb.reset_retention()', reset_retention.series_id);
    DELETE FROM timedb.retention r
    WHERE r.tenant_id = tenant AND r.series_id = COALESCE(reset_retention.series_id, '00000000-0000-0000-0000-000000000000');
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM timedb_internal._record_event(tenant, 'retention_reset', NULL, NULL,
        pg_catalog.jsonb_build_object('series_id', reset_retention.series_id));
    RETURN true;
END
$$;
COMMENT ON FUNCTION timedb.reset_retention IS
'Takes back what timedb.set_retention() said of a series, so that the tenant''s default holds for it; or the default itself. False if there was no such rule.';

-- Definer (timedb_definer).
CREATE FUNCTION timedb.apply_retention(dry_run boolean DEFAULT false)
RETURNS TABLE (series_id uuid, name text, cutoff timestamptz, points bigint, segments bigint, bytes bigint, held boolean)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'apply_retention_wrapper';
COMMENT ON FUNCTION timedb.apply_retention IS
'Deletes the points whose valid_time lies further back than timedb.set_retention() says, all versions of them, and no others: a row for each series that had any. With dry_run it deletes nothing, and says what it would delete. Series that are held keep everything. The space is free once the tables have been vacuumed.';

-- Definer (timedb_definer), as the tenant; only timedb_keeper may call it.
CREATE FUNCTION timedb_internal._retain_tenant(tenant_id uuid, dry_run boolean)
RETURNS TABLE (series bigint, points bigint, segments bigint, bytes bigint)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', '_retain_tenant_wrapper';
COMMENT ON FUNCTION timedb_internal._retain_tenant IS 'timedb.apply_retention() as a tenant. Private.';

-- What is damaged in one tenant's store keeps no other from having its retention applied.
CREATE FUNCTION timedb_internal._retain_or_say(tenant_id uuid, dry_run boolean,
    OUT series bigint, OUT points bigint, OUT segments bigint, OUT bytes bigint, OUT problem text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT r.series, r.points, r.segments, r.bytes INTO series, points, segments, bytes
    FROM timedb_internal._retain_tenant(_retain_or_say.tenant_id, _retain_or_say.dry_run) r;
EXCEPTION WHEN data_corrupted THEN
    series := 0;
    points := 0;
    segments := 0;
    bytes := 0;
    problem := SQLERRM;
END
$$;
COMMENT ON FUNCTION timedb_internal._retain_or_say IS 'Applies the retention of a tenant, or says what is damaged in its store. Private.';

-- Definer (timedb_keeper): it knows the tenants.
CREATE FUNCTION timedb.apply_retention_store(tenant_id uuid DEFAULT NULL, dry_run boolean DEFAULT false, max_tenants integer DEFAULT 100)
RETURNS TABLE (tenant_id uuid, series bigint, points bigint, segments bigint, bytes bigint, problem text)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.tenant_id, r.series, r.points, r.segments, r.bytes, r.problem
    FROM timedb_internal._some_tenants(apply_retention_store.tenant_id, apply_retention_store.max_tenants) t (tenant_id),
         LATERAL timedb_internal._retain_or_say(t.tenant_id, COALESCE(apply_retention_store.dry_run, false)) r
$$;
COMMENT ON FUNCTION timedb.apply_retention_store IS
'timedb.apply_retention() for one tenant, or for up to max_tenants at random, for administrators and schedulers such as pg_cron: one row a tenant.';

-- Definer (timedb_keeper).
CREATE FUNCTION timedb.set_tenant_retention(tenant_id uuid, max_age interval, series_id uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM timedb_internal._check_tenant(set_tenant_retention.tenant_id);
    PERFORM timedb_internal._enter_store_of(set_tenant_retention.tenant_id, set_tenant_retention.series_id);
    PERFORM timedb_internal._check_age(set_tenant_retention.max_age);
    INSERT INTO timedb.retention AS r (tenant_id, series_id, max_age)
    VALUES (set_tenant_retention.tenant_id, COALESCE(set_tenant_retention.series_id, '00000000-0000-0000-0000-000000000000'),
            set_tenant_retention.max_age)
    ON CONFLICT ON CONSTRAINT retention_series_key DO UPDATE SET max_age = excluded.max_age;
    PERFORM timedb_internal._record_event(set_tenant_retention.tenant_id, 'retention_set', NULL, NULL, pg_catalog.jsonb_build_object(
        'series_id', set_tenant_retention.series_id, 'max_age', set_tenant_retention.max_age::text));
END
$$;
COMMENT ON FUNCTION timedb.set_tenant_retention IS 'timedb.set_retention() for a tenant, for administrators.';

-- Definer (timedb_keeper). Nothing is being deleted while a hold is placed, and afterwards nothing can be.
CREATE FUNCTION timedb.place_hold(tenant_id uuid, reason text DEFAULT NULL, series_id uuid DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM timedb_internal._check_tenant(place_hold.tenant_id);
    IF pg_catalog.length(place_hold.reason) > 200 OR NOT timedb_internal._is_printable(place_hold.reason) THEN
        RAISE EXCEPTION 'invalid reason "%"', place_hold.reason
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A reason has 1 to 200 visible characters, none of which controls a terminal or changes the direction of text.';
    END IF;
    PERFORM timedb_internal._enter_store_of(place_hold.tenant_id, place_hold.series_id);
    INSERT INTO timedb.holds AS h (tenant_id, series_id, reason, placed_at)
    VALUES (place_hold.tenant_id, COALESCE(place_hold.series_id, '00000000-0000-0000-0000-000000000000'), place_hold.reason,
            pg_catalog.now())
    ON CONFLICT ON CONSTRAINT holds_series_key DO UPDATE SET reason = excluded.reason;
    PERFORM timedb_internal._record_event(place_hold.tenant_id, 'hold_placed', NULL, NULL, pg_catalog.jsonb_strip_nulls(
        pg_catalog.jsonb_build_object('series_id', place_hold.series_id, 'reason', place_hold.reason)));
END
$$;
COMMENT ON FUNCTION timedb.place_hold IS
'For administrators. Keeps a series, or everything of a tenant, from being deleted by retention or by anybody (a legal hold), until timedb.release_hold().';

-- Definer (timedb_keeper).
CREATE FUNCTION timedb.release_hold(tenant_id uuid, series_id uuid DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM timedb_internal._check_tenant(release_hold.tenant_id);
    DELETE FROM timedb.holds h
    WHERE h.tenant_id = release_hold.tenant_id
      AND h.series_id = COALESCE(release_hold.series_id, '00000000-0000-0000-0000-000000000000');
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM timedb_internal._record_event(release_hold.tenant_id, 'hold_released', NULL, NULL, pg_catalog.jsonb_strip_nulls(
        pg_catalog.jsonb_build_object('series_id', release_hold.series_id)));
    RETURN true;
END
$$;
COMMENT ON FUNCTION timedb.release_hold IS 'For administrators. Ends a hold of timedb.place_hold(). False if there was none.';

-- Definer (timedb_keeper).
CREATE FUNCTION timedb.list_holds(tenant_id uuid DEFAULT NULL)
RETURNS TABLE (tenant_id uuid, series_id uuid, reason text, placed_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT h.tenant_id, NULLIF(h.series_id, '00000000-0000-0000-0000-000000000000'), h.reason, h.placed_at
    FROM timedb.holds h
    WHERE list_holds.tenant_id IS NULL OR h.tenant_id = list_holds.tenant_id
    ORDER BY h.tenant_id, h.series_id
$$;
COMMENT ON FUNCTION timedb.list_holds IS 'For administrators. What is held: of one tenant, or of all. Without a series_id it is everything of the tenant.';
