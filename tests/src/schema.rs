//! What the catalog must say about the schemas `timedb` and `timedb_internal` for isolation to hold, as a list of everything that is
//! otherwise. It looks at what is there, so it holds for objects that do not exist yet.

use tokio_postgres::Client;

/// Tables that hold nothing of any tenant. A new one belongs here only if that is true of it.
const WITHOUT_TENANTS: &str = "'settings'";

/// Functions that everybody may execute, by name: none.
const FOR_PUBLIC: &str = "''";

/// A problem, and the query that names the objects that have it.
const CHECKS: [(&str, &str); 20] = [
    (
        "table without tenant_id",
        "SELECT relname FROM tenant_tables AS t WHERE NOT EXISTS
             (SELECT FROM pg_attribute WHERE attrelid = t.oid AND attname = 'tenant_id' AND attnotnull)",
    ),
    (
        "row security is not enabled",
        "SELECT relname FROM tenant_tables WHERE NOT relrowsecurity",
    ),
    (
        "row security is not forced",
        "SELECT relname FROM tenant_tables WHERE NOT relforcerowsecurity",
    ),
    (
        "no permissive policy for everybody",
        "SELECT relname FROM tenant_tables AS t WHERE NOT EXISTS
             (SELECT FROM policies AS p WHERE p.polrelid = t.oid AND p.polpermissive AND p.of_tenant)",
    ),
    (
        "no restrictive policy for everybody",
        "SELECT relname FROM tenant_tables AS t WHERE NOT EXISTS
             (SELECT FROM policies AS p WHERE p.polrelid = t.oid AND NOT p.polpermissive
              AND (p.of_tenant OR p.of_tenant_or_keeper))",
    ),
    (
        "permissive policy that is neither the tenant's nor the keeper's",
        "SELECT t.relname || '.' || p.polname FROM tenant_tables AS t JOIN policies AS p ON p.polrelid = t.oid
         WHERE p.polpermissive AND NOT p.of_tenant AND p.polroles <> ARRAY['timedb_keeper'::regrole::oid]",
    ),
    (
        "view without security_invoker",
        "SELECT relname FROM relations WHERE relkind = 'v'
         AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)",
    ),
    (
        "materialised view",
        "SELECT relname FROM relations WHERE relkind = 'm'",
    ),
    (
        "foreign table",
        "SELECT relname FROM relations WHERE relkind = 'f'",
    ),
    (
        "relation that timedb_owner does not own",
        "SELECT relname FROM relations WHERE relkind IN ('r', 'p', 'v') AND relowner <> 'timedb_owner'::regrole",
    ),
    (
        "right on a relation that nobody should have",
        "SELECT relname || ' ' || privilege_type || ' ' || coalesce(nullif(grantee, 0)::regrole::text, 'public')
         FROM (SELECT relname, relowner, relacl FROM relations
               UNION ALL SELECT relname || '.' || attname, relowner, attacl
               FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid) AS r, aclexplode(relacl)
         WHERE grantee NOT IN (relowner, 'timedb_definer'::regrole, 'timedb_keeper'::regrole)
           AND NOT ((privilege_type = 'SELECT' OR privilege_type = 'INSERT' AND relname IN ('values', 'forecasts'))
                    AND grantee IN ('timedb_user'::regrole, 'timedb_session'::regrole))",
    ),
    (
        // EXPLAIN would tell tenants what stands in rows of others.
        "statistics of a column that tenants may read",
        "SELECT relname || '.' || attname FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid
         WHERE relkind IN ('r', 'p', 'm') AND attnum > 0 AND NOT attisdropped AND attstattarget IS DISTINCT FROM 0
           AND has_column_privilege('timedb_user', r.oid, attnum, 'SELECT')",
    ),
    (
        "right of a function owner to more than rows",
        "SELECT relname || ' ' || privilege_type || ' ' || grantee::regrole FROM relations, aclexplode(relacl)
         WHERE grantee IN ('timedb_definer'::regrole, 'timedb_keeper'::regrole)
           AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')",
    ),
    (
        "trigger, rule, foreign key or child table",
        "SELECT relname || '.' || tgname FROM relations AS r JOIN pg_trigger AS t ON tgrelid = r.oid
         WHERE NOT (relkind = 'v' AND relname IN ('values', 'forecasts') AND pg_get_triggerdef(t.oid) IN (
             format('CREATE TRIGGER %s_begin BEFORE INSERT ON timedb.%I FOR EACH STATEMENT EXECUTE FUNCTION timedb_internal._store_rows()', relname, relname),
             format('CREATE TRIGGER %s_take INSTEAD OF INSERT ON timedb.%I FOR EACH ROW EXECUTE FUNCTION timedb_internal._take_row()', relname, relname),
             format('CREATE TRIGGER %s_store AFTER INSERT ON timedb.%I FOR EACH STATEMENT EXECUTE FUNCTION timedb_internal._store_rows()', relname, relname)))
         UNION ALL SELECT relname || '.' || rulename FROM relations AS r JOIN pg_rewrite ON ev_class = r.oid
         WHERE rulename <> '_RETURN'
         UNION ALL SELECT relname || '.' || conname FROM relations AS r
         JOIN pg_constraint ON contype = 'f' AND r.oid IN (conrelid, confrelid)
         UNION ALL SELECT relname || '.' || inhrelid::regclass FROM relations AS r
         JOIN pg_inherits ON inhparent = r.oid WHERE relkind = 'r'",
    ),
    (
        "function of an owner that row security does not bind, or that owns tables",
        "SELECT f.signature FROM functions AS f JOIN pg_roles AS o ON o.oid = f.proowner
         WHERE o.rolsuper OR o.rolbypassrls OR o.rolname NOT IN ('timedb_definer', 'timedb_keeper')",
    ),
    (
        "SECURITY DEFINER without a pinned search_path",
        "SELECT signature FROM functions WHERE prosecdef
         AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)",
    ),
    (
        "function that PUBLIC may execute",
        "SELECT DISTINCT signature FROM functions, aclexplode(coalesce(proacl, acldefault('f', proowner)))
         WHERE grantee = 0 AND proname NOT IN (FOR_PUBLIC)",
    ),
    (
        "function that is LEAKPROOF, or tells the tenant and is IMMUTABLE",
        "SELECT signature FROM functions
         WHERE proleakproof OR provolatile = 'i' AND proname IN ('current_tenant', 'whoami')",
    ),
    (
        "role that could get around row security",
        "SELECT rolname FROM pg_roles WHERE rolname = ANY
             ('{timedb_owner,timedb_definer,timedb_keeper,timedb_user,timedb_session,timedb_admin}')
           AND (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
         UNION ALL SELECT member::regrole || ' in ' || roleid::regrole FROM pg_auth_members
         WHERE roleid::regrole::text IN ('timedb_owner', 'timedb_definer', 'timedb_keeper')
            OR member::regrole::text IN ('timedb_owner', 'timedb_definer', 'timedb_keeper')",
    ),
    (
        "right on the schema",
        "SELECT coalesce(nullif(grantee, 0)::regrole::text, 'public') || ' ' || privilege_type
         FROM pg_namespace, aclexplode(nspacl)
         WHERE nspname IN ('timedb', 'timedb_internal') AND grantee <> nspowner AND privilege_type <> 'USAGE'",
    ),
];

