//! `pg_dump`, `pg_restore` and `psql` with PostgreSQL's own programs: every row comes back, the catalog
//! is that of the source, keys work, no key leaves.

mod customised;
mod refused;
mod whole;

use tempfile::TempDir;
use timedb_tests::{
    Db, Role, ThrowawayCluster, authenticate, catalog, compact, connect, pg_tool, run, upload,
};
use tokio_postgres::Client;

/// Series that each of the large tenants uploads, which are as many segments at least.
const SERIES: i32 = 1_200;

/// A folder for dumps, deleted with the value.
struct Dumps(TempDir);

impl Dumps {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for dumps"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

/// Rows in every table of the extension: two large tenants, thirty small ones, labels, nulls, odd floats.
async fn fill(db: &Db) {
    let owner = db.connect(Role::Owner).await;
    run(
        &owner,
        "SELECT timedb.create_user(timedb.create_tenant('small ' || i), 'user' || i || '@small.example')
         FROM generate_series(1, 30) AS i",
    )
    .await;
    for tenant in [db.a(), db.b()] {
        let client = db.begin(tenant).await;
        upload(
            &client,
            "temperature",
            &[20.5, 21.25, f64::MIN_POSITIVE, -0.0, f64::MAX],
        )
        .await
        .unwrap();
        run(
            &client,
            &format!(
                "SELECT timedb.upload(
                     valid_time => array_agg(timestamptz '2025-03-01Z' + i * interval '1 minute'),
                     value => array_agg(nullif(i % 97, 0) / 7.0),
                     name => ARRAY['load'], labels => ARRAY['{{\"site\": \"Østerbro\", \"unit\": \"2\"}}'::jsonb],
                     unit => ARRAY['MW'], known_time => '2025-02-28Z', workflow_id => 'nightly',
                     batch_params => '{{\"model\": \"v1\"}}')
                 FROM generate_series(1, 10000) AS i;
                 SELECT timedb.upload(
                     valid_time => array_agg(timestamptz '2025-04-01Z' + i * interval '1 hour'),
                     value => array_agg(i / 3.0), name => array_agg('meter ' || i % {SERIES}),
                     labels => array_agg(jsonb_build_object('number', (i % {SERIES})::text)))
                 FROM generate_series(1, {SERIES}) AS i;
                 SELECT timedb.upload(
                     valid_time => array_agg(timestamptz '2025-04-01Z' + i * interval '1 hour'),
                     value => array_agg(i / 3.0), name => array_agg('meter ' || i % {SERIES}),
                     labels => array_agg(jsonb_build_object('number', (i % {SERIES})::text)))
                 FROM generate_series({SERIES} + 1, 2 * {SERIES}) AS i;
                 COMMIT"
            ),
        )
        .await;
        // These are folded.
        let client = db.begin(tenant).await;
        compact(&client).await;
        run(&client, "COMMIT").await;
        // A batch each, which the log keeps, and which can be sent again.
        for day in 1..=30 {
            let client = db.begin(tenant).await;
            for time in 1..=2 {
                run(&client, &daily(day, time)).await;
            }
            run(&client, "COMMIT").await;
        }
    }
    run(
        &owner,
        &format!("SELECT timedb.deactivate_user('{}')", db.b().email),
    )
    .await;
    // The one row that this table can hold; keys stay valid in an open store.
    run(&owner, "SELECT timedb.set_auth_required(false)").await;
    let superuser = db.connect(Role::Superuser).await;
    top_up(&superuser).await;
}

/// An upload that can be sent again, the first or second one of a day.
fn daily(day: i32, time: i32) -> String {
    format!(
        "SELECT * FROM timedb.upload(valid_time => ARRAY['2025-05-{day:02}Z']::timestamptz[], value => ARRAY[{day}.5], name => ARRAY['load'],
                                     idempotency_key => 'day {day}, {time}')"
    )
}

/// Rows that every table has at least; `settings` has room for one.
const ROWS: i64 = 30;

