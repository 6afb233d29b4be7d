//! A schema `timedb` that the owner has made: nothing in it is called, however true it looks.

use timedb_tests::{Db, Role, Server, cli, connect, refusal};

use super::routes::ask_all;
use super::{Trapped, pinned};

/// Statements that make functions and tables of the signatures of the true ones, which call the trap.
async fn forgery() -> String {
    let db = Db::new().await;
    let client = db.connect(Role::Superuser).await;
    let functions = "
        SELECT format('CREATE FUNCTION %s.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L;', pronamespace::regnamespace, proname, arguments, result,
                      format('BEGIN PERFORM traps.spring(); RETURN%s; END',
                             CASE WHEN proretset OR proargmodes IS NOT NULL OR result = 'void' THEN ''
                                  WHEN result = 'boolean' THEN ' true' ELSE ' NULL' END))
        FROM pg_proc, LATERAL (SELECT pg_get_function_arguments(oid), pg_get_function_result(oid)) AS t (arguments, result)
        WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND prokind = 'f'
          AND concat(arguments, result) !~ 'timedb(_internal)?\\.|internal'
          AND (SELECT count(*) = count(DISTINCT n) FROM unnest(proargnames) AS n WHERE n <> '')
        UNION ALL
        SELECT 'CREATE VIEW timedb.series AS SELECT pg_catalog.gen_random_uuid() AS series_id, ''a'' AS name, '
               '''b'' AS unit, ''c'' AS description, ''{}''::jsonb AS labels WHERE traps.spring();'";
    let rows = client.query(functions, &[]).await.unwrap();
    assert!(rows.len() > 40, "{} functions", rows.len());
    let statements: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    statements.join("\n")
}

impl Trapped {
    async fn forge(&self) {
        let owner = connect(&pinned(&self.db.dsn(Role::Owner))).await;
        let schema = "CREATE SCHEMA timedb; CREATE SCHEMA timedb_internal; GRANT ALL ON SCHEMA timedb, timedb_internal TO PUBLIC;
                      CREATE DOMAIN timedb_internal.seal AS boolean;";
        let forged = format!("{schema} {}", forgery().await);
        owner
            .batch_execute(&forged)
            .await
            .expect("the schema is forged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_called_in_a_schema_that_is_not_the_extensions() {
    let trapped = Trapped::new().await;
    trapped.forge().await;
    let id = "6a1d5b36-6a54-4bd0-9d0e-3d6f5a1a6b10";
    for (way, dsn) in &trapped.ways().dsns {
        for line in [
            "users create --email a@example.com",
            "users list",
            "users activate --email a@example.com",
            "users deactivate --email a@example.com -y",
            "users regenerate-key --email a@example.com -y",
            "keys create --email a@example.com --name one --expires-in 7d",
            "keys list",
            &format!("keys rotate {id}"),
            &format!("keys revoke {id} -y"),
            "events",
        ] {
            let output = cli(&line.split(' ').collect::<Vec<_>>())
                .env("TIMEDB_DSN", dsn)
                .run();
            assert_eq!(output.code, 1, "{line}: {output:?}");
            let expected = "timedb is not set up in database";
            assert!(
                output.stderr.contains(expected),
                "{way}: {line}: {output:?}"
            );
        }
        for (line, code, expected) in [
            (
                "create tables -y",
                1,
                "schema \"timedb\" belongs to \"owner_",
            ),
            (
                "create tables --with-users -y",
                1,
                "schema \"timedb\" belongs to \"owner_",
            ),
            (
                "delete tables -y",
                0,
                "schema timedb contains objects that do not belong to timedb",
            ),
            ("api --port 0", 1, "the extension timedb is not in database"),
        ] {
            let output = cli(&line.split(' ').collect::<Vec<_>>())
                .env("TIMEDB_DSN", dsn)
                .run();
            assert_eq!(output.code, code, "{line}: {output:?}");
            assert!(
                output.stderr.contains(expected),
                "{way}: {line}: {output:?}"
            );
        }
        trapped.assert_none_has_sprung(way).await;
    }
}

/// A server that runs as a superuser, and the extension goes, and the owner puts a schema in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_takes_the_place_of_the_extension_is_not_called_by_a_running_server() {
    let trapped = Trapped::new().await;
    let ways = trapped.ways();
    let (_, direct) = ways.dsns.last().unwrap();
    cli(&["create", "tables", "--with-users", "--dsn", direct]).ok();
    let user = cli(&[
        "users",
        "create",
        "--email",
        "a@example.com",
        "--json",
        "--dsn",
        direct,
    ])
    .ok();
    let user: serde_json::Value = serde_json::from_str(&user).unwrap();
    let key = user["api_key"].as_str().unwrap();
    let start =
        |(_, dsn): &(&str, String)| Server::start_with(dsn, &[], &[("TIMEDB_POOL_SIZE", "2")]);
    let servers: Vec<Server> = ways.dsns.iter().map(start).collect();
    for server in &servers {
        assert_eq!(server.get("/values", Some(key)).await.status, 200);
    }
    cli(&["delete", "tables", "-y", "--dsn", direct]).ok();
    trapped.forge().await;
    for server in &servers {
        ask_all(server, key, |path, reply| {
            let needs_no_database = ["/", "/health"].contains(&path);
            assert_eq!(
                reply.status,
                if needs_no_database { 200 } else { 503 },
                "{path}: {reply:?}"
            );
        })
        .await;
        assert!(
            server.log().contains("extension \"timedb\" does not exist"),
            "{}",
            server.log()
        );
    }
    drop(servers);
    trapped
        .assert_none_has_sprung("the schema has been replaced")
        .await;
}

/// An administrator has let the owner into the schema, and the owner puts a function beside the true ones that
/// fits a call better.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_beside_those_of_the_extension_is_found_before_anything_is_called() {
    let trapped = Trapped::new().await;
    let dsn = trapped.db.dsn(Role::Superuser);
    cli(&["create", "tables", "--with-users", "--dsn", &dsn]).ok();
    let owner = connect(&pinned(&trapped.db.dsn(Role::Owner))).await;
    let beside = "CREATE FUNCTION timedb.set_auth_required(text) RETURNS void LANGUAGE plpgsql AS
                  'BEGIN PERFORM traps.spring(); END'";
    assert_eq!(refusal(owner.batch_execute(beside).await).0, "42501");
    let name = trapped.db.role_name(Role::Owner);
    let observer = &trapped.observer;
    let refused = |problem: &str| {
        for line in [
            "users list",
            "create tables --with-users",
            "keys list",
            "events",
            "api --port 0",
        ] {
            let output = cli(&line.split(' ').collect::<Vec<_>>())
                .env("TIMEDB_DSN", &dsn)
                .run();
            assert_eq!(output.code, 1, "{line}: {output:?}");
            assert!(output.stderr.contains(problem), "{line}: {output:?}");
        }
    };
    observer
        .batch_execute(&format!("GRANT CREATE ON SCHEMA timedb TO {name}"))
        .await
        .unwrap();
    refused(&format!("{name} may create objects in schema timedb"));
    observer
        .batch_execute(&format!("GRANT CREATE ON SCHEMA timedb_internal TO {name}"))
        .await
        .unwrap();
    refused(&format!("{name} may create objects in schema timedb"));
    observer
        .batch_execute(&format!("REVOKE CREATE ON SCHEMA timedb FROM {name}"))
        .await
        .unwrap();
    refused(&format!(
        "{name} may create objects in schema timedb_internal"
    ));
    observer
        .batch_execute(&format!(
            "REVOKE CREATE ON SCHEMA timedb_internal FROM {name}; GRANT CREATE ON SCHEMA timedb TO {name}"
        ))
        .await
        .unwrap();
    owner.batch_execute(beside).await.unwrap();
    observer
        .batch_execute(&format!("REVOKE CREATE ON SCHEMA timedb FROM {name}"))
        .await
        .unwrap();
    refused("function timedb.set_auth_required(text) is not the extension's");
    observer
        .batch_execute("DROP FUNCTION timedb.set_auth_required(text)")
        .await
        .unwrap();
    observer
        .batch_execute(&format!("ALTER SCHEMA timedb OWNER TO {name}"))
        .await
        .unwrap();
    refused(&format!(
        "schema timedb belongs to {name}, which is not a superuser"
    ));
    drop(owner);
    cli(&["delete", "tables", "-y", "--dsn", &dsn]).ok();
    trapped.assert_none_has_sprung("beside the extension").await;
}
