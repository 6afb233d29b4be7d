//! Roles that are bound to users, each with a pool of its own: whoever connects as one is its user, in each transaction,
//! whatever the client before has left.

use timedb_tests::Role;

use super::{Link, NARROW, NO_RESET, Pooled};

/// Binds the harness's roles to the users of both tenants.
async fn bind(pooled: &Pooled) {
    for (role, tenant) in [(Role::User, pooled.db.a()), (Role::Bound, pooled.db.b())] {
        let bind = "SELECT timedb.bind_role($1, $2)";
        let role = pooled.db.role_name(role);
        pooled
            .observer
            .query(bind, &[&role, &tenant.email])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn each_role_is_its_user_whatever_a_client_has_left() {
    for settings in [[NARROW, ""], [NARROW, NO_RESET]] {
        let settings = settings.into_iter().filter(|setting| !setting.is_empty());
        let pooled = Pooled::start(&settings.collect::<Vec<_>>()).await;
        bind(&pooled).await;
        let both = [
            (Role::User, "a", pooled.db.b()),
            (Role::Bound, "b", pooled.db.a()),
        ];
        for round in 0..3 {
            for (role, own, other) in both {
                let client = Link::open(&pooled.dsn(role)).await;
                assert_eq!(client.seen().await.1, [own], "{round}");
                // Another tenant's key, for a transaction that ends in each of the ways.
                client.run("BEGIN").await;
                client.authenticate(&other.key).await.unwrap();
                assert_ne!(client.seen().await.1, [own]);
                match round {
                    0 => client.run("COMMIT").await,
                    1 => drop(client.try_run("SELECT 1/0").await),
                    _ => {
                        client.hang_up();
                        continue;
                    }
                }
                let _ = client.try_run("ROLLBACK").await;
                assert_eq!(client.seen().await.1, [own], "{round}");
            }
        }
        // Unbound while the pool keeps its connection.
        let unbind = "SELECT timedb.unbind_role($1)";
        let role = pooled.db.role_name(Role::User);
        pooled.observer.query(unbind, &[&role]).await.unwrap();
        let client = Link::open(&pooled.dsn(Role::User)).await;
        assert_eq!(client.seen().await, (None, vec![]));
        let client = Link::open(&pooled.dsn(Role::Bound)).await;
        assert_eq!(client.seen().await.1, ["b"]);
    }
}
