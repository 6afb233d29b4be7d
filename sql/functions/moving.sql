-- Moving a tenant into another store, page by page: what `timedb export` and `timedb import` call
-- (docs/tools.md, "Moving a tenant"). A page has records, each the JSON of a line of the file, or points as packed columns
-- (layout: timedb_ext/crates/wire). The tenant keeps its id: ids of batches and cursors of the feed follow from it.

-- Definer (timedb_definer), as the tenant, to which row security binds it. Only timedb_keeper may call it.
CREATE FUNCTION timedb_internal._export_page_of(tenant_id uuid, kind text, after text)
    RETURNS TABLE (records text[], packed bytea, reached text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', '_export_page_of_wrapper';
COMMENT ON FUNCTION timedb_internal._export_page_of IS 'A page of what a tenant has stored. Private.';

-- Definer (timedb_keeper): it knows tenants, users and what is kept how long. Intervals have one spelling, whatever the
-- session's style is.
CREATE FUNCTION timedb_internal._export_page(tenant_id uuid, kind text, after text DEFAULT NULL)
    RETURNS TABLE (records text[], packed bytea, reached text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, pg_temp
    SET intervalstyle = 'iso_8601'
AS $$
DECLARE
    iso constant text := 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"';
    last_id uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    PERFORM timedb_internal._check_tenant(_export_page.tenant_id);
    IF pg_catalog.current_setting('transaction_isolation') NOT IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'an export needs a transaction that keeps one snapshot'
            USING ERRCODE = '25008',
                  HINT = 'Begin it with BEGIN ISOLATION LEVEL REPEATABLE READ, or use the command timedb export.';
    END IF;
    IF _export_page.kind IN ('user', 'retention', 'hold') THEN
        last_id := COALESCE(_export_page.after::uuid, last_id);
    END IF;
    IF _export_page.kind = 'tenant' THEN
        PERFORM timedb_internal._record_event(_export_page.tenant_id, 'tenant_exported', NULL, NULL);
        RETURN QUERY
        SELECT ARRAY[pg_catalog.row_to_json(r)::text], NULL::bytea, NULL::text
        FROM (SELECT 'tenant' AS record, 1 AS format, t.tenant_id, t.name,
                     pg_catalog.to_char(t.created_at AT TIME ZONE 'UTC', iso) AS created_at
              FROM timedb_internal.tenants t WHERE t.tenant_id = _export_page.tenant_id) r;
    ELSIF _export_page.kind = 'user' THEN
        RETURN QUERY
        SELECT COALESCE(pg_catalog.array_agg(pg_catalog.row_to_json(r)::text ORDER BY r.user_id), '{}'), NULL::bytea,
               CASE WHEN pg_catalog.count(*) = 1000 THEN pg_catalog.max(r.user_id::text) END
        FROM (SELECT 'user' AS record, u.user_id, u.email, u.active,
                     pg_catalog.to_char(u.created_at AT TIME ZONE 'UTC', iso) AS created_at
              FROM timedb_internal.users u
              WHERE u.tenant_id = _export_page.tenant_id AND u.user_id > last_id
              ORDER BY u.user_id LIMIT 1000) r;
    ELSIF _export_page.kind = 'retention' THEN
        -- The zero UUID has the tenant's default.
        RETURN QUERY
        SELECT COALESCE(pg_catalog.array_agg(pg_catalog.row_to_json(r)::text ORDER BY r.series_id), '{}'), NULL::bytea,
               CASE WHEN pg_catalog.count(*) = 1000 THEN pg_catalog.max(r.series_id::text) END
        FROM (SELECT 'retention' AS record, k.series_id, k.max_age::text AS max_age
              FROM timedb.retention k
              WHERE k.tenant_id = _export_page.tenant_id AND (k.series_id > last_id OR _export_page.after IS NULL)
              ORDER BY k.series_id LIMIT 1000) r;
    ELSIF _export_page.kind = 'hold' THEN
        RETURN QUERY
        SELECT COALESCE(pg_catalog.array_agg(pg_catalog.row_to_json(r)::text ORDER BY r.series_id), '{}'), NULL::bytea,
               CASE WHEN pg_catalog.count(*) = 1000 THEN pg_catalog.max(r.series_id::text) END
        FROM (SELECT 'hold' AS record, h.series_id, h.reason,
                     pg_catalog.to_char(h.placed_at AT TIME ZONE 'UTC', iso) AS placed_at
              FROM timedb.holds h
              WHERE h.tenant_id = _export_page.tenant_id AND (h.series_id > last_id OR _export_page.after IS NULL)
              ORDER BY h.series_id LIMIT 1000) r;
    ELSE
        RETURN QUERY SELECT p.records, p.packed, p.reached
        FROM timedb_internal._export_page_of(_export_page.tenant_id, _export_page.kind, _export_page.after) p;
    END IF;
END
$$;
COMMENT ON FUNCTION timedb_internal._export_page IS
'A page of all that a tenant has, for administrators (timedb export): kind is tenant, user, series, retention, hold, batch, request, point or damaged; after is what the page before has reached, which is NULL at the end.';

-- Definer (timedb_definer), as the tenant. Only timedb_keeper may call it.
CREATE FUNCTION timedb_internal._take_import(tenant_id uuid) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', '_take_import_wrapper';
COMMENT ON FUNCTION timedb_internal._take_import IS 'Begins the import of a tenant that has stored nothing. Private.';

-- Only timedb_keeper may call it. It looks at nothing that is stored.
CREATE FUNCTION timedb_internal._check_import(tenant_id uuid) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', '_check_import_wrapper';
COMMENT ON FUNCTION timedb_internal._check_import IS 'Fails unless this transaction has begun the import of the tenant. Private.';

-- Definer (timedb_definer), as the tenant. Only timedb_keeper may call it.
CREATE FUNCTION timedb_internal._import_page_of(tenant_id uuid, kind text, records text[], packed bytea) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', '_import_page_of_wrapper';
COMMENT ON FUNCTION timedb_internal._import_page_of IS 'Stores a page of an import. Private.';

-- Definer (timedb_keeper): it knows tenants and users.
CREATE FUNCTION timedb_internal._begin_import(header text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tenant record;
BEGIN
    SELECT h.* INTO STRICT tenant
    FROM pg_catalog.json_to_record(_begin_import.header::json)
        AS h (record text, format integer, tenant_id uuid, name text, created_at timestamptz);
    IF tenant.record IS DISTINCT FROM 'tenant' OR tenant.tenant_id IS NULL OR tenant.created_at IS NULL
       OR tenant.tenant_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff' OR NOT timedb_internal._is_printable(tenant.name) THEN
        RAISE EXCEPTION 'this is not the beginning of an export' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF tenant.format IS DISTINCT FROM 1 THEN
        RAISE EXCEPTION 'an export of format % is newer than this version of timedb', tenant.format
            USING ERRCODE = 'feature_not_supported', HINT = 'Update this store first.';
    END IF;
    -- Made anew where it is there and has nothing, as in a store that has just been made. Nobody creates a user meanwhile.
    DELETE FROM timedb_internal.tenants t WHERE t.tenant_id = tenant.tenant_id;
    INSERT INTO timedb_internal.tenants (tenant_id, name, created_at) VALUES (tenant.tenant_id, tenant.name, tenant.created_at);
    PERFORM timedb_internal._take_import(tenant.tenant_id);
    IF EXISTS (SELECT FROM timedb_internal.users u WHERE u.tenant_id = tenant.tenant_id)
       OR EXISTS (SELECT FROM timedb.holds h WHERE h.tenant_id = tenant.tenant_id) THEN
        RAISE EXCEPTION 'tenant "%" has users or holds in this store already', tenant.tenant_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'A tenant is imported into a store that has nothing of it. timedb.delete_tenant() deletes what this one has.';
    END IF;
    RETURN tenant.tenant_id;
END
$$;
COMMENT ON FUNCTION timedb_internal._begin_import IS
'Begins to import a tenant, for administrators (timedb import): the header is the first line of an export. The import ends with the transaction.';

-- Definer (timedb_keeper), as _begin_import.
CREATE FUNCTION timedb_internal._import_page(tenant_id uuid, kind text, records text[] DEFAULT NULL, packed bytea DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    doubtful text;
BEGIN
    PERFORM timedb_internal._check_import(_import_page.tenant_id);
    IF _import_page.kind = 'user' THEN
        INSERT INTO timedb_internal.users (tenant_id, user_id, email, active, created_at)
        SELECT _import_page.tenant_id, u.user_id, u.email, u.active, u.created_at
        FROM pg_catalog.unnest(_import_page.records) AS l (line),
             LATERAL pg_catalog.json_to_record(l.line::json) AS u (user_id uuid, email text, active boolean, created_at timestamptz);
        SELECT u.email INTO doubtful FROM timedb_internal.users u
        WHERE u.tenant_id = _import_page.tenant_id AND NOT timedb_internal._is_printable(u.email) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'invalid email "%"', doubtful USING ERRCODE = 'invalid_parameter_value';
        END IF;
    ELSIF _import_page.kind = 'retention' THEN
        INSERT INTO timedb.retention (tenant_id, series_id, max_age)
        SELECT _import_page.tenant_id, k.series_id, k.max_age
        FROM pg_catalog.unnest(_import_page.records) AS l (line),
             LATERAL pg_catalog.json_to_record(l.line::json) AS k (series_id uuid, max_age interval);
    ELSIF _import_page.kind = 'hold' THEN
        INSERT INTO timedb.holds (tenant_id, series_id, reason, placed_at)
        SELECT _import_page.tenant_id, h.series_id, h.reason, h.placed_at
        FROM pg_catalog.unnest(_import_page.records) AS l (line),
             LATERAL pg_catalog.json_to_record(l.line::json) AS h (series_id uuid, reason text, placed_at timestamptz);
    ELSE
        PERFORM timedb_internal._import_page_of(_import_page.tenant_id, _import_page.kind, _import_page.records, _import_page.packed);
    END IF;
END
$$;
COMMENT ON FUNCTION timedb_internal._import_page IS
'Stores a page of an export, in the transaction that began the import, for administrators (timedb import).';

-- Definer (timedb_keeper), as _begin_import.
CREATE FUNCTION timedb_internal._end_import(tenant_id uuid, points bigint, sha256 text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM timedb_internal._check_import(_end_import.tenant_id);
    PERFORM timedb_internal._import_page_of(_end_import.tenant_id, 'end', NULL, NULL);
    PERFORM timedb_internal._record_event(_end_import.tenant_id, 'tenant_imported', NULL, NULL,
        pg_catalog.jsonb_build_object('points', _end_import.points, 'sha256', _end_import.sha256));
END
$$;
COMMENT ON FUNCTION timedb_internal._end_import IS
'Checks what has been imported, and records it, for administrators (timedb import).';
