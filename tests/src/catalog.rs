//! What the catalog says about timedb, as lines of text without OIDs: two databases have the same
//! extension if and only if their snapshots are equal.

use tokio_postgres::Client;

/// One line an object or property. `= $here` stands for being in one of the two schemas.
const PARTS: &[(&str, &str)] = &[
    (
        "extension",
        "SELECT format('version %s, relocatable %s, schema %s, owner %s', extversion, extrelocatable,
                       extnamespace::regnamespace, extowner::regrole)
         FROM pg_extension WHERE extname = 'timedb'",
    ),
    (
        "dumped",
        "SELECT format('%s where %L', c.relation::regclass, c.condition)
         FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS c (relation, condition)
         WHERE e.extname = 'timedb'",
    ),
    (
        "member",
        "SELECT o.type || ' ' || o.identity
         FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid,
              LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS o
         WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'timedb'",
    ),
    (
        // Also what stands in the schema and is no member.
        "in schema",
        "SELECT format('%s %s', o.type, o.identity)
         FROM pg_depend AS d, LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS o
         WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = $here",
    ),
    (
        "schema",
        "SELECT format('owner %s, rights %s', nspowner::regrole, acl(nspacl)) FROM pg_namespace WHERE oid = $here",
    ),
    (
        "relation",
        "SELECT format('%s kind %s, owner %s, rights %s, options %s, toast %s, method %s, persistence %s, row security %s, forced %s, identity %s, tablespace %s',
                       c.oid::regclass, c.relkind, c.relowner::regrole, acl(c.relacl), sorted(c.reloptions), sorted(t.reloptions), m.amname,
                       c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reltablespace)
         FROM pg_class AS c LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid LEFT JOIN pg_am AS m ON m.oid = c.relam
         WHERE c.relnamespace = $here",
    ),
    (
        // Numbered without those that were dropped. pg_attver is a mark that some releases of PostgreSQL
        // keep for themselves, and that pg_dump passes over.
        "column",
        "SELECT format('%s.%s number %s, %s, collation %s, not null %s, default %s, generated %L, identity %L, storage %s, compression %L, statistics %s, options %s, rights %s',
                       a.attrelid::regclass, a.attname, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum),
                       format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation, a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
                       a.attgenerated, a.attidentity, a.attstorage, a.attcompression, a.attstattarget, (SELECT array_agg(o) FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg\\_attver=%'), acl(a.attacl))
         FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
              LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE c.relnamespace = $here AND c.relkind IN ('r', 'p', 'v', 'm', 'c', 'f') AND a.attnum > 0 AND NOT a.attisdropped",
    ),
    (
        "constraint",
        "SELECT format('%s on %s%s: %s, validated %s, inherited %s', conname, nullif(conrelid, 0)::regclass, nullif(contypid, 0)::regtype,
                       pg_get_constraintdef(oid), convalidated, connoinherit)
         FROM pg_constraint WHERE connamespace = $here",
    ),
    (
        "index",
        "SELECT format('%s, primary %s, valid %s, clustered %s, replica identity %s',
                       pg_get_indexdef(i.indexrelid), i.indisprimary, i.indisvalid, i.indisclustered, i.indisreplident)
         FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = $here",
    ),
    (
        "policy",
        "SELECT format('%s on %s permissive %s for %s to %s using %s check %s', polname, polrelid::regclass, polpermissive, polcmd,
                       (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END, ', ' ORDER BY r::regrole::text) FROM unnest(polroles) AS r),
                       pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
         FROM pg_policy JOIN pg_class AS c ON c.oid = polrelid WHERE c.relnamespace = $here",
    ),
    (
        "function",
        "SELECT format('%s owner %s, rights %s, %s', p.oid::regprocedure, p.proowner::regrole, acl(p.proacl),
                       CASE WHEN p.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END)
         FROM pg_proc AS p WHERE p.pronamespace = $here",
    ),
    (
        "view",
        "SELECT format('%s: %s', oid::regclass, pg_get_viewdef(oid)) FROM pg_class WHERE relnamespace = $here AND relkind IN ('v', 'm')",
    ),
    (
        "trigger",
        "SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
         WHERE c.relnamespace = $here AND NOT t.tgisinternal",
    ),
    (
        "comment",
        "SELECT format('on %s %s: %s', o.type, o.identity, d.description)
         FROM pg_description AS d, LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS o
         WHERE o.schema LIKE 'timedb%' OR o.identity ~ '\\mtimedb(_internal)?\\M'",
    ),
    (
        "security label",
        "SELECT format('%s %s: %s', objtype, objname, label) FROM pg_seclabels WHERE objnamespace = $here",
    ),
    (
        // pg_dump leaves these rights out, as the extension gives them itself.
        "initial rights",
        "SELECT format('%s %s: %s, %s', o.type, o.identity, i.privtype, acl(i.initprivs))
         FROM pg_init_privs AS i, LATERAL pg_identify_object(i.classoid, i.objoid, i.objsubid) AS o
         WHERE o.schema LIKE 'timedb%' OR o.identity ~ '\\mtimedb(_internal)?\\M'",
    ),
    (
        "default rights",
        "SELECT format('%s %s: %s', defaclrole::regrole, defaclobjtype, acl(defaclacl)) FROM pg_default_acl WHERE defaclnamespace = $here",
    ),
];

