//! `timedb export` and `timedb import`: a tenant in another store answers as it did, and its file says the same; what is
//! damaged, cut off or does not belong there leaves nothing.

mod large;
mod refused;

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, Output, Role, Tenant, cli, compact_sometimes, count, run, upload};
use tokio_postgres::Client;

/// Runs `timedb <arguments>` as the administrator of the database.
fn command(db: &Db, arguments: &[&str]) -> Output {
    cli(arguments).env("TIMEDB_DSN", db.dsn(Role::Admin)).run()
}

fn export(db: &Db, tenant: &str, format: &str, file: &Path) -> Value {
    let file = file.to_str().unwrap();
    let done = command(
        db,
        &[
            "export", "--tenant", tenant, "--format", format, "--output", file, "--json",
        ],
    );
    assert_eq!(done.code, 0, "{done:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

fn import(db: &Db, file: &Path) -> Output {
    command(db, &["import", file.to_str().unwrap(), "--json"])
}

/// Fills the store of a tenant with whatever there can be.
async fn fill(db: &Db, random: &mut Random) {
    let owner = db.connect(Role::Owner).await;
    let a = db.a();
    let client = db.login(a).await;
    let series = upload(&client, "plain", &[1.0, -0.0, 2.5e-300, 1e300])
        .await
        .unwrap();
    for day in 1..8 {
        run(
            &client,
            &format!(
                "SELECT timedb.upload(
                     valid_time => ARRAY(SELECT timestamptz '2025-01-01 00:00Z' + i * interval '1 hour' FROM generate_series(0, 999) AS i),
                     value => ARRAY(SELECT nullif(i % 7, {day})::float8 FROM generate_series(0, 999) AS i),
                     name => ARRAY['forecast'], unit => ARRAY['MW'], description => ARRAY['of \"wind\" 🌬'],
                     labels => ARRAY['{{\"site\": \"nörd\", \"model\": \"a\\\"b\"}}']::jsonb[],
                     known_time => timestamptz '2025-01-01 00:00Z' + {day} * interval '1 day',
                     workflow_id => 'run {day}', batch_params => '{{\"n\": 1.10, \"list\": [1, null, {{}}]}}',
                     batch_start_time => '2024-12-31 23:00Z', batch_finish_time => '2025-01-01 00:00:00.000001Z')"
            ),
        )
        .await;
        run(
            &client,
            &format!(
                "SELECT timedb.upload(valid_time => ARRAY(SELECT timestamptz '2025-02-01 00:00Z' + {day} * interval '1 min' FROM generate_series(0, 9)),
                     value => ARRAY(SELECT random() FROM generate_series(0, 9)),
                     name => ARRAY(SELECT 'tick ' || i FROM generate_series(0, 9) AS i))"
            ),
        )
        .await;
        compact_sometimes(&client, random).await;
    }
    run(
        &client,
        "SELECT timedb.upload(valid_time => '{2025-03-01 00:00Z,2025-03-01 01:00Z}', value => '{1,null}', name => '{interval}',
             valid_time_end => '{2025-03-01 00:15Z,null}', batch_id => '00000000-0000-4000-8000-000000000001',
             batch_params => 'null');
         SELECT timedb.upload(valid_time => '{2025-03-01 00:00Z}', value => '{7}', name => '{interval}', idempotency_key => 'once \"more\"');
         SELECT timedb.upload(valid_time => '{0001-01-01 00:00Z,9999-12-31 23:59:59.999999Z}', value => '{1,2}', name => '{edges}');
         SELECT timedb.upload(valid_time => '{2025-03-01 00:00Z}', value => '{7}', name => '{wrong}', idempotency_key => 'gone');
         SELECT timedb.create_series('empty', 'kW');
         SELECT timedb.set_retention('1 year 2 mons 3 days 04:05:06.789'::interval);
         SELECT timedb.set_retention(NULL, series_id) FROM timedb.series WHERE name = 'edges'",
    )
    .await;
    for update in [
        "\"value\": 3.25, \"annotation\": \"checked\\n\\\"twice\\\" ü\"",
        "\"tags\": [\"b\", \"a \\\\ c\"], \"metadata\": {\"n\": 1.10, \"deep\": {\"x\": [1, \"é\"]}}",
        "\"value\": null",
    ] {
        run(
            &client,
            &format!(
                "SELECT timedb.update_values(format('[{{\"series_id\": \"%s\", \"valid_time\": \"2025-01-01 00:00Z\", {}}}]', '{series}')::jsonb)",
                update.replace('\'', "''").replace('%', "%%")
            ),
        )
        .await;
        compact_sometimes(&client, random).await;
    }
    run(
        &client,
        "SELECT timedb.delete_batch(batch_id) FROM timedb.batches WHERE idempotency_key = 'gone';
         SELECT timedb.rename_series(series_id, 'renamed') FROM timedb.series WHERE name = 'tick 3'",
    )
    .await;
    upload(&client, "last", &[1.0]).await.unwrap();
    run(
        &owner,
        &format!(
            "SELECT timedb.create_user('{t}', 'other@a.example'); SELECT timedb.deactivate_user('other@a.example', '{t}');
             SELECT timedb.place_hold('{t}', 'because of §1', '{series}')",
            t = a.tenant_id
        ),
    )
    .await;
}

