-- Runs first: the schema is ours alone, and the roles are what row security counts on.

-- PostgreSQL runs this script with schema timedb on the search path, and until the second block below
-- has checked, nobody knows whose objects are in it: names and operators must mean PostgreSQL's
-- own.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Text goes through Rust, which knows UTF-8 only.
DO $$
BEGIN
    IF pg_catalog.current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'timedb needs a database with encoding UTF8, this one has %', pg_catalog.current_setting('server_encoding')
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;

-- The control file names the schema. If it existed before, somebody else made it: an object in
-- it could take the place of one of ours, and its owner could add more later.
DO $$
DECLARE
    schema_oid oid := 'timedb'::regnamespace;
    schema_owner name;
    schema_owner_is_super boolean;
    foreign_creator name;
BEGIN
    SELECT r.rolname, r.rolsuper INTO schema_owner, schema_owner_is_super
    FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
    WHERE n.oid = schema_oid;
    IF schema_owner_is_super IS NOT TRUE THEN
        RAISE EXCEPTION 'schema "timedb" belongs to "%", which is not a superuser', schema_owner
            USING ERRCODE = 'invalid_schema_definition',
                  HINT = 'Drop the schema, or rename it, before creating the extension.';
    END IF;

    IF EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = schema_oid
          AND NOT (d.classid = 'pg_catalog.pg_extension'::regclass
                   AND d.objid = (SELECT e.oid FROM pg_catalog.pg_extension e WHERE e.extname = 'timedb'))
    ) THEN
        RAISE EXCEPTION 'schema "timedb" is not empty'
            USING ERRCODE = 'invalid_schema_definition',
                  HINT = 'Drop the schema, or move its objects elsewhere, before creating the extension.';
    END IF;

    SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee) END INTO foreign_creator
    FROM pg_catalog.pg_namespace n, LATERAL pg_catalog.aclexplode(n.nspacl) a
    WHERE n.oid = schema_oid AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
    LIMIT 1;
    IF foreign_creator IS NOT NULL THEN
        RAISE EXCEPTION '% may create objects in schema "timedb"', foreign_creator
            USING ERRCODE = 'invalid_schema_definition',
                  HINT = pg_catalog.format('REVOKE CREATE ON SCHEMA timedb FROM %s.', foreign_creator);
    END IF;
END
$$;

-- What tenants call and look at is in timedb. What they do not, private functions and tables that only functions
-- read, is out of their sight in a schema of its own, which must be new.
DO $$
BEGIN
    IF pg_catalog.to_regnamespace('timedb_internal') IS NOT NULL THEN
        RAISE EXCEPTION 'schema "timedb_internal" exists already'
            USING ERRCODE = 'duplicate_schema',
                  HINT = 'Drop the schema, or rename it, before creating the extension.';
    END IF;
END
$$;
CREATE SCHEMA timedb_internal;
COMMENT ON SCHEMA timedb_internal IS 'What timedb keeps for itself: nothing here is to be called or read by others, and all of it may change.';

-- Roles belong to the whole cluster and outlive the extension. One installer at a time looks at
-- them and makes them; logins and queries don't wait for this lock.
LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE;

-- Each role is created, or found and examined: a role that can log in, bypasses row security, or
-- has members would be a way around everything below. The comment marks a role as timedb's: only
-- with it may a grantable role already have members (another database of the cluster has the
-- extension, or had it, or the roles were restored).
DO $$
DECLARE
    wanted record;
    role_row pg_catalog.pg_authid%ROWTYPE;
    marked boolean;
    problem text;
    remedy text;
    other name;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('timedb_owner',   false, 'timedb: owns the tables and nothing else; nobody is a member'),
            ('timedb_definer', false, 'timedb: owns the SECURITY DEFINER data functions, bound by row security; nobody is a member'),
            ('timedb_keeper',  false, 'timedb: owns authentication and administration functions; nobody is a member'),
            ('timedb_user',    true,  'timedb: may authenticate for a transaction, and read and write its tenant''s data; grant it to clients and servers'),
            ('timedb_session', true,  'timedb: timedb_user''s rights and login() for a whole session; grant it to direct SQL users, never to a pool'),
            ('timedb_admin',   true,  'timedb: administers tenants, users and keys in every database that has the extension')
        ) AS r (role_name, grantable, description)
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', wanted.role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;

        SELECT a.* INTO STRICT role_row FROM pg_catalog.pg_authid a WHERE a.rolname = wanted.role_name;
        marked := pg_catalog.shobj_description(role_row.oid, 'pg_authid') IS NOT DISTINCT FROM wanted.description;
        problem := NULL;

        IF role_row.rolcanlogin THEN
            problem := 'can log in';
            remedy := pg_catalog.format('ALTER ROLE %I NOLOGIN.', wanted.role_name);
        ELSIF role_row.rolsuper THEN
            problem := 'is a superuser';
            remedy := pg_catalog.format('ALTER ROLE %I NOSUPERUSER.', wanted.role_name);
        ELSIF role_row.rolbypassrls THEN
            problem := 'bypasses row-level security';
            remedy := pg_catalog.format('ALTER ROLE %I NOBYPASSRLS.', wanted.role_name);
        ELSIF role_row.rolcreaterole OR role_row.rolcreatedb OR role_row.rolreplication THEN
            problem := 'may create roles or databases, or replicate';
            remedy := pg_catalog.format('ALTER ROLE %I NOCREATEROLE NOCREATEDB NOREPLICATION.', wanted.role_name);
        ELSE
            SELECT g.rolname INTO other
            FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_authid g ON g.oid = m.roleid
            WHERE m.member = role_row.oid LIMIT 1;
            IF FOUND THEN
                problem := pg_catalog.format('is a member of role "%s"', other);
                remedy := pg_catalog.format('REVOKE %I FROM %I.', other, wanted.role_name);
            ELSE
                SELECT g.rolname INTO other
                FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_authid g ON g.oid = m.member
                WHERE m.roleid = role_row.oid AND NOT (wanted.grantable AND marked) LIMIT 1;
                IF FOUND THEN
                    problem := pg_catalog.format('has role "%s" as a member', other);
                    remedy := pg_catalog.format('REVOKE %I FROM %I%s', wanted.role_name, other,
                        CASE WHEN wanted.grantable THEN '; grant it again after creating the extension.' ELSE '.' END);
                END IF;
            END IF;
        END IF;

        IF problem IS NOT NULL THEN
            RAISE EXCEPTION 'role "%" exists and %', wanted.role_name, problem
                USING ERRCODE = 'invalid_role_specification',
                      DETAIL = 'The isolation of tenants depends on the roles of timedb, so they must be as the extension creates them.',
                      HINT = remedy;
        END IF;
        IF NOT marked THEN
            EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', wanted.role_name, wanted.description);
        END IF;
    END LOOP;
END
$$;
