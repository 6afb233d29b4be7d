//! A role that is bound to a user reads on a standby, and what ends its binding follows from the primary.

use timedb_tests::{connect, count, run};

use super::pair::Pair;
use super::{NOBODY, whoami};

#[tokio::test]
async fn a_bound_role_reads_on_a_standby_until_it_is_unbound() {
    let pair = Pair::start().await;
    let primary = pair.primary.connect("postgres").await;
    let bind = "CREATE ROLE tool LOGIN; SELECT timedb.bind_role('tool', 'a@a.example', access => 'read_write')";
    run(&primary, bind).await;
    pair.catch_up().await;
    let reader = connect(&pair.standby("tool")).await;
    let values = "SELECT count(*) FROM timedb.values";
    assert_eq!(count(&reader, values, &[]).await, 2);
    assert_eq!(whoami(&reader).await.3.as_deref(), Some("read_write"));
    // The cluster has the same identifier, so the role's oid counts here too.
    run(
        &primary,
        "ALTER ROLE tool RENAME TO other; CREATE ROLE tool LOGIN IN ROLE timedb_user",
    )
    .await;
    pair.catch_up().await;
    for role in ["tool", "other"] {
        let client = connect(&pair.standby(role)).await;
        assert_eq!(whoami(&client).await, NOBODY, "{role}");
    }
    run(&primary, "DROP ROLE tool; ALTER ROLE other RENAME TO tool").await;
    pair.catch_up().await;
    assert_eq!(count(&reader, values, &[]).await, 2);
    run(&primary, "SELECT timedb.unbind_role('tool')").await;
    pair.catch_up().await;
    assert_eq!(whoami(&reader).await, NOBODY);
    assert_eq!(count(&reader, values, &[]).await, 0);
}
