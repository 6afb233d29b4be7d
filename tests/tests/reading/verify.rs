//! Verification: damage of every kind is detected and listed, nothing else is, and what is set aside is out of the way
//! until it is put back.

use serde_json::{Value, json};
use timedb_tests::{Db, Role, authenticate, compact, count, refusal, run, upload};
use tokio_postgres::Client;
use uuid::Uuid;

/// Uploads a point of each of nine series, at this hour.
async fn tick(client: &Client, hour: i32) {
    let upload = "SELECT timedb.upload(array_fill(timestamptz '2025-02-01Z' + $1 * interval '1 hour', ARRAY[9]),
                      array_fill($1::float8, ARRAY[9]), ARRAY(SELECT 'series ' || i FROM generate_series(1, 9) AS i))";
    client.query(upload, &[&f64::from(hour)]).await.unwrap();
}

/// A store in which tenant A has rows of every kind: segments, chunks and a list that the log refers to.
async fn store() -> Db {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        r#"SELECT timedb.create_series('labelled', labels => '{"site": "north", "unit": "7"}')"#,
    )
    .await;
    tick(&client, 0).await;
    tick(&client, 1).await;
    run(&client, "SELECT timedb.upload('{2025-02-01Z}', '{1}', '{labelled}', labels => ARRAY['{\"site\": \"north\", \"unit\": \"7\"}'::jsonb], idempotency_key => 'once')").await;
    compact(&client).await;
    tick(&client, 2).await;
    let other = db.login(db.b()).await;
    upload(&other, "theirs", &[1.0, 2.0]).await.unwrap();
    db
}

/// Flips every bit of a blob, and cuts it short at every length; each time, a read as a bound role must be XX001 and
/// name the row.
async fn every_flip_is_detected(table: &str, blob: &str, condition: &str, read: &str, named: &str) {
    let db = store().await;
    let surgeon = db.connect(Role::Superuser).await;
    run(&surgeon, "BEGIN").await;
    authenticate(&surgeon, &db.a().key).await.unwrap();
    let condition = format!("tenant_id = timedb.current_tenant() AND {condition}");
    let flips = format!(
        "DO $do$
         DECLARE
             original bytea;
             named text;
             changed bytea;
             tried int := 0;
         BEGIN
             SELECT t.{blob}, {named} INTO STRICT original, named FROM {full_name} AS t WHERE {condition};
             FOR changed IN
                 SELECT set_bit(original, bit, 1 - get_bit(original, bit)) FROM generate_series(0, 8 * length(original) - 1) AS bit
                 UNION ALL SELECT substr(original, 1, length) FROM generate_series(0, length(original) - 1) AS length
             LOOP
                 UPDATE {full_name} SET {blob} = changed WHERE {condition};
                 PERFORM set_config('role', 'timedb_user', true);
                 BEGIN
                     PERFORM count(*) FROM {read};
                     RAISE EXCEPTION 'read all the same: %', changed;
                 EXCEPTION WHEN data_corrupted THEN
                     IF position(named IN SQLERRM) = 0 THEN
                         RAISE EXCEPTION '% is not in %', named, SQLERRM;
                     END IF;
                 END;
                 PERFORM set_config('role', 'none', true);
                 tried := tried + 1;
             END LOOP;
             IF tried < 9 * 20 THEN
                 RAISE EXCEPTION 'only % changes were tried', tried;
             END IF;
         END
         $do$", full_name = timedb_tests::qualified(table));
    surgeon.batch_execute(&flips).await.unwrap();
}

#[tokio::test]
async fn every_bit_and_every_byte_of_a_segment_counts() {
    let one = "series_id = (SELECT series_id FROM timedb.series AS s WHERE s.name = 'series 3' AND s.tenant_id = t.tenant_id)";
    let one = one.replace("t.tenant_id", "timedb.current_tenant()");
    let read = "timedb.read_flat(name => 'series 3')";
    every_flip_is_detected("segments", "blob", &one, read, "segment_id::text").await;
}

#[tokio::test]
async fn every_bit_and_every_byte_of_a_row_of_the_log_counts() {
    let time = "to_char(change_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')";
    every_flip_is_detected("write_log", "blob", "true", "timedb.read_flat()", time).await;
}

#[tokio::test]
async fn every_bit_and_every_byte_of_a_chunk_and_of_a_list_counts() {
    let time = "to_char(max_change AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')";
    every_flip_is_detected("batch_chunks", "blob", "true", "timedb.batches", time).await;
    let read = "timedb.read_flat()";
    every_flip_is_detected("series_lists", "series_ids", "true", read, "list_id::text").await;
}

/// A change that damages a row.
struct Case {
    table: &'static str,
    /// Which row of tenant A's.
    row: &'static str,
    change: &'static str,
    /// The kinds that are listed then, in this order.
    listed: &'static [&'static str],
    /// How many points, and batches, are missing until all is put back.
    points: i64,
    batches: i64,
}

