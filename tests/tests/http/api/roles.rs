//! The role that the server connects as, and what is set for it, make no difference to what is served.

use serde_json::json;
use timedb_tests::{Role, Server, ThrowawayCluster, cli};

use super::{Api, batch};

#[tokio::test]
async fn the_role_and_its_settings_do_not_change_answers() {
    let api = Api::start().await;
    for (tenant, value) in [(api.db.a(), 1.5), (api.db.b(), 2.5)] {
        let rows = json!([{"valid_time": "2025-07-01T00:00:00.000001Z", "value_key": "x", "value": value,
                           "valid_time_end": "2025-07-02T00:00:00Z"}]);
        assert_eq!(
            api.server
                .post("/upload", Some(&tenant.key), &batch(rows))
                .await
                .status,
            200
        );
    }
    let paths = [
        "/values",
        "/values?mode=overlapping",
        "/values?all_versions=1",
        "/list_timeseries",
    ];
    let ask_all = async |server: &Server| {
        let mut answers = Vec::new();
        for path in paths {
            for key in [
                Some(api.db.a().key.as_str()),
                Some(&api.db.b().key),
                None,
                Some("wrong"),
            ] {
                let reply = server.get(path, key).await;
                answers.push((path, reply.status, reply.text));
            }
        }
        let late = json!([{"valid_time": "2025-07-02T00:00:00Z", "value_key": "x", "value": 1,
                           "valid_time_end": "2025-07-01T00:00:00Z"}]);
        let reply = server
            .post("/upload", Some(&api.db.a().key), &batch(late))
            .await;
        answers.push(("/upload", reply.status, reply.text));
        answers
    };
    let expected = ask_all(&api.server).await;
    let superuser = api.db.connect(Role::Superuser).await;
    // PostgreSQL 16 renamed it.
    let parallel = "SELECT name || ' = on' FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')";
    let parallel: String = superuser.query_one(parallel, &[]).await.unwrap().get(0);
    for setting in [
        "timezone = 'Asia/Kathmandu'",
        "datestyle = 'German'",
        "intervalstyle = 'iso_8601'",
        "bytea_output = 'escape'",
        "extra_float_digits = -15",
        "standard_conforming_strings = off",
        "search_path = ''",
        "default_transaction_isolation = 'serializable'",
        "lc_messages = 'C'",
        "client_min_messages = 'debug5'",
        "jit_above_cost = 0",
        "plan_cache_mode = 'force_generic_plan'",
        &parallel,
    ] {
        let alter = format!("ALTER ROLE {} SET {setting}", api.db.role_name(Role::User));
        superuser.batch_execute(&alter).await.unwrap();
    }
    let server = Server::start(&api.db);
    assert_eq!(
        ask_all(&server).await,
        expected,
        "with settings: {}",
        server.log()
    );
    // A server that connects as a superuser serves nobody else's rows either.
    let server = Server::start_with(&api.db.dsn(Role::Superuser), &[], &[]);
    assert_eq!(ask_all(&server).await, expected, "as a superuser");
}

/// What `timedb api` says when it does not start.
fn refused_to_start(dsn: &str) -> String {
    let output = cli(&["api", "--port", "0"]).env("TIMEDB_DSN", dsn).run();
    assert_eq!(output.code, 1, "{output:?}");
    output.stderr
}

#[tokio::test]
async fn a_role_with_row_security_off_is_refused_with_the_remedy() {
    let api = Api::start().await;
    let superuser = api.db.connect(Role::Superuser).await;
    let role = api.db.role_name(Role::User);
    let alter = format!("ALTER ROLE {role} SET row_security = off");
    superuser.batch_execute(&alter).await.unwrap();
    let told = refused_to_start(&api.db.dsn(Role::User));
    assert!(
        told.contains("refusing to serve: row_security is off"),
        "{told}"
    );
    let (_, remedy) = told.split_once("Remedy: ").unwrap();
    let (remedy, _) = remedy.split_once(';').unwrap();
    superuser.batch_execute(remedy).await.unwrap();
    Server::start(&api.db);
}