/// What the checks look at. A policy counts if it is for everybody, for every command, and says
/// for rows seen and for rows written exactly what it should.
const SUBJECTS: &str = "WITH relations AS (
     SELECT * FROM pg_class WHERE relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND relkind IN ('r', 'p', 'v', 'm', 'f')
 ), tenant_tables AS (
     SELECT * FROM relations WHERE relkind IN ('r', 'p') AND relname NOT IN (WITHOUT_TENANTS)
 ), functions AS (
     SELECT *, oid::regprocedure::text AS signature FROM pg_proc WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
 ), expressions AS (
     SELECT *, pg_get_expr(polqual, polrelid) AS seen,
            coalesce(pg_get_expr(polwithcheck, polrelid), pg_get_expr(polqual, polrelid)) AS written,
            polroles = '{0}' AND polcmd = '*' AS for_all
     FROM pg_policy
 ), policies AS (
     SELECT *, for_all AND seen = TENANT AND written = TENANT AS of_tenant,
            for_all AND seen = KEEPER AND written = KEEPER AS of_tenant_or_keeper
     FROM expressions
 )";

const TENANT: &str = "'(tenant_id = timedb.current_tenant())'";
const KEEPER: &str =
    "'((tenant_id = timedb.current_tenant()) OR (CURRENT_USER = ''timedb_keeper''::name))'";

/// Tables and views that tenants may look at, sorted.
pub const FOR_TENANTS: [&str; 10] = [
    "audit_events",
    "batches",
    "forecasts",
    "holds",
    "requests",
    "retention",
    "series",
    "series_labels",
    "values",
    "versions",
];

/// The name of a relation, or of a private function, with its schema: what tenants look at is in `timedb`, all else is in
/// `timedb_internal`.
pub fn qualified(relation: impl AsRef<str>) -> String {
    let relation = relation.as_ref();
    let schema = if FOR_TENANTS.contains(&relation) {
        "timedb"
    } else {
        "timedb_internal"
    };
    format!("{schema}.\"{relation}\"")
}

/// Everything in the catalog that isolation could not stand, as `problem: object`. Run it as a superuser.
///
/// # Panics
/// When the catalog cannot be read.
pub async fn schema_problems(client: &Client) -> Vec<String> {
    let parts: Vec<String> = CHECKS
        .iter()
        .map(|(problem, query)| {
            let problem = problem.replace('\'', "''");
            format!("SELECT '{problem}: ' || x.name::text AS found FROM ({query}) AS x (name)")
        })
        .collect();
    let query = format!("{SUBJECTS} {} ORDER BY found", parts.join(" UNION ALL "))
        .replace("WITHOUT_TENANTS", WITHOUT_TENANTS)
        .replace("FOR_PUBLIC", FOR_PUBLIC)
        .replace("TENANT", TENANT)
        .replace("KEEPER", KEEPER);
    let rows = client
        .query(&query, &[])
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}