const OF_SERIES_3: &str = "series_id = (SELECT series_id FROM timedb.series WHERE name = 'series 3' AND tenant_id = timedb.current_tenant())";
const FLIPPED: &str = "blob = set_byte(blob, 9, get_byte(blob, 9) # 16)";

const CASES: &[Case] = &[
    Case {
        table: "segments",
        row: OF_SERIES_3,
        change: FLIPPED,
        listed: &["segment"],
        points: 2,
        batches: 0,
    },
    // What the checksum does not cover, and what hides a segment from reads.
    Case {
        table: "segments",
        row: OF_SERIES_3,
        change: "span_class = span_class + 1",
        listed: &["segment"],
        points: 2,
        batches: 0,
    },
    Case {
        table: "segments",
        row: OF_SERIES_3,
        change: "min_valid = 'infinity', max_valid = '-infinity', count = 2147483647",
        listed: &["segment"],
        points: 2,
        batches: 0,
    },
    Case {
        table: "segments",
        row: OF_SERIES_3,
        change: "series_id = '00000000-0000-0000-0000-000000000001'",
        listed: &["segment"],
        points: 2,
        batches: 0,
    },
    Case {
        table: "write_log",
        row: "true",
        change: FLIPPED,
        listed: &["log"],
        points: 9,
        batches: 1,
    },
    Case {
        table: "write_log",
        row: "true",
        change: "points = points + 1",
        listed: &["log"],
        points: 9,
        batches: 1,
    },
    Case {
        table: "write_log",
        row: "true",
        change: "change_time = change_time + interval '100 years'",
        listed: &["log"],
        points: 9,
        batches: 1,
    },
    // Behind what is folded, nobody looks for it.
    Case {
        table: "write_log",
        row: "true",
        change: "change_time = change_time - interval '1 day'",
        listed: &["log"],
        points: 9,
        batches: 1,
    },
    Case {
        table: "batch_chunks",
        row: "true",
        change: FLIPPED,
        listed: &["chunk"],
        points: 0,
        batches: 3,
    },
    // The log is hidden behind it.
    Case {
        table: "batch_chunks",
        row: "true",
        change: "max_change = max_change + interval '100 years'",
        listed: &["chunk"],
        points: 0,
        batches: 3,
    },
    Case {
        table: "series_lists",
        row: "true",
        change: "series_ids = substr(series_ids, 17, 16) || substr(series_ids, 1, 16) || substr(series_ids, 33)",
        listed: &["list", "log"],
        points: 9,
        batches: 1,
    },
    Case {
        table: "requests",
        row: "true",
        change: "request_hash = '\\x00'",
        listed: &["request"],
        points: 0,
        batches: 0,
    },
];

/// Reads of everything, as the tenant: points, batches.
async fn read_all(client: &Client) -> (i64, i64) {
    let mut counts = [0; 2];
    for (i, query) in [
        "SELECT count(*) FROM timedb.read_versions()",
        "SELECT count(*) FROM timedb.batches WHERE points > 0",
        "SELECT count(*) FROM timedb.read_flat()",
        "SELECT count(*) FROM timedb.read_last()",
        "SELECT count(*) FROM timedb.read_buckets('1 day')",
        "SELECT count(*) FROM timedb.read_changes()",
        "SELECT count(*) FROM timedb.read_versions() WHERE change_time > '2000-01-01'",
    ]
    .into_iter()
    .enumerate()
    {
        let found = count(client, query, &[]).await;
        if let Some(place) = counts.get_mut(i) {
            *place = found;
        }
    }
    (counts[0], counts[1])
}

