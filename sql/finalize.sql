-- Runs last: who owns what, what a dump contains, who may do what.

-- Relations belong to timedb_owner, and pg_dump saves the rows of every table. What ALTER DEFAULT
-- PRIVILEGES has given to anybody is taken back: row security does not bind TRUNCATE.
DO $$
DECLARE
    relation record;
    grantee name;
BEGIN
    FOR relation IN
        SELECT c.oid::pg_catalog.regclass AS name, c.relkind
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND c.relkind IN ('r', 'v')
        ORDER BY c.relname
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO timedb_owner', relation.name);
        EXECUTE pg_catalog.format('REVOKE ALL ON TABLE %s FROM PUBLIC', relation.name);
        FOR grantee IN
            SELECT DISTINCT r.rolname
            FROM pg_catalog.pg_class c, LATERAL pg_catalog.aclexplode(c.relacl) a
            JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
            WHERE c.oid = relation.name AND a.grantee <> c.relowner
        LOOP
            EXECUTE pg_catalog.format('REVOKE ALL ON TABLE %s FROM %I', relation.name, grantee);
        END LOOP;
        IF relation.relkind = 'r' THEN
            PERFORM pg_catalog.pg_extension_config_dump(relation.name, '');
        END IF;
    END LOOP;
END
$$;

-- Functions: those named here belong to timedb_keeper, all others to timedb_definer (a function
-- forgotten here finds no right on users and keys). The lists also say who may call what; a
-- function in no list can be called by its owner only.
DO $$
DECLARE
    keepers constant name[] := '{authenticate, authenticate_proof, _enter, login, login_proof, create_tenant, create_user, list_users,
        activate_user, deactivate_user, create_key, import_key, list_keys, revoke_key, rotate_key, regenerate_key, list_events,
        set_auth_required, _generate_key, _bring_key, _take_key, _key_name, _store_key, _holder_of_new_key, _find_key,
        _normal_email, _is_printable, _find_user, _set_user_active, _record_event, _commit_as_writer, list_tenants, _check_tenant,
        _some_tenants, compact_store, _compact_or_say, _retain_or_say, apply_retention_store, set_tenant_retention,
        place_hold, release_hold, list_holds, delete_tenant, verify_store, set_aside, put_back,
        stats_store, usage_store, _stats_or_say, _bind_role, unbind_role, list_bound_roles, _role_problem,
        _export_page, _begin_import, _import_page, _end_import}';
    identity constant name[] := '{authenticate, authenticate_proof, _enter, _begin_session, challenge, whoami, current_tenant, _is_anybody, hide_parameters,
        check_key, auth_required, isolation_problems, _functions_as_made, version, built_for}';
    session constant name[] := '{login, login_proof, logout}';
    administration constant name[] := '{create_tenant, list_tenants, delete_tenant, compact_store, apply_retention_store,
        set_tenant_retention, place_hold, release_hold, list_holds, verify_store, set_aside, put_back,
        stats_store, usage_store, bind_role, _bind_role, unbind_role, list_bound_roles, _export_page, _begin_import, _import_page, _end_import,
        create_user, list_users, activate_user, deactivate_user,
        create_key, import_key, list_keys, revoke_key, rotate_key, regenerate_key, list_events, set_auth_required,
        hide_parameters, check_key, auth_required, isolation_problems, _functions_as_made, version, built_for}';
    data constant name[] := '{create_series, find_series, count_series, label_names, label_values, describe_series,
        rename_series, update_series, upload, _upload_packed, update_values, report_key_use, _count_use, usage, read_flat,
        read_overlapping, read_versions, read_relative, read_last, read_buckets, _read_packed, _read_page_packed, _read_chunks, _read_rows,
        _list_series,
        _read_buckets_packed, read_points, _read_points_packed, read_changes, changes_cursor, _read_changes_packed, _list_batches, compact,
        set_retention, reset_retention, apply_retention, delete_batch, delete_series, verify, stats, stats_series}';
    function record;
    grantees text[];
    grantee name;
