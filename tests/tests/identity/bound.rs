//! Login roles that are bound to a user of a tenant: their connections need no key.

mod attempts;
mod elsewhere;

use timedb_tests::{
    Db, FORCE_PARALLEL, Role, Tenant, authenticate, count, login, refusal, run, upload,
};
use tokio_postgres::Client;
use uuid::Uuid;

/// Tenant, user, key or binding, and access as `timedb.whoami()` tells them.
type Who = (Option<Uuid>, Option<Uuid>, Option<Uuid>, Option<String>);

const NOBODY: Who = (None, None, None, None);

async fn whoami(client: &Client) -> Who {
    let row = client
        .query_one("SELECT * FROM timedb.whoami()", &[])
        .await
        .unwrap_or_else(|error| panic!("whoami: {error:?}"));
    (row.get(0), row.get(1), row.get(2), row.get(3))
}

async fn values_seen(client: &Client) -> i64 {
    count(client, "SELECT count(*) FROM timedb.values", &[]).await
}

/// Binds the harness's role to the tenant's user, and returns the id of the binding.
async fn bind(db: &Db, role: Role, tenant: &Tenant, access: &str) -> Uuid {
    let admin = db.connect(Role::Admin).await;
    admin
        .query_one(
            "SELECT timedb.bind_role($1, $2, access => $3)",
            &[&db.role_name(role), &tenant.email, &access],
        )
        .await
        .unwrap_or_else(|error| panic!("cannot bind: {error:?}"))
        .get(0)
}

async fn unbind(db: &Db, role: Role) -> bool {
    let admin = db.connect(Role::Admin).await;
    let row = admin
        .query_one("SELECT timedb.unbind_role($1)", &[&db.role_name(role)])
        .await
        .unwrap_or_else(|error| panic!("cannot unbind: {error:?}"));
    row.get(0)
}

/// Both tenants with values: one of A, two of B.
async fn filled() -> Db {
    let db = Db::new().await;
    upload(&db.login(db.a()).await, "of a", &[1.0])
        .await
        .unwrap();
    upload(&db.login(db.b()).await, "of b", &[1.0, 2.0])
        .await
        .unwrap();
    db
}

#[tokio::test]
async fn a_bound_role_is_its_user_on_every_connection_and_reads_only() {
    let db = filled().await;
    let binding = bind(&db, Role::User, db.a(), "read_only").await;
    for _ in 0..2 {
        let client = db.connect(Role::User).await;
        // The library is not loaded yet when the first statement is planned.
        assert_eq!(values_seen(&client).await, 1);
        let expected = (
            Some(db.a().tenant_id),
            Some(db.a().user_id),
            Some(binding),
            Some("read_only".to_owned()),
        );
        assert_eq!(whoami(&client).await, expected);
        run(&client, "BEGIN READ ONLY").await;
        assert_eq!(values_seen(&client).await, 1);
        assert_eq!(whoami(&client).await, expected);
        run(&client, "COMMIT; BEGIN ISOLATION LEVEL SERIALIZABLE").await;
        assert_eq!(values_seen(&client).await, 1);
        run(&client, "ROLLBACK").await;
        let (code, message) = refusal(upload(&client, "of a", &[3.0]).await);
        assert_eq!(code, "42501");
        assert!(message.contains("reading only"), "{message}");
    }
    // Another role is nobody as before.
    assert_eq!(whoami(&db.connect(Role::Session).await).await, NOBODY);
}

