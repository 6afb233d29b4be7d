//! How much is stored: what `stats`, `stats_series` and `stats_store` say, against what reads return and what the tables
//! take.

use timedb_tests::{Db, Role, authenticate, compact, count, refusal, run, upload};
use tokio_postgres::Client;

/// Uploads some series and ticks, so that there are points in segments and in the log, and corrections of some.
async fn fill(client: &Client, ticks: usize) {
    let many: Vec<f64> = (0..3000).map(|i| f64::from(i) / 7.0).collect();
    upload(client, "long", &many).await.unwrap();
    for i in 0..ticks {
        let tick = format!(
            "SELECT timedb.upload(
                 ARRAY(SELECT timestamptz '2024-06-01Z' + {i} * interval '1 min' FROM generate_series(1, 10)),
                 ARRAY(SELECT {i}::float8 + s FROM generate_series(1, 10) AS s),
                 ARRAY(SELECT 's' || s FROM generate_series(1, 10) AS s))"
        );
        run(client, &tick).await;
    }
    run(
        client,
        "SELECT timedb.create_series('empty');
         SELECT timedb.update_values(jsonb_build_array(jsonb_build_object(
             'series_id', series_id, 'valid_time', '2024-06-01T00:00:00Z', 'value', 7)))
         FROM timedb.series WHERE name = 's1'",
    )
    .await;
}

