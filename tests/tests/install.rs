//! `CREATE EXTENSION timedb`: what it leaves in the catalog, who owns it, and what it refuses.

use timedb_tests::{Db, Role, ThrowawayCluster, authenticate, count, refusal, upload};
use tokio_postgres::Client;

const ROLES: [&str; 6] = [
    "timedb_owner",
    "timedb_definer",
    "timedb_keeper",
    "timedb_user",
    "timedb_session",
    "timedb_admin",
];

/// The offending objects that a query lists; each test says what must not exist.
async fn names(client: &Client, query: &str) -> Vec<String> {
    let rows = client
        .query(query, &[])
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

async fn none(client: &Client, query: &str) {
    assert_eq!(names(client, query).await, Vec::<String>::new(), "{query}");
}

#[tokio::test]
async fn two_databases_of_one_cluster_have_the_extension_each_for_itself() {
    let (one, two) = (Db::new().await, Db::new().await);
    let client = one.begin(one.a()).await;
    upload(&client, "only in one", &[1.0]).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    let elsewhere = two.connect(Role::User).await;
    assert_eq!(
        refusal(authenticate(&elsewhere, &one.a().key).await).0,
        "28000"
    );
    let superuser = two.connect(Role::Superuser).await;
    assert_eq!(
        count(&superuser, "SELECT count(*) FROM timedb.series", &[]).await,
        0
    );
}

#[tokio::test]
async fn the_extension_can_be_dropped_and_created_again_beside_another_database() {
    let (stays, goes) = (Db::new().await, Db::new().await);
    let superuser = goes.connect(Role::Superuser).await;
    superuser
        .batch_execute("DROP EXTENSION timedb CASCADE")
        .await
        .unwrap();
    // PostgreSQL keeps a schema that it made because a control file names it; nothing stands in it.
    for catalog in [
        "pg_class WHERE relnamespace",
        "pg_proc WHERE pronamespace",
        "pg_type WHERE typnamespace",
    ] {
        let left = format!("SELECT count(*) FROM {catalog} = 'timedb'::regnamespace");
        assert_eq!(count(&superuser, &left, &[]).await, 0, "{left}");
    }
    superuser
        .batch_execute("CREATE EXTENSION timedb")
        .await
        .unwrap();
    assert_eq!(
        count(&superuser, "SELECT count(*) FROM timedb.users", &[]).await,
        0
    );
    let client = stays.connect(Role::User).await;
    assert_eq!(
        authenticate(&client, &stays.a().key).await.unwrap(),
        stays.a().tenant_id
    );
}

#[tokio::test]
async fn only_a_superuser_creates_the_extension() {
    let db = Db::empty().await;
    let owner = db.connect(Role::Owner).await;
    assert_eq!(
        refusal(owner.batch_execute("CREATE EXTENSION timedb").await).0,
        "42501"
    );
}

#[tokio::test]
async fn a_role_that_is_not_what_it_must_be_is_refused() {
    let cluster = ThrowawayCluster::start(&[]);
    let client = cluster.connect("postgres").await;
    client.batch_execute("CREATE ROLE stranger").await.unwrap();
    for role in ROLES {
        for attribute in ["LOGIN", "SUPERUSER", "BYPASSRLS"] {
            client
                .batch_execute(&format!("CREATE ROLE {role} {attribute}"))
                .await
                .unwrap();
            let (_, message) = refusal(client.batch_execute("CREATE EXTENSION timedb").await);
            assert!(message.contains(role), "{role} {attribute}: {message}");
            client
                .batch_execute(&format!("DROP ROLE {role}"))
                .await
                .unwrap();
        }
    }
    for role in ["timedb_owner", "timedb_definer", "timedb_keeper"] {
        client
            .batch_execute(&format!(
                "CREATE ROLE {role} NOLOGIN; GRANT {role} TO stranger"
            ))
            .await
            .unwrap();
        let (_, message) = refusal(client.batch_execute("CREATE EXTENSION timedb").await);
        assert!(message.contains(role), "{role} with a member: {message}");
        client
            .batch_execute(&format!("DROP ROLE {role}"))
            .await
            .unwrap();
    }
    none(
        &client,
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'timedb%'",
    )
    .await;
    none(
        &client,
        "SELECT nspname::text FROM pg_namespace WHERE nspname = 'timedb'",
    )
    .await;
    client
        .batch_execute("CREATE ROLE timedb_user NOLOGIN; CREATE EXTENSION timedb")
        .await
        .unwrap();
}

#[tokio::test]
async fn the_roles_cannot_log_in_and_have_no_members() {
    let cluster = ThrowawayCluster::start(&[]);
    let client = cluster.connect("postgres").await;
    client
        .batch_execute("CREATE EXTENSION timedb")
        .await
        .unwrap();
    let mut expected = ROLES.map(str::to_owned).to_vec();
    expected.sort();
    let found = "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'timedb%' ORDER BY 1";
    assert_eq!(names(&client, found).await, expected);
    none(
        &client,
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'timedb%'
         AND (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)",
    )
    .await;
    // A group inside the extension's own roles is fine (a session is a user too), others are not.
    none(
        &client,
        "SELECT m.member::regrole::text FROM pg_auth_members AS m
         WHERE m.roleid::regrole::text LIKE 'timedb%' AND m.member::regrole::text NOT LIKE 'timedb%'",
    )
    .await;
}

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
           AND o.schema IS DISTINCT FROM 'timedb' AND NOT (o.type = 'schema' AND o.name = 'timedb')",
    )
    .await;
}

#[tokio::test]
async fn every_table_with_tenants_forces_row_security_with_both_kinds_of_policies() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    let with_tenant = "SELECT c.oid, c.relname::text, c.relrowsecurity AND c.relforcerowsecurity AS forced FROM pg_class AS c
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         WHERE c.relnamespace = 'timedb'::regnamespace AND c.relkind IN ('r', 'p')";
    let tables = names(
        &client,
        &format!("SELECT relname FROM ({with_tenant}) AS t ORDER BY 1"),
    )
    .await;
    assert_eq!(
        tables,
        [
            "api_keys",
            "batches",
            "segments",
            "series",
            "series_labels",
            "tenants",
            "users"
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
    // A key is looked up before the tenant is known: its hash is the one exception.
    none(
        &client,
        "SELECT i.indexrelid::regclass::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
         JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
         WHERE c.relnamespace = 'timedb'::regnamespace AND i.indisunique AND i.indkey[0] <> t.attnum
           AND pg_get_indexdef(i.indexrelid) NOT LIKE '%timedb.api_keys%(key_hash)'",
    )
    .await;
}

#[tokio::test]
async fn there_are_no_foreign_keys_triggers_or_sequences_and_every_table_is_dumped() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    let here = "relnamespace = 'timedb'::regnamespace";
    none(&client, &format!("SELECT conname::text FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid WHERE {here} AND contype = 'f'")).await;
    none(&client, &format!("SELECT tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE {here}")).await;
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
async fn functions_are_closed_to_the_public_and_privileged_ones_are_bounded() {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    let here = "pronamespace = 'timedb'::regnamespace";
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
        "SELECT 'public creates' WHERE has_schema_privilege('public', 'timedb', 'CREATE')",
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
        "SELECT count(*) FROM timedb.segments",
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
         WHERE c.relnamespace = 'timedb'::regnamespace AND c.relkind IN ('r', 'p', 'v')
           AND r.rolname IN ('timedb_user', 'timedb_session', 'timedb_admin')
           AND has_table_privilege(r.oid, c.oid, p.privilege)",
    )
    .await;
}
