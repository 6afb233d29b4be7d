//! The Python project's tables get into the store as docs/migrating.md says: `examples/migrate_from_python.sql`,
//! run by psql over the tables of `migrating/legacy.sql`.

use serde_json::{Value, json};
use timedb_tests::{Config, Db, Output, Role, Server, connect, count, login, pg_tool};
use tokio_postgres::Client;

const ANN: &str = "ann_________-key-of-the-python-project-4567";
const GONE: &str = "gone________-key-of-the-python-project-4567";
const ANN_OF_B: &str = "annb________-key-of-the-python-project-4567";
const A: &str = "aaaaaaaa-0000-0000-0000-000000000000";

/// Runs a script with psql variables as a role.
fn run_as(db: &Db, role: Role, script: &str, variables: &[&str]) -> Output {
    pg_tool("psql")
        .args(["-X", "-q", "-d", &db.dsn(role)])
        .args(variables.iter().flat_map(|variable| ["-v", variable]))
        .args(["-v", "ON_ERROR_STOP=1", "-f"])
        .args([Config::get().root.join(script)])
        // The tables hold keys in clear text, and are filled by literals.
        .env("PGAPPNAME", "types_keys")
        .run()
}

async fn legacy(schema: &str) -> (Db, Client) {
    let db = Db::new().await;
    let made = run_as(
        &db,
        Role::Superuser,
        "tests/tests/upkeep/migrating/legacy.sql",
        &[&format!("schema={schema}")],
    );
    assert_eq!(made.code, 0, "{}", made.stderr);
    let superuser = connect(&db.dsn(Role::Superuser)).await;
    (db, superuser)
}

fn migrate(db: &Db, variables: &[&str]) -> Output {
    run_as(
        db,
        Role::Superuser,
        "examples/migrate_from_python.sql",
        variables,
    )
}

/// Everything that the old tables hold.
async fn old_rows(superuser: &Client) -> String {
    superuser
        .query_one(
            "SELECT md5(concat((SELECT json_agg(b ORDER BY batch_id) FROM public.batches_table b),
                               (SELECT json_agg(s ORDER BY series_id) FROM public.series_table s),
                               (SELECT json_agg(v ORDER BY value_id) FROM public.values_table v),
                               (SELECT json_agg(u ORDER BY user_id) FROM public.users_table u)))",
            &[],
        )
        .await
        .expect("the old tables can be read")
        .get(0)
}

/// The number of rows of every table of the store.
async fn new_rows(superuser: &Client) -> Vec<i64> {
    let mut numbers = Vec::new();
    for table in [
        "tenants",
        "users",
        "api_keys",
        "series",
        "write_log",
        "batch_chunks",
        "series_lists",
        "requests",
        "segments",
        "audit_events",
    ] {
        numbers.push(
            count(
                superuser,
                &format!(
                    "SELECT count(*) FROM {full_name}",
                    full_name = timedb_tests::qualified(table)
                ),
                &[],
            )
            .await,
        );
    }
    numbers
}