/// What a tenant can ask; the answers as texts.
async fn answers(client: &Client) -> Vec<String> {
    let mut queries: Vec<String> = [
        "SELECT * FROM timedb.series ORDER BY series_id",
        "SELECT * FROM timedb.series_labels ORDER BY series_id, label",
        "SELECT * FROM timedb.batches ORDER BY change_time",
        "SELECT * FROM timedb.requests ORDER BY batch_id",
        "SELECT * FROM timedb.retention ORDER BY series_id",
        "SELECT * FROM timedb.holds ORDER BY series_id",
        "SELECT * FROM timedb.read_flat()",
        "SELECT * FROM timedb.read_overlapping()",
        "SELECT * FROM timedb.read_versions()",
        "SELECT * FROM timedb.read_last()",
        "SELECT * FROM timedb.read_buckets('1 day')",
        "SELECT * FROM timedb.\"values\"",
        "SELECT * FROM timedb.read_changes(max_points => 100000)",
        "SELECT * FROM timedb.read_changes(max_points => 3)",
    ]
    .map(str::to_owned)
    .to_vec();
    let times = "SELECT change_time::text FROM timedb.batches ORDER BY change_time";
    for row in client.query(times, &[]).await.unwrap() {
        let time: String = row.get(0);
        queries.push(format!(
            "SELECT * FROM timedb.read_flat(as_of_change => '{time}')"
        ));
        queries.push(format!(
            "SELECT * FROM timedb.read_versions(as_of_change => '{time}')"
        ));
    }
    for day in 1..9 {
        queries.push(format!(
            "SELECT * FROM timedb.read_flat(as_of => '2025-01-0{day} 00:00Z')"
        ));
    }
    let mut answers = Vec::new();
    for query in queries {
        let asked = format!("SELECT coalesce(string_agg(r::text, E'\\n'), '') FROM ({query}) AS r");
        let row = client.query_one(&asked, &[]).await;
        let text: String = row
            .unwrap_or_else(|error| panic!("{query}: {error:?}"))
            .get(0);
        answers.push(format!("{query}\n{text}"));
    }
    answers
}

/// The tenant in another store, with a new key.
async fn moved(target: &Db, tenant: &Tenant, key: &str) -> Tenant {
    let admin = target.connect(Role::Admin).await;
    let row = admin
        .query_one(
            "SELECT api_key FROM timedb.create_key($1, $3, tenant_id => $2)",
            &[&tenant.email, &tenant.tenant_id, &key],
        )
        .await
        .unwrap();
    Tenant {
        key: row.get(0),
        ..tenant.clone()
    }
}

