//! Retention: what is older than it may be goes, all versions of it, and nothing else does.

use timedb_tests::{Db, Role, compact, count, refusal, run, until_somebody_waits};
use tokio_postgres::Client;
use uuid::Uuid;

/// Points of a series, one an hour: the last of them is an hour ago.
async fn hours(client: &Client, name: &str, hours: i32) -> Uuid {
    let upload = "SELECT series_ids[1] FROM timedb.upload(
                      ARRAY(SELECT now() - i * interval '1 hour' FROM generate_series($2, 1, -1) AS i),
                      ARRAY(SELECT i::float8 FROM generate_series($2, 1, -1) AS i), name => ARRAY[$1])";
    client
        .query_one(upload, &[&name, &hours])
        .await
        .unwrap()
        .get(0)
}

/// Of each series its name, how many versions it has, and how many of them are older than so many hours.
async fn kept(client: &Client, hours: f64) -> Vec<(String, i64, i64)> {
    let query = "SELECT name, count(*), count(*) FILTER (
                     WHERE valid_time < now() - $1 * interval '1 hour')
                 FROM timedb.read_versions() GROUP BY name ORDER BY name";
    let rows = client.query(query, &[&hours]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect()
}

/// What a call says of each series: points, whether it is held.
async fn applied(client: &Client, dry_run: bool) -> Vec<(String, i64, bool)> {
    let query =
        "SELECT name, points, held FROM timedb.apply_retention(dry_run => $1) ORDER BY name";
    let rows = client.query(query, &[&dry_run]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect()
}

#[tokio::test]
async fn what_is_past_its_age_goes_and_nothing_else() {
    let db = Db::new().await;
    let (client, other) = (db.login(db.a()).await, db.login(db.b()).await);
    // In bulk, live, as an interval that reaches over the cut, and corrected.
    let bulk = hours(&client, "bulk", 1000).await;
    hours(&client, "few", 20).await;
    hours(&client, "for ever", 100).await;
    hours(&other, "bulk", 1000).await;
    run(
        &client,
        "SELECT timedb.upload(
             ARRAY[now() - interval '90 hours', now() - interval '60 hours'], ARRAY[1, 2], name => ARRAY['span'],
             valid_time_end => ARRAY[now() - interval '60 hours', now() - interval '10 hours']);
         SELECT timedb.update_values(jsonb_build_array(jsonb_build_object(
             'series_id', series_id, 'valid_time', valid_time, 'value', 7)))
         FROM timedb.values WHERE name = 'bulk' AND value IN (700, 3)",
    )
    .await;
    assert_eq!(applied(&client, false).await, [], "nothing has been set");
    run(
        &client,
        "SELECT timedb.set_retention('48 hours 30 min');
         SELECT timedb.set_retention(NULL, series_id) FROM timedb.series WHERE name = 'for ever'",
    )
    .await;
    let before = kept(&client, 48.5).await;
    let expected = [
        ("bulk".to_owned(), 953, false),
        ("span".to_owned(), 1, false),
    ];
    assert_eq!(applied(&client, true).await, expected);
    assert_eq!(
        kept(&client, 48.5).await,
        before,
        "a dry run deletes nothing"
    );
    compact(&client).await;
    assert_eq!(applied(&client, true).await, expected);
    run(
        &client,
        "SELECT timedb.upload(ARRAY[now() - interval '49 hours', now()], ARRAY[1, 2], name => ARRAY['few'])",
    )
    .await;
    let with_few = [
        ("bulk".to_owned(), 953, false),
        ("few".to_owned(), 1, false),
        ("span".to_owned(), 1, false),
    ];
    assert_eq!(applied(&client, true).await, with_few);
    assert_eq!(applied(&client, false).await, with_few);
    assert_eq!(applied(&client, false).await, []);
    let after = [
        ("bulk".to_owned(), 49, 0),
        ("few".to_owned(), 21, 0),
        ("for ever".to_owned(), 100, 52),
        ("span".to_owned(), 1, 1),
    ];
    assert_eq!(kept(&client, 48.5).await, after);
    assert_eq!(
        kept(&other, 48.5).await,
        [("bulk".to_owned(), 1000, 952)],
        "another tenant's points stay"
    );
    let events = "SELECT count(*) FROM timedb.audit_events
                  WHERE event = 'retention_applied' AND details = '{\"series\": 3, \"points\": 955}'";
    assert_eq!(count(&client, events, &[]).await, 1);
    // The rule of a series goes before the default, and is taken back.
    let set = "SELECT timedb.set_retention('24 hours', $1)";
    client.query(set, &[&bulk]).await.unwrap();
    assert_eq!(
        applied(&client, true).await,
        [("bulk".to_owned(), 25, false)]
    );
    let reset = "SELECT timedb.reset_retention($1)";
    for was_there in [true, false] {
        let row = client.query_one(reset, &[&bulk]).await.unwrap();
        assert_eq!(row.get::<_, bool>(0), was_there);
    }
    assert_eq!(applied(&client, true).await, []);
}

