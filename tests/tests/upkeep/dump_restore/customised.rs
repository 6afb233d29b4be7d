//! What an administrator has added to timedb's objects: what a dump brings back of it, and what not.

use timedb_tests::catalog::{differences, rows, snapshot};
use timedb_tests::{Output, Run, ThrowawayCluster, authenticate, connect, pg_tool, run, upload};
use tokio_postgres::Client;

use super::{Dumps, new_database};

/// Rights that were given and taken: docs/backup.md says that they come back.
const RIGHTS: &str = "
    CREATE ROLE app LOGIN IN ROLE timedb_user;
    CREATE ROLE report;
    GRANT SELECT ON timedb.series TO report WITH GRANT OPTION;
    GRANT SELECT (batch_id, points) ON timedb.batches TO report;
    GRANT EXECUTE ON FUNCTION timedb.whoami() TO report;
    REVOKE SELECT ON timedb.batches FROM timedb_user;
    REVOKE EXECUTE ON FUNCTION timedb.set_auth_required(boolean) FROM pg_database_owner;
    REVOKE USAGE ON SCHEMA timedb FROM PUBLIC;
    GRANT USAGE ON SCHEMA timedb TO timedb_owner, timedb_keeper, timedb_definer, timedb_user, report;";

/// Changes of timedb's own objects: docs/backup.md says that they do not come back.
const CHANGES: &[(&str, &str)] = &[
    (
        "CREATE POLICY more ON timedb.series TO report USING (false)",
        "policy: more on timedb.series",
    ),
    (
        "CREATE INDEX more ON timedb.requests (points)",
        "index: CREATE INDEX more ON timedb.requests",
    ),
    (
        "ALTER TABLE timedb_internal.segments SET (autovacuum_vacuum_scale_factor = 0.01)",
        "relation: timedb_internal.segments",
    ),
    (
        "COMMENT ON TABLE timedb.series IS 'ours'",
        "comment: on table timedb.series: ours",
    ),
    (
        "ALTER FUNCTION timedb.read_buckets COST 7",
        "function: timedb.read_buckets",
    ),
];

/// Objects of one's own that use timedb's: they come back as in any dump.
const OWN: &str = "
    CREATE VIEW public.newest WITH (security_invoker = true) AS SELECT name, max(valid_time) AS valid_time FROM timedb.values GROUP BY 1;
    CREATE TABLE public.notes (tenant_id uuid, note text);
    ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY notes ON public.notes USING (tenant_id = timedb.current_tenant());
    GRANT SELECT ON public.newest, public.notes TO timedb_user;
    INSERT INTO public.notes VALUES (NULL, 'kept')";

async fn source() -> (ThrowawayCluster, String) {
    let cluster = ThrowawayCluster::start(&[]);
    let dsn = new_database(&cluster, "store").await;
    let superuser = cluster.connect("store").await;
    run(&superuser, "CREATE EXTENSION timedb").await;
    let row = superuser
        .query_one(
            "SELECT api_key FROM timedb.create_user(timedb.create_tenant('a'), 'a@a.example')",
            &[],
        )
        .await
        .unwrap();
    run(&superuser, RIGHTS).await;
    run(&superuser, OWN).await;
    let app = connect(&cluster.dsn_as("store", "app")).await;
    let key: String = row.get(0);
    run(&app, "BEGIN").await;
    authenticate(&app, &key).await.unwrap();
    upload(&app, "wind", &[1.0, 2.0]).await.unwrap();
    run(&app, "COMMIT").await;
    run(
        &superuser,
        "CREATE ROLE backup LOGIN BYPASSRLS IN ROLE pg_read_all_data",
    )
    .await;
    assert!(!dsn.is_empty());
    (cluster, key)
}

fn dump(cluster: &ThrowawayCluster, file: &str) {
    pg_tool("pg_dump")
        .args(["-Fc", "-f", file])
        .args(["-d", &cluster.dsn_as("store", "backup")])
        .ok();
}

fn restore(dsn: &str, file: &str) -> Run {
    pg_tool("pg_restore").args(["-d", dsn, file])
}

/// The roles of a cluster without their passwords, as the backup role may read them.
fn roles(cluster: &ThrowawayCluster, file: &str) {
    pg_tool("pg_dumpall")
        .args(["--roles-only", "--no-role-passwords", "-f", file])
        .args(["-d", &cluster.dsn_as("store", "backup")])
        .ok();
}

fn psql_file(dsn: &str, file: &str) -> Output {
    pg_tool("psql")
        .args(["-X", "-q", "-d", dsn, "-f", file])
        .run()
}

async fn newest(client: &Client, key: &str) -> i64 {
    run(client, "BEGIN").await;
    authenticate(client, key).await.unwrap();
    let row = client
        .query_one("SELECT count(*) FROM public.newest", &[])
        .await
        .unwrap();
    run(client, "COMMIT").await;
    row.get(0)
}

