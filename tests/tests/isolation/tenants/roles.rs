//! Roles of the extension that lose their names, or whose names others take: nothing opens, the server says
//! that it cannot serve, and `isolation_problems()` says what to do.

use serde_json::json;
use timedb_tests::{Server, ThrowawayCluster, refusal, run};
use tokio_postgres::Client;

/// Whether the server still answers when the role has another name.
const ROLES: [(&str, bool); 6] = [
    ("timedb_user", false),
    ("timedb_keeper", false),
    ("timedb_owner", true),
    ("timedb_definer", true),
    ("timedb_session", true),
    ("timedb_admin", true),
];

async fn problems(client: &Client) -> Vec<(String, String)> {
    let rows = client
        .query("SELECT * FROM timedb.isolation_problems()", &[])
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// What the server answers to tenant A's read; its rows, if there are any, are A's.
async fn status(server: &Server, key: &str) -> u16 {
    let reply = server.get("/values", Some(key)).await;
    if reply.status == 200 {
        assert_eq!(reply.json()["count"], 1, "{reply:?}");
        assert_eq!(reply.json()["data"][0]["name"], "of-a", "{reply:?}");
    }
    reply.status.as_u16()
}

#[tokio::test]
async fn a_role_that_loses_its_name_opens_nothing_and_is_told() {
    let cluster = ThrowawayCluster::start(&[]);
    let superuser = cluster.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; CREATE ROLE app LOGIN; GRANT timedb_user TO app",
    )
    .await;
    let mut keys = Vec::new();
    for name in ["a", "b"] {
        let row = superuser
            .query_one(
                "SELECT api_key FROM timedb.create_user(timedb.create_tenant($1), $1 || '@x.example')",
                &[&name],
            )
            .await
            .unwrap();
        keys.push(row.get::<_, String>(0));
    }
    let server = Server::start_with(&cluster.dsn_as("postgres", "app"), &[], &[]);
    for (key, name) in keys.iter().zip(["of-a", "of-b"]) {
        let body = json!({"time_unit": "s", "batch_start_time": 0, "value_rows": [{"valid_time": 0, "value_key": name, "value": 1}]});
        assert_eq!(server.post("/upload", Some(key), &body).await.status, 200);
    }
    let app = cluster.connect_as("postgres", "app").await;
    for (role, answers) in ROLES {
        let expected = if answers { 200 } else { 503 };
        run(
            &superuser,
            &format!("ALTER ROLE {role} RENAME TO lost_{role}"),
        )
        .await;
        let found = problems(&app).await;
        assert_eq!(
            found,
            [(
                format!("role {role} does not exist"),
                format!("ALTER ROLE lost_{role} RENAME TO {role};")
            )]
        );
        assert_eq!(server.get("/ready", None).await.status, 503, "{role}");
        assert_eq!(status(&server, &keys[0]).await, expected, "{role}");

        // Somebody who may create roles takes the name, and lets the server's role in.
        run(
            &superuser,
            &format!("CREATE ROLE {role}; GRANT {role} TO app"),
        )
        .await;
        let found = problems(&app).await;
        let (problem, remedy) = &found[0];
        assert_eq!(
            *problem,
            format!("role {role} is not the one with which the extension was installed")
        );
        assert_eq!(server.get("/ready", None).await.status, 503, "{role}");
        assert_eq!(status(&server, &keys[0]).await, expected, "{role}");
        // The new role is nobody, and whoever becomes it sees nothing.
        run(&app, &format!("BEGIN; SET LOCAL ROLE {role}")).await;
        for query in [
            "SELECT * FROM timedb_internal.users",
            "SELECT * FROM timedb.series",
            "SELECT timedb.create_tenant('x')",
            "SELECT timedb.authenticate('x')",
        ] {
            run(&app, "SAVEPOINT s").await;
            assert_eq!(
                refusal(app.query(query, &[]).await).0,
                "42501",
                "{role}: {query}"
            );
            run(&app, "ROLLBACK TO s").await;
        }
        run(&app, "ROLLBACK").await;

        run(&superuser, &format!("REVOKE {role} FROM app; {remedy}")).await;
        run(&superuser, &format!("DROP ROLE not_{role}")).await;
        assert_eq!(problems(&app).await, []);
        assert_eq!(server.get("/ready", None).await.status, 200, "{role}");
        assert_eq!(status(&server, &keys[0]).await, 200, "{role}");
    }
}

#[tokio::test]
async fn a_role_that_is_dropped_is_told() {
    let cluster = ThrowawayCluster::start(&[]);
    let superuser = cluster.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; DROP OWNED BY timedb_admin; DROP ROLE timedb_admin",
    )
    .await;
    let found = problems(&superuser).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "role timedb_admin does not exist");
    run(&superuser, "CREATE ROLE timedb_admin").await;
    let found = problems(&superuser).await;
    assert_eq!(
        found[0].0,
        "role timedb_admin is not the one with which the extension was installed"
    );
}

#[tokio::test]
async fn keys_are_not_called_wrong_where_none_can_be_looked_up() {
    let cluster = ThrowawayCluster::start(&[]);
    let superuser = cluster.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; CREATE ROLE app LOGIN; GRANT timedb_user TO app",
    )
    .await;
    let app = cluster.connect_as("postgres", "app").await;
    let key = timedb_tests::UNKNOWN_KEY;
    assert_eq!(refusal(timedb_tests::tenant_of(&app, key).await).0, "28000");
    run(
        &superuser,
        "ALTER ROLE timedb_keeper RENAME TO lost; CREATE ROLE timedb_keeper",
    )
    .await;
    for key in [key, "wrong", ""] {
        run(&app, "BEGIN").await;
        let refused = refusal(timedb_tests::authenticate(&app, key).await);
        assert_eq!(refused.0, "55000", "{refused:?}");
        run(&app, "ROLLBACK").await;
    }
}
