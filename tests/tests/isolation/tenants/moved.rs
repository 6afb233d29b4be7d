//! Rows of one tenant that somebody has put under another one are damaged: they are not read, and the error tells
//! nothing of what is in them.

use timedb_tests::{Role, refusal};

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
                "SELECT * FROM timedb._batches()",
            ],
        ),
    ] {
        let shared = shared().await;
        let (a, b) = (shared.db.a(), shared.db.b());
        write_everywhere(&shared.db, a).await;
        let superuser = shared.db.connect(Role::Superuser).await;
        let put = format!("UPDATE timedb.{table} SET tenant_id = $2 WHERE tenant_id = $1");
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