/// Rows of a tenant, in all tables.
async fn rows_of(db: &Db, tenant: &Tenant) -> i64 {
    let superuser = db.connect(Role::Superuser).await;
    let tables = "SELECT string_agg(format('SELECT count(*) FROM %s WHERE tenant_id = %L', c.oid::regclass, $1::text), ' UNION ALL ')
                  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
                  WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind = 'r'";
    let tenant = tenant.tenant_id.to_string();
    let all: String = superuser
        .query_one(tables, &[&tenant])
        .await
        .unwrap()
        .get(0);
    count(
        &superuser,
        &format!("SELECT sum(n)::bigint FROM ({all}) AS t(n)"),
        &[],
    )
    .await
}

#[tokio::test]
async fn a_tenant_that_has_moved_answers_as_it_did() {
    let seed = new_seed();
    println!("seed {seed}");
    let (source, target) = (Db::new().await, Db::new().await);
    fill(&source, &mut Random::new(seed)).await;
    let tenant = source.a().tenant_id.to_string();
    let folder = TempDir::new().unwrap();
    let [lines, arrow, again] =
        ["a.ndjson", "a.arrow", "again"].map(|name| folder.path().join(name));
    let said = export(&source, &tenant, "ndjson", &lines);
    assert_eq!(export(&source, &tenant, "arrow", &arrow), said);
    // What sha256sum says of all lines but the last one is what the last one says.
    let text = fs::read_to_string(&lines).unwrap();
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
    let trailer: Value = serde_json::from_str(last).unwrap();
    assert_eq!(trailer["sha256"], sha256(&format!("{before}\n")), "{last}");
    assert_eq!(trailer["sha256"], said["sha256"]);
    assert_eq!(
        trailer["points"],
        text.matches("{\"record\":\"point\"").count()
    );
    let keys: Vec<&str> = [source.a(), source.b()].map(|one| &*one.key).to_vec();
    assert!(keys.iter().all(|key| !text.contains(key)) && !text.contains("key_hash"));

    let before = answers(&source.login(source.a()).await).await;
    for (file, is_first) in [(&lines, true), (&arrow, false)] {
        if !is_first {
            let admin = target.connect(Role::Admin).await;
            let release = format!(
                "SELECT timedb.release_hold(tenant_id, series_id) FROM timedb.list_holds() WHERE tenant_id = '{tenant}'"
            );
            run(&admin, &release).await;
            run(&admin, &format!("SELECT timedb.delete_tenant('{tenant}')")).await;
        }
        let done = import(&target, file);
        assert_eq!(done.code, 0, "{done:?}");
        assert_eq!(serde_json::from_str::<Value>(&done.stdout).unwrap(), said);
        let there = moved(&target, source.a(), "moved").await;
        let client = target.login(&there).await;
        for (here, there) in before.iter().zip(answers(&client).await) {
            assert!(*here == there, "before:\n{here}\n\nafter:\n{there}");
        }
        assert_eq!(
            count(&client, "SELECT count(*) FROM timedb.verify()", &[]).await,
            0
        );
        export(&target, &tenant, "ndjson", &again);
        assert!(fs::read(&again).unwrap() == fs::read(&lines).unwrap());
        // Neither store is the other's: what b has stays its own.
        assert_eq!(
            count(
                &target.login(target.b()).await,
                "SELECT count(*) FROM timedb.series",
                &[]
            )
            .await,
            0
        );
    }
    // It goes on: later than all that it has brought along, and what was sent once is known.
    let client = target
        .login(&moved(&target, source.a(), "again").await)
        .await;
    let newest = "SELECT max(change_time) FROM timedb.batches";
    let later = format!(
        "SELECT count(*) FROM timedb.batches WHERE change_time > ({newest} WHERE workflow_id = 'run 7')"
    );
    let before = count(&client, &later, &[]).await;
    let once = "SELECT replayed FROM timedb.upload(valid_time => '{2025-03-01 00:00Z}', value => '{7}', name => '{interval}', idempotency_key => 'once \"more\"')";
    assert!(client.query_one(once, &[]).await.unwrap().get::<_, bool>(0));
    upload(&client, "plain", &[5.0]).await.unwrap();
    assert_eq!(count(&client, &later, &[]).await, before + 1);
    let events = command(&target, &["events", "-t", &tenant, "--json"]);
    assert!(
        events.stdout.contains("tenant_imported") && events.stdout.contains("tenant_exported"),
        "{events:?}"
    );
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
