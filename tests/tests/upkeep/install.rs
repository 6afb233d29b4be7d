//! `CREATE EXTENSION timedb`: what it leaves in the catalog, who owns it, and what it refuses.

mod catalog;
mod reads;

use timedb_tests::{Db, Role, ThrowawayCluster, count, refusal, run, tenant_of, upload};
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
        refusal(tenant_of(&elsewhere, &one.a().key).await).0,
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
    none(
        &superuser,
        "SELECT nspname::text FROM pg_namespace WHERE nspname = 'timedb_internal'",
    )
    .await;
    superuser
        .batch_execute("CREATE EXTENSION timedb")
        .await
        .unwrap();
    assert_eq!(
        count(
            &superuser,
            "SELECT count(*) FROM timedb_internal.users",
            &[]
        )
        .await,
        0
    );
    let client = stays.connect(Role::User).await;
    assert_eq!(
        tenant_of(&client, &stays.a().key).await.unwrap(),
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
async fn the_schema_for_what_is_private_must_be_new() {
    let db = Db::empty().await;
    let superuser = db.connect(Role::Superuser).await;
    run(&superuser, "CREATE SCHEMA timedb_internal").await;
    let refused = refusal(superuser.batch_execute("CREATE EXTENSION timedb").await);
    assert_eq!(refused.0, "42P06");
    assert!(
        refused.1.contains("\"timedb_internal\" exists already"),
        "{refused:?}"
    );
    run(
        &superuser,
        "DROP SCHEMA timedb_internal; CREATE EXTENSION timedb",
    )
    .await;
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
        "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'timedb%'",
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
