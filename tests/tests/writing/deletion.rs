//! Deletion of batches, series and tenants: what is named goes from every answer, all else stays, and nothing of it is
//! left in any table.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use timedb_tests::random::Random;
use timedb_tests::{
    Db, Role, compact, compact_sometimes, count, pg_tool, refusal, run, until_somebody_waits,
    upload,
};
use tokio_postgres::Client;
use uuid::Uuid;

/// Every version: series, valid_time, value, change_time and batch.
async fn versions(client: &Client) -> BTreeSet<(Uuid, String, String, String, Uuid)> {
    let query = "SELECT series_id, valid_time::text, coalesce(value::text, '-'), change_time::text, batch_id
                 FROM timedb.read_versions()";
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect()
}

/// What a deletion says it has removed.
async fn delete(client: &Client, what: &str, id: Uuid) -> i64 {
    let call = format!("SELECT points FROM timedb.delete_{what}($1)");
    count(client, &call, &[&id]).await
}

/// Random uploads, live and in bulk, and corrections; returns the series.
async fn fill(client: &Client, random: &mut Random, writes: usize) -> Vec<Uuid> {
    let mut series = Vec::new();
    for i in 0..writes {
        if random.chance(70) || series.is_empty() {
            let points = random.pick(&[1, 2, 30, 600]);
            let upload = "SELECT series_ids FROM timedb.upload(
                              ARRAY(SELECT timestamptz '2025-01-01Z' + (i + $1 % 50) * interval '1 hour'
                                    FROM generate_series(1, $2) AS i CROSS JOIN generate_series(1, 3)),
                              ARRAY(SELECT i::float8 + $1 FROM generate_series(1, $2) AS i CROSS JOIN generate_series(1, 3)),
                              ARRAY(SELECT 's' || s FROM generate_series(1, $2) CROSS JOIN generate_series(1, 3) AS s))";
            let row = client.query_one(upload, &[&(i as i32), &points]).await;
            series = row.unwrap().get(0);
        } else {
            let found = "SELECT series_id, valid_time::text FROM timedb.read_flat() ORDER BY random() LIMIT 1";
            let row = client.query_one(found, &[]).await.unwrap();
            let update = json!([{
                "series_id": row.get::<_, Uuid>(0), "valid_time": row.get::<_, String>(1), "value": i, "annotation": "mended",
            }]);
            client
                .query_one("SELECT timedb.update_values($1)", &[&update])
                .await
                .unwrap();
        }
        compact_sometimes(client, random).await;
    }
    series
}

#[tokio::test]
async fn deleted_batches_and_series_are_gone_from_every_answer_and_nothing_else_is() {
    let db = Db::new().await;
    let (client, other) = (db.login(db.a()).await, db.login(db.b()).await);
    for seed in 0..4 {
        let mut random = Random::new(seed);
        fill(&client, &mut random, 25).await;
        fill(&other, &mut random, 5).await;
        let of_other = versions(&other).await;
        for _ in 0..4 {
            let mut expected = versions(&client).await;
            let batches =
                "SELECT batch_id, change_time::text FROM timedb.batches ORDER BY random() LIMIT 1";
            let row = client.query_one(batches, &[]).await.unwrap();
            let (batch, written): (Uuid, String) = (row.get(0), row.get(1));
            let before = expected.len();
            expected.retain(|version| version.4 != batch && version.3 != written);
            let points = delete(&client, "batch", batch).await;
            assert_eq!(points as usize, before - expected.len(), "batch {batch}");
            assert_eq!(versions(&client).await, expected, "batch {batch}");
            let gone = "SELECT count(*) FROM timedb.batches WHERE batch_id = $1";
            assert_eq!(count(&client, gone, &[&batch]).await, 0);
            let fed = "SELECT count(*) FROM timedb.read_changes(max_points => 100000)";
            assert_eq!(count(&client, fed, &[]).await as usize, expected.len());
            let again = "SELECT timedb.delete_batch($1)";
            let again = refusal(client.query(again, &[&batch]).await);
            assert_eq!(again.0, "42704", "{}", again.1);
            compact_sometimes(&client, &mut random).await;
            assert_eq!(versions(&client).await, expected, "batch {batch}");
        }
        let mut expected = versions(&client).await;
        let series = "SELECT series_id FROM timedb.series ORDER BY name LIMIT 1";
        let series: Uuid = client.query_one(series, &[]).await.unwrap().get(0);
        let before = expected.len();
        expected.retain(|version| version.0 != series);
        let points = delete(&client, "series", series).await;
        assert_eq!(points as usize, before - expected.len());
        assert_eq!(versions(&client).await, expected);
        compact(&client).await;
        assert_eq!(versions(&client).await, expected);
        for table in ["series", "values"] {
            let gone = format!(
                "SELECT count(*) FROM {full_name} WHERE series_id = $1",
                full_name = timedb_tests::qualified(table)
            );
            assert_eq!(count(&client, &gone, &[&series]).await, 0);
        }
        let fed = "SELECT count(*) FROM timedb.read_changes(max_points => 100000)";
        assert_eq!(count(&client, fed, &[]).await as usize, expected.len());
        assert_eq!(
            versions(&other).await,
            of_other,
            "another tenant's points stay"
        );
    }
    let events = "SELECT count(*) FROM timedb.audit_events WHERE event IN ('batch_deleted', 'series_deleted')";
    assert_eq!(count(&client, events, &[]).await, 20);
    assert_eq!(count(&other, events, &[]).await, 0);
}

