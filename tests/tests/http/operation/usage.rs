//! What keys were used for: the server counts, reports when it stops, and shows a tenant its own keys only.

use std::time::Duration;

use serde_json::json;
use timedb_tests::{Db, Role, Server, cli, count, refusal, run};

/// One upload of three values, one read of them, a mistake and a wrong key.
async fn use_key(server: &Server, key: &str) {
    let rows: Vec<_> = (1..=3)
        .map(|hour| {
            json!({"value_key": "wind", "valid_time": format!("2025-01-01T0{hour}:00:00Z"), "value": hour})
        })
        .collect();
    let body = json!({"batch_start_time": "2025-01-01T00:00:00Z", "value_rows": rows});
    assert_eq!(server.post("/upload", Some(key), &body).await.status, 200);
    assert_eq!(server.get("/values", Some(key)).await.json()["count"], 3);
    let changes = server.get("/changes?since=2025-01-01T00:00:00Z", Some(key));
    assert_eq!(changes.await.status, 200);
    assert_eq!(server.get("/values?start=x", Some(key)).await.status, 422);
    let wrong = "a".repeat(43);
    assert_eq!(server.get("/values", Some(&wrong)).await.status, 401);
}

#[tokio::test]
async fn each_key_is_counted_by_day_and_told_to_its_tenant_and_to_administrators() {
    let db = Db::new().await;
    // From two servers: the sums are of both. The second one has twice as many versions to tell of.
    for _ in 0..2 {
        let mut server = Server::start(&db);
        use_key(&server, &db.a().key).await;
        server.signal("TERM");
        assert!(server.wait(Duration::from_secs(20)).success());
    }
    let of_a = db.login(db.a()).await;
    let told = "SELECT count(*) FROM timedb.usage() AS u, timedb.whoami() AS w
                WHERE u.key_id = w.key_id AND u.day BETWEEN current_date - 1 AND current_date + 1
                  AND u.requests = 8 AND u.rows_in = 6 AND u.rows_out = 15";
    // Shortly before and after midnight the counts are of two days.
    let days = "SELECT count(*) FROM timedb.usage()";
    if count(&of_a, days, &[]).await == 1 {
        assert_eq!(count(&of_a, told, &[]).await, 1);
    }
    let sums = "SELECT sum(requests)::bigint FROM timedb.usage(current_date - 1, current_date + 2)";
    assert_eq!(count(&of_a, sums, &[]).await, 8);
    for none in [
        "SELECT count(*) FROM timedb.usage(current_date + 2)",
        "SELECT count(*) FROM timedb.usage(NULL, current_date - 1)",
    ] {
        assert_eq!(count(&of_a, none, &[]).await, 0, "{none}");
    }
    let of_b = db.login(db.b()).await;
    assert_eq!(count(&of_b, days, &[]).await, 0);

    let admin = |arguments: &[&str]| cli(arguments).env("TIMEDB_DSN", db.dsn(Role::Admin)).run();
    let shown = admin(&["usage", "--total"]);
    assert!(shown.stdout.starts_with("Used keys (1)\n"), "{shown:?}");
    assert!(shown.stdout.contains(&db.a().email), "{shown:?}");
    let today = admin(&["usage", "--json", "--since", "2025-01-01"]);
    let today: serde_json::Value = serde_json::from_str(&today.stdout).unwrap();
    assert_eq!(today[0]["email"], db.a().email.as_str(), "{today}");
    let of_b = db.b().tenant_id.to_string();
    let none = admin(&["usage", "-t", &of_b]);
    assert_eq!(none.stdout, "No used keys found.\n");
    for (wrong, code, words) in [
        (&["usage", "--since", "yesterday"][..], 2, "--since"),
        (&["usage", "-t", "x"], 1, "Invalid tenant-id UUID"),
        (
            &["usage", "-t", "00000000-0000-0000-0000-000000000001"],
            1,
            "does not exist",
        ),
    ] {
        let output = admin(wrong);
        assert_eq!(output.code, code, "{output:?}");
        assert!(output.stderr.contains(words), "{output:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_locked_does_not_keep_back_the_use_of_others() {
    let db = Db::new().await;
    let mut server = Server::start(&db);
    let of_b = db.login(db.b()).await;
    // Several, because they are reported in any order.
    let more = "SELECT api_key FROM generate_series(1, 3) AS n, timedb.create_key($1, 'key ' || n)";
    let admin = db.connect(Role::Admin).await;
    let more = admin.query(more, &[&db.b().email]).await.unwrap();
    let mut keys = vec![db.b().key.clone()];
    keys.extend(more.iter().map(|row| row.get::<_, String>(0)));
    for key in keys.iter().chain([&db.a().key]) {
        assert_eq!(server.get("/series", Some(key)).await.status, 200);
    }
    let deletes = db.connect(Role::Superuser).await;
    run(&deletes, "BEGIN").await;
    let lock = "SELECT FROM timedb_internal.key_usage WHERE tenant_id = $1 FOR UPDATE";
    deletes.query(lock, &[&db.a().tenant_id]).await.unwrap();
    server.signal("TERM");
    assert!(server.wait(Duration::from_secs(20)).success());
    let counted = "SELECT sum(requests)::bigint FROM timedb.usage()";
    assert_eq!(count(&of_b, counted, &[]).await, 4);
}

#[tokio::test]
async fn what_a_tenant_says_of_its_use_is_bounded_and_goes_with_the_tenant() {
    let db = Db::new().await;
    let of_a = db.login(db.a()).await;
    let most = "SELECT timedb_internal._count_use(1, 9223372036854775807, 0)";
    for _ in 0..2 {
        run(&of_a, most).await;
    }
    let sums =
        "SELECT count(*) FROM timedb.usage() WHERE requests = 2 AND rows_in = 9223372036854775807";
    assert_eq!(count(&of_a, sums, &[]).await, 1);
    for wrong in ["-1, 0, 0", "0, NULL, 0", "0, 0, -9223372036854775808"] {
        let call = format!("SELECT timedb_internal._count_use({wrong})");
        assert_eq!(
            refusal(of_a.batch_execute(&call).await).0,
            "22023",
            "{wrong}"
        );
    }
    let read_only = "BEGIN READ ONLY; SELECT timedb_internal._count_use(1, 1, 1); COMMIT";
    run(&of_a, read_only).await;
    assert_eq!(count(&of_a, sums, &[]).await, 1);
    // Whoever is nobody counts for nobody.
    let nobody = db.connect(Role::User).await;
    run(&nobody, "SELECT timedb_internal._count_use(1, 1, 1)").await;
    let superuser = db.connect(Role::Superuser).await;
    let all = "SELECT count(*) FROM timedb_internal.usage_days";
    assert_eq!(count(&superuser, all, &[]).await, 1);
    let admin = db.connect(Role::Admin).await;
    assert_eq!(
        refusal(
            of_a.batch_execute("SELECT * FROM timedb.usage_store()")
                .await
        )
        .0,
        "42501"
    );
    let delete = "SELECT * FROM timedb.delete_tenant($1)";
    admin.query(delete, &[&db.a().tenant_id]).await.unwrap();
    assert_eq!(count(&superuser, all, &[]).await, 0);
}
