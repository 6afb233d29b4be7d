//! Programs of others that docs/tools.md has a recipe for: what PostgREST and pgAdmin send, and pg_dump itself.

use timedb_tests::{Config, Db, Role, connect, count, pg_tool, refusal, run, upload};
use tokio_postgres::{Client, SimpleQueryMessage};

/// The blocks of SQL in a section of docs/tools.md.
fn recipe(section: &str) -> Vec<String> {
    let page = Config::get().root.join("docs/tools.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sql\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// A request as PostgREST makes it: the settings, the pre-request function, the statement.
async fn request(
    client: &Client,
    anonymous: &str,
    mode: &str,
    headers: &str,
    statement: &str,
) -> Result<Vec<String>, tokio_postgres::Error> {
    client
        .batch_execute(&format!("BEGIN ISOLATION LEVEL READ COMMITTED {mode}"))
        .await?;
    let answered = async {
        client
            .query(
                "select set_config('search_path', $1, true), set_config('role', $2, true), \
                 set_config('request.jwt.claims', $3, true), set_config('request.method', $4, true), \
                 set_config('request.path', $5, true), set_config('request.headers', $6, true), \
                 set_config('request.cookies', $7, true)",
                &[&"\"api\", \"public\"", &anonymous, &"{\"role\":\"web_anon\"}", &"GET", &"/values", &headers, &"{}"],
            )
            .await?;
        client.query("select \"api_private\".\"check_key\"()", &[]).await?;
        let rows = client.query(statement, &[]).await?;
        Ok(rows.iter().map(|row| row.get("body")).collect())
    }
    .await;
    client
        .batch_execute(if answered.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        })
        .await?;
    answered
}

#[tokio::test]
async fn the_recipe_for_postgrest_keeps_tenants_apart() {
    let db = Db::new().await;
    for (tenant, value) in [(db.a(), 1.0), (db.b(), 2.0)] {
        upload(&db.login(tenant).await, "temperature", &[value])
            .await
            .unwrap();
    }
    let [anonymous, authenticator] =
        ["web_anon", "authenticator"].map(|role| format!("{role}_{}", db.name));
    let made = recipe("PostgREST")[0]
        .replace("web_anon", &anonymous)
        .replace("authenticator", &authenticator);
    let superuser = db.connect(Role::Superuser).await;
    run(&superuser, &made).await;
    run(
        &superuser,
        &format!("ALTER ROLE {authenticator} PASSWORD '{}'", db.password()),
    )
    .await;
    let dsn = db
        .dsn(Role::User)
        .replace(&db.role_name(Role::User), &authenticator);
    let client = connect(&dsn).await;
    let read = "WITH pgrst_source AS ( SELECT \"api\".\"values\".* FROM \"api\".\"values\" \
                WHERE \"api\".\"values\".\"name\" = 'temperature' LIMIT 10 OFFSET 0 ) \
                SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, \
                coalesce(json_agg(_postgrest_t), '[]')::text AS body, \
                nullif(current_setting('response.headers', true), '') AS response_headers, \
                nullif(current_setting('response.status', true), '') AS response_status \
                FROM ( SELECT * FROM pgrst_source ) _postgrest_t";
    let header = |key: &str| format!("{{\"accept\":\"*/*\",\"x-api-key\":\"{key}\"}}");
    for _ in 0..3 {
        for (tenant, value) in [(db.a(), "\"value\":1"), (db.b(), "\"value\":2")] {
            let body = request(&client, &anonymous, "READ ONLY", &header(&tenant.key), read)
                .await
                .unwrap();
            assert!(
                body[0].contains(value) && body[0].matches("\"valid_time\":").count() == 1,
                "{body:?}"
            );
        }
        for headers in [
            header("tdb_wrong"),
            "{\"accept\":\"*/*\"}".to_owned(),
            header(""),
        ] {
            let refused = refusal(request(&client, &anonymous, "READ ONLY", &headers, read).await);
            assert_eq!(refused.0, "PT401", "{refused:?}");
        }
        // Between the requests nobody is anybody.
        assert_eq!(
            refusal(client.batch_execute("SELECT * FROM timedb.series").await).0,
            "42501"
        );
    }
    let write = "WITH pgrst_source AS ( SELECT pgrst_call.* FROM \"api\".\"upload\"(\"name\" := 'temperature', \
                 \"valid_time\" := '{2025-01-01 01:00Z}', \"value\" := '{3}') pgrst_call ) \
                 SELECT json_agg(_postgrest_t)::text AS body FROM ( SELECT * FROM pgrst_source ) _postgrest_t";
    let body = request(
        &client,
        &anonymous,
        "READ WRITE",
        &header(&db.a().key),
        write,
    )
    .await
    .unwrap();
    assert!(body[0].contains('1'), "{body:?}");
    let refused = refusal(
        request(
            &client,
            &anonymous,
            "READ ONLY",
            &header(&db.a().key),
            write,
        )
        .await,
    );
    assert_eq!(refused.0, "25006", "{refused:?}");
    let points = "SELECT count(*) FROM timedb.read_flat()";
    assert_eq!(count(&db.login(db.a()).await, points, &[]).await, 2);
    assert_eq!(count(&db.login(db.b()).await, points, &[]).await, 1);
    run(
        &superuser,
        &format!(
            "DROP SCHEMA api, api_private CASCADE; DROP OWNED BY {authenticator}, {anonymous}"
        ),
    )
    .await;
    drop(client);
    run(
        &superuser,
        &format!("DROP ROLE {authenticator}, {anonymous}"),
    )
    .await;
}

#[tokio::test]
async fn pgadmin_shows_a_tenant_its_schema_and_its_rows() {
    let db = Db::new().await;
    upload(&db.login(db.b()).await, "hidden of b", &[666.25])
        .await
        .unwrap();
    let client = db.login(db.a()).await;
    upload(&client, "mine", &[1.0, 2.0]).await.unwrap();
    let statements = include_str!("other_programs/pgadmin.sql")
        .replace("{schema}", "'timedb'::regnamespace")
        .replace("{view}", "'timedb.values'::regclass");
    let (mut asked, mut rows) = (0, String::new());
    for statement in statements.split(";\n") {
        let messages = client.simple_query(statement).await;
        let messages = messages.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        let found = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.clear();
        for row in found {
            for column in 0..row.len() {
                rows += row.get(column).unwrap_or("-");
                rows += "|";
            }
            rows += "\n";
        }
        assert!(
            !rows.contains("hidden of b") && !rows.contains("666.25"),
            "{statement}: {rows}"
        );
        for (of, expected) in [
            ("FROM pg_catalog.pg_class rel", "|series|"),
            ("c.relkind = 'v'\n", "|values|"),
            ("att.attrelid", "valid_time|"),
            ("prokind", "read_flat("),
            ("FROM timedb.series", "mine"),
            ("FROM timedb.\"values\"", "mine"),
            ("nspname NOT LIKE", "|timedb|f|t|"),
        ] {
            if statement.contains(of) {
                asked += 1;
                assert!(rows.contains(expected), "{statement}: {rows}");
            }
        }
    }
    assert_eq!(asked, 7);
}

#[tokio::test]
async fn pg_dump_as_a_tenants_role_gets_what_the_role_may_see() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload(&client, "mine", &[1.0, 2.0]).await.unwrap();
    let dump = |arguments: &[&str]| {
        let dsn = db.dsn(Role::Session);
        pg_tool("pg_dump")
            .args([&["--dbname", &*dsn], arguments].concat())
            .run()
    };
    let whole = dump(&["--enable-row-security"]);
    assert_eq!(whole.code, 1, "{whole:?}");
    assert!(
        whole
            .stderr
            .contains("permission denied for table api_keys"),
        "{whole:?}"
    );
    assert!(!whole.stdout.contains("mine"), "{whole:?}");
    // pg_dump cannot log in: nobody has no rows.
    let some = dump(&[
        "--enable-row-security",
        "--data-only",
        "-t",
        "timedb.series",
    ]);
    assert_eq!(some.code, 0, "{some:?}");
    assert!(
        some.stdout.contains("COPY timedb.series") && !some.stdout.contains("mine"),
        "{some:?}"
    );
    let without = dump(&["--data-only", "-t", "timedb.series"]);
    assert_eq!(without.code, 1, "{without:?}");
    assert!(without.stderr.contains("row-level security"), "{without:?}");
    // A table of the tenant's own is one like any other.
    let superuser = db.connect(Role::Superuser).await;
    let session = db.role_name(Role::Session);
    run(
        &superuser,
        &format!("CREATE SCHEMA of_a AUTHORIZATION {session}"),
    )
    .await;
    run(
        &client,
        "CREATE TABLE of_a.copy AS SELECT * FROM timedb.\"values\"",
    )
    .await;
    let own = dump(&["-t", "of_a.copy"]);
    assert_eq!(
        (own.code, own.stdout.matches("\tmine\t").count()),
        (0, 2),
        "{own:?}"
    );
}
