//! A standby: authentication and reads work there, writes are refused as on any read-only server.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use timedb_tests::{
    Config, Run, Server, ThrowawayCluster, authenticate, connect, count, refusal, upload,
};

use crate::run;

/// Runs one of PostgreSQL's programs as the user that the servers run as.
fn as_server(program: &str) -> Run {
    let program = Config::get().pg_bin.join(program);
    let me = Command::new("id").arg("-u").output().expect("id runs");
    if me.stdout.trim_ascii() == b"0" {
        Run::new("runuser")
            .args(["-u", "postgres", "--"])
            .args([program])
    } else {
        Run::new(program)
    }
}

/// A copy of a cluster that follows it.
struct Standby {
    data: PathBuf,
}

impl Standby {
    fn of(primary: &ThrowawayCluster, socket: &str) -> Self {
        let data = PathBuf::from(format!("{socket}/standby"));
        let source = primary.dsn("postgres");
        as_server("pg_basebackup")
            .args(["--checkpoint=fast", "--no-sync", "-R", "-d", &source, "-D"])
            .args([&data])
            .ok();
        let standby = Self { data };
        // Its own socket, beside the primary's.
        standby.control(&["start", "-o", "-p 5433", "-l", "/dev/null"]);
        standby
    }

    fn control(&self, action: &[&str]) {
        as_server("pg_ctl")
            .args(["-w", "-D"])
            .args([&self.data])
            .args(action)
            .ok();
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.control(&["stop", "-m", "immediate"]);
    }
}

#[tokio::test]
async fn a_standby_authenticates_and_reads_and_writes_nothing() {
    let primary = ThrowawayCluster::start(&["wal_level = replica"]);
    let superuser = primary.connect("postgres").await;
    run(
        &superuser,
        "CREATE EXTENSION timedb; CREATE ROLE app LOGIN IN ROLE timedb_user",
    )
    .await;
    let create = "SELECT api_key FROM timedb.create_user(timedb.create_tenant(), 'a@b.example')";
    let key: String = superuser.query_one(create, &[]).await.unwrap().get(0);
    let row = superuser
        .query_one("SHOW unix_socket_directories", &[])
        .await
        .unwrap();
    let standby = Standby::of(&primary, row.get(0));

    let writer = connect(&primary.dsn_as("postgres", "app")).await;
    run(&writer, "BEGIN").await;
    authenticate(&writer, &key).await.unwrap();
    upload(&writer, "wind", &[1.0, 2.0]).await.unwrap();
    run(&writer, "COMMIT").await;

    let dsn = format!("{}&port=5433", primary.dsn_as("postgres", "app"));
    let reader = connect(&dsn).await;
    let start = Instant::now();
    loop {
        run(&reader, "BEGIN").await;
        authenticate(&reader, &key).await.unwrap();
        if count(&reader, "SELECT count(*) FROM timedb.values", &[]).await == 2 {
            break;
        }
        run(&reader, "COMMIT").await;
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "the standby does not follow"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        count(&reader, "SELECT count(*) FROM timedb.read_versions()", &[]).await,
        2
    );
    assert_eq!(refusal(upload(&reader, "wind", &[3.0]).await).0, "25006");
    run(&reader, "ROLLBACK").await;
    assert_eq!(refusal(authenticate(&reader, "wrong").await).0, "28000");

    let server = Server::start_with(&dsn, &[], &[]);
    assert_eq!(server.get("/values", Some(&key)).await.json()["count"], 2);
    assert_eq!(server.get("/values", Some("wrong")).await.status, 401);
    let refused = server
        .post("/series", Some(&key), &json!({"name": "new"}))
        .await;
    assert_eq!(refused.status, 503, "{refused:?}");
    drop(standby);
}
