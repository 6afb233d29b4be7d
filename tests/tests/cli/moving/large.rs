//! Exports of many pages, what is missing in one, and imports that somebody stops.

use super::{command, export, import, moved, rows_of};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use timedb_tests::{Config, Db, Role, compact, count, run, signal, upload};

const HOURS: &str = "ARRAY(SELECT timestamptz '2025-01-01 00:00Z' + i * interval '1 hour' FROM generate_series(0, 19999) AS i)";

#[tokio::test]
async fn pages_meet_without_a_gap_and_nothing_comes_twice() {
    let (source, target) = (Db::new().await, Db::new().await);
    let tenant = source.a();
    let client = source.login(tenant).await;
    // Series whose versions fill several pages, in segments and in the log; one point with more versions than a page
    // has; and more series than a page looks at, many of them empty.
    for day in 1..4 {
        run(
            &client,
            &format!(
                "SELECT timedb.upload({HOURS}, ARRAY(SELECT i + {day}::float8 FROM generate_series(0, 19999) AS i),
                     name => '{{long}}', known_time => '2025-01-0{day}')"
            ),
        )
        .await;
    }
    run(
        &client,
        "SELECT timedb.upload(array_fill(timestamptz '2025-01-01 00:00Z', ARRAY[40000]), ARRAY(SELECT i::float8 FROM generate_series(1, 40000) AS i),
             name => '{point}', known_times => ARRAY(SELECT timestamptz '2024-01-01' + i * interval '1 s' FROM generate_series(1, 40000) AS i));
         SELECT timedb.create_series('empty ' || i) FROM generate_series(1, 600) AS i",
    )
    .await;
    compact(&client).await;
    for i in 0..5 {
        run(
            &client,
            &format!("SELECT timedb.upload(array_fill(timestamptz '2025-01-01 00:00Z' + {i} * interval '100 h', ARRAY[300]),
                          array_fill({i}::float8, ARRAY[300]), name => ARRAY(SELECT 'live ' || i FROM generate_series(1, 300) AS i))"),
        )
        .await;
    }
    run(
        &client,
        "SELECT timedb.upload('{2025-01-05 00:00Z}', '{-1}', name => '{long}')",
    )
    .await;
    let folder = TempDir::new().unwrap();
    let [file, again] = ["a.arrow", "again.arrow"].map(|name| folder.path().join(name));
    let id = tenant.tenant_id.to_string();
    let said = export(&source, &id, "arrow", &file);
    assert_eq!(said["points"], 3 * 20_000 + 40_000 + 1_500 + 1, "{said}");
    let done = import(&target, &file);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(export(&target, &id, "arrow", &again), said);
    let there = target.login(&moved(&target, tenant, "moved").await).await;
    let all = "SELECT hashtextextended(string_agg(r::text, ' ' ORDER BY r::text), 0) FROM timedb.read_versions() AS r";
    assert_eq!(
        count(&there, all, &[]).await,
        count(&client, all, &[]).await
    );
}

#[tokio::test]
async fn what_has_been_set_aside_is_said_to_be_missing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "s", &[1.0; 600]).await.unwrap();
    upload(&client, "t", &[1.0]).await.unwrap();
    let superuser = db.connect(Role::Superuser).await;
    let flip =
        "UPDATE timedb_internal.segments SET blob = set_byte(blob, 9, get_byte(blob, 9) # 16)";
    assert_eq!(superuser.execute(flip, &[]).await.unwrap(), 1);
    let id = db.a().tenant_id.to_string();
    let damaged = command(&db, &["export", "-t", &id]);
    assert_eq!(damaged.code, 1, "{damaged:?}");
    assert!(
        damaged.stderr.contains("ERROR: cannot read segment"),
        "{damaged:?}"
    );
    let aside = "SELECT timedb.set_aside(v.tenant_id, v.damage_id) FROM timedb.verify_store() AS v";
    run(&db.connect(Role::Admin).await, aside).await;
    let whole = command(&db, &["export", "-t", &id]);
    assert_eq!(whole.code, 0, "{whole:?}");
    assert!(
        whole
            .stderr
            .starts_with("WARNING: rows of this tenant have been set aside"),
        "{whole:?}"
    );
    assert!(
        whole.stdout.ends_with("}\n") && whole.stdout.contains("\"points\":1,"),
        "{whole:?}"
    );
}

#[tokio::test]
async fn an_import_that_is_stopped_leaves_nothing_and_can_be_repeated() {
    let (source, target) = (Db::new().await, Db::new().await);
    let tenant = source.a();
    let values: Vec<f64> = (0..150_000).map(f64::from).collect();
    upload(&source.login(tenant).await, "s", &values)
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.ndjson");
    let id = tenant.tenant_id.to_string();
    export(&source, &id, "ndjson", &file);
    let text = fs::read(&file).unwrap();
    let superuser = target.connect(Role::Superuser).await;
    let busy = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid() AND state <> 'idle' AND query LIKE '%_import_page%'",
        target.name
    );
    for how in ["TERM", "KILL", "INT"] {
        let mut child = Command::new(&Config::get().binary)
            .arg("import")
            .env("TIMEDB_DSN", target.dsn(Role::Admin))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It waits for the rest of the file, with two pages stored.
        let mut input = child.stdin.take().unwrap();
        input.write_all(&text[..text.len() - 10]).unwrap();
        while count(&superuser, &busy, &[]).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Meanwhile the store has nothing of it for others, and is not in their way.
        upload(&target.login(target.b()).await, "other", &[1.0])
            .await
            .unwrap();
        assert_eq!(rows_of(&target, tenant).await, 0);
        signal(&child, how);
        assert!(!child.wait().unwrap().success());
        drop(input);
        while count(&superuser, &busy, &[]).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(rows_of(&target, tenant).await, 0, "{how}");
    }
    assert_eq!(import(&target, &file).code, 0);
}
