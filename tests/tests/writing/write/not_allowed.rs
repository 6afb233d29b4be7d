//! Who may not write: a read-only key, nobody.

use timedb_tests::{Db, Role, Tenant, count, refusal, upload};
use tokio_postgres::Client;

use super::refused::rows_of_all_kinds;

async fn as_read_only(db: &Db, tenant: &Tenant) -> Client {
    let superuser = db.connect(Role::Superuser).await;
    superuser
        .execute(
            "UPDATE timedb_internal.api_keys SET access = 'read_only' WHERE user_id = $1",
            &[&tenant.user_id],
        )
        .await
        .unwrap();
    db.begin(tenant).await
}

#[tokio::test]
async fn a_read_only_key_reads_and_cannot_write() {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    upload(&client, "wind", &[1.0]).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    let client = as_read_only(&db, db.a()).await;
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        1
    );
    client.batch_execute("SAVEPOINT s").await.unwrap();
    for call in [
        "SELECT * FROM timedb.upload('{2025-01-01}', '{1}', '{wind}')".to_owned(),
        "SELECT * FROM timedb.upload('{}', '{}', '{}')".to_owned(),
        "SELECT * FROM timedb.create_series('wind')".to_owned(),
        super::packed_one_point(),
    ] {
        assert_eq!(refusal(client.query(&call, &[]).await).0, "42501", "{call}");
        client.batch_execute("ROLLBACK TO s").await.unwrap();
    }
    client.batch_execute("ROLLBACK").await.unwrap();
    // A login with such a key is bound the same way.
    let client = db.login(db.a()).await;
    assert_eq!(refusal(upload(&client, "wind", &[1.0]).await).0, "42501");
}

#[tokio::test]
async fn without_a_tenant_every_write_is_refused() {
    let db = Db::new().await;
    for role in [Role::User, Role::Session] {
        let client = db.connect(role).await;
        for call in [
            "SELECT * FROM timedb.upload('{2025-01-01}', '{1}', '{wind}')".to_owned(),
            "SELECT * FROM timedb.upload('{}', '{}', '{}')".to_owned(),
            "SELECT * FROM timedb.create_series('wind')".to_owned(),
            super::packed_one_point(),
        ] {
            let (code, message) = refusal(client.query(&call, &[]).await);
            assert_eq!(code, "28000", "{call}");
            assert_eq!(
                message, "no tenant: call timedb.authenticate(key) first",
                "{call}"
            );
        }
        // Outside a transaction block the authentication is over before the upload.
        let typed = format!("SELECT timedb.authenticate('{}')", db.a().key);
        for statement in ["SET application_name = 'types_keys'", &typed] {
            client.batch_execute(statement).await.unwrap();
        }
        assert_eq!(refusal(upload(&client, "wind", &[1.0]).await).0, "28000");
    }
    assert_eq!(rows_of_all_kinds(&db).await, [0, 0, 0, 0, 0]);
}