/// valid_time, valid_time_end and value of the rows of an answer.
fn points(answer: &Value) -> Vec<Value> {
    let rows = answer["data"].as_array().expect("rows");
    rows.iter()
        .map(|row| json!([row["valid_time"], row["valid_time_end"], row["value"]]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_see_the_old_values() {
    let (db, superuser) = legacy("public").await;
    let before = old_rows(&superuser).await;
    let output = migrate(&db, &[]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("Done."), "{}", output.stdout);
    assert!(
        output.stderr.contains("the key of hand@b.example"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("made by hand"), "{}", output.stderr);
    assert_eq!(old_rows(&superuser).await, before);
    let server = Server::start(&db);
    let flat = server
        .get("/values?name=wind_power", Some(ANN))
        .await
        .json();
    let at = |hour: u8| format!("2026-01-02T0{hour}:00:00+00:00");
    let mut seen = points(&flat);
    // Two batches were known at once there: either is right.
    let twins = [json!([at(1), null, 22.0]), json!([at(1), null, 32.0])];
    seen.retain(|point| !twins.contains(point));
    assert_eq!(
        seen,
        [
            json!([at(0), null, 12.0]),
            json!([at(0), at(1), 0.1]),
            json!([at(2), null, null]),
        ]
    );
    assert_eq!(flat["count"], 4);
    assert_eq!(flat["data"][0]["unit"], "MW");
    assert_eq!(flat["data"][0]["labels"], json!({"farm": "north"}));

    let speed = server
        .get("/values?name=wind_speed", Some(ANN))
        .await
        .json();
    assert_eq!(points(&speed), [json!([at(0), null, 7.25])]);
    assert_eq!(speed["data"][0]["labels"], json!({"height": "80"}));
    // As it was known in the morning, before the two batches of the evening.
    let morning = server
        .get(
            "/values?name=wind_power&end_known=2026-01-01T12:00:00Z",
            Some(ANN),
        )
        .await
        .json();
    assert_eq!(points(&morning)[2], json!([at(1), null, null]));

    let of_b = server.get("/values", Some(ANN_OF_B)).await.json();
    assert_eq!(
        points(&of_b),
        [
            json!([at(0), null, 500.0]),
            json!([at(1), null, 501.0]),
            json!([at(2), null, 502.0])
        ]
    );
    for (key, status) in [(GONE, 401), (ANN, 200)] {
        assert_eq!(server.get("/values", Some(key)).await.status, status);
    }
    // The key that creating a user makes is nobody's.
    let keys = "SELECT count(*) FROM timedb.list_keys(tenant_id => $1::text::uuid)";
    assert_eq!(count(&superuser, keys, &[&A]).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_brought_over_in_its_order() {
    let (db, superuser) = legacy("old tables").await;
    let options = ["legacy_schema=old tables", "keep_times=on"];
    let output = migrate(&db, &options);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    for line in [
        "a value that is NaN or infinite is a missing value now",
        "its batch belongs to another tenant",
        "its time is infinite",
        "its point has no current version",
        "a series without values stays behind",
        "a batch has lost a finish time",
        "a key is no key here",
    ] {
        let found = output.stdout.lines().find(|found| found.contains(line));
        let found = found.unwrap_or_else(|| panic!("{line}:\n{}", output.stdout));
        let number = found.rsplit('|').next().map(str::trim);
        assert_eq!(number, Some("1"), "{found}");
    }

    let client = db.connect(Role::Session).await;
    login(&client, ANN).await.expect("the old key logs in");
    let rows = client
        .query(
            "SELECT value, annotation, tags, metadata->>'source', metadata->>'legacy_changed_by',
                    (metadata->>'legacy_change_time')::timestamptz::text,
                    changed_by = (SELECT user_id FROM timedb.whoami()), batch_id::text, known_time = '2026-01-01 06:00Z'
             FROM timedb.read_versions(name => 'wind_power', end_valid => '2026-01-02 01:00Z')
             WHERE valid_time_end IS NULL ORDER BY change_time",
            &[],
        )
        .await
        .expect("the versions are read");
    let text = |row: usize, column: usize| rows[row].get::<_, Option<String>>(column);
    let values: Vec<f64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(values, [10.0, 11.0, 12.0]);
    assert_eq!(text(1, 1).as_deref(), Some("first look"));
    assert_eq!(text(2, 1).as_deref(), Some("second look"));
    assert_eq!(rows[2].get::<_, Vec<String>>(2), ["checked", "manual"]);
    assert_eq!(text(2, 3).as_deref(), Some("phone"));
    assert_eq!(text(1, 4).as_deref(), Some("nobody@else.example"));
    assert!(text(2, 5).is_some_and(|time| time.starts_with("2026-01-03")));
    let by_ann: Vec<Option<bool>> = rows.iter().map(|row| row.get(6)).collect();
    // Nobody is said to have written what somebody else wrote, or nobody that is known.
    assert_eq!(by_ann, [None, None, Some(true)]);
    for row in &rows {
        assert_eq!(
            row.get::<_, &str>(7),
            "10000000-0000-0000-0000-000000000000"
        );
        assert!(row.get::<_, bool>(8));
    }

    let batches = client
        .query(
            "SELECT workflow_id, points, batch_params->>'model', batch_params ? 'legacy_inserted_at', user_id IS NOT NULL
             FROM timedb.batches WHERE kind = 'upload' ORDER BY batch_id",
            &[],
        )
        .await
        .expect("the batches are read");
    let workflows: Vec<Option<&str>> = batches.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        workflows,
        [Some("day-ahead"), None, Some("twin"), Some("empty")]
    );
    let points: Vec<i64> = batches.iter().map(|row| row.get(1)).collect();
    assert_eq!(points, [5, 1, 1, 0]);
    assert_eq!(batches[0].get::<_, Option<&str>>(2), Some("v1"));
    assert!(batches.iter().all(|row| row.get(3)));
    let with_user: Vec<bool> = batches.iter().map(|row| row.get(4)).collect();
    assert_eq!(with_user, [false, false, true, false]);

    let speed = "SELECT count(*) FROM timedb.read_versions(name => 'wind_speed')
                 WHERE annotation = 'by hand' AND metadata->'legacy_metadata' = '[\"a list\"]'";
    assert_eq!(count(&client, speed, &[]).await, 1);
    assert_eq!(
        count(
            &superuser,
            "SELECT count(*) FROM timedb.isolation_problems()",
            &[]
        )
        .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_one_transaction_does_not_stay_in_the_log() {
    let (db, superuser) = legacy("public").await;
    // More than are folded at a time.
    superuser
        .batch_execute(
            "INSERT INTO public.batches_table (batch_id, tenant_id)
             SELECT md5(i::text)::uuid, 'aaaaaaaa-0000-0000-0000-000000000000' FROM generate_series(1, 1100) AS i;
             INSERT INTO public.values_table (batch_id, tenant_id, series_id, valid_time, value)
             SELECT batch_id, tenant_id, '00000000-0000-0000-0000-000000000001', '2026-02-01Z', 1
             FROM public.batches_table WHERE workflow_id IS NULL AND batch_start_time IS NULL",
        )
        .await
        .expect("many small batches are made");
    let output = migrate(&db, &[]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    for (query, number) in [
        ("SELECT count(*) FROM timedb_internal.write_log", 0),
        (
            "SELECT sum(count) FROM timedb_internal.batch_chunks WHERE tenant_id = 'aaaaaaaa-0000-0000-0000-000000000000'",
            1107,
        ),
        (
            "SELECT count(DISTINCT tenant_id) FROM timedb_internal.segments",
            2,
        ),
        (
            "SELECT sum(count)::bigint FROM timedb_internal.segments",
            1115,
        ),
    ] {
        assert_eq!(count(&superuser, query, &[]).await, number, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_run_is_refused_and_changes_nothing() {
    let (db, superuser) = legacy("public").await;
    assert_eq!(migrate(&db, &[]).code, 0);
    let before = new_rows(&superuser).await;
    let again = migrate(&db, &[]);
    assert_ne!(again.code, 0, "{}", again.stdout);
    assert!(
        again
            .stderr
            .contains("these tables were brought over before"),
        "{}",
        again.stderr
    );
    assert_eq!(new_rows(&superuser).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn run_that_fails_leaves_nothing_behind() {
    let (db, superuser) = legacy("public").await;
    let before = new_rows(&superuser).await;
    for (problem, remedy, told) in [
        (
            "UPDATE public.users_table SET email = 'no email' WHERE email = 'hand@b.example'",
            "UPDATE public.users_table SET email = 'hand@b.example' WHERE email = 'no email'",
            "invalid email \"no email\"",
        ),
        (
            "UPDATE public.batches_table SET known_time = 'infinity' WHERE workflow_id = 'empty'",
            "UPDATE public.batches_table SET known_time = now() WHERE workflow_id = 'empty'",
            "known_time is infinite",
        ),
        (
            "INSERT INTO public.series_table VALUES ('00000000-0000-0000-0000-000000000004', 'wind_speed', 'm/s', '{\"height\": \"80\"}');
             UPDATE public.values_table SET series_id = '00000000-0000-0000-0000-000000000004' WHERE value = 0.1",
            "UPDATE public.values_table SET series_id = '00000000-0000-0000-0000-000000000001' WHERE value = 0.1",
            "series differ only in labels that are no texts: wind_speed",
        ),
        (
            // What the values are corrected to is too long: it shows when much is written already.
            "UPDATE public.values_table SET annotation = repeat('x', 70000) WHERE value = 32",
            "UPDATE public.values_table SET annotation = NULL WHERE value = 32",
            "annotation may have at most",
        ),
    ] {
        superuser.batch_execute(problem).await.expect("a problem is made");
        let output = migrate(&db, &[]);
        assert_ne!(output.code, 0, "{told}: {}", output.stdout);
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
        assert_eq!(new_rows(&superuser).await, before, "{told}");
        superuser.batch_execute(remedy).await.expect("it is mended");
    }
    let owner = run_as(&db, Role::Owner, "examples/migrate_from_python.sql", &[]);
    assert_ne!(owner.code, 0, "{}", owner.stdout);
    assert_eq!(new_rows(&superuser).await, before);
    assert_eq!(migrate(&db, &[]).code, 0);
}
