//! The role that the server connects as, and what is set for it, make no difference to what is served.

use serde_json::json;
use timedb_tests::{Role, Server};

use crate::{Api, batch, row};

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
        "force_parallel_mode = 'on'",
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

#[tokio::test]
async fn a_role_with_row_security_off_is_served_nothing_rather_than_everything() {
    let api = Api::start().await;
    api.upload(json!([row("2025-01-01T00:00:00Z", "x", 1.0)]))
        .await;
    let superuser = api.db.connect(Role::Superuser).await;
    let alter = format!(
        "ALTER ROLE {} SET row_security = off",
        api.db.role_name(Role::User)
    );
    superuser.batch_execute(&alter).await.unwrap();
    let server = Server::start(&api.db);
    for path in ["/values", "/list_timeseries"] {
        let reply = server.get(path, Some(&api.db.b().key)).await;
        assert!(!reply.text.contains("\"x\""), "{reply:?}");
        assert!(!reply.text.contains("policy"), "{reply:?}");
    }
}