/// Fails unless stats are what reads return.
async fn assert_true(client: &Client) {
    let wrong = "SELECT s::text || ' is not ' || v::text
         FROM timedb.stats() AS s,
              (SELECT (SELECT count(*) FROM timedb.series) AS series, count(*) AS points, min(valid_time) AS a,
                      max(valid_time) AS b, max(change_time) AS c FROM timedb.read_versions()) AS v
         WHERE (s.series, s.points, s.first_valid_time, s.last_valid_time, s.last_change_time)
               IS DISTINCT FROM (v.series, v.points, v.a, v.b, v.c)
            OR s.bytes <> s.segment_bytes + s.log_bytes + s.other_bytes
            OR abs(s.bytes_per_point * s.points - s.bytes) > 0.001 * s.bytes
         UNION ALL
         SELECT s::text || ' is not ' || v::text
         FROM timedb.stats_series() AS s
         FULL JOIN (SELECT i.series_id, i.name, i.labels, count(r.value) + count(*) FILTER (WHERE r.value IS NULL AND r.valid_time IS NOT NULL) AS points,
                           min(r.valid_time) AS a, max(r.valid_time) AS b, max(r.change_time) AS c
                    FROM timedb.series AS i LEFT JOIN timedb.read_versions() AS r USING (series_id)
                    GROUP BY i.series_id, i.name, i.labels) AS v USING (series_id)
         WHERE (s.name, s.labels, s.points, s.first_valid_time, s.last_valid_time, s.last_change_time)
               IS DISTINCT FROM (v.name, v.labels, v.points, v.a, v.b, v.c)
         UNION ALL
         SELECT 'the tenant has ' || s::text || ', its series ' || t::text
         FROM timedb.stats() AS s,
              (SELECT coalesce(sum(points), 0) AS points, coalesce(sum(segments), 0) AS segments,
                      coalesce(sum(small_segments), 0) AS small, coalesce(sum(log_points), 0) AS log,
                      coalesce(sum(bytes), 0) AS bytes FROM timedb.stats_series()) AS t
         WHERE (s.points, s.segments, s.small_segments, s.log_points) IS DISTINCT FROM (t.points, t.segments, t.small, t.log)
            OR t.bytes > s.bytes OR t.bytes < s.segment_bytes
         UNION ALL
         SELECT d::text || ' is not ' || s::text
         FROM timedb.stats_series() AS s, timedb.describe_series(s.series_id) AS d
         WHERE (d.versions, d.segments, d.bytes, d.last_valid_time)
               IS DISTINCT FROM (s.points, s.segments, s.bytes, s.last_valid_time)";
    let wrong = client.query(wrong, &[]).await.unwrap();
    let wrong: Vec<String> = wrong.iter().map(|row| row.get(0)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn stats_are_what_reads_return_from_the_log_and_from_segments() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let empty = client
        .query_one(
            "SELECT series, points, segments, log_rows, bytes, bytes_per_point, ratio, first_valid_time::text
             FROM timedb.stats()",
            &[],
        )
        .await
        .unwrap();
    for column in 0..5 {
        assert_eq!(empty.get::<_, i64>(column), 0, "{empty:?}");
    }
    assert_eq!(
        (
            empty.get::<_, Option<f64>>(5),
            empty.get::<_, Option<f64>>(6)
        ),
        (None, None)
    );
    assert_eq!(empty.get::<_, Option<String>>(7), None);
    assert_true(&client).await;

    fill(&client, 20).await;
    assert_true(&client).await;
    let in_log = "SELECT log_points FROM timedb.stats()";
    assert_eq!(count(&client, in_log, &[]).await, 201);
    let rows = "SELECT log_rows FROM timedb.stats_series('s1')";
    assert_eq!(count(&client, rows, &[]).await, 21);

    run(&client, "SELECT timedb.compact(1, false)").await;
    assert_true(&client).await;
    compact(&client).await;
    assert_true(&client).await;
    assert_eq!(count(&client, in_log, &[]).await, 0);

    fill(&client, 5).await;
    assert_true(&client).await;
    // In a transaction that has written, with what it has written.
    run(&client, "BEGIN").await;
    upload(&client, "mine", &[1.0]).await.unwrap();
    assert_true(&client).await;
    run(&client, "ROLLBACK").await;
}

#[tokio::test]
async fn the_bytes_are_about_what_the_tables_take() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let superuser = db.connect(Role::Superuser).await;
    let size = "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c
                WHERE c.relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace) AND c.relkind = 'r'
                  AND c.relname IN ('segments', 'write_log', 'batch_chunks', 'series', 'series_labels', 'series_lists', 'requests')";
    let before = count(&superuser, size, &[]).await;
    // Large segments, small ones, and a log.
    run(
        &client,
        "SELECT timedb.upload(
             ARRAY(SELECT timestamptz '2025-01-01Z' + (i % 10000) * interval '1 min' FROM generate_series(0, 299999) AS i),
             ARRAY(SELECT random() FROM generate_series(0, 299999)),
             ARRAY(SELECT 'l' || s FROM generate_series(1, 30) AS s), series_index => ARRAY(SELECT i / 10000 + 1 FROM generate_series(0, 299999) AS i));
         SELECT timedb.upload(
             ARRAY(SELECT timestamptz '2025-01-01Z' + i * interval '1 min' FROM generate_series(1, 4000) AS i),
             ARRAY(SELECT random() FROM generate_series(1, 4000)),
             ARRAY(SELECT 'm' || s FROM generate_series(1, 4000) AS s));
         SELECT timedb.compact()",
    )
    .await;
    let taken = count(&superuser, size, &[]).await - before;
    let told = count(&client, "SELECT bytes FROM timedb.stats()", &[]).await;
    let ratio = told as f64 / taken as f64;
    assert!((0.75..1.25).contains(&ratio), "{told} told, {taken} taken");
}

#[tokio::test]
async fn another_tenant_and_nobody_see_nothing_of_it() {
    let db = Db::new().await;
    let of_a = db.login(db.a()).await;
    fill(&of_a, 3).await;
    compact(&of_a).await;
    fill(&of_a, 3).await;
    let of_b = db.login(db.b()).await;
    upload(&of_b, "mine", &[1.0, 2.0]).await.unwrap();
    let told = |client: Client| async move {
        let query = "SELECT series, points, segments + log_rows, (SELECT count(*) FROM timedb.stats_series()) FROM timedb.stats()";
        let row = client.query_one(query, &[]).await.unwrap();
        [0, 1, 2, 3].map(|column| row.get::<_, i64>(column))
    };
    assert_eq!(told(of_b).await, [1, 2, 1, 1]);
    assert_eq!(told(db.connect(Role::User).await).await, [0; 4]);
    // As a role that cannot log in for a session.
    let user = db.connect(Role::User).await;
    run(&user, "BEGIN").await;
    authenticate(&user, &db.a().key).await.unwrap();
    assert_true(&user).await;
}

