//! The backend waits for a lock, in the statement or in authenticate, when the request is given up.

use timedb_tests::Role;
use tokio_postgres::Client;

use super::{Broken, Narrow};

/// Requests and the table at which each can be made to wait: in the statement, or in authenticate.
const WAITS: [(Broken, &str); 8] = [
    (Broken::Read, "segments"),
    (Broken::Read, "write_log"),
    (Broken::Read, "series"),
    (Broken::Read, "api_keys"),
    (Broken::List, "series"),
    (Broken::Write, "write_log"),
    (Broken::Write, "api_keys"),
    (Broken::Create, "series"),
];

/// Holds a table until ROLLBACK.
pub async fn lock(observer: &Client, table: &str) {
    let lock = format!(
        "BEGIN; LOCK TABLE {full_name} IN ACCESS EXCLUSIVE MODE",
        full_name = timedb_tests::qualified(table)
    );
    observer.batch_execute(&lock).await.unwrap();
}

#[tokio::test]
async fn a_request_that_times_out_at_a_lock_leaves_nothing_behind() {
    let narrow = Narrow::start("1").await;
    let holder = narrow.db.connect(Role::Superuser).await;
    for (broken, table) in WAITS {
        let story = format!("{broken:?} at {table}");
        lock(&holder, table).await;
        let reply = broken.send(&narrow.server, narrow.db.a()).await;
        assert_eq!(reply.status, 504, "{story}: {reply:?}");
        assert!(reply.json()["detail"].is_string(), "{story}: {reply:?}");
        // The lock is still held: what waited for it has been cancelled.
        narrow.until_clean(&story).await;
        holder.batch_execute("ROLLBACK").await.unwrap();
        narrow.assert_tenants_are_themselves(&story).await;
        assert_eq!(
            narrow
                .server
                .get("/values?name=broken", Some(&narrow.db.a().key))
                .await
                .json()["count"],
            0,
            "{story}"
        );
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_at_a_lock_leaves_nothing_behind() {
    let narrow = Narrow::start("60").await;
    let holder = narrow.db.connect(Role::Superuser).await;
    for (broken, table) in WAITS {
        let story = format!("{broken:?} at {table}");
        let before = narrow.pids().await;
        lock(&holder, table).await;
        let wire = broken.start(&narrow.server, narrow.db.a()).await;
        narrow.until_waiting().await;
        drop(wire);
        narrow.until_clean(&story).await;
        holder.batch_execute("ROLLBACK").await.unwrap();
        narrow.assert_tenants_are_themselves(&story).await;
        assert_eq!(
            narrow
                .server
                .get("/values?name=broken", Some(&narrow.db.a().key))
                .await
                .json()["count"],
            0,
            "{story}"
        );
        let after = narrow.pids().await;
        assert!(
            after.iter().all(|pid| !before.contains(pid)),
            "{story}: a broken connection is used again"
        );
    }
}

#[tokio::test]
async fn while_one_tenants_request_hangs_and_is_given_up_another_tenant_is_served() {
    let narrow = Narrow::start("1").await;
    let holder = narrow.db.connect(Role::Superuser).await;
    lock(&holder, "segments").await;
    for _ in 0..3 {
        assert_eq!(
            Broken::Read
                .send(&narrow.server, narrow.db.a())
                .await
                .status,
            504
        );
        let reply = narrow
            .server
            .get("/list_timeseries", Some(&narrow.db.b().key))
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json().as_object().unwrap().len(), 1);
    }
    holder.batch_execute("ROLLBACK").await.unwrap();
}