#[tokio::test]
async fn a_deleted_request_can_be_sent_again_and_a_series_made_anew() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let batch = Uuid::from_u128(77);
    let send = "SELECT replayed, series_ids[1] FROM timedb.upload(
                    ARRAY['2025-01-01Z']::timestamptz[], ARRAY[1.5], ARRAY['s'], labels => ARRAY['{\"site\": \"a\"}'::jsonb],
                    batch_id => $1, idempotency_key => 'once')";
    let first = client.query_one(send, &[&batch]).await.unwrap();
    assert!(!first.get::<_, bool>(0));
    assert!(
        client
            .query_one(send, &[&batch])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );
    assert_eq!(delete(&client, "batch", batch).await, 1);
    assert!(
        !client
            .query_one(send, &[&batch])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );
    let values = "SELECT count(*) FROM timedb.values";
    assert_eq!(count(&client, values, &[]).await, 1);
    // The series is made anew, with another id, and is found by its labels once.
    assert_eq!(delete(&client, "series", first.get(1)).await, 1);
    assert_eq!(count(&client, values, &[]).await, 0);
    let again = "SELECT series_ids[1] FROM timedb.upload(
                     ARRAY['2025-01-01Z']::timestamptz[], ARRAY[1.5], ARRAY['s'], labels => ARRAY['{\"site\": \"a\"}'::jsonb])";
    let anew: Uuid = client.query_one(again, &[]).await.unwrap().get(0);
    assert_ne!(anew, first.get::<_, Uuid>(1));
    let found = "SELECT count(*) FROM timedb.find_series(labels => '{\"site\": \"a\"}')";
    assert_eq!(count(&client, found, &[]).await, 1);
    // What was deleted last does not give its change_time away.
    let newest = "SELECT max(change_time)::text FROM timedb.batches";
    let before: String = client.query_one(newest, &[]).await.unwrap().get(0);
    let last = "SELECT points FROM timedb.delete_batch((SELECT batch_id FROM timedb.batches ORDER BY change_time DESC LIMIT 1))";
    assert_eq!(count(&client, last, &[]).await, 1);
    client.query_one(again, &[]).await.unwrap();
    let after: String = client.query_one(newest, &[]).await.unwrap().get(0);
    assert!(after > before, "{after} is not after {before}");
}

