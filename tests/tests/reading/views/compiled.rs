//! No read is compiled by JIT, whatever its plan is said to cost.

use timedb_tests::{Db, Role, count, run, upload};

use super::rows;

/// Whether a backend has loaded PostgreSQL's compiler, which it does when it first compiles.
async fn has_compiler(client: &tokio_postgres::Client) -> bool {
    let process = count(client, "SELECT pg_backend_pid()::bigint", &[]).await;
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps"));
    maps.expect("the backend runs here").contains("llvmjit")
}

#[tokio::test]
async fn no_read_is_compiled() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for i in 0..20 {
        upload(&client, &format!("series {i}"), &[1.0; 100])
            .await
            .unwrap();
    }
    // Statistics of large tables make plans look dear.
    run(
        &db.connect(Role::Superuser).await,
        "UPDATE pg_class SET reltuples = 1e9, relpages = 1e7 WHERE relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND relkind = 'r'",
    )
    .await;
    for cost in ["DEFAULT", "0"] {
        let client = db.login(db.a()).await;
        run(
            &client,
            &format!("SET jit = on; SET jit_above_cost = {cost}"),
        )
        .await;
        for query in [
            "SELECT * FROM timedb.read_last(name => 'series 7')",
            "SELECT * FROM timedb.read_last()",
            "SELECT * FROM timedb.read_flat(labels => '{}', end_valid => '2025-01-02Z')",
            "SELECT * FROM timedb.read_versions(name => 'series 7')",
            "SELECT * FROM timedb.read_relative(days_ahead => 1, time_of_day => '06:00')",
            "SELECT * FROM timedb_internal._read_rows('flat', as_of_change => '2025-01-01')",
        ] {
            rows(&client, query).await;
        }
        // Asking for the process compiles nothing either: this is not said to cost anything.
        run(&client, "SET jit_above_cost = 100000").await;
        assert!(!has_compiler(&client).await, "jit_above_cost = {cost}");
        if count(&client, "SELECT pg_jit_available()::int::bigint", &[]).await == 1 {
            run(
                &client,
                "SET jit_above_cost = 0; SELECT sum(i + 1) FROM generate_series(1, 10) AS i",
            )
            .await;
            run(&client, "SET jit_above_cost = 100000").await;
            assert!(has_compiler(&client).await, "the test sees no compiler");
        }
    }
}
