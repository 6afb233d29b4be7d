//! The store without authentication: no key means the zero UUID's tenant, and nobody else's.

use timedb_tests::{Db, Role, authenticate, count, refusal, run, tenant_of, upload};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{administer, whoami};

async fn set_auth_required(db: &Db, role: Role, required: bool) {
    administer(
        db,
        role,
        "SELECT timedb.set_auth_required($1)",
        &[&required],
    )
    .await;
}

async fn without_key(client: &Client) -> Result<Uuid, tokio_postgres::Error> {
    let row = client
        .query_one("SELECT timedb.authenticate(NULL)", &[])
        .await?;
    Ok(row.get(0))
}

async fn auth_required(client: &Client) -> bool {
    let row = client
        .query_one("SELECT timedb.auth_required()", &[])
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn in_an_open_store_no_key_means_the_zero_tenant_and_a_key_its_own() {
    let db = Db::new().await;
    let client = db.begin(db.a()).await;
    assert!(auth_required(&client).await);
    upload(&client, "shared name", &[1.0]).await.unwrap();
    run(&client, "COMMIT").await;
    assert_eq!(refusal(without_key(&client).await).0, "28000");

    set_auth_required(&db, Role::Owner, false).await;
    assert!(!auth_required(&client).await);
    run(&client, "BEGIN").await;
    assert_eq!(without_key(&client).await.unwrap(), Uuid::nil());
    let (tenant_id, user_id, key_id, access) = whoami(&client).await;
    assert_eq!(
        (tenant_id, user_id, key_id),
        (Some(Uuid::nil()), None, None)
    );
    assert_eq!(access.as_deref(), Some("read_write"));
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        0
    );
    upload(&client, "shared name", &[2.0, 3.0]).await.unwrap();
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        2
    );
    run(&client, "COMMIT").await;

    run(&client, "BEGIN").await;
    assert_eq!(
        authenticate(&client, &db.a().key).await.unwrap(),
        db.a().tenant_id
    );
    assert_eq!(whoami(&client).await.1, Some(db.a().user_id));
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        1
    );
    run(&client, "COMMIT").await;
    assert_eq!(refusal(tenant_of(&client, "wrong").await).0, "28000");
    administer(
        &db,
        Role::Owner,
        "SELECT timedb.deactivate_user($1)",
        &[&db.b().email],
    )
    .await;
    assert_eq!(refusal(tenant_of(&client, &db.b().key).await).0, "28000");

    set_auth_required(&db, Role::Admin, true).await;
    let (code, message) = refusal(without_key(&client).await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("28000", "API key required")
    );
}

#[tokio::test]
async fn in_an_open_store_nobody_is_a_tenant_before_authenticating() {
    let db = Db::new().await;
    set_auth_required(&db, Role::Owner, false).await;
    let client = db.connect(Role::User).await;
    run(&client, "BEGIN; SELECT timedb.authenticate(NULL)").await;
    upload(&client, "of the zero tenant", &[1.0]).await.unwrap();
    run(&client, "COMMIT").await;
    assert_eq!(whoami(&client).await, super::NOBODY);
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.values", &[]).await,
        0
    );
    assert_eq!(refusal(upload(&client, "again", &[1.0]).await).0, "28000");
}

#[tokio::test]
async fn opening_the_store_is_for_its_administrators() {
    let db = Db::new().await;
    for role in [Role::User, Role::Session, Role::Nobody] {
        let client = db.connect(role).await;
        let refused = refusal(
            client
                .query_one("SELECT timedb.set_auth_required(false)", &[])
                .await,
        );
        assert_eq!(refused.0, "42501", "{role:?}");
    }
    for role in [Role::Admin, Role::Owner] {
        set_auth_required(&db, role, false).await;
        // Twice is once.
        set_auth_required(&db, role, false).await;
        let client = db.connect(role).await;
        assert!(!auth_required(&client).await);
        set_auth_required(&db, role, true).await;
        assert!(auth_required(&client).await);
    }
}
