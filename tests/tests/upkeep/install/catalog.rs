//! The catalog after `CREATE EXTENSION`: schema, row security, keys, functions and rights.

use timedb_tests::{Db, Role, authenticate, count, refusal};

use super::{names, none};

#[tokio::test]
async fn nothing_stands_outside_the_schema_timedb() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    none(
        &client,
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    )
    .await;
    none(
        &client,
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    )
    .await;
    none(
        &client,
        "SELECT oid::regtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace",
    )
    .await;
    none(
        &client,
        "SELECT o.identity FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid,
                LATERAL pg_identify_object(d.classid, d.objid, 0) AS o
         WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'timedb'
           AND (o.schema IN ('timedb', 'timedb_internal') OR o.type = 'schema' AND o.name = 'timedb_internal') IS NOT TRUE",
    )
    .await;
}

#[tokio::test]
async fn every_table_with_tenants_forces_row_security_with_both_kinds_of_policies() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    let with_tenant = "SELECT c.oid, c.relname::text, c.relrowsecurity AND c.relforcerowsecurity AS forced FROM pg_class AS c
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind IN ('r', 'p')";
    let tables = names(
        &client,
        &format!("SELECT relname FROM ({with_tenant}) AS t ORDER BY 1"),
    )
    .await;
    assert_eq!(
        tables,
        [
            "api_keys",
            "audit_events",
            "batch_chunks",
            "bound_roles",
            "damaged_rows",
            "holds",
            "key_usage",
            "requests",
            "retention",
            "segments",
            "series",
            "series_labels",
            "series_lists",
            "tenants",
            "usage_days",
            "users",
            "write_log"
        ]
        .map(str::to_owned)
    );
    none(
        &client,
        &format!("SELECT relname FROM ({with_tenant}) AS t WHERE NOT forced"),
    )
    .await;
    for kind in ["polpermissive", "NOT polpermissive"] {
        // Of the policies for everybody, one of each kind must hold for every command.
        none(
            &client,
            &format!(
                "SELECT relname FROM ({with_tenant}) AS t WHERE NOT EXISTS
                 (SELECT FROM pg_policy WHERE polrelid = t.oid AND {kind} AND polcmd = '*'
                  AND pg_get_expr(polqual, polrelid) LIKE '%timedb.current_tenant()%'
                  AND coalesce(pg_get_expr(polwithcheck, polrelid), pg_get_expr(polqual, polrelid)) LIKE '%timedb.current_tenant()%')"
            ),
        )
        .await;
    }
    none(
        &client,
        "SELECT polname::text FROM pg_policy WHERE pg_get_expr(polqual, polrelid) ILIKE '%select%'",
    )
    .await;
}

#[tokio::test]
async fn keys_of_tenant_tables_begin_with_the_tenant() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    // A key is looked up before the tenant is known, and so is a role: these are the exceptions.
    none(
        &client,
        "SELECT i.indexrelid::regclass::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
         JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
         WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND i.indisunique AND i.indkey[0] <> t.attnum
           AND pg_get_indexdef(i.indexrelid) NOT LIKE '%timedb_internal.api_keys%(key_tag)'
           AND pg_get_indexdef(i.indexrelid) NOT LIKE '%timedb_internal.bound_roles%(role_name)'",
    )
    .await;
}

#[tokio::test]
async fn there_are_no_foreign_keys_triggers_or_sequences_and_every_table_is_dumped() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    let here = "relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)";
    none(&client, &format!("SELECT conname::text FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid WHERE {here} AND contype = 'f'")).await;
    // Those of the views that rows can be inserted into change no row.
    none(&client, &format!("SELECT tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE {here} AND relname NOT IN ('values', 'forecasts')")).await;
    none(
        &client,
        &format!("SELECT relname::text FROM pg_class WHERE {here} AND relkind = 'S'"),
    )
    .await;
    none(
        &client,
        &format!(
            "SELECT relname::text FROM pg_class WHERE {here} AND relkind IN ('r', 'p')
             AND NOT oid = ANY ((SELECT extconfig FROM pg_extension WHERE extname = 'timedb')::oid[])"
        ),
    )
    .await;
    none(&client, &format!("SELECT relname::text FROM pg_class WHERE {here} AND relkind = 'r' AND relowner <> 'timedb_owner'::regrole")).await;
}

#[tokio::test]
async fn no_function_is_overloaded_but_reads_that_begin_with_a_name() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    none(
        &client,
        "SELECT proname::text FROM pg_proc WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
         GROUP BY proname HAVING count(*) > 1 + count(*) FILTER (WHERE proargnames[1] = 'series')",
    )
    .await;
}