/// What is listed: kind, damage_id and problem.
async fn listed(client: &Client, query: &str) -> Vec<[String; 3]> {
    let rows = client.query(query, &[]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let of_row = |row: &tokio_postgres::Row| ["kind", "damage_id", "problem"].map(|c| row.get(c));
    rows.iter().map(of_row).collect()
}

const VERIFY: &str = "SELECT * FROM timedb.verify()";

#[tokio::test]
async fn whatever_is_damaged_is_listed_and_set_aside_and_put_back() {
    let db = store().await;
    let (a, b) = (db.a().tenant_id, db.b().tenant_id);
    let other = db.login(db.b()).await;
    for case in CASES {
        let Case {
            table, row, change, ..
        } = case;
        let name = format!("{table}: {change}");
        let client = db.connect(Role::Superuser).await;
        // All as bound roles, in a transaction that leaves nothing.
        run(&client, "BEGIN").await;
        authenticate(&client, &db.a().key).await.unwrap();
        run(&client, "SET LOCAL ROLE timedb_user").await;
        let before = read_all(&client).await;
        assert_eq!(listed(&client, VERIFY).await, Vec::<[String; 3]>::new());
        run(&client, "RESET ROLE").await;
        let row = format!("tenant_id = timedb.current_tenant() AND {row}");
        let whole = format!(
            "SELECT to_jsonb(t) FROM {full_name} AS t WHERE {row}",
            full_name = timedb_tests::qualified(table)
        );
        let whole: Value = client.query_one(&whole, &[]).await.unwrap().get(0);
        let damage = format!(
            "UPDATE {full_name} SET {change} WHERE {row}",
            full_name = timedb_tests::qualified(table)
        );
        assert_eq!(client.execute(&damage, &[]).await.unwrap(), 1, "{name}");

        run(&client, "SET LOCAL ROLE timedb_user").await;
        let found = listed(&client, VERIFY).await;
        let kinds: Vec<&str> = found.iter().map(|[kind, ..]| kind.as_str()).collect();
        assert_eq!(kinds, case.listed, "{name}: {found:?}");
        run(&client, "RESET ROLE; SET LOCAL ROLE timedb_admin").await;
        let by_admin = format!("SELECT * FROM timedb.verify_store('{a}')");
        assert_eq!(listed(&client, &by_admin).await, found);
        let of_b = format!("SELECT * FROM timedb.verify_store('{b}')");
        assert_eq!(listed(&client, &of_b).await, Vec::<[String; 3]>::new());
        assert_eq!(listed(&other, VERIFY).await, Vec::<[String; 3]>::new());
        for [kind, damage_id, problem] in &found {
            let set_aside = "SELECT damage_id, kind FROM timedb.set_aside($1, $2)";
            let gone = client.query_one(set_aside, &[&a, damage_id]).await;
            let gone = gone.unwrap_or_else(|error| panic!("{name}: {problem}: {error:?}"));
            assert_eq!((gone.get(0), gone.get(1)), (&**damage_id, &**kind));
        }

        run(&client, "RESET ROLE; SET LOCAL ROLE timedb_user").await;
        assert_eq!(
            listed(&client, VERIFY).await,
            Vec::<[String; 3]>::new(),
            "{name}"
        );
        let after = (before.0 - case.points, before.1 - case.batches);
        assert_eq!(read_all(&client).await, after, "{name}");
        run(&client, "SAVEPOINT s").await;
        tick(&client, 3).await;
        run(&client, "SELECT timedb.compact()").await;
        assert_eq!(
            read_all(&client).await,
            (after.0 + 9, after.1 + 1),
            "{name}"
        );
        run(&client, "ROLLBACK TO s").await;

        run(
            &client,
            "RESET ROLE; SET LOCAL ROLE timedb_admin; SAVEPOINT s",
        )
        .await;
        let put_back = "SELECT kind FROM timedb.put_back($1, $2, $3)";
        let first = &found[0][1];
        let unmended = client.query(put_back, &[&a, first, &None::<Value>]).await;
        let (code, message) = refusal(unmended);
        assert_eq!(code, "55000", "{name}: {message}");
        assert!(message.contains("still damaged"), "{name}: {message}");
        run(&client, "ROLLBACK TO s").await;
        for [_, damage_id, _] in &found {
            let mended = (damage_id == first).then_some(&whole);
            let back = client.query(put_back, &[&a, damage_id, &mended]).await;
            back.unwrap_or_else(|error| panic!("{name}: {damage_id}: {error:?}"));
        }
        run(&client, "RESET ROLE").await;
        let left = "SELECT count(*) FROM timedb_internal.damaged_rows";
        assert_eq!(count(&client, left, &[]).await, 0, "{name}");
        run(&client, "SET LOCAL ROLE timedb_user").await;
        assert_eq!(listed(&client, VERIFY).await, Vec::<[String; 3]>::new());
        assert_eq!(read_all(&client).await, before, "{name}");
        let events = "SELECT count(*) FROM timedb.audit_events WHERE event = $1";
        for event in ["damage_set_aside", "damage_put_back"] {
            let told = count(&client, events, &[&event]).await;
            assert_eq!(told, found.len() as i64, "{name}: {event}");
        }
        run(&client, "ROLLBACK").await;
    }
}

#[tokio::test]
async fn series_that_do_not_fit_are_listed_by_their_ids() {
    let db = store().await;
    let (a, client) = (db.a().tenant_id, db.connect(Role::Superuser).await);
    for (change, problem) in [
        (
            "UPDATE timedb.series SET identity = sha256('x') WHERE name = 'labelled'",
            "identity",
        ),
        (
            "UPDATE timedb.series SET name = 'other' WHERE name = 'labelled'",
            "identity",
        ),
        (
            "DELETE FROM timedb.series_labels WHERE value = 'north'",
            "is missing",
        ),
        (
            "UPDATE timedb.series_labels SET value = 'south' WHERE value = 'north'",
            "is missing",
        ),
        (
            "UPDATE timedb.series_labels SET value_hash = '\\x00' WHERE value = 'north'",
            "is missing",
        ),
        (
            "INSERT INTO timedb.series_labels SELECT tenant_id, 'more', value, value_hash, series_id FROM timedb.series_labels WHERE value = 'north'",
            "not one of its labels",
        ),
    ] {
        run(&client, "BEGIN").await;
        authenticate(&client, &db.a().key).await.unwrap();
        let id: Uuid = client
            .query_one(
                "SELECT series_id FROM timedb.series WHERE name = 'labelled'",
                &[],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(client.execute(change, &[]).await.unwrap(), 1, "{change}");
        run(&client, "SET LOCAL ROLE timedb_user").await;
        let found = listed(&client, VERIFY).await;
        assert!(!found.is_empty(), "{change}");
        for [kind, damage_id, said] in &found {
            assert_eq!(kind, "series", "{change}: {said}");
            assert_eq!(*damage_id, format!("series/{id}"), "{change}");
            for secret in ["labelled", "north", "south", "site"] {
                assert!(!said.contains(secret), "{change}: {said}");
            }
        }
        assert!(found[0][2].contains(problem), "{change}: {found:?}");
        // Only this one is asked about.
        let by_id = "SELECT count(*) FROM timedb.verify(ARRAY[$1::uuid])";
        let others = "SELECT count(*) FROM timedb.verify(ARRAY(SELECT series_id FROM timedb.series WHERE series_id <> $1))";
        if problem != "not one of its labels" {
            assert_eq!(count(&client, by_id, &[&id]).await, 1, "{change}");
        }
        assert_eq!(count(&client, others, &[&id]).await, 0, "{change}");
        run(&client, "RESET ROLE; SET LOCAL ROLE timedb_admin").await;
        let set_aside = client
            .query(
                "SELECT * FROM timedb.set_aside($1, $2)",
                &[&a, &found[0][1]],
            )
            .await;
        assert_eq!(refusal(set_aside).0, "55000", "{change}");
        run(&client, "ROLLBACK").await;
    }
}

/// The row of the log and the chunk come back when others have been folded since, and where they belong.
#[tokio::test]
async fn what_was_folded_over_is_put_back_in_its_place() {
    let db = store().await;
    let a = db.a().tenant_id;
    let client = db.login(db.a()).await;
    let admin = db.connect(Role::Admin).await;
    let surgeon = db.connect(Role::Superuser).await;
    let everything = async || -> Value {
        let query = "SELECT jsonb_build_array(
                (SELECT jsonb_agg(to_jsonb(c) - 'cursor' ORDER BY change_time, series_id, valid_time) FROM timedb.read_changes() AS c),
                (SELECT jsonb_agg(to_jsonb(b) - 'settled_time' ORDER BY change_time) FROM timedb.batches AS b WHERE points > 0))";
        client.query_one(query, &[]).await.unwrap().get(0)
    };
    for table in ["write_log", "batch_chunks"] {
        tick(&client, 10).await;
        let before = everything().await;
        let newest =
            "SELECT (extract(epoch FROM max(change_time)) * 1000000)::int8 FROM timedb.batches";
        let clock = count(&client, newest, &[]).await;
        let time = if table == "write_log" {
            "change_time"
        } else {
            "max_change"
        };
        if table == "batch_chunks" {
            compact(&client).await;
        }
        let last = format!(
            "tenant_id = '{a}' AND {time} = (SELECT max({time}) FROM {full_name} WHERE tenant_id = '{a}')",
            full_name = timedb_tests::qualified(table)
        );
        let whole = format!(
            "SELECT to_jsonb(t) FROM {full_name} AS t WHERE {last}",
            full_name = timedb_tests::qualified(table)
        );
        let whole: Value = surgeon.query_one(&whole, &[]).await.unwrap().get(0);
        let damage = format!(
            "UPDATE {full_name} SET {FLIPPED} WHERE {last}",
            full_name = timedb_tests::qualified(table)
        );
        assert_eq!(surgeon.execute(&damage, &[]).await.unwrap(), 1);
        let set_aside = "SELECT s.damage_id FROM timedb.verify_store($1) AS v, timedb.set_aside(v.tenant_id, v.damage_id) AS s";
        let gone = admin.query(set_aside, &[&a]).await.unwrap();
        let [gone] = gone.as_slice() else {
            panic!("{table}: {} rows", gone.len());
        };
        let gone: String = gone.get(0);
        assert_ne!(everything().await, before, "{table}");
        // The clock has not gone back.
        assert_eq!(count(&client, newest, &[]).await, clock, "{table}");
        let later = "SELECT timedb.upload('{2026-02-01Z}', '{7}', '{later}')";
        run(&client, later).await;
        if table == "batch_chunks" {
            // The log goes on from there: it would be hidden.
            let too_early = "SELECT * FROM timedb.put_back($1, $2, $3)";
            let back = admin.query(too_early, &[&a, &gone, &whole]).await;
            back.unwrap();
        } else {
            compact(&client).await;
            assert_eq!(
                count(
                    &surgeon,
                    "SELECT count(*) FROM timedb_internal.write_log WHERE tenant_id = $1",
                    &[&a]
                )
                .await,
                0
            );
            let back = "SELECT * FROM timedb.put_back($1, $2, $3)";
            admin.query(back, &[&a, &gone, &whole]).await.unwrap();
        }
        assert_eq!(listed(&client, VERIFY).await, Vec::<[String; 3]>::new());
        let mut after = everything().await;
        for part in [0, 1] {
            let last = after[part].as_array_mut().unwrap().pop().unwrap();
            assert!(last.to_string().contains("2026-02-01"), "{table}: {last}");
        }
        assert_eq!(after, before, "{table}");
        compact(&client).await;
        let again = admin
            .query("SELECT * FROM timedb.put_back($1, $2)", &[&a, &gone])
            .await;
        assert_eq!(refusal(again).0, "42704", "{table}");
    }
}

#[tokio::test]
async fn a_chunk_comes_back_around_writes_that_were_folded_meanwhile() {
    let db = store().await;
    let a = db.a().tenant_id;
    let client = db.login(db.a()).await;
    let admin = db.connect(Role::Admin).await;
    let surgeon = db.connect(Role::Superuser).await;
    let batches = "SELECT count(*) FROM timedb.batches WHERE points > 0";
    compact(&client).await;
    let whole = "SELECT to_jsonb(t) FROM timedb_internal.batch_chunks AS t WHERE tenant_id = $1 ORDER BY max_change DESC LIMIT 1";
    let whole: Value = surgeon.query_one(whole, &[&a]).await.unwrap().get(0);
    // It says that it reaches a century further than it does: writes go on from there.
    let damage = "UPDATE timedb_internal.batch_chunks SET max_change = max_change + interval '100 years'
                  WHERE tenant_id = $1 AND max_change = (SELECT max(max_change) FROM timedb_internal.batch_chunks WHERE tenant_id = $1)";
    assert_eq!(surgeon.execute(damage, &[&a]).await.unwrap(), 1);
    let set_aside = "SELECT s.damage_id FROM timedb.verify_store($1) AS v, timedb.set_aside(v.tenant_id, v.damage_id) AS s";
    let gone: String = admin.query_one(set_aside, &[&a]).await.unwrap().get(0);
    let newest = "SELECT count(*) FROM timedb.batches WHERE change_time > now() + interval '1 day'";
    assert_eq!(count(&client, newest, &[]).await, 0);
    tick(&client, 4).await;
    let left = count(&client, batches, &[]).await;
    let put_back = "SELECT * FROM timedb.put_back($1, $2, $3)";
    // As if it held what the log does now.
    let mut wrong = whole.clone();
    wrong["count"] = json!(77);
    let refused = admin.query(put_back, &[&a, &gone, &wrong]).await;
    assert_eq!(refusal(refused).0, "55000");
    compact(&client).await;
    admin.query(put_back, &[&a, &gone, &whole]).await.unwrap();
    assert_eq!(listed(&client, VERIFY).await, Vec::<[String; 3]>::new());
    let found = count(&client, batches, &[]).await;
    assert_eq!(found, left + whole["count"].as_i64().unwrap());
    let changes = "SELECT count(*) FROM timedb.read_changes()";
    let versions = "SELECT count(*) FROM timedb.read_versions()";
    let all = count(&client, versions, &[]).await;
    assert_eq!(count(&client, changes, &[]).await, all);
}

/// A list of series that is lost comes back with the next writes to these series, and with it the rows of the log.
#[tokio::test]
async fn rows_whose_list_is_lost_come_back_once_it_is_known_again() {
    let db = store().await;
    let a = db.a().tenant_id;
    let client = db.login(db.a()).await;
    let admin = db.connect(Role::Admin).await;
    let surgeon = db.connect(Role::Superuser).await;
    let versions = "SELECT count(*) FROM timedb.read_versions()";
    let before = count(&client, versions, &[]).await;
    let lost = "DELETE FROM timedb_internal.series_lists WHERE tenant_id = $1";
    assert_eq!(surgeon.execute(lost, &[&a]).await.unwrap(), 1);
    assert_eq!(refusal(client.query(versions, &[]).await).0, "XX001");
    let found = listed(&client, VERIFY).await;
    let [[kind, gone, problem]] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(kind, "log");
    assert!(
        problem.contains("its list of series is missing"),
        "{problem}"
    );
    let put_back = "SELECT * FROM timedb.put_back($1, $2)";
    let set_aside = "SELECT * FROM timedb.set_aside($1, $2)";
    admin.query(set_aside, &[&a, gone]).await.unwrap();
    assert_eq!(count(&client, versions, &[]).await, before - 9);
    let (code, message) = refusal(admin.query(put_back, &[&a, gone]).await);
    assert_eq!(code, "55000");
    assert!(message.contains("still damaged"), "{message}");
    // The error comes before its transaction has ended, which holds the lock of compaction.
    run(&admin, "SELECT 1").await;
    tick(&client, 5).await;
    tick(&client, 6).await;
    compact(&client).await;
    admin.query(put_back, &[&a, gone]).await.unwrap();
    assert_eq!(count(&client, versions, &[]).await, before + 18);
    assert_eq!(listed(&client, VERIFY).await, Vec::<[String; 3]>::new());
}

#[tokio::test]
async fn only_administrators_set_aside_and_only_what_is_damaged() {
    let db = store().await;
    let a = db.a().tenant_id;
    let client = db.login(db.a()).await;
    let surgeon = db.connect(Role::Superuser).await;
    let admin = db.connect(Role::Admin).await;
    let chunk: String = {
        let key = "SELECT 'chunk/' || ((extract(epoch FROM max_change) - extract(epoch FROM timestamptz '2000-01-01Z')) * 1000000)::int8
                   FROM timedb_internal.batch_chunks WHERE tenant_id = $1";
        surgeon.query_one(key, &[&a]).await.unwrap().get(0)
    };
    for call in [
        "SELECT * FROM timedb.verify_store()".to_owned(),
        format!("SELECT * FROM timedb.set_aside('{a}', '{chunk}')"),
        format!("SELECT * FROM timedb.put_back('{a}', '{chunk}')"),
        format!("SELECT * FROM timedb_internal._set_aside('{a}', '{chunk}')"),
        "SELECT * FROM timedb_internal.damaged_rows".to_owned(),
    ] {
        assert_eq!(refusal(client.query(&call, &[]).await).0, "42501", "{call}");
    }
    let nobody = Uuid::nil();
    for (call, state, said) in [
        (
            format!("set_aside('{a}', '{chunk}')"),
            "55000",
            "is not damaged",
        ),
        (
            format!("set_aside('{}', '{chunk}')", db.b().tenant_id),
            "42704",
            "has no row",
        ),
        (
            format!("set_aside('{nobody}', '{chunk}')"),
            "42704",
            "does not exist",
        ),
        (
            format!("set_aside(NULL, '{chunk}')"),
            "42704",
            "does not exist",
        ),
        (format!("set_aside('{a}', NULL)"), "22004", "damage_id"),
        (format!("set_aside('{a}', 'log/1')"), "42704", "\"log/1\""),
        (
            format!("set_aside('{a}', 'everything')"),
            "22023",
            "\"everything\"",
        ),
        (format!("put_back('{a}', '{chunk}')"), "42704", "set aside"),
        (format!("put_back('{a}', NULL)"), "22004", "damage_id"),
        (
            format!("put_back('{a}', '{chunk}', '[]')"),
            "22023",
            "object",
        ),
        (
            format!("verify_store('{nobody}')"),
            "42704",
            "does not exist",
        ),
        (
            "verify_store(max_tenants => 0)".to_owned(),
            "22023",
            "max_tenants",
        ),
    ] {
        let (code, message) = refusal(
            admin
                .query(&format!("SELECT * FROM timedb.{call}"), &[])
                .await,
        );
        assert_eq!(code, state, "{call}: {message}");
        assert!(message.contains(said), "{call}: {message}");
    }
    let unknown = format!("SELECT * FROM timedb.verify(ARRAY['{nobody}'::uuid])");
    assert_eq!(refusal(client.query(&unknown, &[]).await).0, "42704");
    // Columns that the row does not have.
    run(
        &surgeon,
        &format!("UPDATE timedb_internal.batch_chunks SET {FLIPPED} WHERE tenant_id = '{a}'"),
    )
    .await;
    let set_aside = format!("SELECT * FROM timedb.set_aside('{a}', '{chunk}')");
    run(&admin, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    assert_eq!(refusal(admin.query(&set_aside, &[]).await).0, "25008");
    run(&admin, "ROLLBACK; BEGIN READ ONLY").await;
    assert_eq!(refusal(admin.query(&set_aside, &[]).await).0, "25006");
    run(&admin, "ROLLBACK").await;
    admin.query(&set_aside, &[]).await.unwrap();
    let (code, message) = refusal(admin.query(&set_aside, &[]).await);
    assert_eq!(code, "42704", "{message}");
    let more = format!("SELECT * FROM timedb.put_back('{a}', '{chunk}', '{{\"points\": 1}}')");
    let (code, message) = refusal(admin.query(&more, &[]).await);
    assert_eq!(code, "22023", "{message}");
    assert!(message.contains("\"points\""), "{message}");
    // Verification only reads.
    run(&client, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
    assert_eq!(listed(&client, VERIFY).await, Vec::<[String; 3]>::new());
    run(&client, "ROLLBACK").await;
}

#[tokio::test]
async fn the_hint_of_damage_says_what_to_do() {
    let db = store().await;
    let surgeon = db.connect(Role::Superuser).await;
    let client = db.login(db.a()).await;
    run(
        &surgeon,
        &format!(
            "UPDATE timedb_internal.write_log SET {FLIPPED} WHERE tenant_id = '{}'",
            db.a().tenant_id
        ),
    )
    .await;
    let error = client
        .query("SELECT * FROM timedb.read_flat()", &[])
        .await
        .unwrap_err();
    let hint = error.as_db_error().and_then(|error| error.hint()).unwrap();
    for part in [
        "timedb.verify()",
        "timedb.set_aside()",
        "timedb_internal.write_log",
    ] {
        assert!(hint.contains(part), "{hint}");
    }
}