#[tokio::test]
async fn a_feed_and_what_was_read_before_go_on_after_retention() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for _ in 0..3 {
        hours(&client, "s", 100).await;
    }
    let cursor: String = client
        .query(
            "SELECT cursor FROM timedb.read_changes(max_points => 130)",
            &[],
        )
        .await
        .unwrap()
        .last()
        .unwrap()
        .get(0);
    run(
        &client,
        "SELECT timedb.set_retention('10 hours 30 min'); SELECT timedb.apply_retention()",
    )
    .await;
    let rest = "SELECT count(*) FROM timedb.read_changes(cursor => $1)";
    assert_eq!(count(&client, rest, &[&cursor]).await, 20);
    let changes = "SELECT count(*) FROM timedb.read_changes()";
    assert_eq!(count(&client, changes, &[]).await, 30);
    let batches = "SELECT count(*) FROM timedb.batches WHERE points = 100";
    assert_eq!(count(&client, batches, &[]).await, 3);
}

#[tokio::test]
async fn what_is_held_stays_until_it_is_released() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let held = hours(&client, "held", 10).await;
    let free = hours(&client, "free", 10).await;
    run(&client, "SELECT timedb.set_retention('5 hours 30 min')").await;
    let admin = db.connect(Role::Admin).await;
    let tenant = db.a().tenant_id;
    let place = "SELECT timedb.place_hold($1, $2, series_id => $3)";
    admin
        .query(place, &[&tenant, &"a case in court", &held])
        .await
        .unwrap();
    let expected = [("free".to_owned(), 5, false), ("held".to_owned(), 5, true)];
    assert_eq!(applied(&client, true).await, expected);
    assert_eq!(applied(&client, false).await, expected);
    let (state, message) = refusal(
        client
            .query("SELECT timedb.delete_series($1)", &[&held])
            .await,
    );
    assert_eq!(state, "55000");
    assert!(
        message.contains(&format!("series \"{held}\" is held")),
        "{message}"
    );
    let batch =
        "SELECT timedb.delete_batch(batch_id) FROM timedb.batches WHERE $1 = ANY (series_ids)";
    assert_eq!(refusal(client.query(batch, &[&held]).await).0, "55000");
    let erase = "SELECT timedb.delete_tenant($1)";
    assert_eq!(refusal(admin.query(erase, &[&tenant]).await).0, "55000");
    // A hold of everything.
    let everything = None::<Uuid>;
    admin
        .query(place, &[&tenant, &"an audit", &everything])
        .await
        .unwrap();
    let delete = "SELECT timedb.delete_series($1)";
    let (state, message) = refusal(client.query(delete, &[&free]).await);
    assert_eq!(state, "55000");
    assert!(
        message.contains("the data of this tenant is held"),
        "{message}"
    );
    let holds = "SELECT series_id, reason FROM timedb.list_holds($1)";
    let holds = admin.query(holds, &[&tenant]).await.unwrap();
    let holds: Vec<(Option<Uuid>, String)> =
        holds.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(
        holds,
        [
            (None, "an audit".to_owned()),
            (Some(held), "a case in court".to_owned())
        ]
    );
    let seen = "SELECT count(*) FROM timedb.holds";
    assert_eq!(count(&client, seen, &[]).await, 2, "the tenant sees them");
    assert_eq!(count(&db.login(db.b()).await, seen, &[]).await, 0);
    let release = "SELECT timedb.release_hold($1, $2)";
    for series in [everything, Some(held)] {
        for was_there in [true, false] {
            let row = admin.query_one(release, &[&tenant, &series]).await.unwrap();
            assert_eq!(row.get::<_, bool>(0), was_there);
        }
    }
    assert_eq!(
        applied(&client, false).await,
        [("held".to_owned(), 5, false)]
    );
    client.query(delete, &[&free]).await.unwrap();
}

/// Who has been told that something is held, or kept for longer, can rely on it.
#[tokio::test]
async fn holds_and_rules_wait_for_a_retention_in_progress() {
    for longer in [false, true] {
        let db = Db::new().await;
        let client = db.login(db.a()).await;
        let series = hours(&client, "s", 10).await;
        let set = "SELECT timedb.set_retention($1::text::interval)";
        client.query(set, &[&"5 hours 30 min"]).await.unwrap();
        run(
            &client,
            "BEGIN; SELECT timedb.apply_retention(dry_run => false)",
        )
        .await;
        let (tenant, other, admin) = (
            db.a().tenant_id,
            db.login(db.a()).await,
            db.connect(Role::Admin).await,
        );
        let told = tokio::spawn(async move {
            if longer {
                other.query(set, &[&"10 years"]).await.unwrap();
            } else {
                let place = "SELECT timedb.place_hold($1, 'a case', $2)";
                admin.query(place, &[&tenant, &series]).await.unwrap();
            }
        });
        until_somebody_waits(&db.connect(Role::Superuser).await).await;
        run(&client, "COMMIT").await;
        told.await.expect("it comes to its end");
        let points = "SELECT count(*) FROM timedb.read_versions()";
        assert_eq!(count(&client, points, &[]).await, 5);
    }
}