#[tokio::test]
async fn functions_are_closed_to_the_public_and_privileged_ones_are_bounded() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    let here = "pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)";
    assert!(
        count(
            &client,
            &format!("SELECT count(*) FROM pg_proc WHERE {here} AND prosecdef"),
            &[]
        )
        .await
            > 0
    );
    none(
        &client,
        &format!(
            "SELECT p.oid::regprocedure::text FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner
             WHERE {here} AND prosecdef AND (r.rolsuper OR r.rolbypassrls)"
        ),
    )
    .await;
    none(
        &client,
        &format!(
            "SELECT p.oid::regprocedure::text FROM pg_proc AS p
             WHERE {here} AND prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)"
        ),
    )
    .await;
    none(
        &client,
        &format!(
            "SELECT DISTINCT p.oid::regprocedure::text
             FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
             WHERE {here} AND a.grantee = 0"
        ),
    )
    .await;
    none(
        &client,
        "SELECT 'public creates' WHERE has_schema_privilege('public', 'timedb', 'CREATE')
                                  OR has_schema_privilege('public', 'timedb_internal', 'CREATE')",
    )
    .await;
}

#[tokio::test]
async fn a_role_without_membership_can_do_nothing() {
    let db = Db::new().await;
    let nobody = db.connect(Role::Nobody).await;
    assert_eq!(refusal(authenticate(&nobody, &db.a().key).await).0, "42501");
    for statement in [
        "SELECT count(*) FROM timedb.read_flat()",
        "SELECT count(*) FROM timedb.series",
        "SELECT count(*) FROM timedb_internal.segments",
        "SELECT count(*) FROM timedb_internal.write_log",
        "SELECT count(*) FROM timedb_internal.batch_chunks",
        "SELECT count(*) FROM timedb_internal.series_lists",
        "SELECT count(*) FROM timedb.requests",
        "SELECT count(*) FROM timedb.batches",
        "SELECT count(*) FROM timedb_internal._list_batches()",
        "SELECT * FROM timedb.compact()",
        "SELECT * FROM timedb.verify()",
        "SELECT count(*) FROM timedb_internal.damaged_rows",
        "SELECT count(*) FROM timedb.values",
        "SELECT timedb.login('x')",
        "SELECT timedb.list_users()",
        "SELECT timedb.create_tenant('x')",
        "SELECT timedb.set_auth_required(false)",
    ] {
        assert_eq!(
            refusal(nobody.batch_execute(statement).await).0,
            "42501",
            "{statement}"
        );
    }
}

#[tokio::test]
async fn no_role_of_a_tenant_changes_a_table() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    none(
        &client,
        "SELECT r.rolname || ' ' || p.privilege || ' ' || c.relname
         FROM pg_class AS c, pg_roles AS r, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p (privilege)
         WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
           AND r.rolname IN ('timedb_user', 'timedb_session', 'timedb_admin')
           AND NOT (p.privilege = 'INSERT' AND c.relname IN ('values', 'forecasts') AND r.rolname <> 'timedb_admin')
           AND has_table_privilege(r.oid, c.oid, p.privilege)",
    )
    .await;
}

#[tokio::test]
async fn whatever_tenants_can_read_has_comments() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    none(
        &client,
        "SELECT format('%s.%s', c.relname, a.attname)
         FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
         WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
           AND a.attnum > 0 AND NOT a.attisdropped AND has_table_privilege('timedb_user', c.oid, 'SELECT')
           AND coalesce(col_description(c.oid, a.attnum), '') = ''
         UNION ALL
         SELECT c.relname::text FROM pg_class AS c
         WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
           AND coalesce(obj_description(c.oid, 'pg_class'), '') = ''",
    )
    .await;
    let described = client.query_one(
        "SELECT count(*), count(DISTINCT attrelid) FROM pg_attribute
         WHERE attrelid = ANY ('{timedb.values,timedb.forecasts,timedb.versions,timedb.batches,timedb.series,timedb.series_labels,
                                 timedb.requests,timedb.audit_events,timedb.retention,timedb.holds}'::regclass[])
           AND attnum > 0 AND col_description(attrelid, attnum) <> ''",
        &[],
    );
    let described = described.await.unwrap();
    assert_eq!(described.get::<_, i64>(1), 10);
    assert!(described.get::<_, i64>(0) > 80);
}

/// psql's `\d timedb.*` and `\df timedb.*`, and what an ORM reflects: what a tenant may use, and the functions of
/// administrators, which say that they are.
#[tokio::test]
async fn the_schema_that_tenants_browse_has_nothing_private() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    none(
        &client,
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'timedb'::regnamespace
         AND relkind NOT IN ('i') AND NOT has_table_privilege('timedb_user', oid, 'SELECT')",
    )
    .await;
    none(
        &client,
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'timedb'::regnamespace
         AND NOT has_function_privilege('timedb_session', oid, 'EXECUTE')
         AND NOT (has_function_privilege('timedb_admin', oid, 'EXECUTE')
                  AND obj_description(oid, 'pg_proc') LIKE '%or administrators%')",
    )
    .await;
    // And what is out of sight is nothing that a tenant would look for.
    none(
        &client,
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'timedb_internal'::regnamespace
         AND has_table_privilege('timedb_user', oid, 'SELECT')
         UNION ALL SELECT oid::regprocedure::text FROM pg_proc
         WHERE pronamespace = 'timedb_internal'::regnamespace AND proname !~ '^_'",
    )
    .await;
    let tenant = db.login(db.a()).await;
    let views = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'timedb' ORDER BY 1";
    assert_eq!(names(&tenant, views).await, timedb_tests::FOR_TENANTS);
    let internal = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'timedb_internal'";
    none(&tenant, internal).await;
}
