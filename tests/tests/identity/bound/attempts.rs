//! What a bound role may try to become somebody else: nothing leads to another tenant, or to administering.

use timedb_tests::{Role, connect, count, run};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{NOBODY, bind, filled, values_seen, whoami};

/// Runs each of them, whatever it answers, and looks who the session is afterwards.
async fn tries(client: &Client, statements: &[String], tenant: Uuid) {
    for statement in statements {
        let _ = client.batch_execute(statement).await;
        let _ = client.batch_execute("ROLLBACK").await;
        assert_eq!(whoami(client).await.0, Some(tenant), "after {statement}");
        assert_eq!(values_seen(client).await, 1, "after {statement}");
    }
}

#[tokio::test]
async fn no_statement_makes_it_another_tenant() {
    let db = filled().await;
    bind(&db, Role::User, db.a(), "read_write").await;
    bind(&db, Role::Session, db.b(), "read_write").await;
    let (user, session, admin) = (
        db.role_name(Role::User),
        db.role_name(Role::Session),
        db.role_name(Role::Admin),
    );
    let superuser = db.connect(Role::Superuser).await;
    // Even as a member of the other tenant's role.
    run(
        &superuser,
        &format!("GRANT {session} TO {user}; CREATE SCHEMA own AUTHORIZATION {user}"),
    )
    .await;
    let client = db.connect(Role::User).await;
    let b = db.b().tenant_id;
    let statements = [
        format!("SET ROLE {session}"),
        format!("SET SESSION AUTHORIZATION {session}"),
        format!("SET SESSION AUTHORIZATION {admin}"),
        format!("SET ROLE {session}; SELECT count(*) FROM timedb.values"),
        format!("ALTER ROLE {user} RENAME TO {user}_x"),
        format!("ALTER ROLE {user} SET timedb.tenant_id = '{b}'"),
        format!("ALTER ROLE {user} SET role = '{session}'"),
        format!("SET timedb.tenant_id = '{b}'"),
        format!("SELECT set_config('timedb.tenant_id', '{b}', false)"),
        "SET timedb.binding = 'off'".to_owned(),
        "SET timedb.binding = ''".to_owned(),
        "RESET timedb.tenant_id".to_owned(),
        "RESET ALL".to_owned(),
        format!("INSERT INTO timedb_internal.bound_roles SELECT '{b}', gen_random_uuid(), gen_random_uuid(), current_user, 1, 1"),
        format!("UPDATE timedb_internal.bound_roles SET tenant_id = '{b}'"),
        format!("SELECT timedb.bind_role('{user}', '{}')", db.b().email),
        format!("SELECT timedb_internal._bind_role('{user}', '{}', 'read_write', NULL)", db.b().email),
        "SELECT timedb.unbind_role(session_user::text)".to_owned(),
        format!("GRANT timedb_admin TO {user}"),
        format!(
            "CREATE FUNCTION own.f() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET ROLE = '{session}'
             AS 'SELECT count(*) FROM timedb.values'; SELECT own.f()"
        ),
        "CREATE FUNCTION own.g() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
         AS 'BEGIN PERFORM set_config(''timedb.key_id'', '''', true); RETURN 1; END'; SELECT own.g()".to_owned(),
        "SELECT timedb.authenticate('tdb_wrong')".to_owned(),
        "SELECT timedb.authenticate(NULL)".to_owned(),
        "CREATE TEMP TABLE bound_roles (LIKE timedb_internal.bound_roles)".to_owned(),
        "CREATE TEMP TABLE users (active boolean)".to_owned(),
        "SET search_path = pg_temp, own".to_owned(),
    ];
    tries(&client, &statements, db.a().tenant_id).await;
    // As a role of the other tenant by SET ROLE it is still its own.
    run(&client, &format!("SET ROLE {session}")).await;
    assert_eq!(whoami(&client).await.0, Some(db.a().tenant_id));
}

#[tokio::test]
async fn a_superuser_who_becomes_a_role_is_that_roles_user() {
    let db = filled().await;
    bind(&db, Role::User, db.a(), "read_only").await;
    bind(&db, Role::Session, db.b(), "read_only").await;
    let client = db.connect(Role::Superuser).await;
    assert_eq!(whoami(&client).await, NOBODY);
    let become_ = |role: Role| format!("SET SESSION AUTHORIZATION {}", db.role_name(role));
    for begin in ["", "BEGIN;"] {
        run(&client, &format!("{begin} {}", become_(Role::User))).await;
        assert_eq!(values_seen(&client).await, 1);
        run(&client, &become_(Role::Session)).await;
        assert_eq!(values_seen(&client).await, 2);
        run(&client, &become_(Role::Nobody)).await;
        assert_eq!(whoami_of_nobody(&client).await, 0);
        run(&client, "RESET SESSION AUTHORIZATION").await;
        assert_eq!(whoami(&client).await, NOBODY);
        if !begin.is_empty() {
            run(&client, "COMMIT").await;
        }
    }
}

/// The role may call nothing of timedb: it is nobody if it sees nothing.
async fn whoami_of_nobody(client: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_catalog.pg_settings
               WHERE name = 'timedb.tenant_id' AND setting <> ''";
    count(client, sql, &[]).await
}

#[tokio::test]
async fn a_role_that_administers_since_is_bound_to_nobody() {
    let db = filled().await;
    bind(&db, Role::User, db.a(), "read_only").await;
    let client = db.connect(Role::User).await;
    assert_eq!(values_seen(&client).await, 1);
    let superuser = db.connect(Role::Superuser).await;
    let role = db.role_name(Role::User);
    for (give, take) in [
        (
            format!("GRANT timedb_admin TO {role}"),
            format!("REVOKE timedb_admin FROM {role}"),
        ),
        (
            format!("ALTER ROLE {role} SUPERUSER"),
            format!("ALTER ROLE {role} NOSUPERUSER"),
        ),
        (
            format!("ALTER ROLE {role} BYPASSRLS"),
            format!("ALTER ROLE {role} NOBYPASSRLS"),
        ),
        (
            format!("ALTER DATABASE {} OWNER TO {role}", db.name),
            format!(
                "ALTER DATABASE {} OWNER TO {}",
                db.name,
                db.role_name(Role::Owner)
            ),
        ),
    ] {
        run(&superuser, &give).await;
        assert_eq!(whoami(&client).await, NOBODY, "{give}");
        let status = superuser
            .query_one("SELECT status FROM timedb.list_bound_roles()", &[])
            .await
            .unwrap();
        let status: String = status.get(0);
        assert!(status.starts_with("not effective"), "{give}: {status}");
        run(&superuser, &take).await;
        assert_eq!(values_seen(&client).await, 1, "{take}");
    }
}

#[tokio::test]
async fn a_role_that_takes_the_name_is_not_bound() {
    let db = filled().await;
    let superuser = db.connect(Role::Superuser).await;
    let name = format!("tool_{}", db.name);
    let make = format!(
        "CREATE ROLE {name} LOGIN PASSWORD '{}' IN ROLE timedb_user",
        db.password()
    );
    run(&superuser, &make).await;
    let bind = "SELECT timedb.bind_role($1, $2)";
    superuser
        .query(bind, &[&name, &db.a().email])
        .await
        .unwrap();
    let dsn = db.dsn(Role::User).replace(&db.role_name(Role::User), &name);
    assert_eq!(values_seen(&connect(&dsn).await).await, 1);
    run(&superuser, &format!("ALTER ROLE {name} RENAME TO {name}_2")).await;
    let status = async || {
        let row = superuser
            .query_one("SELECT status FROM timedb.list_bound_roles()", &[])
            .await
            .unwrap();
        row.get::<_, String>(0)
    };
    assert_eq!(status().await, "no such role");
    run(&superuser, &make).await;
    assert_eq!(status().await, "another role has this name now");
    assert_eq!(whoami(&connect(&dsn).await).await, NOBODY);
    // Bound again, it counts.
    superuser
        .query(bind, &[&name, &db.a().email])
        .await
        .unwrap();
    assert_eq!(values_seen(&connect(&dsn).await).await, 1);
    let other = dsn.replace(&name, &format!("{name}_2"));
    assert_eq!(whoami(&connect(&other).await).await, NOBODY);
    run(&superuser, &format!("DROP ROLE {name}; DROP ROLE {name}_2")).await;
    assert_eq!(status().await, "no such role");
}