#[tokio::test]
async fn deletion_and_writers_wait_for_each_other() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let series = upload(&client, "s", &[1.0, 2.0]).await.unwrap();
    upload(&client, "t", &[1.0]).await.unwrap();
    let by_id = "SELECT timedb.upload(ARRAY['2025-02-01Z']::timestamptz[], ARRAY[1.5], series_id => ARRAY[$1::uuid])";
    // A writer in progress is waited for, and what it wrote goes, too.
    let writer = db.login(db.a()).await;
    run(&writer, "BEGIN").await;
    writer.query(by_id, &[&series]).await.unwrap();
    let deleter = db.login(db.a()).await;
    let deletion = tokio::spawn(async move { delete(&deleter, "series", series).await });
    let observer = db.connect(Role::Superuser).await;
    until_somebody_waits(&observer).await;
    // One that comes meanwhile waits for the deletion, and finds no series.
    let late = db.login(db.a()).await;
    let upload = tokio::spawn(async move { refusal(late.query(by_id, &[&series]).await) });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    run(&writer, "COMMIT").await;
    assert_eq!(deletion.await.unwrap(), 3);
    assert_eq!(upload.await.unwrap().0, "42704");
    // Nor does one whose snapshot still has it.
    let series = series_of(&client, "t").await;
    let keeps = db.login(db.a()).await;
    run(&keeps, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    assert_eq!(
        count(&keeps, "SELECT count(*) FROM timedb.series", &[]).await,
        1
    );
    assert_eq!(delete(&client, "series", series).await, 1);
    assert_eq!(refusal(keeps.query(by_id, &[&series]).await).0, "40001");
    run(&keeps, "ROLLBACK").await;
    let left = "SELECT count(*) FROM timedb_internal.segments";
    assert_eq!(count(&observer, left, &[]).await, 0);
    // In the transaction that wrote, nothing can be deleted.
    run(
        &writer,
        "BEGIN; SELECT timedb.upload(ARRAY['2025-02-01Z']::timestamptz[], ARRAY[1.5], ARRAY['u'])",
    )
    .await;
    let batch = "SELECT timedb.delete_batch(batch_id) FROM timedb.batches LIMIT 1";
    assert_eq!(refusal(writer.query(batch, &[]).await).0, "55000");
    run(&writer, "ROLLBACK").await;
    let read_only = "SELECT * FROM timedb.create_key($1, 'reader', 'read_only')";
    let admin = db.connect(Role::Admin).await;
    let key = admin.query_one(read_only, &[&db.a().email]).await.unwrap();
    let reader = db.connect(Role::Session).await;
    timedb_tests::login(&reader, key.get("api_key"))
        .await
        .unwrap();
    for call in [
        "delete_batch(NULL)",
        "delete_series(NULL)",
        "apply_retention()",
        "set_retention('1 day')",
    ] {
        let refused = reader.query(&format!("SELECT timedb.{call}"), &[]).await;
        let state = refusal(refused).0;
        assert!(state == "42501" || state == "22004", "{call}: {state}");
    }
    assert_eq!(
        refusal(
            reader
                .query("SELECT timedb.delete_series($1)", &[&series])
                .await
        )
        .0,
        "42501"
    );
}

/// A deletion goes on as soon as a writer lets it. Then the writer has ended, even if not all of its locks have gone.
#[tokio::test]
async fn a_deletion_that_follows_a_writer_at_once_has_what_it_wrote() {
    // In which order locks go depends on the tenant.
    for _ in 0..6 {
        follow_writers(100).await;
    }
}

async fn follow_writers(deletions: usize) {
    let db = Db::new().await;
    let ended = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..4 {
        let client = db.login(db.a()).await;
        let ended = ended.clone();
        writers.push(tokio::spawn(async move {
            let name = format!("s{writer}");
            while !ended.load(Ordering::SeqCst) {
                upload(&client, &name, &[1.0]).await.unwrap();
            }
        }));
    }
    let client = db.login(db.a()).await;
    for _ in 0..deletions {
        let newest = "SELECT points FROM timedb.delete_batch(
                          (SELECT batch_id FROM timedb.batches ORDER BY change_time DESC LIMIT 1))";
        upload(&client, "s", &[1.0]).await.unwrap();
        assert_eq!(count(&client, newest, &[]).await, 1);
    }
    ended.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("a writer comes to its end");
    }
}

