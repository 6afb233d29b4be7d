//! What PostgreSQL tells everybody, row security or not. It is no tenant's value, and the documentation says
//! so; these tests notice if it becomes more or less.

use timedb_tests::{Recorder, Role};

use super::store::Store;

#[tokio::test]
async fn totals_of_the_whole_store_are_no_secret() {
    let store = Store::new().await;
    let superuser = store.db.connect(Role::Superuser).await;
    let all = "SELECT count(*) FROM timedb.series";
    let all: i64 = superuser.query_one(all, &[]).await.unwrap().get(0);
    // Without a key.
    let client = store.db.connect(Role::User).await;
    let estimate = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'timedb.series'::regclass";
    let told: i64 = client.query_one(estimate, &[]).await.unwrap().get(0);
    assert_eq!(told, all);
    let size = "SELECT pg_relation_size('timedb_internal.segments') > 0";
    assert!(client.query_one(size, &[]).await.unwrap().get::<_, bool>(0));
    // A sequential scan says how many rows it passed over.
    let mut recorder = Recorder::connect(&store.db.dsn(Role::User)).await;
    let settings = "SET enable_indexscan = off; SET enable_bitmapscan = off";
    recorder.tell(settings, "").await;
    let plan = recorder
        .tell("EXPLAIN ANALYZE TABLE timedb.series", "")
        .await;
    let removed = format!("Rows Removed by Filter: {all}");
    assert!(plan.text().contains(&removed), "{}", plan.text());
    assert_eq!(store.canaries_in(&plan.bytes), Vec::<String>::new());
}

#[tokio::test]
async fn statements_are_seen_by_sessions_of_the_same_login_role_only() {
    let store = Store::new().await;
    let mut of_a = Recorder::connect(&store.db.dsn(Role::User)).await;
    of_a.tell("BEGIN", "").await;
    let authenticate = format!("SELECT timedb.authenticate('{}')", store.a.key);
    of_a.tell(&authenticate, "").await;
    of_a.tell(
        "SELECT * FROM timedb.series WHERE name = 'kestrel-name'",
        "",
    )
    .await;
    let statements = "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
    // Tenants who write SQL need login roles of their own: this is how PostgreSQL is.
    let mut same = Recorder::connect(&store.db.dsn(Role::User)).await;
    let told = same.tell(statements, "").await;
    assert!(
        !store.canaries_in(&told.bytes).is_empty(),
        "{}",
        told.text()
    );
    for role in [Role::Session, Role::Nobody, Role::Admin, Role::Owner] {
        let mut other = Recorder::connect(&store.db.dsn(role)).await;
        let told = other.tell(statements, "").await;
        assert_eq!(
            store.canaries_in(&told.bytes),
            Vec::<String>::new(),
            "{role:?}"
        );
    }
}
