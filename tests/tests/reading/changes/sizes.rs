//! Writes of all sizes: many small ones at once, one that takes many answers, long texts; and how long it takes.

use std::time::{Duration, Instant};

use timedb_segment::{Batch, BatchKind, encode_batches};
use timedb_tests::times::Micros;
use timedb_tests::{Db, Role, Server, Tenant, compact, count, run};
use tokio_postgres::Client;

use super::{Asked, all_changes, changes, same, versions};

/// As many one-point writes as asked for, the i-th to the series and the hour that `name` and `hour` say.
async fn small_writes(db: &Db, tenant: &Tenant, writes: usize, name: &str, hour: &str) -> Client {
    let client = db.login(tenant).await;
    // Each with a transaction of its own would take longer than what is tested here.
    run(
        &client,
        &format!(
            "SELECT count(u.batch_id) FROM generate_series(1, {writes}) AS i, LATERAL timedb.upload(
                 ARRAY[timestamptz '2025-01-01Z' + ({hour}) * interval '1 hour'], ARRAY[i], ARRAY[{name}::text]) AS u"
        ),
    )
    .await;
    client
}

/// Reads everything in one call, and compares it.
async fn timed(client: &Client, asked: Asked, writes: usize, what: &str) {
    let started = Instant::now();
    let found = changes(client, &asked).await;
    let took = started.elapsed();
    println!("{what}: {writes} one-point writes in {took:?}");
    let found: Vec<_> = found.into_iter().map(|(_, change)| change).collect();
    let mut expected = versions(client).await;
    if let Some(name) = &asked.name {
        expected.retain(|change| change.name == *name);
    }
    assert_eq!(expected.len(), writes, "{what}");
    same(&expected, &found, what);
    assert!(took < Duration::from_secs(2), "{what}: {took:?}");
}

#[tokio::test]
async fn thousands_of_small_writes_come_in_one_answer() {
    let db = Db::new().await;
    let most = Asked {
        max_points: Some(100_000),
        ..Asked::default()
    };
    let client = small_writes(&db, db.a(), 5_000, "'wind'", "i").await;
    timed(&client, most.clone(), 5_000, "an hour after the other").await;
    let db = Db::new().await;
    let client = small_writes(&db, db.a(), 5_000, "'wind'", "0").await;
    timed(&client, most.clone(), 5_000, "one point again and again").await;
    let db = Db::new().await;
    let client = small_writes(&db, db.a(), 5_000, "'series ' || i", "i").await;
    timed(&client, most.clone(), 5_000, "a series each").await;
    // Far apart, back and forth.
    let db = Db::new().await;
    let client = small_writes(&db, db.a(), 5_000, "'wind'", "i + (i % 3) * 100000").await;
    timed(&client, most.clone(), 5_000, "three places in time").await;
    let of_one = Asked {
        name: Some("rare".to_owned()),
        ..most
    };
    run(
        &client,
        "SELECT * FROM timedb.upload('{2025-01-01Z}', '{1}', '{rare}')",
    )
    .await;
    timed(&client, of_one, 1, "a series among others").await;
}

#[tokio::test]
async fn a_write_of_many_series_comes_answer_by_answer() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // 1,500 series with 40 points each, between small ones.
    let small = "SELECT * FROM timedb.upload('{2025-01-01Z}', '{1}', '{small}');";
    run(
        &client,
        &format!(
            "{small} SELECT points FROM timedb.upload(
                 ARRAY(SELECT timestamptz '2025-01-01Z' + (i / 1500) * interval '1 hour'
                       FROM generate_series(0, 59999) AS i ORDER BY i),
                 ARRAY(SELECT i FROM generate_series(0, 59999) AS i ORDER BY i),
                 ARRAY(SELECT 'series ' || i FROM generate_series(1, 1500) AS i),
                 series_index => ARRAY(SELECT 1 + i % 1500 FROM generate_series(0, 59999) AS i ORDER BY i));
             {small}"
        ),
    )
    .await;
    let expected = versions(&client).await;
    assert_eq!(expected.len(), 60_002);
    for max_points in [7_001, 60_000, 60_001, 100_000] {
        let asked = Asked {
            max_points: Some(max_points),
            ..Asked::default()
        };
        let found = all_changes(&client, asked).await;
        same(&expected, &found, &format!("{max_points} at a time"));
    }
    let mut of_few = expected;
    of_few.retain(|change| change.name == "series 7" || change.name == "small");
    let ids = of_few.iter().map(|change| change.series_id).collect();
    for max_points in [1, 17, 1000] {
        let asked = Asked {
            series_id: Some(Vec::clone(&ids)),
            max_points: Some(max_points),
            ..Asked::default()
        };
        let found = all_changes(&client, asked).await;
        same(
            &of_few,
            &found,
            &format!("of few series, {max_points} at a time"),
        );
    }
}