/// A transaction that has compacted, or let go what is old, goes on to write while a deletion waits for it.
#[tokio::test]
async fn a_deletion_and_a_transaction_that_compacts_and_writes_do_not_block_each_other() {
    for call in ["compact()", "apply_retention()"] {
        let db = Db::new().await;
        let client = db.login(db.a()).await;
        let series = upload(&client, "s", &[1.0, 2.0]).await.unwrap();
        run(&client, &format!("BEGIN; SELECT timedb.{call}")).await;
        let deleter = db.login(db.a()).await;
        let deletion = tokio::spawn(async move { delete(&deleter, "series", series).await });
        until_somebody_waits(&db.connect(Role::Superuser).await).await;
        upload(&client, "s", &[3.0]).await.unwrap();
        run(&client, "COMMIT").await;
        assert_eq!(deletion.await.expect("the deletion ends"), 3, "{call}");
    }
}

/// Nor does one block itself and others that lets go what is old and then deletes.
#[tokio::test]
async fn a_transaction_that_applies_retention_and_deletes_does_not_block_others() {
    for call in ["apply_retention()", "compact()", "set_retention('1 day')"] {
        let db = Db::new().await;
        let client = db.login(db.a()).await;
        let series = upload(&client, "s", &[1.0, 2.0]).await.unwrap();
        run(&client, "BEGIN; SELECT timedb.apply_retention()").await;
        let other = db.login(db.a()).await;
        let (waits, call) = (call != "compact()", format!("SELECT timedb.{call}"));
        let others = tokio::spawn(async move { run(&other, &call).await });
        if waits {
            until_somebody_waits(&db.connect(Role::Superuser).await).await;
        }
        assert_eq!(delete(&client, "series", series).await, 2);
        run(&client, "COMMIT").await;
        others.await.expect("the other one ends");
    }
}

/// The id of a series by its name.
async fn series_of(client: &Client, name: &str) -> Uuid {
    let query = "SELECT series_id FROM timedb.series WHERE name = $1";
    client.query_one(query, &[&name]).await.unwrap().get(0)
}