BEGIN
    FOR function IN
        SELECT p.oid::pg_catalog.regprocedure AS signature, p.proname AS name
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)
        ORDER BY p.proname
    LOOP
        EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO %I', function.signature,
            CASE WHEN function.name = ANY (keepers) THEN 'timedb_keeper' ELSE 'timedb_definer' END);

        grantees := '{}';
        IF function.name = ANY (identity || data) THEN
            grantees := grantees || '{timedb_user, timedb_session}'::text[];
        END IF;
        IF function.name = ANY (session) THEN
            grantees := grantees || '{timedb_session}'::text[];
        END IF;
        IF function.name = ANY (administration) THEN
            grantees := grantees || '{timedb_admin, pg_database_owner}'::text[];
        END IF;
        EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', function.signature);
        FOR grantee IN
            SELECT DISTINCT r.rolname
            FROM pg_catalog.pg_proc p, LATERAL pg_catalog.aclexplode(p.proacl) a
            JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
            WHERE p.oid = function.signature AND a.grantee <> p.proowner
        LOOP
            EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM %I', function.signature, grantee);
        END LOOP;
        IF grantees <> '{}' THEN
            EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %s', function.signature,
                pg_catalog.array_to_string(grantees, ', '));
        END IF;
    END LOOP;
END
$$;

-- timedb_internal too: views run with the rights of whoever selects from them.
GRANT USAGE ON SCHEMA timedb, timedb_internal TO PUBLIC;

-- Policies and functions call these in the name of the two function owners.
GRANT EXECUTE ON FUNCTION timedb.current_tenant TO timedb_keeper;
GRANT EXECUTE ON FUNCTION timedb_internal._uuid7, timedb.whoami, timedb.check_key, timedb.auth_required TO timedb_keeper;

-- What administrators do to the data of a tenant, timedb_definer does as that tenant.
GRANT EXECUTE ON FUNCTION timedb_internal._compact_tenant, timedb_internal._retain_tenant, timedb_internal._erase_store, timedb_internal._enter_store_of,
    timedb_internal._check_age, timedb_internal._verify_tenant, timedb_internal._set_aside, timedb_internal._put_back,
    timedb_internal._tenant_stats, timedb_internal._export_page_of, timedb_internal._take_import, timedb_internal._check_import, timedb_internal._import_page_of
    TO timedb_keeper;

-- Administration and authentication.
GRANT SELECT, INSERT, UPDATE (name), DELETE ON timedb_internal.tenants TO timedb_keeper;
GRANT SELECT, INSERT, UPDATE (active), DELETE ON timedb_internal.users TO timedb_keeper;
GRANT SELECT, INSERT, UPDATE (expires_at, revoked_at, replaced_by), DELETE ON timedb_internal.api_keys TO timedb_keeper;
GRANT SELECT, INSERT, UPDATE (last_used_at), DELETE ON timedb_internal.key_usage TO timedb_keeper;
GRANT SELECT, DELETE ON timedb_internal.usage_days TO timedb_keeper;
GRANT SELECT, INSERT, UPDATE (role_oid, system_identifier, access, bound_at), DELETE ON timedb_internal.bound_roles TO timedb_keeper;
GRANT SELECT, INSERT, DELETE ON timedb.audit_events TO timedb_keeper;
GRANT SELECT, INSERT, UPDATE (max_age) ON timedb.retention TO timedb_keeper;
GRANT SELECT, INSERT, UPDATE (reason), DELETE ON timedb.holds TO timedb_keeper;
GRANT SELECT, INSERT, UPDATE, DELETE ON timedb_internal.settings TO timedb_keeper;
GRANT SELECT ON timedb_internal.settings TO timedb_definer;

