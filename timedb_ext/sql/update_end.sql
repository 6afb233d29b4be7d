-- Runs after a delta and finalize.sql: an administrator's own changes of privileges are made again,
-- if the object still exists. pg_init_privs stays as finalize.sql has left it: pg_dump leaves to
-- CREATE EXTENSION what is in it, so an administrator's grant in it would be in no dump.
DO $$
DECLARE
    change record;
    what text;
    grantee text;
    ours text[];
    initial pg_catalog.pg_init_privs[];
BEGIN
    SELECT pg_catalog.array_agg(pg_catalog.format('%s/%s', o.classoid, o.objoid)) INTO ours
    FROM (
        SELECT c.tableoid, c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)
        UNION ALL
        SELECT p.tableoid, p.oid FROM pg_catalog.pg_proc p WHERE p.pronamespace IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)
        UNION ALL
        SELECT n.tableoid, n.oid FROM pg_catalog.pg_namespace n WHERE n.oid IN ('timedb'::pg_catalog.regnamespace, 'timedb_internal'::pg_catalog.regnamespace)
    ) o (classoid, objoid);
    SELECT pg_catalog.array_agg(i) INTO initial
    FROM pg_catalog.pg_init_privs i
    WHERE pg_catalog.format('%s/%s', i.classoid, i.objoid) = ANY (ours);

    -- REVOKE first: a grant that got its grant option is both.
    FOR change IN
        SELECT *
        FROM pg_catalog.jsonb_to_recordset(pg_catalog.current_setting('timedb_update.changed_rights')::jsonb)
            AS c (action text, kind text, name text, part name, grantee oid, privilege_type text, is_grantable boolean)
        ORDER BY c.action DESC
    LOOP
        CONTINUE WHEN CASE change.kind
            WHEN 'TABLE' THEN pg_catalog.to_regclass(change.name) IS NULL
            WHEN 'COLUMN' THEN NOT EXISTS (
                SELECT FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = pg_catalog.to_regclass(change.name) AND a.attname = change.part AND NOT a.attisdropped)
            WHEN 'FUNCTION' THEN pg_catalog.to_regprocedure(change.name) IS NULL
            ELSE false
        END;
        what := pg_catalog.format('%s ON %s %s',
            change.privilege_type || COALESCE(' (' || pg_catalog.quote_ident(change.part) || ')', ''),
            CASE change.kind WHEN 'COLUMN' THEN 'TABLE' ELSE change.kind END, change.name);
        grantee := CASE change.grantee WHEN 0 THEN 'PUBLIC'
            ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(change.grantee)) END;
        IF change.action = 'REVOKE' THEN
            EXECUTE pg_catalog.format('REVOKE %s FROM %s CASCADE', what, grantee);
        ELSE
            EXECUTE pg_catalog.format('GRANT %s TO %s%s', what, grantee,
                CASE WHEN change.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
        END IF;
    END LOOP;

    DELETE FROM pg_catalog.pg_init_privs i
    WHERE pg_catalog.format('%s/%s', i.classoid, i.objoid) = ANY (ours);
    INSERT INTO pg_catalog.pg_init_privs
    SELECT i.objoid, i.classoid, i.objsubid, i.privtype, i.initprivs FROM pg_catalog.unnest(initial) i;
    -- From PostgreSQL 17 on, a role that is named in pg_init_privs cannot be dropped, and is noted.
    DELETE FROM pg_catalog.pg_shdepend d
    WHERE d.deptype = 'i' AND pg_catalog.format('%s/%s', d.classid, d.objid) = ANY (ours)
      AND d.dbid = (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database())
      AND NOT EXISTS (
          SELECT FROM pg_catalog.unnest(initial) i, LATERAL pg_catalog.aclexplode(i.initprivs) a
          WHERE i.classoid = d.classid AND i.objoid = d.objid AND d.refobjid IN (a.grantee, a.grantor));
END
$$;
