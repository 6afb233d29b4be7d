//! What is not exported or imported, and that nothing stays of it.

use super::{command, export, import, rows_of, sha256};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, Role, Tenant, cli, refusal, run, upload};

/// Writes a file that is another one and imports it; it is refused, and nothing stays.
async fn refused(target: &Db, tenant: &Tenant, folder: &Path, bytes: &[u8], why: &str) {
    let file: PathBuf = folder.join("changed");
    fs::write(&file, bytes).unwrap();
    let output = import(target, &file);
    assert_eq!(output.code, 1, "{why}: {output:?}");
    assert!(output.stderr.contains("ERROR: "), "{why}: {output:?}");
    assert!(output.stderr.contains(why), "{why}: {output:?}");
    assert!(!output.stderr.contains("panicked"), "{why}: {output:?}");
    assert_eq!(rows_of(target, tenant).await, 0, "{why}");
}

#[tokio::test]
async fn a_file_that_is_cut_off_or_changed_leaves_nothing() {
    let (source, target) = (Db::new().await, Db::new().await);
    let tenant = source.a();
    let client = source.login(tenant).await;
    let values: Vec<f64> = (0..2000).map(f64::from).collect();
    upload(&client, "s", &values).await.unwrap();
    let folder = TempDir::new().unwrap();
    let [lines, arrow] = ["a.ndjson", "a.arrow"].map(|name| folder.path().join(name));
    let id = tenant.tenant_id.to_string();
    export(&source, &id, "ndjson", &lines);
    export(&source, &id, "arrow", &arrow);
    let text = fs::read_to_string(&lines).unwrap();
    let at = |what: &str| text.find(what).unwrap();
    let cut = "has been cut off";
    let last = text.trim_end().rfind('\n').unwrap() + 1;
    for end in [
        text.len() - 1,
        last,
        last - 1,
        at("{\"record\":\"point\""),
        at("{\"record\":\"batch\""),
    ] {
        refused(&target, tenant, folder.path(), &text.as_bytes()[..end], cut).await;
    }
    let changed = "has been changed";
    for (from, to) in [
        ("\"value\":1500.0", "\"value\":1500.5"),
        ("\"unit\":\"", "\"unit\":\"k"),
        ("alice@", "alina@"),
    ] {
        assert!(text.contains(from), "{from}");
        refused(
            &target,
            tenant,
            folder.path(),
            text.replacen(from, to, 1).as_bytes(),
            changed,
        )
        .await;
    }
    let line = text
        .lines()
        .find(|line| line.contains("\"value\":7.0"))
        .unwrap();
    refused(
        &target,
        tenant,
        folder.path(),
        text.replacen(&format!("{line}\n"), "", 1).as_bytes(),
        changed,
    )
    .await;
    refused(
        &target,
        tenant,
        folder.path(),
        format!("{text}{line}\n").as_bytes(),
        "after its last line",
    )
    .await;
    // With the right hash, but not what a store can have written.
    for (from, to, why) in [
        ("\"value\":7.0", "\"value\":1e999", "number out of range"),
        (
            "\"record\":\"series\"",
            "\"record\":\"serious\"",
            "does not belong there",
        ),
        ("\"format\":1", "\"format\":2", "newer than this version"),
        ("\"kind\":\"upload\"", "\"kind\":\"guess\"", "no known kind"),
        (
            "\"valid_time\":\"2025-01-01T07:00:00.000000+00:00\"",
            "\"valid_time\":\"2025-01-01T06:00:00.000000+00:00\"",
            "occurs twice",
        ),
        (
            "\"change_time\":\"20",
            "\"change_time\":\"19",
            "later change_time",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let body = text[..last].replacen(from, to, 1);
        let trailer = text[last..].trim_end();
        let hash = serde_json::from_str::<Value>(trailer).unwrap()["sha256"]
            .as_str()
            .unwrap()
            .to_owned();
        let whole = format!("{body}{}\n", trailer.replace(&hash, &sha256(&body)));
        refused(&target, tenant, folder.path(), whole.as_bytes(), why).await;
    }
    for nothing in ["", "\n", "{}\n", "series,value\n1,2\n", "[1,2]\n"] {
        let output = {
            let file = folder.path().join("none");
            fs::write(&file, nothing).unwrap();
            import(&target, &file)
        };
        assert_eq!(output.code, 1, "{output:?}");
    }
    // Of an Arrow stream any byte: whatever it says then, nothing is imported.
    let stream = fs::read(&arrow).unwrap();
    let mut random = Random::new(new_seed());
    for _ in 0..60 {
        let at: usize = random.below(stream.len());
        let bytes = match random.chance(40) {
            true => stream[..at].to_vec(),
            false => {
                let mut bytes = stream.clone();
                bytes[at] ^= 1 << random.below(8_u8);
                bytes
            }
        };
        fs::write(folder.path().join("changed"), &bytes).unwrap();
        let output = import(&target, &folder.path().join("changed"));
        assert!(!output.stderr.contains("panicked"), "byte {at}: {output:?}");
        if output.code == 0 {
            // A byte of padding, or of what nobody reads.
            let again = folder.path().join("again");
            export(&target, &id, "ndjson", &again);
            assert_eq!(fs::read_to_string(&again).unwrap(), text, "byte {at}");
            run(
                &target.connect(Role::Admin).await,
                &format!("SELECT timedb.delete_tenant('{id}')"),
            )
            .await;
        }
        assert_eq!(rows_of(&target, tenant).await, 0, "byte {at}: {output:?}");
    }
    assert_eq!(import(&target, &arrow).code, 0);
}

#[tokio::test]
async fn a_tenant_that_has_something_is_not_imported_over() {
    let (source, target) = (Db::new().await, Db::new().await);
    let tenant = source.a();
    upload(&source.login(tenant).await, "s", &[1.0])
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.ndjson");
    let id = tenant.tenant_id.to_string();
    export(&source, &id, "ndjson", &file);
    // Into its own store, and twice into another one.
    for (db, times) in [(&source, 1), (&target, 2)] {
        for i in 0..times {
            let output = import(db, &file);
            match i + 1 == times {
                true => {
                    assert_eq!(output.code, 1, "{output:?}");
                    assert!(
                        output.stderr.contains("timedb.delete_tenant()"),
                        "{output:?}"
                    );
                }
                false => assert_eq!(output.code, 0, "{output:?}"),
            }
        }
    }
    // An empty tenant of that id, as an open store has it, is no obstacle.
    let open = Db::new().await;
    let admin = open.connect(Role::Admin).await;
    run(
        &admin,
        &format!("SELECT timedb.create_tenant('other name', '{id}')"),
    )
    .await;
    assert_eq!(import(&open, &file).code, 0);
    let again = folder.path().join("again");
    export(&open, &id, "ndjson", &again);
    assert_eq!(fs::read(&again).unwrap(), fs::read(&file).unwrap());
}

#[tokio::test]
async fn only_administrators_move_tenants_and_only_within_an_import() {
    let db = Db::new().await;
    upload(&db.login(db.a()).await, "s", &[1.0]).await.unwrap();
    let id = db.a().tenant_id.to_string();
    for role in [Role::User, Role::Session] {
        let dsn = db.dsn(role);
        let output = cli(&["export", "--tenant", &id, "--dsn", &dsn]).run();
        assert_eq!((output.code, &*output.stdout), (1, ""), "{output:?}");
        assert!(output.stderr.contains("may not administer"), "{output:?}");
    }
    let admin = db.connect(Role::Admin).await;
    for (call, code) in [
        (format!("_import_page('{id}', 'series', '{{}}')"), "55000"),
        (format!("_import_page('{id}', 'user', '{{}}')"), "55000"),
        (
            format!("_import_page('{id}', 'point', packed => '\\x00')"),
            "55000",
        ),
        (format!("_end_import('{id}', 1, '')"), "55000"),
        (format!("_export_page('{id}', 'tenant')"), "25008"),
        ("_export_page(NULL, NULL)".to_owned(), "42704"),
        ("_begin_import(NULL)".to_owned(), "22023"),
        ("_begin_import('{}')".to_owned(), "22023"),
        ("_begin_import('x')".to_owned(), "22P02"),
        (format!("_take_import('{id}')"), "42501"),
        (format!("_export_page_of('{id}', 'series', NULL)"), "42501"),
    ] {
        let refused = refusal(
            admin
                .batch_execute(&format!("SELECT timedb_internal.{call}"))
                .await,
        );
        assert_eq!(refused.0, code, "{call}: {refused:?}");
    }
    // Whoever has begun one and gone back to before it has not begun one.
    let new = "{\"record\":\"tenant\",\"format\":1,\"tenant_id\":\"00000000-0000-4000-8000-000000000009\",\"name\":null,\"created_at\":\"2025-01-01\"}";
    run(
        &admin,
        &format!(
            "BEGIN; SAVEPOINT s; SELECT timedb_internal._begin_import('{new}'); ROLLBACK TO s"
        ),
    )
    .await;
    let page = "SELECT timedb_internal._import_page('00000000-0000-4000-8000-000000000009', 'series', '{}')";
    assert_eq!(refusal(admin.batch_execute(page).await).0, "55000");
    run(&admin, "ROLLBACK").await;
    run(&admin, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    let places = format!("SELECT timedb_internal._export_page('{id}', 'point', 'x')");
    assert_eq!(refusal(admin.batch_execute(&places).await).0, "22023");
    run(&admin, "ROLLBACK").await;
    let unknown = command(
        &db,
        &["export", "--tenant", "00000000-0000-0000-0000-000000000009"],
    );
    assert_eq!((unknown.code, &*unknown.stdout), (1, ""), "{unknown:?}");
    assert!(unknown.stderr.contains("does not exist"), "{unknown:?}");
}
