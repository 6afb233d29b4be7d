-- Whether what isolation rests on is as the extension made it. It looks at catalogs only, which everybody
-- may read, so it works for any role and whatever row_security is set to.
CREATE FUNCTION timedb.isolation_problems() RETURNS TABLE (problem text, remedy text)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH own_roles AS (
        SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls, r.rolcanlogin,
               r.rolname IN ('timedb_owner', 'timedb_definer', 'timedb_keeper') AS is_private
        FROM pg_catalog.pg_roles r
        WHERE r.rolname IN ('timedb_owner', 'timedb_definer', 'timedb_keeper', 'timedb_user', 'timedb_session', 'timedb_admin')
    ), relations AS (
        SELECT c.oid, pg_catalog.format('timedb.%I', c.relname) AS name, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
               EXISTS (SELECT FROM pg_catalog.pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS has_tenant
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'timedb'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    )
    SELECT pg_catalog.format('role %I is a superuser', r.rolname), pg_catalog.format('ALTER ROLE %I NOSUPERUSER;', r.rolname)
    FROM own_roles r WHERE r.rolsuper
    UNION ALL
    SELECT pg_catalog.format('role %I bypasses row security', r.rolname), pg_catalog.format('ALTER ROLE %I NOBYPASSRLS;', r.rolname)
    FROM own_roles r WHERE r.rolbypassrls
    UNION ALL
    SELECT pg_catalog.format('role %I can log in', r.rolname), pg_catalog.format('ALTER ROLE %I NOLOGIN;', r.rolname)
    FROM own_roles r WHERE r.rolcanlogin
    UNION ALL
    SELECT pg_catalog.format('role %I has %I as a member', r.rolname, pg_catalog.pg_get_userbyid(m.member)),
           pg_catalog.format('REVOKE %I FROM %I;', r.rolname, pg_catalog.pg_get_userbyid(m.member))
    FROM own_roles r JOIN pg_catalog.pg_auth_members m ON m.roleid = r.oid WHERE r.is_private
    UNION ALL
    SELECT pg_catalog.format('role %I is a member of %I', r.rolname, pg_catalog.pg_get_userbyid(m.roleid)),
           pg_catalog.format('REVOKE %I FROM %I;', pg_catalog.pg_get_userbyid(m.roleid), r.rolname)
    FROM own_roles r JOIN pg_catalog.pg_auth_members m ON m.member = r.oid WHERE r.is_private
    UNION ALL
    -- Other memberships of the grantable roles are the administrator's matter, but for those that lead to
    -- somebody whom row security does not bind.
    SELECT pg_catalog.format('role %I may become %I, which row security does not bind', r.rolname, o.rolname),
           pg_catalog.format('REVOKE %I FROM %I;', pg_catalog.pg_get_userbyid(m.roleid), r.rolname)
    FROM own_roles r JOIN pg_catalog.pg_auth_members m ON m.member = r.oid
    JOIN pg_catalog.pg_roles o ON (o.rolsuper OR o.rolbypassrls) AND pg_catalog.pg_has_role(m.roleid, o.oid, 'MEMBER')
    WHERE NOT r.is_private
    UNION ALL
    SELECT pg_catalog.format('%s belongs to %I', r.name, pg_catalog.pg_get_userbyid(r.relowner)),
           pg_catalog.format('ALTER TABLE %s OWNER TO timedb_owner;', r.name)
    FROM relations r WHERE r.relowner <> (SELECT o.oid FROM own_roles o WHERE o.rolname = 'timedb_owner')
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
          AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) IN (
              '(tenant_id = timedb.current_tenant())',
              '((tenant_id = timedb.current_tenant()) OR (CURRENT_USER = ''timedb_keeper''::name))'))
    UNION ALL
    SELECT pg_catalog.format('%s is a view that runs with its owner''s rights', r.name), pg_catalog.format('ALTER VIEW %s SET (security_invoker = true);', r.name)
    FROM relations r WHERE r.relkind = 'v' AND NOT COALESCE('security_invoker=true' = ANY (r.reloptions), false)
    UNION ALL
    SELECT pg_catalog.format('%s holds rows that row security does not reach', r.name), pg_catalog.format('DROP %s %s;', CASE r.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'FOREIGN TABLE' END, r.name)
    FROM relations r WHERE r.relkind IN ('m', 'f')
    UNION ALL
    SELECT pg_catalog.format('function %s belongs to %I', p.oid::pg_catalog.regprocedure, o.rolname),
           'ALTER FUNCTION ... OWNER TO timedb_keeper when it authenticates or administers, else to timedb_definer.'
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
    WHERE p.pronamespace = 'timedb'::pg_catalog.regnamespace AND o.rolname NOT IN ('timedb_definer', 'timedb_keeper')
    UNION ALL
    SELECT pg_catalog.format('function %s runs with its owner''s rights and its caller''s search_path', p.oid::pg_catalog.regprocedure),
           pg_catalog.format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp;', p.oid::pg_catalog.regprocedure)
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'timedb'::pg_catalog.regnamespace AND p.prosecdef
      AND NOT COALESCE('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
    UNION ALL
    SELECT pg_catalog.format('everybody may call function %s', p.oid::pg_catalog.regprocedure),
           pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;', p.oid::pg_catalog.regprocedure)
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'timedb'::pg_catalog.regnamespace AND EXISTS (
        SELECT FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a WHERE a.grantee = 0)
    UNION ALL
    SELECT pg_catalog.format('%s may create objects in schema timedb', g.name), pg_catalog.format('REVOKE CREATE ON SCHEMA timedb FROM %s;', g.name)
    FROM pg_catalog.pg_namespace n, LATERAL pg_catalog.aclexplode(n.nspacl) a,
         LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) AS g (name)
    WHERE n.nspname = 'timedb' AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
$$;
COMMENT ON FUNCTION timedb.isolation_problems() IS
    'What keeps row security from holding tenants apart: no row when all is well, else each problem with its remedy. The HTTP server refuses to start while there is one.';
