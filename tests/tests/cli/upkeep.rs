//! `timedb stats` and `timedb compact`: what they print, whom they let, and how they end.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use timedb_tests::{
    Config, Db, Output, Role, cli, count, run, signal, until_somebody_waits, upload,
};

/// Runs `timedb <arguments>` as the administrator of the database.
fn command(db: &Db, arguments: &[&str]) -> Output {
    cli(arguments).env("TIMEDB_DSN", db.dsn(Role::Admin)).run()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn stats_are_a_table_of_tenants_and_a_total() {
    let db = Db::new().await;
    let of_a = db.login(db.a()).await;
    upload(&of_a, "secret-name", &[1.0, 2.0, 3.0])
        .await
        .unwrap();
    let of_b = db.login(db.b()).await;
    upload(&of_b, "s", &[1.0]).await.unwrap();
    let [tenant_a, tenant_b] = [db.a(), db.b()].map(|tenant| tenant.tenant_id.to_string());

    let shown = command(&db, &["stats"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert_eq!((lines[0], lines.len()), ("Tenants (2)", 5), "{shown:?}");
    assert!(lines[1].starts_with("Tenant ID"), "{shown:?}");
    let words = |begin: &str| -> Vec<&str> {
        let line = lines.iter().find(|line| line.starts_with(begin));
        line.unwrap_or_else(|| panic!("{begin}: {shown:?}"))
            .split_whitespace()
            .collect()
    };
    // Behind id and name: series, points, segments, writes in the log.
    assert_eq!(words(&tenant_a)[2..6], ["1", "3", "0", "1"], "{shown:?}");
    assert_eq!(words("total")[2..6], ["2", "4", "0", "2"], "{shown:?}");
    assert!(!shown.stdout.contains("secret-name"), "{shown:?}");
    assert_eq!(shown.stderr, "");

    let all = json(&command(&db, &["stats", "--json"]));
    assert_eq!(all["total"]["points"], 4, "{all}");
    assert_eq!(all["tenants"].as_array().unwrap().len(), 2, "{all}");
    let sum: i64 = (0..2)
        .map(|i| all["tenants"][i]["bytes"].as_i64().unwrap())
        .sum();
    assert_eq!(all["total"]["bytes"], sum, "{all}");
    let per_point = all["total"]["bytes_per_point"].as_f64().unwrap();
    assert!((per_point * 4.0 - sum as f64).abs() < 0.001, "{all}");
    let one = json(&command(
        &db,
        &["stats", "--tenant-id", &tenant_b, "--json"],
    ));
    assert_eq!(one["tenants"][0]["tenant_id"], tenant_b.as_str(), "{one}");
    assert_eq!(one["tenants"].as_array().unwrap().len(), 1, "{one}");

    let empty = Db::empty().await;
    let dsn = empty.dsn(Role::Superuser);
    cli(&["create", "tables", "--dsn", &dsn, "--with-users", "-y"]).ok();
    let none = cli(&["stats", "--dsn", &dsn]).ok();
    assert_eq!(none, "No tenants found.\n");
}

#[tokio::test]
async fn compaction_goes_on_until_nothing_is_left_and_says_what_it_did() {
    let db = Db::new().await;
    for tenant in [db.a(), db.b()] {
        let client = db.login(tenant).await;
        for i in 0..5 {
            upload(&client, &format!("s{i}"), &[1.0, 2.0])
                .await
                .unwrap();
        }
    }
    let superuser = db.connect(Role::Superuser).await;
    let logged = "SELECT count(*) FROM timedb_internal.write_log";
    let tenant_a = db.a().tenant_id.to_string();
    let one = command(
        &db,
        &["compact", "-t", &tenant_a, "--max-points", "3", "--json"],
    );
    assert_eq!(one.code, 0, "{one:?}");
    let told = json(&one);
    assert_eq!(told["tenants"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["tenants"][0]["tenant_id"], tenant_a.as_str(), "{told}");
    assert_eq!(told["total"]["folded_writes"], 5, "{told}");
    assert!(
        one.stderr
            .starts_with(&format!("{tenant_a}: 5 writes folded")),
        "{one:?}"
    );
    assert_eq!(count(&superuser, logged, &[]).await, 5);

    let all = command(&db, &["compact"]);
    assert_eq!(all.code, 0, "{all:?}");
    for line in [
        "Tenants: 2",
        "Writes folded: 5",
        "Points rewritten: 10",
        "Damaged: 0",
    ] {
        assert!(
            all.stdout.lines().any(|told| told == line),
            "{line}: {all:?}"
        );
    }
    assert_eq!(count(&superuser, logged, &[]).await, 0);
    let again = command(&db, &["compact", "--partly"]);
    assert!(again.stdout.contains("Writes folded: 0"), "{again:?}");
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "{again:?}");
}

#[tokio::test]
async fn a_store_that_another_compaction_is_at_is_left_alone() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "s", &[1.0]).await.unwrap();
    run(&client, "BEGIN; SELECT timedb.compact()").await;
    let busy = command(&db, &["compact"]);
    assert_eq!(busy.code, 0, "{busy:?}");
    let line = format!("{}: another compaction is at work there", db.a().tenant_id);
    assert!(busy.stderr.contains(&line), "{busy:?}");
    assert!(
        busy.stdout.contains("Left to another compaction: 1"),
        "{busy:?}"
    );
    run(&client, "COMMIT").await;
}

#[tokio::test]
async fn what_is_damaged_is_told_at_the_end_and_keeps_no_other_tenant_waiting() {
    let db = Db::new().await;
    let superuser = db.connect(Role::Superuser).await;
    for tenant in [db.a(), db.b()] {
        let client = db.login(tenant).await;
        upload(&client, "s", &[1.0]).await.unwrap();
    }
    let damage = |table: &str| {
        format!(
            "UPDATE {full_name} SET blob = set_byte(blob, 9, get_byte(blob, 9) # 255) WHERE tenant_id = '{}'",
            db.a().tenant_id,
            full_name = timedb_tests::qualified(table)
        )
    };
    run(&superuser, &damage("write_log")).await;
    let compacted = command(&db, &["compact"]);
    assert_eq!(compacted.code, 1, "{compacted:?}");
    let tenant = db.a().tenant_id.to_string();
    assert!(
        compacted.stderr.contains("ERROR: These are damaged"),
        "{compacted:?}"
    );
    assert!(compacted.stderr.contains(&tenant), "{compacted:?}");
    assert!(
        compacted.stdout.contains("Writes folded: 1"),
        "{compacted:?}"
    );
    let counted = command(&db, &["stats"]);
    assert_eq!(counted.code, 1, "{counted:?}");
    assert!(counted.stderr.contains(&tenant), "{counted:?}");
    assert!(
        counted.stdout.contains(&db.b().tenant_id.to_string()),
        "{counted:?}"
    );
    // The same of a segment, beside which there is another one to merge it with.
    run(&superuser, &damage("write_log")).await;
    let client = db.login(db.a()).await;
    run(&client, "SELECT timedb.compact()").await;
    upload(&client, "s", &[2.0]).await.unwrap();
    run(&superuser, &damage("segments")).await;
    let compacted = command(&db, &["compact"]);
    assert_eq!(compacted.code, 1, "{compacted:?}");
    assert!(
        compacted.stderr.contains("cannot read segment"),
        "{compacted:?}"
    );
}

#[tokio::test]
async fn a_signal_stops_it_within_a_call_and_undoes_only_that() {
    let db = Db::new().await;
    for tenant in [db.a(), db.b()] {
        let client = db.login(tenant).await;
        upload(&client, "s", &[1.0]).await.unwrap();
    }
    let superuser = db.connect(Role::Superuser).await;
    // Somebody keeps the second tenant's row of the log, so that it cannot be folded.
    let keep = "BEGIN; SELECT FROM timedb_internal.write_log WHERE tenant_id = (SELECT max(tenant_id::text)::uuid FROM timedb_internal.tenants) FOR UPDATE";
    run(&superuser, keep).await;
    let child = Command::new(&Config::get().binary)
        .args(["compact", "--json"])
        .env("TIMEDB_DSN", db.dsn(Role::Admin))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary timedb runs");
    until_somebody_waits(&db.connect(Role::Superuser).await).await;
    signal(&child, "INT");
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output());
    let ended = tokio::time::timeout(Duration::from_secs(20), ended);
    let ended = ended.await.expect("it stops").unwrap().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("ERROR: Stopped. What has been done so far stays"),
        "{stderr}"
    );
    let told: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(told["total"]["folded_writes"], 1, "{told}");
    run(&superuser, "ROLLBACK").await;
    let left = "SELECT count(*) FROM timedb_internal.write_log";
    assert_eq!(count(&superuser, left, &[]).await, 1);
    let rest = json(&command(&db, &["compact", "--json"]));
    assert_eq!(rest["total"]["folded_writes"], 1, "{rest}");
}

