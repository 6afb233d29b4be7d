//! login and logout: the tenant of a whole session, and everything that ends it.

use timedb_tests::{Db, Role, Tenant, authenticate, count, login, refusal, run, upload};
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::{NOBODY, administer, whoami};

#[tokio::test]
async fn login_is_for_members_of_timedb_session_only() {
    let db = Db::new().await;
    for role in [Role::User, Role::Admin, Role::Owner, Role::Nobody] {
        let client = db.connect(role).await;
        let refused = refusal(login(&client, &db.a().key).await);
        assert_eq!(refused.0, "42501", "{role:?}");
        assert_eq!(
            refusal(client.query_one("SELECT timedb.logout()", &[]).await).0,
            "42501"
        );
    }
}

async fn values_seen(client: &Client) -> i64 {
    count(client, "SELECT count(*) FROM timedb.values", &[]).await
}

async fn log_in(client: &Client, tenant: &Tenant) -> Result<Uuid, Error> {
    login(client, &tenant.key).await
}

#[tokio::test]
async fn a_login_lasts_until_logout_reset_or_discard() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "of a", &[1.0]).await.unwrap();
    for end in ["SELECT timedb.logout()", "DISCARD ALL", "RESET ALL"] {
        assert_eq!(log_in(&client, db.a()).await.unwrap(), db.a().tenant_id);
        run(&client, "BEGIN; SELECT 1; COMMIT").await;
        run(&client, "BEGIN; SELECT 1; ROLLBACK").await;
        assert_eq!(whoami(&client).await.0, Some(db.a().tenant_id));
        assert_eq!(values_seen(&client).await, 1);
        run(&client, end).await;
        assert_eq!(whoami(&client).await, NOBODY, "after {end}");
        assert_eq!(values_seen(&client).await, 0, "after {end}");
    }
}

#[tokio::test]
async fn a_login_is_undone_with_its_transaction_and_covered_by_authenticate() {
    let db = Db::new().await;
    let client = db.connect(Role::Session).await;
    run(&client, "BEGIN; SELECT timedb.hide_parameters()").await;
    client
        .query_one("SELECT timedb.login($1)", &[&db.a().key])
        .await
        .unwrap();
    run(&client, "ROLLBACK").await;
    assert_eq!(whoami(&client).await, NOBODY);

    log_in(&client, db.a()).await.unwrap();
    let as_a = whoami(&client).await;
    run(&client, "BEGIN").await;
    authenticate(&client, &db.b().key).await.unwrap();
    assert_eq!(whoami(&client).await.1, Some(db.b().user_id));
    run(&client, "COMMIT").await;
    assert_eq!(whoami(&client).await, as_a);

    assert_eq!(
        refusal(client.query_one("SELECT timedb.login('wrong')", &[]).await).0,
        "28000"
    );
    assert_eq!(whoami(&client).await, as_a);
    log_in(&client, db.b()).await.unwrap();
    assert_eq!(whoami(&client).await.0, Some(db.b().tenant_id));
}

#[tokio::test]
async fn a_login_outlives_deactivation_until_it_authenticates_again() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "of a", &[1.0]).await.unwrap();
    administer(
        &db,
        Role::Owner,
        "SELECT timedb.deactivate_user($1)",
        &[&db.a().email],
    )
    .await;
    assert_eq!(values_seen(&client).await, 1);
    assert_eq!(refusal(log_in(&client, db.a()).await).0, "28000");
}