#[tokio::test]
async fn rights_given_and_taken_come_back_when_the_roles_do() {
    let (from, key) = source().await;
    let dumps = Dumps::new();
    let (file, globals) = (dumps.path("store.dump"), dumps.path("roles.sql"));
    dump(&from, &file);
    roles(&from, &globals);
    let to = ThrowawayCluster::start(&[]);
    // The one complaint is that the superuser exists.
    let made = psql_file(&to.dsn("postgres"), &globals);
    let complaints: Vec<&str> = made
        .stderr
        .lines()
        .filter(|line| line.contains("ERROR"))
        .collect();
    assert_eq!(complaints.len(), 1, "{made:?}");
    assert!(
        complaints[0].contains("role \"postgres\" already exists"),
        "{made:?}"
    );
    let dsn = new_database(&to, "store").await;
    restore(&dsn, &file).args(["--exit-on-error"]).ok();

    let (before, after) = (from.connect("store").await, to.connect("store").await);
    assert_eq!(rows(&after).await, rows(&before).await);
    let different = differences(&snapshot(&before).await, &snapshot(&after).await);
    assert_eq!(different, Vec::<String>::new());
    // The membership works, the revoked right stays revoked, and so do objects of one's own.
    let app = connect(&to.dsn_as("store", "app")).await;
    assert_eq!(newest(&app, &key).await, 1);
    let refused = timedb_tests::refusal(app.query("SELECT FROM timedb.batches", &[]).await);
    assert_eq!(refused.0, "42501");
    assert_eq!(
        timedb_tests::count(&after, "SELECT count(*) FROM public.notes", &[]).await,
        1
    );
}

#[tokio::test]
async fn a_role_that_is_missing_is_named_and_costs_its_grants_only() {
    let (from, key) = source().await;
    let dumps = Dumps::new();
    let file = dumps.path("store.dump");
    dump(&from, &file);
    let to = ThrowawayCluster::start(&[]);
    let dsn = new_database(&to, "strict").await;
    let failed = restore(&dsn, &file).args(["--exit-on-error"]).run();
    assert_ne!(failed.code, 0);
    assert!(
        failed.stderr.contains("role \"report\" does not exist"),
        "{failed:?}"
    );

    let dsn = new_database(&to, "store").await;
    let warned = restore(&dsn, &file).run();
    assert_eq!(warned.code, 1, "{warned:?}");
    assert!(
        warned.stderr.contains("role \"report\" does not exist"),
        "{warned:?}"
    );
    let (before, after) = (from.connect("store").await, to.connect("store").await);
    assert_eq!(rows(&after).await, rows(&before).await);
    let different = differences(&snapshot(&before).await, &snapshot(&after).await);
    assert!(!different.is_empty());
    for line in &different {
        assert!(
            line.contains("rights") && (line.contains("report") || line.starts_with('+')),
            "{different:#?}"
        );
    }

    // Without any grants of one's own: the extension's own are there all the same.
    let dsn = new_database(&to, "bare").await;
    restore(&dsn, &file)
        .args(["--no-privileges", "--exit-on-error"])
        .ok();
    let bare = to.connect("bare").await;
    assert_eq!(rows(&bare).await, rows(&before).await);
    let fresh = new_database(&to, "fresh").await;
    run(&connect(&fresh).await, "CREATE EXTENSION timedb").await;
    let different = differences(
        &snapshot(&connect(&fresh).await).await,
        &snapshot(&bare).await,
    );
    assert_eq!(different, Vec::<String>::new());
    run(&bare, "CREATE ROLE app LOGIN IN ROLE timedb_user").await;
    let app = connect(&to.dsn_as("bare", "app")).await;
    run(&bare, "GRANT SELECT ON public.newest TO timedb_user").await;
    assert_eq!(newest(&app, &key).await, 1);
}

#[tokio::test]
async fn changes_of_the_extensions_own_objects_do_not_come_back() {
    let (from, _) = source().await;
    let before = from.connect("store").await;
    let unchanged = snapshot(&before).await;
    for (change, _) in CHANGES {
        run(&before, change).await;
    }
    let changed = differences(&unchanged, &snapshot(&before).await);
    for (change, shows) in CHANGES {
        assert!(
            changed
                .iter()
                .any(|line| line.starts_with("+ ") && line.contains(shows)),
            "{change}: {changed:#?}"
        );
    }
    let dumps = Dumps::new();
    let (file, globals) = (dumps.path("store.dump"), dumps.path("roles.sql"));
    dump(&from, &file);
    roles(&from, &globals);
    let to = ThrowawayCluster::start(&[]);
    psql_file(&to.dsn("postgres"), &globals);
    let dsn = new_database(&to, "store").await;
    restore(&dsn, &file).args(["--exit-on-error"]).ok();
    let after = to.connect("store").await;
    assert_eq!(rows(&after).await, rows(&before).await);
    assert_eq!(
        differences(&unchanged, &snapshot(&after).await),
        Vec::<String>::new()
    );
}