/// Made-up rows in the tables that no function above has filled: what a dump must bring back is every
/// table, whoever fills it.
async fn top_up(superuser: &Client) {
    for (table, rows, _) in catalog::rows(superuser).await {
        if rows >= ROWS || table == "settings" {
            continue;
        }
        let columns = superuser
            .query(
                "SELECT quote_ident(attname), format_type(atttypid, NULL) FROM pg_attribute
                 WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
                &[&timedb_tests::qualified(&table)],
            )
            .await
            .unwrap();
        let (names, values): (Vec<String>, Vec<&str>) = columns
            .iter()
            .map(|column| {
                let value = match column.get::<_, &str>(1) {
                    "uuid" => "gen_random_uuid()",
                    "uuid[]" => "ARRAY[gen_random_uuid()]",
                    "timestamp with time zone" => "now() + i * interval '1 second'",
                    "jsonb" => "jsonb_build_object('made up', i)",
                    "bytea" => "sha256(i::text::bytea)",
                    "boolean" => "i % 2 = 0",
                    "interval" => "i * interval '1 day'",
                    "date" => "current_date + i",
                    "text" if column.get::<_, &str>(0) == "access" => "'read_only'",
                    "text" => "'made up ' || i",
                    _ => "i",
                };
                (column.get::<_, String>(0), value)
            })
            .unzip();
        run(
            superuser,
            &format!(
                "INSERT INTO {full_name} ({}) SELECT {} FROM generate_series(1, 50) AS i",
                names.join(", "),
                values.join(", "),
                full_name = timedb_tests::qualified(table)
            ),
        )
        .await;
    }
}

/// Makes the test's role `Nobody` what docs/backup.md says a backup role is: no superuser.
async fn backup_dsn(db: &Db) -> String {
    let role = db.role_name(Role::Nobody);
    let superuser = db.connect(Role::Superuser).await;
    run(
        &superuser,
        &format!("ALTER ROLE {role} BYPASSRLS; GRANT pg_read_all_data TO {role}"),
    )
    .await;
    db.dsn(Role::Nobody)
}

/// A custom dump by the backup role.
async fn dump(db: &Db, file: &str) {
    pg_tool("pg_dump")
        .args(["-Fc", "-f", file, "-d", &backup_dsn(db).await])
        .ok();
}

/// A new database in a cluster; its superuser's connection URI.
async fn new_database(cluster: &ThrowawayCluster, name: &str) -> String {
    let superuser = cluster.connect("postgres").await;
    run(&superuser, &format!("CREATE DATABASE {name}")).await;
    cluster.dsn(name)
}

/// All versions of all values, and all batches, as the tenant of a key reads them through `app`.
async fn versions_read(client: &Client, key: &str) -> (i64, String, i64, String) {
    run(client, "BEGIN; SET LOCAL TIME ZONE 'UTC'").await;
    authenticate(client, key).await.unwrap();
    let row = client
        .query_one(
            "SELECT v.*, b.* FROM
                 (SELECT count(*), coalesce(md5(string_agg(md5(v::text), '' ORDER BY md5(v::text))), '') FROM timedb.read_versions() AS v) AS v,
                 (SELECT count(*), coalesce(md5(string_agg(md5(b::text), '' ORDER BY md5(b::text))), '') FROM timedb.batches AS b) AS b",
            &[],
        )
        .await
        .unwrap();
    run(client, "COMMIT").await;
    (row.get(0), row.get(1), row.get(2), row.get(3))
}

#[tokio::test]
async fn a_full_dump_holds_no_key() {
    let db = Db::new().await;
    fill(&db).await;
    let dump = pg_tool("pg_dump")
        .args(["-d", &db.dsn(Role::Superuser)])
        .ok();
    assert!(dump.contains(&db.a().email), "the dump holds the users");
    for tenant in [db.a(), db.b()] {
        assert!(!dump.contains(&tenant.key));
        // Not even most of it: the first characters alone are kept, for display.
        assert!(!dump.contains(&tenant.key[..24]) && !dump.contains(&tenant.key[24..]));
    }
}

/// A role of its own for the application, so that row security binds it.
async fn app(cluster: &ThrowawayCluster, database: &str) -> Client {
    let superuser = cluster.connect(database).await;
    run(
        &superuser,
        "DO $$ BEGIN CREATE ROLE app LOGIN IN ROLE timedb_user; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    .await;
    connect(&cluster.dsn_as(database, "app")).await
}