-- Data functions: writing appends, compaction puts segments and chunks in the place of others, series may be
-- renamed, and all of it deleted. What a tenant does is a use of its key.
GRANT SELECT, INSERT ON timedb.series, timedb.series_labels, timedb.requests, timedb_internal.series_lists TO timedb_definer;
GRANT SELECT, INSERT, DELETE ON timedb_internal.write_log, timedb_internal.batch_chunks, timedb_internal.segments TO timedb_definer;
GRANT UPDATE (name, labels, identity, unit, description) ON timedb.series TO timedb_definer;
GRANT DELETE ON timedb.series, timedb.series_labels, timedb.requests, timedb_internal.series_lists TO timedb_definer;
GRANT SELECT, UPDATE (last_used_at) ON timedb_internal.key_usage TO timedb_definer;
GRANT SELECT, INSERT, UPDATE (requests, rows_in, rows_out) ON timedb_internal.usage_days TO timedb_definer;

-- What is deleted, and when, is recorded; nothing is that an administrator holds, and nothing is written for a tenant that
-- has been deleted.
GRANT SELECT, INSERT, UPDATE (max_age), DELETE ON timedb.retention TO timedb_definer;
GRANT SELECT ON timedb.holds TO timedb_definer;
GRANT SELECT (tenant_id) ON timedb_internal.tenants TO timedb_definer;
GRANT INSERT ON timedb.audit_events TO timedb_definer;
GRANT EXECUTE ON FUNCTION timedb_internal._record_event TO timedb_definer;

-- What is damaged is set aside.
GRANT SELECT, INSERT, DELETE ON timedb_internal.damaged_rows TO timedb_definer;

-- Tenants read, under row security. Everything else goes through functions.
GRANT SELECT ON timedb.series, timedb.series_labels, timedb.requests, timedb.batches, timedb."values", timedb.forecasts,
    timedb.versions, timedb.audit_events, timedb.retention, timedb.holds
    TO timedb_user, timedb_session;

-- What is inserted into these views becomes a call of timedb.upload().
GRANT INSERT ON timedb."values", timedb.forecasts TO timedb_user, timedb_session;

-- Statistics are made of the rows of all tenants, and row security does not hide them from the
-- planner: where an operator is leakproof (as = and < of text and uuid are), the estimate in EXPLAIN
-- would tell whether somebody has a value, and how it sorts. So none are made of what tenants may
-- SELECT; the indexes begin with the tenant, and are used without.
DO $$
DECLARE
    col record;
BEGIN
    FOR col IN
        SELECT c.oid::pg_catalog.regclass AS relation, a.attname AS name
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND c.relkind = 'r'
          AND a.attnum > 0 AND NOT a.attisdropped
          AND pg_catalog.has_table_privilege('timedb_user', c.oid, 'SELECT')
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', col.relation, col.name);
    END LOOP;
END
$$;

-- What the functions are, for timedb.isolation_problems(), which has the same expression. Bodies that PostgreSQL
-- keeps as trees are left out: another version of it prints them differently.
DO $$
BEGIN
    EXECUTE pg_catalog.format(
        'CREATE OR REPLACE FUNCTION timedb_internal._functions_as_made() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE '
        'SET search_path = pg_catalog, pg_temp AS %L',
        pg_catalog.format('SELECT %L::text[]', (
            SELECT pg_catalog.array_agg(f.made ORDER BY f.made COLLATE pg_catalog."C")
            FROM (
                SELECT p.oid::pg_catalog.regprocedure::text || ' ' || pg_catalog.md5(pg_catalog.concat_ws('/', l.lanname, p.prosecdef,
                           p.proleakproof, p.provolatile, p.proparallel, p.proconfig, p.probin, p.prosrc))
                FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
                WHERE p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND p.proname <> '_functions_as_made'
            ) f (made))));
END
$$;

-- PostgreSQL checks the major version only. A minor release keeps what extensions use of the ones before it, and may
-- have more: a library that was built with a later one than it runs in may miss something.
DO $$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer < timedb.built_for() THEN
        RAISE WARNING 'timedb was built with a later minor release of PostgreSQL than this server is'
            USING DETAIL = pg_catalog.format('It was built with %s, and this is %s.', timedb.built_for(), pg_catalog.current_setting('server_version_num')),
                HINT = 'Update PostgreSQL and restart it, or build timedb with this release.';
    END IF;
END
$$;
