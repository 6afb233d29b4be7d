//! Whether the schemas `timedb` and `timedb_internal` belong to the extension. A schema of such a name can be anybody's,
//! and what is in it runs with the privileges of whoever calls it; so nothing in it is called before `pg_extension` has
//! been consulted.

use tokio_postgres::{Error, GenericClient};

/// What a database has under the name of timedb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// No extension. A schema of its name, if there is one, is somebody else's.
    Absent,
    /// The extension exists, and so does something that could take its place.
    Doubtful {
        /// What is not as it should be.
        problem: String,
        /// A statement, or a sentence.
        remedy: String,
    },
    /// The extension, and nobody but superusers has put anything beside it.
    Genuine {
        /// Its version.
        version: String,
    },
}

/// Stops a transaction in a database without the extension (42704), before any name of schema `timedb` is
/// looked up. It costs a look into an index; [`inspect`] looks at the rest.
pub(super) const GUARD: &str =
    "SELECT pg_catalog.pg_get_object_address('extension', '{timedb}', '{}')";

/// Names and operators are PostgreSQL's own whatever the search path is. The script of the extension refuses
/// a schema that was there before, or in which others can create; this finds what has changed since.
const INSPECT: &str = "\
    SELECT e.extversion, found.problem, found.remedy \
    FROM pg_catalog.pg_extension AS e \
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace \
    LEFT JOIN pg_catalog.pg_namespace AS i ON i.nspname OPERATOR(pg_catalog.=) 'timedb_internal' \
    LEFT JOIN LATERAL ( \
        SELECT pg_catalog.format('the extension timedb is in schema %I', n.nspname), \
               pg_catalog.format('ALTER SCHEMA %I RENAME TO timedb;', n.nspname) \
        WHERE n.nspname OPERATOR(pg_catalog.<>) 'timedb' \
        UNION ALL \
        SELECT 'schema timedb_internal is not the extension''s', \
               'Give the schema that the extension made its name again, or restore the database.' \
        WHERE NOT EXISTS ( \
            SELECT FROM pg_catalog.pg_depend AS d \
            WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid \
              AND d.objid OPERATOR(pg_catalog.=) i.oid \
              AND d.refclassid OPERATOR(pg_catalog.=) \
                  'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid \
              AND d.refobjid OPERATOR(pg_catalog.=) e.oid AND d.deptype OPERATOR(pg_catalog.=) 'e') \
        UNION ALL \
        SELECT pg_catalog.format('%s belongs to %I, which is not a superuser', own.what, o.rolname), own.remedy \
        FROM (VALUES ('schema timedb', n.nspowner, 'ALTER SCHEMA timedb OWNER TO a superuser.'), \
                     ('schema timedb_internal', i.nspowner, 'ALTER SCHEMA timedb_internal OWNER TO a superuser.'), \
                     ('the extension timedb', e.extowner, 'Make that role a superuser, or restore the database.') \
             ) AS own (what, owner, remedy) \
        JOIN pg_catalog.pg_roles AS o ON o.oid OPERATOR(pg_catalog.=) own.owner \
        WHERE NOT o.rolsuper \
        UNION ALL \
        SELECT pg_catalog.format('%s may create objects in schema %I', g.name, s.nspname), \
               pg_catalog.format('REVOKE CREATE ON SCHEMA %I FROM %s;', s.nspname, g.name) \
        FROM (VALUES (n.nspname, n.nspowner, n.nspacl), (i.nspname, i.nspowner, i.nspacl)) AS s (nspname, nspowner, nspacl), \
             LATERAL pg_catalog.aclexplode(s.nspacl) AS a, \
             LATERAL (SELECT CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC' \
                             ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) AS g (name) \
        WHERE a.privilege_type OPERATOR(pg_catalog.=) 'CREATE' AND a.grantee OPERATOR(pg_catalog.<>) s.nspowner \
        UNION ALL \
        SELECT pg_catalog.format('function %s is not the extension''s', \
                   p.oid::pg_catalog.regprocedure), \
               pg_catalog.format('ALTER FUNCTION %s SET SCHEMA another one, or drop it.', \
                   p.oid::pg_catalog.regprocedure) \
        FROM pg_catalog.pg_proc AS p \
        WHERE (p.pronamespace OPERATOR(pg_catalog.=) n.oid OR p.pronamespace OPERATOR(pg_catalog.=) i.oid) AND NOT EXISTS ( \
            SELECT FROM pg_catalog.pg_depend AS d \
            WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid \
              AND d.objid OPERATOR(pg_catalog.=) p.oid \
              AND d.refclassid OPERATOR(pg_catalog.=) \
                  'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid \
              AND d.refobjid OPERATOR(pg_catalog.=) e.oid AND d.deptype OPERATOR(pg_catalog.=) 'e') \
        LIMIT 1 \
    ) AS found (problem, remedy) ON true \
    WHERE e.extname OPERATOR(pg_catalog.=) 'timedb' \
    LIMIT 1";

/// Asks the catalogs, and calls nothing of timedb's.
///
/// # Errors
/// Whatever the database says instead of an answer.
pub async fn inspect(client: &impl GenericClient) -> Result<Store, Error> {
    let Some(row) = client.query_typed(INSPECT, &[]).await?.pop() else {
        return Ok(Store::Absent);
    };
    Ok(match row.get(1) {
        Some(problem) => Store::Doubtful {
            problem,
            remedy: row.get(2),
        },
        None => Store::Genuine {
            version: row.get(0),
        },
    })
}