#[tokio::test]
async fn a_role_bound_for_writing_writes_as_its_user_and_the_use_is_noted() {
    let db = filled().await;
    let binding = bind(&db, Role::User, db.a(), "read_write").await;
    let client = db.connect(Role::User).await;
    upload(&client, "of a", &[3.0, 4.0]).await.unwrap();
    let of_user = "SELECT count(*) FROM timedb.batches WHERE user_id = $1";
    assert_eq!(count(&client, of_user, &[&db.a().user_id]).await, 2);
    let admin = db.connect(Role::Admin).await;
    let row = admin
        .query_one(
            "SELECT role, email, access, status, last_used_at IS NOT NULL, binding_id, user_id, tenant_id
             FROM timedb.list_bound_roles()",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, String>(0), db.role_name(Role::User));
    assert_eq!(row.get::<_, String>(1), db.a().email);
    assert_eq!(row.get::<_, String>(2), "read_write");
    assert_eq!(row.get::<_, String>(3), "active");
    assert!(row.get::<_, bool>(4), "the use has been noted");
    assert_eq!(row.get::<_, Uuid>(5), binding);
    assert_eq!(row.get::<_, Uuid>(6), db.a().user_id);
    assert_eq!(row.get::<_, Uuid>(7), db.a().tenant_id);

    let events =
        "SELECT event, key_id, details->>'role', details->>'access' FROM timedb.audit_events
                  WHERE event LIKE 'role%' ORDER BY event_id";
    assert!(unbind(&db, Role::User).await);
    let rows = db.login(db.a()).await.query(events, &[]).await.unwrap();
    let told: Vec<(String, Option<Uuid>, Option<String>)> = rows
        .iter()
        .map(|r| (r.get(0), r.get(1), r.get(2)))
        .collect();
    let role = Some(db.role_name(Role::User));
    assert_eq!(
        told,
        [
            ("role_bound".to_owned(), Some(binding), role.clone()),
            ("role_unbound".to_owned(), Some(binding), role)
        ]
    );
    // The other tenant is told nothing.
    assert!(
        db.login(db.b())
            .await
            .query(events, &[])
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn what_ends_a_binding_acts_on_the_next_transaction() {
    let db = filled().await;
    let owner = db.connect(Role::Owner).await;
    let email = &db.a().email;
    bind(&db, Role::User, db.a(), "read_only").await;
    let client = db.connect(Role::User).await;
    for (end, again) in [
        (
            "SELECT timedb.deactivate_user($1)",
            "SELECT timedb.activate_user($1)",
        ),
        (
            "SELECT timedb.unbind_role(role) FROM timedb.list_bound_roles() WHERE email = $1",
            "",
        ),
    ] {
        assert_eq!(values_seen(&client).await, 1);
        run(&client, "BEGIN").await;
        assert_eq!(values_seen(&client).await, 1);
        owner.query(end, &[email]).await.unwrap();
        // Decided once a transaction.
        assert_eq!(values_seen(&client).await, 1);
        run(&client, "COMMIT").await;
        assert_eq!(values_seen(&client).await, 0, "{end}");
        assert_eq!(whoami(&client).await, NOBODY);
        match again {
            "" => {
                bind(&db, Role::User, db.a(), "read_only").await;
            }
            again => {
                owner.query(again, &[email]).await.unwrap();
            }
        }
        assert_eq!(values_seen(&client).await, 1);
    }
    run(&client, "BEGIN").await;
    assert_eq!(values_seen(&client).await, 1);
    run(&client, "COMMIT").await;
    owner
        .query("SELECT timedb.delete_tenant($1)", &[&db.a().tenant_id])
        .await
        .unwrap();
    assert_eq!(whoami(&client).await, NOBODY);
    let left = count(
        &db.connect(Role::Superuser).await,
        "SELECT count(*) FROM timedb_internal.bound_roles",
        &[],
    )
    .await;
    assert_eq!(left, 0);
}

/// A role that has written and stays in its transaction must not be able to hold off that its binding ends.
#[tokio::test]
async fn a_binding_ends_while_a_session_of_its_role_is_writing() {
    let db = filled().await;
    let superuser = db.connect(Role::Superuser).await;
    let uses = || async {
        count(
            &superuser,
            "SELECT count(*) FROM timedb_internal.key_usage",
            &[],
        )
        .await
    };
    let before = uses().await;
    let admin = db.connect(Role::Admin).await;
    run(&admin, "SET statement_timeout = '30s'").await;
    let unbind = "SELECT timedb.unbind_role($1)";
    let role = db.role_name(Role::User);
    let client = db.connect(Role::User).await;
    for end in ["COMMIT", "ROLLBACK"] {
        bind(&db, Role::User, db.a(), "read_write").await;
        run(
            &client,
            "BEGIN; INSERT INTO timedb.values (name, valid_time, value) VALUES ('x', now(), 1)",
        )
        .await;
        let row = admin.query_one(unbind, &[&role]).await;
        assert!(row.expect("nobody waits").get::<_, bool>(0));
        run(&client, end).await;
        assert_eq!(whoami(&client).await, NOBODY);
    }
    // What the sessions held is gone with the next binding that ends.
    bind(&db, Role::User, db.a(), "read_write").await;
    assert!(uses().await > before);
    admin.query_one(unbind, &[&role]).await.expect("unbound");
    assert_eq!(uses().await, before);
}

#[tokio::test]
async fn a_key_counts_instead_and_logout_is_for_the_session() {
    let db = filled().await;
    let binding = bind(&db, Role::Session, db.a(), "read_only").await;
    let client = db.connect(Role::Session).await;
    assert_eq!(whoami(&client).await.2, Some(binding));
    // For a transaction, and one that has been the role's before.
    run(&client, "BEGIN").await;
    assert_eq!(values_seen(&client).await, 1);
    authenticate(&client, &db.b().key).await.unwrap();
    assert_eq!(values_seen(&client).await, 2);
    run(&client, "SAVEPOINT s").await;
    authenticate(&client, &db.a().key).await.unwrap();
    assert_eq!(whoami(&client).await.3.as_deref(), Some("read_write"));
    run(&client, "ROLLBACK TO s").await;
    assert_eq!(values_seen(&client).await, 2);
    run(&client, "COMMIT").await;
    assert_eq!(whoami(&client).await.2, Some(binding));
    // What a savepoint has decided and given up is decided again.
    run(&client, "BEGIN; SAVEPOINT s").await;
    assert_eq!(values_seen(&client).await, 1);
    run(&client, "ROLLBACK TO s").await;
    assert_eq!(values_seen(&client).await, 1);
    run(&client, "COMMIT").await;
    // A bad key is refused, and the transaction with it.
    run(&client, "BEGIN").await;
    assert_eq!(
        refusal(
            client
                .query_one("SELECT timedb.authenticate('wrong')", &[])
                .await
        )
        .0,
        "28000"
    );
    run(&client, "ROLLBACK").await;
    // For the session.
    login(&client, &db.b().key).await.unwrap();
    assert_eq!(values_seen(&client).await, 2);
    run(&client, "SELECT timedb.logout()").await;
    assert_eq!(whoami(&client).await, NOBODY);
    assert_eq!(values_seen(&client).await, 0);
    login(&client, &db.b().key).await.unwrap();
    assert_eq!(values_seen(&client).await, 2);
    run(&client, "SELECT timedb.logout()").await;
    assert_eq!(whoami(&client).await, NOBODY);
    assert_eq!(
        whoami(&db.connect(Role::Session).await).await.2,
        Some(binding)
    );
    // A pool that hands the session on begins anew.
    run(&client, "DISCARD ALL").await;
    assert_eq!(whoami(&client).await.2, Some(binding));
    // In a transaction that was the role's.
    run(&client, "BEGIN").await;
    assert_eq!(values_seen(&client).await, 1);
    run(&client, "SELECT timedb.logout()").await;
    assert_eq!(values_seen(&client).await, 0);
    run(&client, "ROLLBACK").await;
    assert_eq!(values_seen(&client).await, 1);
}

#[tokio::test]
async fn workers_of_a_parallel_plan_are_the_same_user() {
    let db = filled().await;
    bind(&db, Role::User, db.a(), "read_only").await;
    let client = db.connect(Role::User).await;
    run(&client, FORCE_PARALLEL).await;
    let free = "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
                SET max_parallel_workers_per_gather = 2";
    run(&client, free).await;
    for query in [
        "SELECT count(*) FROM timedb.series",
        "SELECT count(timedb.current_tenant())",
        "SELECT count(*) FROM timedb.values",
        "SELECT count(*) FROM timedb.series WHERE tenant_id = timedb.current_tenant()",
    ] {
        assert_eq!(count(&client, query, &[]).await, 1, "{query}");
    }
    // A kept plan, made in another transaction.
    run(
        &client,
        "PREPARE p AS SELECT count(*) FROM timedb.series; SET plan_cache_mode = force_generic_plan",
    )
    .await;
    for _ in 0..3 {
        assert_eq!(count(&client, "EXECUTE p", &[]).await, 1);
    }
    unbind(&db, Role::User).await;
    assert_eq!(count(&client, "EXECUTE p", &[]).await, 0);
}

#[tokio::test]
async fn statements_of_administrators_about_roles_are_refused_by_name() {
    let db = filled().await;
    let admin = db.connect(Role::Admin).await;
    let role = db.role_name(Role::User);
    let email = &db.a().email;
    for (role, email, access, code, words) in [
        (
            "no such role",
            email.as_str(),
            "read_only",
            "42704",
            "no such role",
        ),
        (
            &role,
            "nobody@nowhere.example",
            "read_only",
            "42704",
            "nobody@nowhere.example",
        ),
        (&role, email, "admin", "22023", "admin"),
        (
            &db.role_name(Role::Admin),
            email,
            "read_only",
            "0P000",
            "timedb_admin",
        ),
        (
            &db.role_name(Role::Superuser),
            email,
            "read_only",
            "0P000",
            "superuser",
        ),
        (
            &db.role_name(Role::Owner),
            email,
            "read_only",
            "0P000",
            "pg_database_owner",
        ),
        ("timedb_user", email, "read_only", "0P000", "cannot log in"),
    ] {
        let call = "SELECT timedb.bind_role($1, $2, access => $3)";
        let refused = refusal(admin.query(call, &[&role, &email, &access]).await);
        assert_eq!(refused.0, code, "{role} {email} {access}: {}", refused.1);
        assert!(refused.1.contains(words), "{}", refused.1);
    }
    assert!(!unbind(&db, Role::User).await);
    bind(&db, Role::User, db.a(), "read_only").await;
    let other = admin
        .query("SELECT timedb.bind_role($1, $2)", &[&role, &db.b().email])
        .await;
    assert_eq!(refusal(other).0, "23505");
    // The same user again is a change of access.
    bind(&db, Role::User, db.a(), "read_write").await;
    assert_eq!(
        whoami(&db.connect(Role::User).await).await.3.as_deref(),
        Some("read_write")
    );
    for role in [Role::User, Role::Session, Role::Nobody] {
        let client = db.connect(role).await;
        for call in [
            "SELECT timedb.bind_role('x', 'y')",
            "SELECT timedb.unbind_role('x')",
            "SELECT timedb.list_bound_roles()",
            "SELECT timedb_internal._bind_role('x', 'y', 'read_only', NULL)",
            "SELECT * FROM timedb_internal.bound_roles",
        ] {
            assert_eq!(
                refusal(client.query(call, &[]).await).0,
                "42501",
                "{role:?} {call}"
            );
        }
    }
}

#[tokio::test]
async fn limits_are_set_by_who_may_and_the_right_to_read_is_given() {
    let db = filled().await;
    let role = db.role_name(Role::Nobody);
    let call =
        "SELECT timedb.bind_role($1, $2, statement_timeout => '1.5 seconds', work_mem => '8MB',
                                        temp_file_limit => '100MB', connection_limit => 3)";
    let refused = refusal(
        db.connect(Role::Admin)
            .await
            .query(call, &[&role, &db.a().email])
            .await,
    );
    assert_eq!(refused.0, "42501");
    assert!(refused.1.contains("GRANT timedb_user"), "{}", refused.1);
    let superuser = db.connect(Role::Superuser).await;
    assert_eq!(
        count(
            &superuser,
            "SELECT count(*) FROM timedb_internal.bound_roles",
            &[]
        )
        .await,
        0
    );
    superuser
        .query(call, &[&role, &db.a().email])
        .await
        .unwrap();
    let client = db.connect(Role::Nobody).await;
    assert_eq!(values_seen(&client).await, 1);
    for (setting, value) in [
        ("statement_timeout", "1500ms"),
        ("work_mem", "8MB"),
        ("temp_file_limit", "100MB"),
    ] {
        let row = client
            .query_one(&format!("SHOW {setting}"), &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, String>(0), value);
    }
    let limit = "SELECT rolconnlimit::int8 FROM pg_roles WHERE rolname = $1";
    assert_eq!(count(&superuser, limit, &[&role]).await, 3);
    let negative = "SELECT timedb.bind_role($1, $2, statement_timeout => '-1 s')";
    assert_eq!(
        refusal(superuser.query(negative, &[&role, &db.a().email]).await).0,
        "22023"
    );
}
