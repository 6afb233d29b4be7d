//! Huge values, empty reads, limits, units, what no tenant and another tenant gets.

use timedb_tests::times::{HOUR, START};
use timedb_tests::{Db, Role, count, refusal, run};

use super::{generate, put, texts};

#[tokio::test]
async fn a_sum_that_is_too_large_is_an_error_where_it_is_asked_for() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let at = |hour: i64, value| (START + hour * HOUR, None, Some(value));
    let points = [at(0, 1.0), at(24, 1e308), at(25, 1e308), at(26, -1e308)];
    put(&client, "huge", START, &points).await;
    put(&client, "small", START, &points[..1]).await;
    let day = "SELECT * FROM timedb.read_buckets('1 day'";
    // The third value takes the sum back to what a double holds.
    assert_eq!(
        client.query(&format!("{day})"), &[]).await.unwrap().len(),
        3
    );
    put(&client, "huge", START, &[at(26, 1e308)]).await;
    let (code, message) = refusal(client.query(&format!("{day})"), &[]).await);
    assert_eq!(code, "22003");
    assert!(
        message.contains("\"huge\"") && message.contains("2025-01-02 00:00:00+00"),
        "{message}"
    );
    let (code, _) = refusal(
        client
            .query(&format!("{day}, aggregates => '{{sum}}')"), &[])
            .await,
    );
    assert_eq!(code, "22003");
    let rest = "SELECT (avg, min, max, time_weighted_avg, sum, count)
                FROM timedb.read_buckets('1 day', name => 'huge', aggregates => '{avg,min,max,time_weighted_avg,count}')";
    assert_eq!(
        texts(&client, rest).await,
        ["(1,1,1,1,,1)", "(1e+308,1e+308,1e+308,1e+308,,3)"]
    );
}

#[tokio::test]
async fn only_the_aggregates_asked_for_are_there() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    put(&client, "wind", START, &[(START, None, Some(2.0))]).await;
    for name in [
        "count",
        "avg",
        "sum",
        "min",
        "max",
        "first",
        "last",
        "time_weighted_avg",
    ] {
        let query = format!(
            "SELECT num_nonnulls(count, avg, sum, min, max, first, last, time_weighted_avg) = 1 AND {name} IS NOT NULL
             FROM timedb.read_buckets('1 hour', aggregates => '{{{name}, {name}}}')"
        );
        assert_eq!(texts(&client, &query).await, ["true"], "{name}");
    }
    let none = "SELECT num_nulls(count, avg, sum, min, max, first, last, time_weighted_avg)
                FROM timedb.read_buckets('1 hour', aggregates => '{}')";
    assert_eq!(texts(&client, none).await, ["8"]);
}

#[tokio::test]
async fn empty_ranges_and_unknown_series_have_no_buckets() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    assert_eq!(
        count(
            &client,
            "SELECT count(*) FROM timedb.read_buckets('1 hour')",
            &[]
        )
        .await,
        0
    );
    put(&client, "wind", START, &[(START, None, Some(2.0))]).await;
    for arguments in [
        "start_valid => '2025-01-02'",
        "end_valid => '2025-01-01Z'",
        "start_valid => '2025-01-02', end_valid => '2024-01-01'",
        "start_valid => 'infinity'",
        "end_valid => '-infinity'",
        "name => 'load'",
        "series_id => '{}'",
        "series_id => '{00000000-0000-0000-0000-000000000001}'",
        "as_of => '2000-01-01'",
        "min_lead => '1 hour'",
    ] {
        let query = format!("SELECT count(*) FROM timedb.read_buckets('1 hour', {arguments})");
        assert_eq!(count(&client, &query, &[]).await, 0, "{arguments}");
    }
    let open = "SELECT count(*) FROM timedb.read_buckets('1 hour', fill => 'null', start_valid => '-infinity', end_valid => 'infinity')";
    assert_eq!(count(&client, open, &[]).await, 1);
}

#[tokio::test]
async fn the_first_and_the_last_year_have_buckets_that_can_be_read() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        "SELECT count(*) FROM timedb.upload('{0001-01-01 00:00Z, 9999-12-31 23:59:59.999999Z}', '{1, 2}', '{far}')",
    )
    .await;
    for bucket in [
        "15 min",
        "1 day",
        "7 days",
        "1 month",
        "100 years",
        "10000 years",
    ] {
        let query = format!(
            "SELECT (bucket >= '0001-01-01Z', bucket_end <= '9999-12-31 23:59:59.999999Z', count)
             FROM timedb.read_buckets('{bucket}', 'Asia/Tokyo')"
        );
        let rows = texts(&client, &query).await;
        assert!(
            rows.iter().all(|row| row.starts_with("(t,t,")),
            "{bucket}: {rows:?}"
        );
    }
    // What is cut off at the end of time has no weight.
    let until_the_end = "SELECT time_weighted_avg FROM timedb.read_buckets('10000 years', start_valid => '9999-12-01Z')";
    run(
        &client,
        "SELECT count(*) FROM timedb.upload('{9999-12-31 00:00Z, 9999-12-31 18:00Z, 9999-12-31 23:59:59.999999Z}',
                                            '{0, 8, 8}', '{far}')",
    )
    .await;
    assert_eq!(texts(&client, until_the_end).await, ["2"]);
    let years = "SELECT count(*) FROM timedb.read_buckets('1 year', fill => 'null',
                     start_valid => '4713-01-01 BC', end_valid => '294276-01-01')";
    assert_eq!(count(&client, years, &[]).await, 9999);
}