/// What weakens isolation in one database, and what the server says to it.
const WEAKENED: [(&str, &str); 19] = [
    (
        "ALTER TABLE timedb_internal.segments DISABLE ROW LEVEL SECURITY",
        "row security is not enabled on timedb_internal.segments",
    ),
    (
        "ALTER TABLE timedb_internal.users NO FORCE ROW LEVEL SECURITY",
        "row security is not forced on timedb_internal.users",
    ),
    (
        "DROP POLICY series_tenant_isolation ON timedb.series",
        "timedb.series has no restrictive policy for its tenant",
    ),
    (
        "ALTER POLICY series_tenant_isolation ON timedb.series USING (true)",
        "timedb.series has no restrictive policy for its tenant",
    ),
    (
        "ALTER TABLE timedb.series OWNER TO CURRENT_USER",
        "timedb.series belongs to",
    ),
    (
        "ALTER VIEW timedb.values RESET (security_invoker)",
        "timedb.\"values\" is a view that runs with its owner's privileges",
    ),
    (
        "ALTER FUNCTION timedb.report_key_use() OWNER TO CURRENT_USER",
        "function timedb.report_key_use() belongs to",
    ),
    (
        "ALTER FUNCTION timedb.report_key_use() RESET search_path",
        "function timedb.report_key_use() runs with its owner's privileges and its caller's search_path",
    ),
    (
        "GRANT EXECUTE ON FUNCTION timedb.list_users(uuid, boolean) TO PUBLIC",
        "everybody may call function timedb.list_users(uuid,boolean)",
    ),
    (
        "GRANT CREATE ON SCHEMA timedb TO PUBLIC",
        "PUBLIC may create objects in schema timedb",
    ),
    (
        "ALTER SCHEMA timedb OWNER TO pg_monitor",
        "schema timedb belongs to pg_monitor, which is not a superuser",
    ),
    (
        "CREATE TYPE timedb.mine AS ENUM ('x')",
        "type timedb.mine is in schema timedb but does not belong to the extension",
    ),
    (
        "ALTER POLICY series_tenant_isolation ON timedb.series WITH CHECK (true)",
        "timedb.series has no restrictive policy for its tenant",
    ),
    (
        "CREATE RULE mine AS ON INSERT TO timedb.requests DO ALSO NOTHING",
        "timedb.requests has the rule mine",
    ),
    (
        "ALTER FUNCTION timedb.report_key_use() SECURITY INVOKER",
        "function timedb.report_key_use() is not as the extension created it",
    ),
    (
        "CREATE OR REPLACE FUNCTION timedb.auth_required() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
             SET search_path = pg_catalog, pg_temp AS 'SELECT false'",
        "function timedb.auth_required() is not as the extension created it",
    ),
    (
        "GRANT EXECUTE ON FUNCTION timedb.list_users(uuid, boolean) TO timedb_user",
        "timedb_user has the privilege EXECUTE on timedb.list_users(uuid,boolean)",
    ),
    (
        "GRANT UPDATE (tenant_id) ON timedb.series TO timedb_session",
        "timedb_session has the privilege UPDATE (tenant_id) on timedb.series",
    ),
    (
        "GRANT TRUNCATE ON timedb.series TO pg_monitor",
        "pg_monitor has the privilege TRUNCATE on timedb.series",
    ),
];

#[tokio::test]
async fn a_database_with_weakened_isolation_is_not_served_and_readiness_tells_it() {
    let api = Api::start().await;
    let superuser = api.db.connect(Role::Superuser).await;
    assert_eq!(api.server.get("/ready", None).await.status, 200);
    for (weaken, problem) in WEAKENED {
        superuser.batch_execute("BEGIN").await.unwrap();
        superuser.batch_execute(weaken).await.unwrap();
        let found = superuser
            .query("SELECT problem FROM timedb.isolation_problems()", &[])
            .await
            .unwrap();
        assert_eq!(found.len(), 1, "{weaken}");
        let found: &str = found[0].get(0);
        assert!(found.starts_with(problem), "{weaken}: {found}");
        superuser.batch_execute("ROLLBACK").await.unwrap();
    }
    let (weaken, problem) = WEAKENED[1];
    superuser.batch_execute(weaken).await.unwrap();
    let told = refused_to_start(&api.db.dsn(Role::User));
    assert!(told.contains(problem), "{told}");
    let ready = api.server.get("/ready", None).await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.json()["detail"],
        "Row security does not bind the server."
    );
    let (_, remedy) = told.split_once("Remedy: ").unwrap();
    let (remedy, _) = remedy.split_once(';').unwrap();
    superuser.batch_execute(remedy).await.unwrap();
    assert_eq!(api.server.get("/ready", None).await.status, 200);
    Server::start(&api.db);
}

#[tokio::test]
async fn a_cluster_whose_roles_stand_above_row_security_is_not_served() {
    let cluster = ThrowawayCluster::start(&[]);
    let superuser = cluster.connect("postgres").await;
    superuser
        .batch_execute(
            "CREATE EXTENSION timedb; CREATE ROLE app LOGIN; GRANT timedb_user TO app; CREATE ROLE guest;
             CREATE ROLE backup BYPASSRLS; GRANT guest TO timedb_user",
        )
        .await
        .unwrap();
    let dsn = cluster.dsn_as("postgres", "app");
    // The membership in guest leads to nobody special, so far.
    Server::start_with(&dsn, &[], &[]);
    for (weaken, problem) in [
        (
            "ALTER ROLE timedb_user BYPASSRLS",
            "row security is not active on timedb.series for timedb_user",
        ),
        (
            "ALTER ROLE timedb_definer BYPASSRLS",
            "role timedb_definer bypasses row security",
        ),
        (
            "ALTER ROLE timedb_keeper SUPERUSER",
            "role timedb_keeper is a superuser",
        ),
        (
            "ALTER ROLE timedb_owner LOGIN",
            "role timedb_owner can log in",
        ),
        (
            "GRANT timedb_keeper TO guest",
            "role timedb_keeper has guest as a member",
        ),
        (
            "ALTER ROLE timedb_user CREATEROLE",
            "role timedb_user may create roles or databases, or replicate",
        ),
        (
            "GRANT SET ON PARAMETER timedb.tenant_id TO timedb_user",
            "timedb_user may set timedb.tenant_id, and so act as any tenant",
        ),
        (
            "GRANT backup TO guest",
            "role timedb_user may become backup, which row security does not bind",
        ),
    ] {
        superuser.batch_execute(weaken).await.unwrap();
        let told = refused_to_start(&dsn);
        assert!(told.contains(problem), "{weaken}: {told}");
        let (_, remedy) = told.split_once("Remedy: ").unwrap();
        let (remedy, _) = remedy.split_once(';').unwrap();
        superuser.batch_execute(remedy).await.unwrap();
    }
    Server::start_with(&dsn, &[], &[]);
}