#[tokio::test]
async fn series_come_page_by_page_as_they_are_found() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    fill(&client, 2).await;
    let wrong = "SELECT count(*) FROM
         (SELECT series_id, row_number() OVER () FROM timedb.find_series(prefix => 's', max_series => 7)) AS f
         FULL JOIN (SELECT series_id, row_number() OVER () FROM timedb.stats_series(prefix => 's', max_series => 7)) AS s
         USING (series_id, row_number) WHERE f IS NULL OR s IS NULL";
    assert_eq!(count(&client, wrong, &[]).await, 0);
    let rest = "SELECT count(*) FROM timedb.stats_series(after =>
         (SELECT series_id FROM timedb.stats_series(max_series => 4) ORDER BY name DESC LIMIT 1))";
    assert_eq!(count(&client, rest, &[]).await, 8);
    for (arguments, state) in [
        ("max_series => 0", "22023"),
        ("max_series => 100001", "22023"),
        ("labels => '[]'", "22023"),
        ("after => '00000000-0000-0000-0000-000000000001'", "42704"),
    ] {
        let query = format!("SELECT * FROM timedb.stats_series({arguments})");
        assert_eq!(
            refusal(client.query(&query, &[]).await).0,
            state,
            "{arguments}"
        );
    }
}

#[tokio::test]
async fn administrators_see_the_sums_of_each_tenant_and_what_is_damaged() {
    let db = Db::new().await;
    let of_a = db.login(db.a()).await;
    fill(&of_a, 4).await;
    let of_b = db.login(db.b()).await;
    upload(&of_b, "mine", &[1.0, 2.0]).await.unwrap();
    let admin = db.connect(Role::Admin).await;
    for (client, tenant) in [(&of_a, db.a()), (&of_b, db.b())] {
        let own = "SELECT s::text FROM timedb.stats() AS s";
        let own: String = client.query_one(own, &[]).await.unwrap().get(0);
        let told = "SELECT ROW(s.series, s.points, s.segments, s.small_segments, s.log_rows, s.log_points, s.segment_bytes,
                               s.log_bytes, s.other_bytes, s.bytes, s.bytes_per_point, s.ratio, s.first_valid_time,
                               s.last_valid_time, s.last_change_time)::text, s.problem
                    FROM timedb.stats_store() AS s WHERE tenant_id = $1";
        let told = admin.query_one(told, &[&tenant.tenant_id]).await.unwrap();
        assert_eq!(
            (told.get::<_, String>(0), told.get(1)),
            (own, None::<String>)
        );
    }
    let one = "SELECT count(*) FROM timedb.stats_store($1)";
    assert_eq!(count(&admin, one, &[&db.a().tenant_id]).await, 1);
    let unknown = "SELECT * FROM timedb.stats_store('00000000-0000-0000-0000-000000000001')";
    assert_eq!(refusal(admin.query(unknown, &[]).await).0, "42704");
    let nobody = "SELECT current_setting('timedb.tenant_id')";
    let nobody: String = admin.query_one(nobody, &[]).await.unwrap().get(0);
    assert_eq!(nobody, "");
    for function in ["timedb.stats_store()", "timedb_internal._tenant_stats($1)"] {
        let call = format!("SELECT * FROM {function}").replace("$1", "gen_random_uuid()");
        assert_eq!(refusal(of_a.query(&call, &[]).await).0, "42501", "{call}");
    }

    let superuser = db.connect(Role::Superuser).await;
    let damage = "UPDATE timedb_internal.write_log SET blob = set_byte(blob, 9, get_byte(blob, 9) # 255) WHERE tenant_id = $1";
    superuser
        .execute(damage, &[&db.a().tenant_id])
        .await
        .unwrap();
    assert_eq!(
        refusal(of_a.query("SELECT timedb.stats()", &[]).await).0,
        "XX001"
    );
    let told = "SELECT tenant_id, points, problem FROM timedb.stats_store() ORDER BY problem";
    let told = admin.query(told, &[]).await.unwrap();
    assert_eq!(told.len(), 2);
    let problem: String = told[0].get(2);
    assert!(problem.contains(&db.a().tenant_id.to_string()), "{problem}");
    assert_eq!(told[0].get::<_, Option<i64>>(1), None);
    assert_eq!(
        (told[1].get::<_, i64>(1), told[1].get(2)),
        (2, None::<String>)
    );
}
