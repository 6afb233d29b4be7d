//! What a connection has prepared is not what the database has any more: the next request works, or says that it cannot,
//! and nobody gets what is another's.

use serde_json::json;
use timedb_tests::{Role, count};

use super::Narrow;

/// Backends whose last statement was a prepared one.
const PREPARED: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = $1 AND query LIKE '%timedb_internal._enter(%'";

impl Narrow {
    /// Reads and lists, so that they are prepared.
    async fn warm_up(&self) {
        self.assert_tenants_are_themselves("at first").await;
        self.server.get("/values", Some(&self.db.a().key)).await;
        let role = self.db.role_name(Role::User);
        assert_eq!(
            count(&self.observer, PREPARED, &[&role]).await,
            1,
            "the statements are prepared"
        );
    }
}

#[tokio::test]
async fn an_extension_made_anew_is_served_by_the_same_server() {
    let narrow = Narrow::start("60").await;
    narrow.warm_up().await;
    let (a, b) = (&narrow.db.a().key, &narrow.db.b().key);
    narrow
        .observer
        .batch_execute("DROP EXTENSION timedb CASCADE")
        .await
        .unwrap();
    for path in ["/values", "/list_timeseries", "/series/count"] {
        let reply = narrow.server.get(path, Some(a)).await;
        assert_eq!(reply.status, 503, "{path}: {reply:?}");
    }
    narrow
        .observer
        .batch_execute("CREATE EXTENSION timedb")
        .await
        .unwrap();
    // The keys are gone with their tenants.
    for key in [a, b] {
        let reply = narrow.server.get("/values", Some(key)).await;
        assert_eq!(reply.status, 401, "{reply:?}; {}", narrow.server.log());
    }
    let made = "SELECT api_key FROM timedb.create_user(timedb.create_tenant('c'), 'c@example.com')";
    let key: String = narrow.observer.query_one(made, &[]).await.unwrap().get(0);
    let body = super::upload_body("x", 3.0);
    let reply = narrow.server.post("/upload", Some(&key), &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let reply = narrow.server.get("/values", Some(&key)).await.json();
    assert_eq!(reply["data"][0]["value"], 3.0);
}

/// Between two requests, so that the connection finds only new functions and a new type in the place of those that it
/// has prepared.
#[tokio::test]
async fn a_store_that_is_replaced_between_two_requests_costs_none_of_them() {
    let narrow = Narrow::start("60").await;
    narrow.warm_up().await;
    narrow
        .observer
        .batch_execute(
            "BEGIN; CREATE TEMP TABLE k AS SELECT * FROM timedb_internal.api_keys;
             CREATE TEMP TABLE u AS SELECT * FROM timedb_internal.users;
             CREATE TEMP TABLE t AS SELECT * FROM timedb_internal.tenants;
             DROP EXTENSION timedb CASCADE; CREATE EXTENSION timedb;
             DO $$
             DECLARE
                 kept record;
                 columns text;
             BEGIN
                 FOR kept IN VALUES ('t', 'tenants'), ('u', 'users'), ('k', 'api_keys') LOOP
                     SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
                     WHERE attrelid = ('timedb_internal.' || kept.column2)::regclass AND attnum > 0 AND NOT attisdropped
                       AND attgenerated = '';
                     EXECUTE format('INSERT INTO timedb_internal.%I (%s) SELECT %2$s FROM %3$I', kept.column2, columns, kept.column1);
                 END LOOP;
             END $$;
             COMMIT;",
        )
        .await
        .unwrap();
    let a = Some(narrow.db.a().key.as_str());
    let reply = narrow.server.get("/values", a).await;
    assert_eq!(reply.status, 200, "{reply:?}; {}", narrow.server.log());
    assert_eq!(reply.json()["count"], 0, "{reply:?}");
    let log = narrow.server.log();
    assert!(log.contains("a prepared statement is outdated"), "{log}");
    for (tenant, value) in [(narrow.db.a(), 1.0), (narrow.db.b(), 2.0)] {
        let body = super::upload_body("x", value);
        let reply = narrow
            .server
            .post("/upload", Some(&tenant.key), &body)
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    narrow.assert_tenants_are_themselves("made anew").await;
}

#[tokio::test]
async fn functions_that_are_replaced_in_place_are_called_at_once() {
    let narrow = Narrow::start("60").await;
    narrow.warm_up().await;
    narrow
        .observer
        .batch_execute(
            "CREATE OR REPLACE FUNCTION timedb.count_series(name text DEFAULT NULL, prefix text DEFAULT NULL,
                 labels jsonb DEFAULT NULL, search text DEFAULT NULL) RETURNS bigint
             LANGUAGE sql STABLE AS $$ SELECT 77::bigint $$",
        )
        .await
        .unwrap();
    let before = narrow.pids().await;
    let reply = narrow
        .server
        .get("/series/count", Some(&narrow.db.a().key))
        .await;
    assert_eq!(reply.json(), json!({"count": 77}), "{reply:?}");
    narrow.assert_tenants_are_themselves("replaced").await;
    assert_eq!(narrow.pids().await, before);
}

/// The membership is asked for in each request, though the session has the role from before.
#[tokio::test]
async fn a_role_that_is_taken_away_is_missed_at_once() {
    let narrow = Narrow::start("60").await;
    narrow.warm_up().await;
    let role = narrow.db.role_name(Role::User);
    let revoke = format!("REVOKE timedb_user FROM {role}");
    narrow.observer.batch_execute(&revoke).await.unwrap();
    for _ in 0..2 {
        let reply = narrow.server.get("/values", Some(&narrow.db.a().key)).await;
        assert_eq!(reply.status, 503, "{reply:?}; {}", narrow.server.log());
    }
    let grant = format!("GRANT timedb_user TO {role}");
    narrow.observer.batch_execute(&grant).await.unwrap();
    narrow.assert_tenants_are_themselves("granted again").await;
}

/// Reads can write nothing, prepared or not.
#[tokio::test]
async fn a_prepared_read_is_a_transaction_that_only_reads() {
    let narrow = Narrow::start("60").await;
    narrow.warm_up().await;
    narrow
        .observer
        .batch_execute(
            "CREATE TABLE public.written (at timestamptz); GRANT INSERT ON public.written TO PUBLIC;
             CREATE OR REPLACE FUNCTION timedb.count_series(name text DEFAULT NULL, prefix text DEFAULT NULL,
                 labels jsonb DEFAULT NULL, search text DEFAULT NULL) RETURNS bigint
             LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO public.written VALUES (now()); RETURN 1; END $$",
        )
        .await
        .unwrap();
    let reply = narrow
        .server
        .get("/series/count", Some(&narrow.db.a().key))
        .await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.text.contains("read-only"), "{reply:?}");
    let written = "SELECT count(*) FROM public.written";
    assert_eq!(count(&narrow.observer, written, &[]).await, 0);
    narrow.assert_tenants_are_themselves("refused").await;
}
