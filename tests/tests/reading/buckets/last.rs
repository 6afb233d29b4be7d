//! The last point of each series: which one it is, and that finding it does not read the series.

use timedb_tests::times::{HOUR, START};
use timedb_tests::{Db, Role, count, refusal, run};

use super::{generate, put, texts};

#[tokio::test]
async fn the_last_point_is_the_one_with_the_greatest_time_in_its_newest_version() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let at = |hour: i64, value| (START + hour * HOUR, None, value);
    put(
        &client,
        "wind",
        START + 2 * HOUR,
        &[at(0, Some(0.0)), at(5, Some(5.0))],
    )
    .await;
    put(
        &client,
        "wind",
        START + HOUR,
        &[at(5, Some(-5.0)), at(3, Some(3.0))],
    )
    .await;
    put(&client, "load", START, &[at(0, Some(1.0)), at(1, None)]).await;
    let end = |hour: i64| Some(START + hour * HOUR);
    let hour = |until, value| (START + 4 * HOUR, until, Some(value));
    put(
        &client,
        "rain",
        START,
        &[hour(end(6), 6.0), hour(None, 4.0), hour(end(5), 5.0)],
    )
    .await;
    run(&client, "SELECT timedb.create_series('empty')").await;
    let last = async |arguments: &str| {
        let query = format!(
            "SELECT (name, value, to_char(valid_time AT TIME ZONE 'UTC', 'HH24'),
                     to_char(known_time AT TIME ZONE 'UTC', 'HH24'))
             FROM timedb.read_last({arguments}) ORDER BY name"
        );
        texts(&client, &query).await
    };
    assert_eq!(
        last("").await,
        ["(load,,01,00)", "(rain,6,04,00)", "(wind,5,05,02)"]
    );
    assert_eq!(
        last("name => 'wind', as_of => '2025-01-01 01:30Z'").await,
        ["(wind,-5,05,01)"]
    );
    assert_eq!(
        last("name => 'wind', as_of => '2025-01-01 00:59Z'")
            .await
            .len(),
        0
    );
    assert_eq!(
        last("name => 'wind', end_valid => '2025-01-01 05:00Z'").await,
        ["(wind,3,03,01)"]
    );
    assert_eq!(
        last("end_valid => '2025-01-01 01:00Z'").await,
        ["(load,1,00,00)", "(wind,0,00,02)"]
    );
    assert_eq!(last("end_valid => '2025-01-01 00:00Z'").await.len(), 0);
    assert_eq!(last("end_valid => 'infinity'").await.len(), 3);
    assert_eq!(last("end_valid => '-infinity'").await.len(), 0);
    assert_eq!(last("name => 'empty'").await.len(), 0);
    assert_eq!(last("series_id => '{}'").await.len(), 0);
    assert_eq!(last("as_of_change => '2000-01-01'").await.len(), 0);
    let ends = "SELECT valid_time_end::timestamptz = '2025-01-01 06:00Z' FROM timedb.read_last(name => 'rain')";
    assert_eq!(texts(&client, ends).await, ["true"]);
}

#[tokio::test]
async fn last_points_are_converted_and_belong_to_their_tenant() {
    let db = Db::new().await;
    for (tenant, value) in [(db.a(), 1.5), (db.b(), 2.5)] {
        let client = db.login(tenant).await;
        let upload = format!(
            "SELECT count(*) FROM timedb.upload('{{2025-01-01Z}}', '{{{value}}}', '{{power}}', unit => '{{MW}}')"
        );
        run(&client, &upload).await;
    }
    let query = "SELECT (unit, value) FROM timedb.read_last(unit => 'kW')";
    assert_eq!(texts(&db.login(db.a()).await, query).await, ["(kW,1500)"]);
    assert_eq!(texts(&db.login(db.b()).await, query).await, ["(kW,2500)"]);
    assert_eq!(texts(&db.connect(Role::User).await, query).await.len(), 0);
    let client = db.login(db.a()).await;
    let (code, _) = refusal(
        client
            .query("SELECT * FROM timedb.read_last(unit => 'm')", &[])
            .await,
    );
    assert_eq!(code, "22023");
}

#[tokio::test]
async fn last_points_come_by_series_also_where_the_search_has_to_go_far_back() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    // Known at START: of the long ones everything but the beginning has too long a lead time, which only
    // the points of a segment tell.
    for number in 0..6 {
        let until = if number % 2 == 0 {
            "2028-01-01Z"
        } else {
            "2025-01-01 02:00Z"
        };
        let upload = format!(
            "SELECT count(*) FROM timedb.upload(
                 ARRAY(SELECT t FROM generate_series(timestamptz '2025-01-01Z', '{until}', '15 min') AS t ORDER BY t),
                 ARRAY(SELECT (row_number() OVER ())::float8 FROM generate_series(timestamptz '2025-01-01Z', '{until}', '15 min')),
                 ARRAY['s{number}'], known_time => '2025-01-01Z')"
        );
        run(&client, &upload).await;
    }
    for (lead, values) in [
        ("90 min", ["7", "7", "7", "7", "7", "7"]),
        ("20 hours", ["81", "9", "81", "9", "81", "9"]),
        ("10000 hours", ["40001", "9", "40001", "9", "40001", "9"]),
    ] {
        let last = format!("timedb_internal._read_rows('last', max_lead => '{lead}')");
        let query = format!("SELECT value FROM {last} AS r ORDER BY name");
        assert_eq!(texts(&client, &query).await, values, "{lead}");
        let wrong = format!(
            "SELECT count(*) FROM (SELECT series_id < lag(series_id) OVER (ORDER BY n) AS wrong
                 FROM (SELECT series_id, row_number() OVER () AS n FROM {last} AS r) AS r) AS r WHERE wrong"
        );
        assert_eq!(count(&client, &wrong, &[]).await, 0, "{lead}");
    }
    let none =
        "SELECT count(*) FROM timedb_internal._read_rows('last', max_lead => '-1 hour') AS r";
    assert_eq!(count(&client, none, &[]).await, 0);
}

#[tokio::test]
async fn a_long_series_is_not_read_to_find_its_last_point() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for year in 0..8 {
        let series = format!(
            "timestamptz '20{}-01-01Z', '20{}-12-31 23:55Z', interval '10 min'",
            10 + year,
            10 + year
        );
        generate(&client, "long", &series, "1").await;
    }
    let superuser = db.connect(Role::Superuser).await;
    let segments = count(
        &superuser,
        "SELECT count(*) FROM timedb_internal.segments",
        &[],
    )
    .await;
    assert!(segments > 100, "{segments}");
    // Damage to any segment that the read decodes would be an error: all but the latest are damaged.
    run(
        &superuser,
        "UPDATE timedb_internal.segments SET blob = '\\x00'
         WHERE max_valid < (SELECT max(max_valid) FROM timedb_internal.segments)",
    )
    .await;
    let (code, _) = refusal(client.query("SELECT * FROM timedb.read_flat()", &[]).await);
    assert_eq!(code, "XX001");
    let query = "SELECT valid_time = '2017-12-31 23:50Z' FROM timedb.read_last()";
    assert_eq!(texts(&client, query).await, ["true"]);
}