#[tokio::test]
async fn a_write_longer_than_an_answer_comes_answer_by_answer() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for factor in [1, 2] {
        run(
            &client,
            &format!(
                "SELECT points FROM timedb.upload(
                     ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 minute'
                           FROM generate_series(1, 50000) AS i ORDER BY i),
                     ARRAY(SELECT i * {factor} FROM generate_series(1, 50000) AS i ORDER BY i), '{{wind}}')"
            ),
        )
        .await;
    }
    let expected = versions(&client).await;
    for max_points in [9_999, 50_000, 100_000] {
        let asked = Asked {
            max_points: Some(max_points),
            ..Asked::default()
        };
        let found = all_changes(&client, asked).await;
        same(&expected, &found, &format!("{max_points} at a time"));
    }
}

#[tokio::test]
async fn long_labels_make_an_answer_shorter_and_lose_nothing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        "SELECT points FROM timedb.upload(
             ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 minute'
                   FROM generate_series(1, 1000) AS i ORDER BY i),
             ARRAY(SELECT i FROM generate_series(1, 1000) AS i ORDER BY i), '{wind}',
             labels => ARRAY[jsonb_build_object('long', repeat('x', 120000))])",
    )
    .await;
    let query = "SELECT cursor, value FROM timedb.read_changes(cursor => $1)";
    let (mut cursor, mut values, mut answers) = (None::<String>, Vec::new(), 0);
    loop {
        let rows = client.query(query, &[&cursor]).await.unwrap();
        let Some(last) = rows.last() else { break };
        assert!(rows.len() < 600, "{} rows", rows.len());
        cursor = last.get(0);
        values.extend(rows.iter().map(|row| row.get::<_, f64>(1)));
        answers += 1;
    }
    let expected: Vec<f64> = (1..=1000).map(f64::from).collect();
    assert_eq!(values, expected);
    assert!(answers > 1);
}

#[tokio::test]
async fn ten_thousand_changes_over_http_take_a_moment() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let client = db.login(db.a()).await;
    run(
        &client,
        "SELECT points FROM timedb.upload(
             ARRAY(SELECT timestamptz '2025-01-01Z' + i / 10 * interval '1 minute'
                   FROM generate_series(0, 9999) AS i ORDER BY i),
             ARRAY(SELECT i * 0.01 FROM generate_series(0, 9999) AS i ORDER BY i),
             ARRAY(SELECT 'series ' || i FROM generate_series(1, 10) AS i),
             series_index => ARRAY(SELECT 1 + i % 10 FROM generate_series(0, 9999) AS i ORDER BY i))",
    )
    .await;
    let key = Some(db.a().key.as_str());
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        let reply = server.get("/changes", key).await;
        best = best.min(started.elapsed());
        assert_eq!(reply.json()["count"], 10_000);
    }
    println!("10,000 changes over HTTP in {best:?}");
    assert!(best < Duration::from_secs(1), "{best:?}");
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.read_changes()", &[]).await,
        10_000
    );
}

#[tokio::test]
async fn a_request_that_goes_through_very_many_writes_stops_on_the_way_and_goes_on_from_there() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let client = db.login(db.a()).await;
    let other = timedb_tests::upload(&client, "other", &[1.0])
        .await
        .unwrap();
    compact(&client).await;
    // Batches without their points: nothing of them is read here.
    let superuser = db.connect(Role::Superuser).await;
    let first: i64 = superuser
        .query_one(
            "SELECT (extract(epoch FROM max_change) * 1000000)::bigint FROM timedb_internal.batch_chunks",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    let tenant = db.a().tenant_id.into_bytes();
    let batches: Vec<Batch> = (1..=120_000)
        .map(|i| Batch {
            change_time: first + i,
            settled_time: first,
            chosen_id: None,
            kind: BatchKind::Upload,
            user: None,
            workflow_id: None,
            batch_params: None,
            known_time: None,
            start_time: first,
            finish_time: None,
            points: 1,
            skipped: 0,
            valid: Some((first, first)),
            series: [other.into_bytes()].into(),
        })
        .collect();
    for some in batches.chunks(1000) {
        let (bounds, blob) = encode_batches(&tenant, some).unwrap();
        superuser
            .execute(
                "INSERT INTO timedb_internal.batch_chunks (tenant_id, min_change, max_change, count, blob)
                 VALUES ($1, $2, $3, $4, $5)",
                &[
                    &db.a().tenant_id,
                    &Micros(bounds.min_change),
                    &Micros(bounds.max_change),
                    &(bounds.count as i32),
                    &blob,
                ],
            )
            .await
            .unwrap();
    }
    timedb_tests::upload(&client, "wind", &[1.0]).await.unwrap();
    let key = Some(db.a().key.as_str());
    let mut path = "/changes?name=wind".to_owned();
    for (count, more) in [(0, true), (1, false), (0, false)] {
        let started = Instant::now();
        let answer = server.get(&path, key).await.json();
        println!("{count} of 120,000 writes in {:?}", started.elapsed());
        assert_eq!(
            (&answer["count"], &answer["more"]),
            (&count.into(), &more.into())
        );
        let cursor = answer["cursor"].as_str().unwrap();
        path = format!("/changes?name=wind&cursor={cursor}");
    }
    // In SQL there would be no cursor to go on with.
    let of_wind = "SELECT count(*) FROM timedb.read_changes(name => 'wind')";
    assert_eq!(count(&client, of_wind, &[]).await, 1);
}
