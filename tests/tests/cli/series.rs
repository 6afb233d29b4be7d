//! `timedb series`: what a key shows of its own tenant, where the key comes from, and that it is shown nowhere.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use timedb_tests::{Db, Output, Role, cli, python, upload};

fn series(db: &Db, role: Role, key: Option<&str>, arguments: &[&str]) -> Output {
    let command = cli(&[&["series"], arguments].concat()).env("TIMEDB_DSN", db.dsn(role));
    match key {
        Some(key) => command.env("TIMEDB_API_KEY", key).run(),
        None => command.run(),
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Series of both tenants.
async fn stored() -> Db {
    let db = Db::new().await;
    let a = db.login(db.a()).await;
    for site in ["north", "south"] {
        a.execute(
            "SELECT timedb.create_series('load', 'MW', jsonb_build_object('site', $1::text))",
            &[&site],
        )
        .await
        .unwrap();
    }
    upload(&a, "wind", &[1.0, 2.0, 3.0]).await.unwrap();
    let b = db.login(db.b()).await;
    upload(&b, "secret-of-b", &[1.0]).await.unwrap();
    db
}

#[tokio::test]
async fn series_are_those_of_the_keys_tenant_whoever_is_connected() {
    let db = stored().await;
    for role in [Role::User, Role::Session, Role::Superuser] {
        let all = json(&series(&db, role, Some(&db.a().key), &["list", "--json"]));
        let names: Vec<&str> = all
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["load", "load", "wind"], "{role:?}: {all}");
        let b = series(&db, role, Some(&db.b().key), &["list"]);
        assert!(b.stdout.starts_with("Series (1)\n"), "{role:?}: {b:?}");
    }
    let id = json(&series(
        &db,
        Role::User,
        Some(&db.a().key),
        &["list", "--name", "wind", "--json"],
    ));
    let id = id[0]["series_id"].as_str().unwrap().to_owned();
    let foreign = series(&db, Role::User, Some(&db.b().key), &["describe", &id]);
    let unknown = series(
        &db,
        Role::User,
        Some(&db.b().key),
        &["describe", "0193e3a4-0000-7000-8000-000000000000"],
    );
    assert_eq!((foreign.code, unknown.code), (1, 1), "{foreign:?}");
    assert_eq!(
        foreign.stderr.replace(&id, "ID"),
        unknown
            .stderr
            .replace("0193e3a4-0000-7000-8000-000000000000", "ID")
    );
}

#[tokio::test]
async fn series_can_be_filtered_and_limited() {
    let db = stored().await;
    let count = |arguments: &[&str]| {
        let listed = series(
            &db,
            Role::User,
            Some(&db.a().key),
            &[&["list", "--json"], arguments].concat(),
        );
        json(&listed).as_array().unwrap().len()
    };
    assert_eq!(count(&["--prefix", "lo"]), 2);
    assert_eq!(count(&["--label", "site=north"]), 1);
    assert_eq!(count(&["--search", "WIN"]), 1);
    assert_eq!(count(&["--limit", "2"]), 2);
    let none = series(&db, Role::User, Some(&db.a().key), &["list", "-n", "x"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, "No series found.\n"));
    let wrong = series(&db, Role::User, Some(&db.a().key), &["list", "-l", "site"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

#[tokio::test]
async fn a_series_is_described_by_name_labels_or_id() {
    let db = stored().await;
    let key = Some(db.a().key.as_str());
    let wind = json(&series(
        &db,
        Role::User,
        key,
        &["describe", "wind", "--json"],
    ));
    assert_eq!(
        (&wind["versions"], &wind["unit"]),
        (&3.into(), &"dimensionless".into()),
        "{wind}"
    );
    let shown = series(
        &db,
        Role::User,
        key,
        &["describe", wind["series_id"].as_str().unwrap()],
    );
    assert!(shown.stdout.starts_with("wind\nSeries ID: "), "{shown:?}");
    assert!(shown.stdout.contains("\nVersions: 3\n"), "{shown:?}");

    let several = series(&db, Role::User, key, &["describe", "load"]);
    assert_eq!(several.code, 1, "{several:?}");
    assert!(
        several.stderr.contains("site=north") && several.stderr.contains("--label"),
        "{several:?}"
    );
    let one = series(
        &db,
        Role::User,
        key,
        &["describe", "load", "--label", "site=south"],
    );
    assert!(one.stdout.contains("\nLabels: site=south\n"), "{one:?}");
    let none = series(&db, Role::User, key, &["describe", "x"]);
    assert!(
        none.stderr.starts_with("ERROR: No series 'x' found."),
        "{none:?}"
    );
}

#[tokio::test]
async fn the_key_comes_from_a_file_or_the_environment_and_is_never_shown() {
    let db = stored().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{}\n", db.a().key)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.display().to_string();
    // The file counts before the environment.
    let listed = series(
        &db,
        Role::User,
        Some(&db.b().key),
        &["list", "--key-file", &file],
    );
    assert!(listed.stdout.starts_with("Series (3)\n"), "{listed:?}");

    let missing = series(&db, Role::User, None, &["list"]);
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(missing.stderr.contains("TIMEDB_API_KEY"), "{missing:?}");
    let unknown = "tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP";
    let mut typo = unknown.to_owned();
    typo.pop();
    for wrong in [unknown, &typo] {
        let refused = series(&db, Role::User, Some(wrong), &["list"]);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (1, ""),
            "{refused:?}"
        );
        assert!(!refused.stderr.contains(&wrong[4..20]), "{refused:?}");
    }
    let argument = series(&db, Role::User, None, &["list", &db.a().key]);
    assert_eq!(argument.code, 2, "{argument:?}");
    assert!(!argument.stderr.contains(&db.a().key), "{argument:?}");
}

#[tokio::test]
async fn a_bound_role_needs_no_key_and_an_open_store_neither() {
    let db = stored().await;
    let admin = db.connect(Role::Admin).await;
    let bound = db.role_name(Role::Bound);
    let email = &db.a().email;
    admin
        .execute(
            "SELECT timedb.bind_role($1, $2, tenant_id => $3)",
            &[&bound, email, &db.a().tenant_id],
        )
        .await
        .unwrap();
    let listed = series(&db, Role::Bound, None, &["list"]);
    assert!(listed.stdout.starts_with("Series (3)\n"), "{listed:?}");
    admin
        .batch_execute("SELECT timedb.set_auth_required(false)")
        .await
        .unwrap();
    let open = series(&db, Role::User, None, &["list"]);
    assert_eq!(
        (open.code, open.stdout.as_str()),
        (0, "No series found.\n"),
        "{open:?}"
    );
}

#[tokio::test]
async fn a_role_without_rights_is_told_which_it_needs() {
    let db = stored().await;
    let refused = series(&db, Role::Nobody, Some(&db.a().key), &["list"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("timedb_user"), "{refused:?}");
}

#[tokio::test]
async fn a_key_is_asked_for_at_a_terminal_and_not_shown_there() {
    let db = stored().await;
    // Whoever types takes a moment longer than the terminal does to stop showing it.
    let program = "import os, pty, sys, time\n\
         pid, terminal = pty.fork()\n\
         if pid == 0:\n\
         \x20   os.execvp('timedb', ['timedb', 'series', 'list', '--json'])\n\
         shown, asked = b'', False\n\
         while True:\n\
         \x20   try: more = os.read(terminal, 4096)\n\
         \x20   except OSError: break\n\
         \x20   if not more: break\n\
         \x20   shown += more\n\
         \x20   if b'API key' in shown and not asked:\n\
         \x20       asked = True\n\
         \x20       time.sleep(0.5)\n\
         \x20       os.write(terminal, sys.stdin.read().encode() + b'\\n')\n\
         print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode())";
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, &db.a().key).unwrap();
    let shown = python(&["-c", program])
        .env("TIMEDB_DSN", db.dsn(Role::User))
        .stdin(&key)
        .ok();
    assert!(shown.starts_with("0 API key (not shown): "), "{shown}");
    assert!(shown.contains("\"name\":\"wind\""), "{shown}");
    assert!(!shown.contains(&db.a().key[4..]), "{shown}");
}
