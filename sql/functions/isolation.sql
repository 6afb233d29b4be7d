-- What each function was when the extension was installed or updated: its signature and a digest. finalize.sql fills
-- this in once all functions exist.
CREATE FUNCTION timedb_internal._functions_as_made() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$ SELECT '{}'::text[] $$;
COMMENT ON FUNCTION timedb_internal._functions_as_made IS 'What timedb.isolation_problems() compares functions with. Private.';

-- Whether what isolation rests on is as the extension made it. It looks at catalogs only, which everybody
-- may read, so it works for any role and whatever row_security is set to.
CREATE FUNCTION timedb.isolation_problems() RETURNS TABLE (problem text, remedy text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH own_objects AS (
        -- The objects in the schema, with the privileges that the installation granted: they refer to roles by
        -- oid, which stays when a name changes hands.
        SELECT c.tableoid AS classoid, c.oid, 'TABLE' AS kind, pg_catalog.format('%s.%I', c.relnamespace::pg_catalog.regnamespace, c.relname) AS name, c.relowner AS owner,
               c.relacl AS acl, 0 AS part, NULL::name AS column_name
        FROM pg_catalog.pg_class c WHERE c.relnamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        UNION ALL
        SELECT c.tableoid, c.oid, 'TABLE', pg_catalog.format('%s.%I', c.relnamespace::pg_catalog.regnamespace, c.relname), c.relowner, a.attacl, a.attnum, a.attname
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attacl IS NOT NULL
        UNION ALL
        SELECT p.tableoid, p.oid, 'FUNCTION', p.oid::pg_catalog.regprocedure::text, p.proowner, p.proacl, 0, NULL
        FROM pg_catalog.pg_proc p WHERE p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)
    ), given AS (
        SELECT o.classoid, o.oid, o.part, o.name, a.grantor, a.grantee, a.privilege_type
        FROM own_objects o
        JOIN pg_catalog.pg_init_privs i ON i.classoid = o.classoid AND i.objoid = o.oid AND i.objsubid = o.part,
             LATERAL pg_catalog.aclexplode(i.initprivs) a
    ), wanted (rolname, is_private, holder) AS (
        SELECT w.rolname, w.is_private, (
            -- Whom the installation made the owner, or gave a right that no other role of the kind has.
            SELECT CASE w.is_owner WHEN true THEN g.grantor ELSE g.grantee END
            FROM given g
            WHERE g.name = w.object AND g.privilege_type = w.privilege AND g.grantee <> 0 AND (w.is_owner OR g.grantee <> g.grantor)
              AND g.grantee <> 'pg_database_owner'::pg_catalog.regrole
              AND NOT (w.rolname = 'timedb_user' AND EXISTS (
                  SELECT FROM given l WHERE l.name = 'timedb.login(text)' AND l.grantee = g.grantee))
            LIMIT 1)
        FROM (VALUES
            ('timedb_owner', true, true, 'timedb_internal.settings', 'SELECT'),
            ('timedb_definer', true, false, 'timedb_internal.segments', 'INSERT'),
            ('timedb_keeper', true, false, 'timedb_internal.tenants', 'INSERT'),
            ('timedb_user', false, false, 'timedb.authenticate(text)', 'EXECUTE'),
            ('timedb_session', false, false, 'timedb.login(text)', 'EXECUTE'),
            ('timedb_admin', false, false, 'timedb.create_user(uuid,text)', 'EXECUTE')
        ) AS w (rolname, is_private, is_owner, object, privilege)
    ), own_roles AS (
        SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls, r.rolcanlogin, r.rolcreaterole OR r.rolcreatedb OR r.rolreplication AS is_powerful,
               w.is_private
        FROM wanted w JOIN pg_catalog.pg_roles r ON r.rolname = w.rolname OR r.oid = w.holder
    ), relations AS (
        SELECT c.oid, pg_catalog.format('%s.%I', c.relnamespace::pg_catalog.regnamespace, c.relname) AS name, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
               EXISTS (SELECT FROM pg_catalog.pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS has_tenant
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    )
    -- Policies, and the server when it acts for a client, name roles: under another name nothing is open, and
    -- nothing works.
    SELECT pg_catalog.format('role %I does not exist', w.rolname),
           CASE WHEN h.oid IS NULL THEN 'It cannot be created again: restore the database into a cluster that has none of the roles.'
                ELSE pg_catalog.format('ALTER ROLE %I RENAME TO %I;', h.rolname, w.rolname) END
    FROM wanted w LEFT JOIN pg_catalog.pg_roles h ON h.oid = w.holder
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = w.rolname)
    UNION ALL
    SELECT pg_catalog.format('role %I is not the one with which the extension was installed', w.rolname),
           pg_catalog.format('ALTER ROLE %I RENAME TO %I;', w.rolname, 'not_' || w.rolname)
               || CASE WHEN h.oid IS NULL THEN '' ELSE pg_catalog.format(' ALTER ROLE %I RENAME TO %I;', h.rolname, w.rolname) END
    FROM wanted w JOIN pg_catalog.pg_roles r ON r.rolname = w.rolname LEFT JOIN pg_catalog.pg_roles h ON h.oid = w.holder
    WHERE r.oid IS DISTINCT FROM w.holder
    UNION ALL
    SELECT pg_catalog.format('role %I is a superuser', r.rolname), pg_catalog.format('ALTER ROLE %I NOSUPERUSER;', r.rolname)
    FROM own_roles r WHERE r.rolsuper
    UNION ALL
    SELECT pg_catalog.format('role %I bypasses row security', r.rolname), pg_catalog.format('ALTER ROLE %I NOBYPASSRLS;', r.rolname)
    FROM own_roles r WHERE r.rolbypassrls
    UNION ALL
    SELECT pg_catalog.format('role %I can log in', r.rolname), pg_catalog.format('ALTER ROLE %I NOLOGIN;', r.rolname)
    FROM own_roles r WHERE r.rolcanlogin
    UNION ALL
    SELECT pg_catalog.format('role %I may create roles or databases, or replicate', r.rolname),
           pg_catalog.format('ALTER ROLE %I NOCREATEROLE NOCREATEDB NOREPLICATION;', r.rolname)
    FROM own_roles r WHERE r.is_powerful
    UNION ALL
    SELECT pg_catalog.format('%s may set %s, and so act as any tenant', g.name, p.parname), pg_catalog.format('REVOKE SET ON PARAMETER %s FROM %s;', p.parname, g.name)
    FROM pg_catalog.pg_parameter_acl p, LATERAL pg_catalog.aclexplode(p.paracl) a,
         LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) AS g (name)
    WHERE p.parname LIKE 'timedb.%' AND a.privilege_type = 'SET' AND (a.grantee = 0 OR a.grantee IN (SELECT r.oid FROM own_roles r))
      AND p.parname IN ('timedb.tenant_id', 'timedb.user_id', 'timedb.key_id', 'timedb.access', 'timedb.binding')
    UNION ALL
    SELECT pg_catalog.format('role %I has %I as a member', r.rolname, pg_catalog.pg_get_userbyid(m.member)),
           pg_catalog.format('REVOKE %I FROM %I;', r.rolname, pg_catalog.pg_get_userbyid(m.member))
    FROM own_roles r JOIN pg_catalog.pg_auth_members m ON m.roleid = r.oid WHERE r.is_private
    UNION ALL
    SELECT pg_catalog.format('role %I is a member of %I', r.rolname, pg_catalog.pg_get_userbyid(m.roleid)),
           pg_catalog.format('REVOKE %I FROM %I;', pg_catalog.pg_get_userbyid(m.roleid), r.rolname)
    FROM own_roles r JOIN pg_catalog.pg_auth_members m ON m.member = r.oid WHERE r.is_private
    UNION ALL
    -- Other memberships of the grantable roles are up to the administrator, except those that lead to a
    -- role that row security does not bind.
    SELECT pg_catalog.format('role %I may become %I, which row security does not bind', r.rolname, o.rolname),
           pg_catalog.format('REVOKE %I FROM %I;', pg_catalog.pg_get_userbyid(m.roleid), r.rolname)
    FROM own_roles r JOIN pg_catalog.pg_auth_members m ON m.member = r.oid
    JOIN pg_catalog.pg_roles o ON (o.rolsuper OR o.rolbypassrls) AND pg_catalog.pg_has_role(m.roleid, o.oid, 'MEMBER')
    WHERE NOT r.is_private
    UNION ALL
    SELECT pg_catalog.format('%s belongs to %I', r.name, pg_catalog.pg_get_userbyid(r.relowner)),
           pg_catalog.format('ALTER TABLE %s OWNER TO timedb_owner;', r.name)
    FROM relations r WHERE r.relowner <> (SELECT w.holder FROM wanted w WHERE w.rolname = 'timedb_owner')
    UNION ALL
    SELECT pg_catalog.format('row security is not enabled on %s', r.name), pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', r.name)
    FROM relations r WHERE r.has_tenant AND r.relkind IN ('r', 'p') AND NOT r.relrowsecurity
    UNION ALL
    SELECT pg_catalog.format('row security is not forced on %s', r.name), pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', r.name)
    FROM relations r WHERE r.has_tenant AND r.relkind IN ('r', 'p') AND NOT r.relforcerowsecurity
    UNION ALL
    SELECT pg_catalog.format('%s has no restrictive policy for its tenant', r.name), 'Create the policy as the installation script of this version does.'
    FROM relations r WHERE r.has_tenant AND r.relkind IN ('r', 'p') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_policy p
        WHERE p.polrelid = r.oid AND NOT p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
          AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) = pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
          AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) IN (
              '(tenant_id = timedb.current_tenant())',
              '((tenant_id = timedb.current_tenant()) OR (CURRENT_USER = ''timedb_keeper''::name))'))
    UNION ALL
    SELECT pg_catalog.format('%s is a view that runs with its owner''s privileges', r.name), pg_catalog.format('ALTER VIEW %s SET (security_invoker = true);', r.name)
    FROM relations r WHERE r.relkind = 'v' AND NOT COALESCE('security_invoker=true' = ANY (r.reloptions), false)
    UNION ALL
    SELECT pg_catalog.format('%s contains rows that row security does not reach', r.name), pg_catalog.format('DROP %s %s;', CASE r.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'FOREIGN TABLE' END, r.name)
    FROM relations r WHERE r.relkind IN ('m', 'f')
    UNION ALL
    SELECT pg_catalog.format('function %s belongs to %I', p.oid::pg_catalog.regprocedure, o.rolname),
           'ALTER FUNCTION ... OWNER TO timedb_keeper when it authenticates or administers, else to timedb_definer.'
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
    WHERE p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)
      AND (p.proowner NOT IN (SELECT w.holder FROM wanted w WHERE w.rolname IN ('timedb_definer', 'timedb_keeper'))
           OR p.proowner <> (SELECT g.grantor FROM given g WHERE g.classoid = p.tableoid AND g.oid = p.oid LIMIT 1))
    UNION ALL
    SELECT pg_catalog.format('function %s runs with its owner''s privileges and its caller''s search_path', p.oid::pg_catalog.regprocedure),
           pg_catalog.format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp;', p.oid::pg_catalog.regprocedure)
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND p.prosecdef
      AND NOT COALESCE('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
    UNION ALL
    SELECT pg_catalog.format('everybody may call function %s', p.oid::pg_catalog.regprocedure),
           pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;', p.oid::pg_catalog.regprocedure)
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND EXISTS (
        SELECT FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a WHERE a.grantee = 0)
    UNION ALL
    -- finalize.sql has written down what each function is.
    SELECT pg_catalog.format('function %s is not as the extension created it', f.signature),
           'Define it again as the installation script of this version does.'
    FROM (
        SELECT p.oid::pg_catalog.regprocedure::text AS signature, pg_catalog.md5(pg_catalog.concat_ws('/', l.lanname, p.prosecdef,
                   p.proleakproof, p.provolatile, p.proparallel, p.proconfig, p.probin, p.prosrc)) AS made,
               p.prosecdef AND NOT COALESCE('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false) AS told
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace) AND p.proname <> '_functions_as_made'
    ) f
    WHERE NOT f.told AND f.signature || ' ' || f.made <> ALL (timedb_internal._functions_as_made())
      AND EXISTS (SELECT FROM pg_catalog.unnest(timedb_internal._functions_as_made()) m WHERE pg_catalog.starts_with(m, f.signature || ' '))
    UNION ALL
    -- An administrator's own grants to other roles are up to the administrator, except those that reach
    -- beyond rows.
    SELECT pg_catalog.format('%s has the privilege %s on %s', g.name,
               a.privilege_type || COALESCE(' (' || pg_catalog.quote_ident(o.column_name) || ')', ''), o.name),
           pg_catalog.format('REVOKE %s ON %s %s FROM %s;',
               a.privilege_type || COALESCE(' (' || pg_catalog.quote_ident(o.column_name) || ')', ''), o.kind, o.name, g.name)
    FROM own_objects o, LATERAL pg_catalog.aclexplode(o.acl) a,
         LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) AS g (name)
    WHERE a.grantee <> o.owner
      AND (a.grantee IN (SELECT r.oid FROM own_roles r) OR a.grantee = 0 AND o.kind <> 'FUNCTION'
           OR o.kind = 'TABLE' AND a.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'))
      AND NOT EXISTS (SELECT FROM given i WHERE i.classoid = o.classoid AND i.oid = o.oid AND i.part = o.part
                      AND i.grantee = a.grantee AND i.privilege_type = a.privilege_type)
    UNION ALL
    SELECT pg_catalog.format('%s has %s', r.name, t.what), pg_catalog.format('%s;', t.remedy)
    FROM relations r, LATERAL (
        SELECT pg_catalog.format('the trigger %I', g.tgname), pg_catalog.format('DROP TRIGGER %I ON %s', g.tgname, r.name)
        FROM pg_catalog.pg_trigger g
        WHERE g.tgrelid = r.oid AND NOT g.tgisinternal
          -- The views that rows can be inserted into have three: before and after the statement, and for each row.
          AND NOT (r.relkind = 'v' AND g.tgenabled = 'O' AND g.tgqual IS NULL AND g.tgnargs = 0
                   AND (g.tgtype, g.tgfoid) IN (
                       SELECT m.tgtype, p.oid
                       FROM (VALUES (6::smallint, '_store_rows'), (69::smallint, '_take_row'), (4::smallint, '_store_rows')) AS m (tgtype, proname)
                       JOIN pg_catalog.pg_proc p ON p.proname = m.proname AND p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)))
        UNION ALL
        SELECT pg_catalog.format('the rule %I', w.rulename), pg_catalog.format('DROP RULE %I ON %s', w.rulename, r.name)
        FROM pg_catalog.pg_rewrite w WHERE w.ev_class = r.oid AND (r.relkind <> 'v' OR w.rulename <> '_RETURN')
        UNION ALL
        SELECT pg_catalog.format('the child %s', h.inhrelid::pg_catalog.regclass),
               pg_catalog.format('ALTER TABLE %s NO INHERIT %s', h.inhrelid::pg_catalog.regclass, r.name)
        FROM pg_catalog.pg_inherits h WHERE h.inhparent = r.oid
        UNION ALL
        SELECT pg_catalog.format('a foreign key from %s', k.conrelid::pg_catalog.regclass),
               pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::pg_catalog.regclass, k.conname)
        FROM pg_catalog.pg_constraint k WHERE k.confrelid = r.oid
    ) AS t (what, remedy)
    WHERE r.relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT pg_catalog.format('%s is in schema %s but does not belong to the extension', pg_catalog.pg_describe_object(d.classid, d.objid, 0),
                             d.refobjid::pg_catalog.regnamespace),
           'Move it to another schema, or drop it.'
    FROM pg_catalog.pg_depend d
    WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)
      AND d.deptype = 'n'
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend m JOIN pg_catalog.pg_extension e ON e.oid = m.refobjid
          WHERE m.classid = d.classid AND m.objid = d.objid AND m.deptype = 'e'
            AND m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.extname = 'timedb')
      -- It is the extension's schema.
      AND d.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
    UNION ALL
    SELECT pg_catalog.format('schema %I belongs to %I, which is not a superuser', n.nspname, o.rolname),
           pg_catalog.format('ALTER SCHEMA %I OWNER TO %I;', n.nspname, pg_catalog.pg_get_userbyid(e.extowner))
    FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner, pg_catalog.pg_extension e
    WHERE n.nspname IN ('timedb', 'timedb_internal') AND NOT o.rolsuper AND e.extname = 'timedb'
    UNION ALL
    SELECT pg_catalog.format('%s may create objects in schema %I', g.name, n.nspname),
           pg_catalog.format('REVOKE CREATE ON SCHEMA %I FROM %s;', n.nspname, g.name)
    FROM pg_catalog.pg_namespace n, LATERAL pg_catalog.aclexplode(n.nspacl) a,
         LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) AS g (name)
    WHERE n.nspname IN ('timedb', 'timedb_internal') AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
$$;
COMMENT ON FUNCTION timedb.isolation_problems IS
    'What prevents row security from keeping tenants apart: no rows if all is well, otherwise each problem with its remedy. The HTTP server refuses to start while there is one.';