#[tokio::test]
async fn more_buckets_than_the_limit_are_refused_with_a_hint() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    put(&client, "wind", START, &[(START, None, Some(2.0))]).await;
    let read = |fill: &str, end: &str| {
        format!(
            "SELECT count(*) FROM timedb.read_buckets('1 second', fill => '{fill}', start_valid => '2025-01-01Z',
                 end_valid => timestamptz '2025-01-01Z' + interval '{end}')"
        )
    };
    for fill in ["null", "linear"] {
        let most = read(fill, "1000000 seconds");
        assert_eq!(count(&client, &most, &[]).await, 1_000_000, "{fill}");
        let (code, message) = refusal(client.query(&read(fill, "1000001 seconds"), &[]).await);
        assert_eq!(code, "54000", "{fill}");
        assert!(message.contains("\"wind\""), "{message}");
    }
    let few = read("none", "100 years");
    assert_eq!(count(&client, &few, &[]).await, 1);
}

#[tokio::test]
async fn values_are_converted_before_they_are_aggregated() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        "SELECT count(*) FROM timedb.upload('{2025-01-01 00:00Z, 2025-01-01 00:30Z}', '{1.5, 2.5}', '{power}', unit => '{MW}')",
    )
    .await;
    let query = "SELECT (unit, avg, sum, min, count, time_weighted_avg) FROM timedb.read_buckets('1 hour', unit => 'kW')";
    assert_eq!(texts(&client, query).await, ["(kW,2000,4000,1500,2,2000)"]);
    let query = "SELECT * FROM timedb.read_buckets('1 hour', unit => 'degC')";
    assert_eq!(refusal(client.query(query, &[]).await).0, "22023");
}

#[tokio::test]
async fn each_tenant_has_its_own_buckets_and_nobody_has_none() {
    let db = Db::new().await;
    for (tenant, value) in [(db.a(), 1.0), (db.b(), 2.0)] {
        let client = db.login(tenant).await;
        put(&client, "wind", START, &[(START, None, Some(value))]).await;
    }
    let avg = "SELECT avg FROM timedb.read_buckets('1 hour', fill => 'null')";
    assert_eq!(texts(&db.login(db.a()).await, avg).await, ["1"]);
    assert_eq!(texts(&db.login(db.b()).await, avg).await, ["2"]);
    let nobody = db.connect(Role::User).await;
    assert_eq!(texts(&nobody, avg).await.len(), 0);
    let packed = "SELECT count(*) FROM (SELECT timedb_internal._read_buckets_packed('1 hour', fill => 'null')) AS p";
    assert_eq!(count(&nobody, packed, &[]).await, 0);
}

#[tokio::test]
async fn a_read_of_buckets_does_not_go_on_as_another_tenant() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        "SELECT timedb.create_series('s' || i) FROM generate_series(1, 40) AS i",
    )
    .await;
    // Filled buckets of series without points: chunks that no segment has to be read for.
    let read =
        "SELECT octet_length(timedb_internal._read_buckets_packed('1 minute', fill => 'null',
                    start_valid => '2025-01-01Z', end_valid => '2025-02-01Z'))";
    run(
        &client,
        &format!("BEGIN; DECLARE c NO SCROLL CURSOR FOR {read}; FETCH 1 FROM c"),
    )
    .await;
    run(&client, "SELECT timedb.logout()").await;
    let (code, _) = refusal(client.batch_execute("FETCH ALL FROM c").await);
    assert_eq!(code, "55000");
    run(&client, "ROLLBACK").await;
}

#[tokio::test]
async fn a_long_series_gives_the_same_buckets_as_its_parts() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let series = "timestamptz '2025-01-01Z', '2025-03-31Z', interval '1 minute'";
    generate(
        &client,
        "long",
        series,
        "extract(epoch FROM t)::bigint % 1009",
    )
    .await;
    let query = "SELECT count(*) FROM timedb.read_buckets('1 hour', 'Europe/Stockholm') AS b
                 FULL JOIN (SELECT date_trunc('hour', valid_time) AS bucket, count(*), avg(value), sum(value),
                                   min(value), max(value)
                            FROM timedb.read_flat() GROUP BY 1) AS n USING (bucket)
                 WHERE (b.count, b.min, b.max, b.sum) IS DISTINCT FROM (n.count, n.min, n.max, n.sum)
                    OR abs(b.avg - n.avg) > 1e-9";
    assert_eq!(count(&client, query, &[]).await, 0);
    let buckets = "SELECT count(*) FROM timedb.read_buckets('1 hour')";
    assert_eq!(count(&client, buckets, &[]).await, 89 * 24 + 1);
}
