-- Runs before a delta. Names and operators mean PostgreSQL's own, as in sql/bootstrap.sql.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Privileges that an administrator has granted or revoked in this database, which finalize.sql would
-- reset, are remembered for update_end.sql. What the extension itself has granted is in
-- pg_init_privs.
DO $$
DECLARE
    -- What these may do with objects is up to the extension alone.
    inner_roles constant name[] := '{timedb_owner, timedb_definer, timedb_keeper}';
    change record;
    changes jsonb := '[]';
BEGIN
    FOR change IN
        WITH object AS (
            SELECT 'TABLE' AS kind, pg_catalog.format('%s.%I', c.relnamespace::pg_catalog.regnamespace, c.relname) AS name, NULL::name AS part,
                   c.relowner AS owner, c.tableoid AS classoid, c.oid AS objoid, 0 AS objsubid, c.relacl AS acl,
                   pg_catalog.acldefault('r', c.relowner) AS usual
            FROM pg_catalog.pg_class c
            WHERE c.relnamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND c.relkind IN ('r', 'v')
            UNION ALL
            SELECT 'COLUMN', pg_catalog.format('%s.%I', c.relnamespace::pg_catalog.regnamespace, c.relname), a.attname, c.relowner, c.tableoid, c.oid, a.attnum, a.attacl,
                   pg_catalog.acldefault('c', c.relowner)
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND c.relkind IN ('r', 'v')
              AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL
            SELECT 'FUNCTION', pg_catalog.format('%s.%I(%s)', p.pronamespace::pg_catalog.regnamespace, p.proname, pg_catalog.oidvectortypes(p.proargtypes)), NULL,
                   p.proowner, p.tableoid, p.oid, 0, p.proacl, pg_catalog.acldefault('f', p.proowner)
            FROM pg_catalog.pg_proc p
            WHERE p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)
            UNION ALL
            SELECT 'SCHEMA', n.nspname, NULL, n.nspowner, n.tableoid, n.oid, 0, n.nspacl, pg_catalog.acldefault('n', n.nspowner)
            FROM pg_catalog.pg_namespace n
            WHERE n.oid IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)
        ),
        present AS (
            SELECT o.kind, o.name, o.part, a.grantee, a.privilege_type, a.is_grantable
            FROM object o, LATERAL pg_catalog.aclexplode(COALESCE(o.acl, o.usual)) a
            WHERE a.grantee <> o.owner AND (o.kind = 'SCHEMA' OR pg_catalog.pg_get_userbyid(a.grantee) <> ALL (inner_roles))
        ),
        initial AS (
            SELECT o.kind, o.name, o.part, a.grantee, a.privilege_type, a.is_grantable
            FROM object o
            LEFT JOIN pg_catalog.pg_init_privs i
                   ON i.classoid = o.classoid AND i.objoid = o.objoid AND i.objsubid = o.objsubid,
            LATERAL pg_catalog.aclexplode(COALESCE(i.initprivs, o.usual)) a
            WHERE a.grantee <> o.owner AND (o.kind = 'SCHEMA' OR pg_catalog.pg_get_userbyid(a.grantee) <> ALL (inner_roles))
        )
        (SELECT 'GRANT' AS action, * FROM present EXCEPT SELECT 'GRANT', * FROM initial)
        UNION ALL
        (SELECT 'REVOKE', * FROM initial EXCEPT SELECT 'REVOKE', * FROM present)
    LOOP
        changes := changes || pg_catalog.to_jsonb(change);
        -- With what others have passed on: finalize.sql could not revoke it.
        IF change.action = 'GRANT' THEN
            EXECUTE pg_catalog.format('REVOKE %s ON %s %s FROM %s CASCADE',
                change.privilege_type || COALESCE(' (' || pg_catalog.quote_ident(change.part) || ')', ''),
                CASE change.kind WHEN 'COLUMN' THEN 'TABLE' ELSE change.kind END, change.name,
                CASE change.grantee WHEN 0 THEN 'PUBLIC'
                     ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(change.grantee)) END);
        END IF;
    END LOOP;
    PERFORM pg_catalog.set_config('timedb_update.changed_rights', changes::text, true);
END
$$;
