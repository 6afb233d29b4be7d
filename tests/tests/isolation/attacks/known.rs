//! What PostgreSQL tells everybody, row security or not. It is no tenant's value, and the documentation says
//! so; these tests notice if it becomes more or less.

use timedb_tests::{Recorder, Role, connect, count, run};

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
    let counted = "SELECT n_live_tup > 0 AND seq_scan IS NOT NULL AND pg_stat_get_live_tuples(relid) = n_live_tup
                   FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, relname)
                   WHERE relname = 'series' AND heap_blks_hit IS NOT NULL";
    let counted = client.query_one(counted, &[]).await.unwrap();
    assert!(counted.get::<_, bool>(0));
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

#[tokio::test]
async fn other_login_roles_are_named_and_counted() {
    let store = Store::new().await;
    let superuser = store.db.connect(Role::Superuser).await;
    run(
        &superuser,
        "CREATE EXTENSION pg_stat_statements SCHEMA public",
    )
    .await;
    let of_a = connect(&store.db.dsn(Role::Session)).await;
    run(&of_a, "SET application_name = 'desk'").await;
    run(
        &of_a,
        "SELECT name FROM timedb.series WHERE name = 'kestrel'",
    )
    .await;
    let role = store.db.role_name(Role::Session);
    let connected = format!(
        "SELECT datname, usename, application_name, query FROM pg_stat_activity WHERE usename = '{role}'"
    );
    let counted = format!(
        "SELECT userid::regrole, calls, rows, query, queryid FROM pg_stat_statements WHERE userid = '{role}'::regrole"
    );
    let mut of_b = Recorder::connect(&store.db.dsn(Role::Bound)).await;
    for (query, told) in [(&connected, "desk"), (&counted, role.as_str())] {
        let heard = of_b.tell(query, "").await;
        assert!(heard.rows > 0, "{query}");
        assert!(heard.text().contains(told), "{}", heard.text());
        assert!(heard.text().contains("<insufficient privilege>"));
        assert_eq!(store.canaries_in(&heard.bytes), Vec::<String>::new());
    }
    let client = store.db.connect(Role::Bound).await;
    let told = format!(
        "SELECT count(*) FROM pg_stat_statements WHERE userid = '{role}'::regrole AND queryid IS NOT NULL"
    );
    assert_eq!(count(&client, &told, &[]).await, 0);
    // As the documentation says.
    let revoke = "REVOKE SELECT ON public.pg_stat_statements FROM PUBLIC;
                  REVOKE EXECUTE ON FUNCTION public.pg_stat_statements(boolean) FROM PUBLIC";
    run(&superuser, revoke).await;
    let heard = of_b.tell(&counted, "").await;
    assert_eq!(heard.code.as_deref(), Some("42501"), "{}", heard.text());
}