/// What belongs to the cluster. Members that are not timedb's own are an administrator's matter.
const ROLES: &[(&str, &str)] = &[
    (
        "role",
        "SELECT format('%s super %s, inherit %s, createrole %s, createdb %s, login %s, replication %s, bypassrls %s, limit %s, until %s, settings %s: %s',
                       r.rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
                       rolvaliduntil, (SELECT array_agg(s.setconfig::text ORDER BY 1) FROM pg_db_role_setting AS s WHERE s.setrole = r.oid),
                       shobj_description(r.oid, 'pg_authid'))
         FROM pg_roles AS r WHERE r.rolname LIKE 'timedb\\_%'",
    ),
    (
        "role inside a role",
        "SELECT format('%s in %s, admin %s', member::regrole, roleid::regrole, admin_option)
         FROM pg_auth_members WHERE member::regrole::text LIKE 'timedb\\_%' AND roleid::regrole::text LIKE 'timedb\\_%'",
    ),
    (
        "parameter",
        "SELECT format('%s %s', parname, acl(paracl)) FROM pg_parameter_acl WHERE parname LIKE 'timedb.%'",
    ),
];

/// Lists in an order that does not depend on when each entry was made.
const SORTED: &str = "CREATE FUNCTION pg_temp.sorted(entries text[]) RETURNS text LANGUAGE sql AS
    'SELECT string_agg(e, '' '' ORDER BY e) FROM unnest(entries) AS e';
    CREATE FUNCTION pg_temp.acl(entries aclitem[]) RETURNS text LANGUAGE sql AS
    'SELECT CASE WHEN entries IS NULL THEN ''default'' ELSE (SELECT coalesce(string_agg(e::text, '' '' ORDER BY e::text), ''none'') FROM unnest(entries) AS e) END'";

/// Everything that the catalog says about the extension and its roles, sorted. Superuser only.
pub async fn snapshot(client: &Client) -> Vec<String> {
    client
        .batch_execute(&format!("BEGIN; {SORTED}"))
        .await
        .expect("the helper is created");
    let mut lines = Vec::new();
    for (what, query) in PARTS.iter().chain(ROLES) {
        let query = query
            .replace(
                "= $here",
                "IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)",
            )
            .replace("acl(", "pg_temp.acl(")
            .replace("sorted(", "pg_temp.sorted(");
        let rows = client
            .query(&query, &[])
            .await
            .unwrap_or_else(|error| panic!("{query}: {error:?}"));
        lines.extend(
            rows.iter()
                .map(|row| format!("{what}: {}", row.get::<_, String>(0))),
        );
    }
    client.batch_execute("ROLLBACK").await.expect("it ends");
    lines.sort();
    assert!(lines.len() > 150, "only {} lines: {lines:#?}", lines.len());
    lines
}

/// The lines that only one of two snapshots has: `-` the first, `+` the second.
pub fn differences(first: &[String], second: &[String]) -> Vec<String> {
    let only = |sign: char, of: &[String], other: &[String]| -> Vec<String> {
        let lines = of.iter().filter(|line| !other.contains(line));
        lines.map(|line| format!("{sign} {line}")).collect()
    };
    [only('-', first, second), only('+', second, first)].concat()
}

/// Per table of the extension: its name, the number of its rows and a hash of them all, over the
/// columns that `of` has (an older version may have fewer).
pub async fn rows(client: &Client) -> Vec<(String, i64, String)> {
    rows_of(client, &columns(client).await).await
}

/// The tables and their columns in order.
pub async fn columns(client: &Client) -> Vec<(String, Vec<String>)> {
    let found = client
        .query(
            "SELECT c.relname::text, array_agg(quote_ident(a.attname) ORDER BY a.attname)
             FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind IN ('r', 'p') GROUP BY 1 ORDER BY 1",
            &[],
        )
        .await
        .expect("the tables are listed");
    found.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The same for given tables and columns.
pub async fn rows_of(
    client: &Client,
    tables: &[(String, Vec<String>)],
) -> Vec<(String, i64, String)> {
    let mut found = Vec::new();
    for (table, columns) in tables {
        let columns = columns.join(", ");
        let hashed = format!(
            "SELECT count(*), coalesce(md5(string_agg(hash, '' ORDER BY hash)), '')
             FROM (SELECT md5((t.*)::text) AS hash FROM (SELECT {columns} FROM {full_name}) AS t) AS rows", full_name = crate::qualified(table));
        let row = client
            .query_one(&hashed, &[])
            .await
            .unwrap_or_else(|error| panic!("{hashed}: {error:?}"));
        found.push((table.clone(), row.get(0), row.get(1)));
    }
    found
}