#[tokio::test]
async fn nothing_of_an_erased_tenant_is_in_any_table_or_dump() {
    let db = Db::new().await;
    let (client, other) = (db.login(db.a()).await, db.login(db.b()).await);
    let mut random = Random::new(9);
    // Folded and not, named and not, held once, with rules.
    let series = fill(&client, &mut random, 30).await;
    fill(&other, &mut random, 10).await;
    let send = "SELECT timedb.upload(ARRAY['2025-01-01Z']::timestamptz[], ARRAY[1.5], ARRAY['canary'],
                    labels => ARRAY['{\"canary\": \"canary\"}'::jsonb], workflow_id => 'canary', batch_params => '\"canary\"',
                    idempotency_key => 'canary')";
    run(&client, send).await;
    run(&client, "SELECT timedb.set_retention('10 years'), timedb.set_retention('20 years', series_id) FROM timedb.series").await;
    let admin = db.connect(Role::Admin).await;
    let tenant = db.a().tenant_id;
    for call in ["place_hold($1, 'canary')", "release_hold($1)"] {
        let call = format!("SELECT timedb.{call}");
        admin.query(&call, &[&tenant]).await.unwrap();
    }
    let of_other = versions(&other).await;
    let stored = versions(&client).await.len() as i64;
    let superuser = db.connect(Role::Superuser).await;
    let dump = || {
        let dump = pg_tool("pg_dump")
            .args(["--no-sync", &db.dsn(Role::Superuser)])
            .run();
        assert_eq!(dump.code, 0, "{}", dump.stderr);
        dump.stdout.to_lowercase()
    };
    let mut traces = vec![
        tenant.to_string(),
        tenant.simple().to_string(),
        db.a().user_id.to_string(),
        db.a().email.clone(),
        "canary".to_owned(),
    ];
    traces.extend(series.iter().map(Uuid::to_string));
    traces.extend(series.iter().map(|id| id.simple().to_string()));
    let before = dump();
    // The hexadecimal forms of ids of series are in blobs and lists.
    let found = traces.iter().filter(|trace| before.contains(*trace));
    assert!(found.count() > 5, "the dump shows what there is to erase");
    let erased = admin
        .query_one(
            "SELECT users, series, points FROM timedb.delete_tenant($1)",
            &[&tenant],
        )
        .await
        .unwrap();
    let erased: (i64, i64, i64) = (erased.get(0), erased.get(1), erased.get(2));
    assert_eq!(erased, (1, 4, stored));
    let after = dump();
    for trace in &traces {
        assert!(!after.contains(trace), "{trace} is in the dump");
    }
    let tables = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                  WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind = 'r' AND a.attname = 'tenant_id'";
    for table in superuser.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let rows = format!("SELECT count(*) FROM {table} WHERE tenant_id = $1");
        assert_eq!(count(&superuser, &rows, &[&tenant]).await, 0, "{table}");
    }
    assert_eq!(
        versions(&other).await,
        of_other,
        "another tenant notices nothing"
    );
    // Sessions of the tenant that go on write nothing any more.
    let refused = refusal(client.query(send, &[]).await);
    assert_eq!(refused.0, "28000", "{}", refused.1);
    assert_eq!(versions(&client).await.len(), 0);
    let key = refusal(timedb_tests::login(&client, &db.a().key).await);
    assert_eq!(key.0, "28000");
    // What is left is who did it, when, and what recognises the tenant.
    let event = "SELECT count(*) FROM timedb.list_events()
                 WHERE event = 'tenant_deleted' AND tenant_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                   AND details->>'tenant_sha256' = encode(sha256(convert_to($1::uuid::text, 'UTF8')), 'hex')
                   AND (details->>'points')::bigint = $2";
    assert_eq!(count(&admin, event, &[&tenant, &stored]).await, 1);
    let nobody = "SELECT timedb.create_tenant(tenant_id => 'ffffffff-ffff-ffff-ffff-ffffffffffff')";
    assert_eq!(refusal(admin.query(nobody, &[]).await).0, "22023");
    let same = "SELECT timedb.create_tenant(tenant_id => $1)";
    admin.query(same, &[&tenant]).await.unwrap();
}

#[tokio::test]
async fn the_space_of_what_is_deleted_is_used_again() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let superuser = db.connect(Role::Superuser).await;
    let noise: Vec<f64> = {
        let mut random = Random::new(3);
        (0..200_000)
            .map(|_| f64::from(random.below(1 << 30) as u32).sqrt())
            .collect()
    };
    let size = "SELECT pg_total_relation_size('timedb_internal.segments')";
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let series = upload(&client, "s", &noise).await.unwrap();
        sizes.push(count(&superuser, size, &[]).await);
        assert_eq!(delete(&client, "series", series).await, 200_000);
        run(&superuser, "VACUUM timedb_internal.segments").await;
    }
    assert!(sizes[0] > 1_000_000, "{sizes:?}");
    assert!(sizes[2] < sizes[0] * 11 / 10, "{sizes:?}");
}

#[tokio::test]
async fn a_writer_that_has_authenticated_writes_nothing_for_a_tenant_erased_since() {
    let db = Db::new().await;
    let waiting = db.begin(db.a()).await;
    let admin = db.connect(Role::Admin).await;
    run(&admin, "BEGIN").await;
    let erase = "SELECT timedb.delete_tenant($1)";
    admin.query(erase, &[&db.a().tenant_id]).await.unwrap();
    let writer = tokio::spawn(async move { refusal(upload(&waiting, "s", &[1.0]).await) });
    until_somebody_waits(&db.connect(Role::Superuser).await).await;
    run(&admin, "COMMIT").await;
    assert_eq!(writer.await.unwrap().0, "28000");
    // An open store's tenant is not erased under those who use it.
    run(&admin, "SELECT timedb.set_auth_required(false)").await;
    assert_eq!(
        refusal(admin.query(erase, &[&Uuid::nil()]).await).0,
        "55000"
    );
}