#[tokio::test]
async fn mistakes_and_missing_rights_are_a_sentence() {
    let db = Db::new().await;
    let unknown = "00000000-0000-0000-0000-000000000001";
    for (arguments, code, text) in [
        (
            &["stats", "-t", "x"][..],
            1,
            "ERROR: Invalid tenant-id UUID: x",
        ),
        (&["stats", "-t", unknown], 1, "does not exist"),
        (&["stats", "--max-points", "1"], 2, "--max-points"),
        (
            &["compact", "-t", "x"],
            1,
            "ERROR: Invalid tenant-id UUID: x",
        ),
        (&["compact", "-t", unknown], 1, "does not exist"),
        (&["compact", "--max-points", "0"], 2, "--max-points"),
        (&["compact", "--max-points", "many"], 2, "--max-points"),
    ] {
        let refused = command(&db, arguments);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (code, ""),
            "{refused:?}"
        );
        assert!(refused.stderr.contains(text), "{text}: {refused:?}");
    }
    let tenant = db.a().tenant_id.to_string();
    for arguments in [&["stats"][..], &["compact"], &["compact", "-t", &tenant]] {
        for role in [Role::User, Role::Session, Role::Nobody] {
            let refused = cli(arguments).env("TIMEDB_DSN", db.dsn(role)).run();
            assert_eq!(
                (refused.code, refused.stdout.as_str()),
                (1, ""),
                "{refused:?}"
            );
            assert!(
                refused.stderr.contains("may not administer timedb"),
                "{refused:?}"
            );
        }
        let owner = cli(arguments).env("TIMEDB_DSN", db.dsn(Role::Owner)).run();
        assert_eq!(owner.code, 0, "{owner:?}");
    }
}
