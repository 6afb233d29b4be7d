//! Rows of one tenant that somebody has put under another one are damaged, and so are lists of series that were
//! changed: they are not read, and the error tells nothing of what is in them.

use timedb_tests::{Role, refusal, run};

use super::rights::write_everywhere;
use super::{shared, traces_of_a};

#[tokio::test]
async fn rows_put_under_another_tenant_are_not_read() {
    for (table, reads) in [
        (
            "write_log",
            [
                "SELECT * FROM timedb.batches",
                "SELECT * FROM timedb.read_flat()",
                "SELECT * FROM timedb.read_changes()",
                "SELECT * FROM timedb.compact()",
            ]
            .as_slice(),
        ),
        (
            "batch_chunks",
            &[
                "SELECT * FROM timedb.batches",
                "SELECT * FROM timedb_internal._list_batches()",
            ],
        ),
    ] {
        let shared = shared().await;
        let (a, b) = (shared.db.a(), shared.db.b());
        write_everywhere(&shared.db, a).await;
        let superuser = shared.db.connect(Role::Superuser).await;
        let put = format!(
            "UPDATE {full_name} SET tenant_id = $2 WHERE tenant_id = $1",
            full_name = timedb_tests::qualified(table)
        );
        let put = superuser.execute(&put, &[&a.tenant_id, &b.tenant_id]).await;
        assert!(put.unwrap() > 0, "{table}");
        for read in reads {
            let client = shared.db.begin(b).await;
            let (code, message) = refusal(client.query(*read, &[]).await);
            assert_eq!(code, "XX001", "{table}: {read}: {message}");
            for trace in traces_of_a(&shared) {
                assert!(!message.contains(&trace), "{table}: {read}: {message}");
            }
        }
    }
}

#[tokio::test]
async fn a_list_of_series_that_was_changed_is_not_read() {
    let shared = shared().await;
    let a = shared.db.a();
    write_everywhere(&shared.db, a).await;
    let superuser = shared.db.connect(Role::Superuser).await;
    // The first two change places.
    let change = "UPDATE timedb_internal.series_lists
                  SET series_ids = substr(series_ids, 17, 16) || substr(series_ids, 1, 16) || substr(series_ids, 33)";
    run(&superuser, change).await;
    for read in [
        "SELECT * FROM timedb.read_flat(name => 'series 1')",
        "SELECT * FROM timedb.batches",
        "SELECT * FROM timedb.compact()",
    ] {
        let client = shared.db.begin(a).await;
        let (code, message) = refusal(client.query(read, &[]).await);
        assert_eq!(code, "XX001", "{read}: {message}");
        let told = message.contains("it is not what its list_id says");
        assert!(told, "{read}: {message}");
        for id in &shared.series[0] {
            assert!(!message.contains(&id.to_string()), "{read}: {message}");
        }
    }
    run(&superuser, change).await;
    let client = shared.db.begin(a).await;
    run(&client, "SELECT * FROM timedb.batches").await;
}
