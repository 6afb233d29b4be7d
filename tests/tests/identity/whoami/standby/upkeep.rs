//! What an administrator looks after on a standby: that nothing is damaged there, and how much is stored.

use timedb_tests::{authenticate, connect, count, refusal, run};
use tokio_postgres::Client;

use super::pair::Pair;

/// Flips a bit of each blob of a table, on the primary.
async fn damage(primary: &Client, table: &str) {
    let flip = format!(
        "UPDATE {full_name} SET blob = set_bit(blob, 8 * (octet_length(blob) / 2), 1 - get_bit(blob, 8 * (octet_length(blob) / 2)))",
        full_name = timedb_tests::qualified(table)
    );
    run(primary, &flip).await;
}

#[tokio::test]
async fn a_standby_is_verified_and_counted_like_its_primary() {
    let pair = Pair::start().await;
    let (primary, admin) = (
        pair.primary.connect("postgres").await,
        connect(&pair.standby("admin")).await,
    );
    let tenant = "SELECT count(*) FROM timedb.stats_store() WHERE points = 2 AND problem IS NULL";
    assert_eq!(count(&admin, tenant, &[]).await, 1);
    let damaged = "SELECT count(*) FROM timedb.verify_store()";
    assert_eq!(count(&admin, damaged, &[]).await, 0);
    // Damage in the log, and in a segment, that has been replicated.
    for (table, kind) in [("write_log", "log"), ("segments", "segment")] {
        if table == "segments" {
            // The same bit again: the row is whole.
            damage(&primary, "write_log").await;
            let by_admin = "SELECT * FROM timedb.compact_store()";
            primary.query(by_admin, &[]).await.unwrap();
        }
        damage(&primary, table).await;
        pair.catch_up().await;
        let found = admin
            .query("SELECT kind, damage_id FROM timedb.verify_store()", &[])
            .await;
        let found = found.unwrap_or_else(|error| panic!("{kind}: {error:?}"));
        assert_eq!(found.len(), 1, "{kind}: {found:?}");
        assert_eq!(found[0].get::<_, &str>(0), kind);
        let tenant = connect(&pair.standby("app")).await;
        run(&tenant, "BEGIN").await;
        authenticate(&tenant, &pair.key).await.unwrap();
        let own = "SELECT count(*) FROM timedb.verify() WHERE damage_id = $1";
        let id = found[0].get::<_, &str>(1).to_owned();
        let of_tenant = id.rsplit_once(' ').map_or(id.as_str(), |(_, own)| own);
        assert_eq!(count(&tenant, own, &[&of_tenant]).await, 1, "{id}");
        run(&tenant, "ROLLBACK").await;
        // What changes something is for the primary.
        let set_aside = "SELECT timedb.set_aside(tenant_id, $1) FROM timedb.list_tenants()";
        let (code, _) = refusal(admin.query(set_aside, &[&id]).await);
        assert_eq!(code, "25006", "{kind}");
    }
}