#[tokio::test]
async fn administrators_set_and_apply_retention_for_tenants() {
    let db = Db::new().await;
    let (of_a, of_b) = (db.login(db.a()).await, db.login(db.b()).await);
    for client in [&of_a, &of_b] {
        hours(client, "s", 10).await;
    }
    let admin = db.connect(Role::Admin).await;
    let tenant = db.a().tenant_id;
    admin
        .query(
            "SELECT timedb.set_tenant_retention($1, '5 hours 30 min')",
            &[&tenant],
        )
        .await
        .unwrap();
    let apply = "SELECT tenant_id, points, problem FROM timedb.apply_retention_store(dry_run => $1) ORDER BY points";
    // Of the other one, nothing has been said.
    for dry_run in [true, false] {
        let rows = admin.query(apply, &[&dry_run]).await.unwrap();
        let rows: Vec<(Uuid, i64, Option<String>)> = rows
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect();
        assert_eq!(rows, [(db.b().tenant_id, 0, None), (tenant, 5, None)]);
    }
    assert_eq!(kept(&of_a, 5.5).await, [("s".to_owned(), 5, 0)]);
    assert_eq!(kept(&of_b, 5.5).await, [("s".to_owned(), 10, 5)]);
}

#[tokio::test]
async fn what_is_no_retention_is_refused_and_changes_nothing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    hours(&client, "s", 10).await;
    let others = hours(&db.login(db.b()).await, "s", 10).await;
    for (call, state, says) in [
        (
            "set_retention('-1 day')".to_owned(),
            "22023",
            "max_age must be longer than nothing, not -1 days",
        ),
        (
            "set_retention('0')".to_owned(),
            "22023",
            "max_age must be longer than nothing",
        ),
        (
            "set_retention('1 mon -40 days')".to_owned(),
            "22023",
            "max_age must be longer than nothing",
        ),
        (
            "set_retention('170000000 years')".to_owned(),
            "22023",
            "max_age is too long",
        ),
        (
            format!("set_retention('1 day', '{others}')"),
            "42704",
            "does not exist",
        ),
        (
            format!("reset_retention('{others}')"),
            "42704",
            "does not exist",
        ),
        (
            format!("delete_series('{others}')"),
            "42704",
            "does not exist",
        ),
        (
            format!("delete_batch('{others}')"),
            "42704",
            "does not exist",
        ),
        (
            "delete_series(NULL)".to_owned(),
            "22004",
            "series_id must not be null",
        ),
        (
            format!("place_hold('{}')", db.a().tenant_id),
            "42501",
            "permission denied",
        ),
    ] {
        let result = client.query(&format!("SELECT timedb.{call}"), &[]).await;
        let (got, message) = refusal(result);
        assert_eq!(got, state, "{call}: {message}");
        assert!(message.contains(says), "{call}: {message}");
    }
    let rules = "SELECT count(*) FROM timedb.retention";
    assert_eq!(count(&client, rules, &[]).await, 0);
    run(&client, "SELECT timedb.set_retention('1 hour')").await;
    run(&client, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    let apply = "SELECT timedb.apply_retention()";
    assert_eq!(refusal(client.query(apply, &[]).await).0, "25008");
    run(&client, "ROLLBACK; BEGIN READ ONLY").await;
    // It only says what it would do.
    assert_eq!(applied(&client, true).await.len(), 1);
    assert_eq!(refusal(client.query(apply, &[]).await).0, "25006");
    run(&client, "ROLLBACK").await;
    let admin = db.connect(Role::Admin).await;
    let nobody = Uuid::from_u128(7);
    for (call, state) in [
        (
            format!("set_tenant_retention('{nobody}', '1 day')"),
            "42704",
        ),
        (
            format!(
                "set_tenant_retention('{}', '1 day', '{others}')",
                db.a().tenant_id
            ),
            "42704",
        ),
        (
            format!(
                "place_hold('{}', series_id => '{others}')",
                db.a().tenant_id
            ),
            "42704",
        ),
        (
            format!("place_hold('{}', E'a\\nb')", db.a().tenant_id),
            "22023",
        ),
        (format!("release_hold('{nobody}')"), "42704"),
        (format!("delete_tenant('{nobody}')"), "42704"),
    ] {
        let result = admin.query(&format!("SELECT timedb.{call}"), &[]).await;
        assert_eq!(refusal(result).0, state, "{call}");
    }
    assert_eq!(kept(&client, 0.0).await, [("s".to_owned(), 10, 10)]);
}
