//! What is refused, with which error, and that it says where the mistake is.

use timedb_tests::{refusal, run};

use super::{rows, store};

#[tokio::test]
async fn mistakes_are_named() {
    let (db, client) = store().await;
    let other = db.login(db.b()).await;
    run(
        &other,
        "SELECT count(*) FROM timedb.upload('{2025-01-02 10:00Z}', '{1}', '{of b}')",
    )
    .await;
    let row = other
        .query_one("SELECT series_id::text FROM timedb.series", &[])
        .await
        .unwrap();
    let (of_b, nowhere): (String, _) = (row.get(0), "00000000-0000-0000-0000-000000000001");
    let (time, as_of) = (
        "valid_time => '{2025-01-02 10:00Z}'",
        "as_of => '{2025-01-02Z}'",
    );
    let wind = "name => '{wind}'";
    let two = "valid_time => '{2025-01-02 10:00Z, 2025-01-02 11:00Z}'";
    for (arguments, code, part) in [
        (format!("{wind}, {as_of}"), "22004", "valid_time"),
        (format!("{wind}, {time}"), "22004", "as_of"),
        (
            format!("{time}, {as_of}"),
            "22023",
            "either name or series_id",
        ),
        (
            format!("{wind}, series_id => '{{{nowhere}}}', {time}, {as_of}"),
            "22023",
            "either name or series_id",
        ),
        (
            format!("series_id => '{{{nowhere}}}', labels => '{{\"{{}}\"}}', {time}, {as_of}"),
            "22023",
            "labels given beside series_id",
        ),
        (
            format!("{wind}, valid_time => '{{2025-01-02Z, NULL}}', {as_of}"),
            "22004",
            "row 2: valid_time",
        ),
        (
            format!("{wind}, {two}, as_of => '{{2025-01-02Z, NULL}}'"),
            "22004",
            "row 2: as_of",
        ),
        (
            format!("name => '{{wind, NULL}}', {two}, {as_of}"),
            "22004",
            "name",
        ),
        (
            format!("{wind}, valid_time => '{{2025-01-02Z, infinity}}', {as_of}"),
            "22008",
            "row 2: valid_time",
        ),
        (
            format!("{wind}, {time}, as_of => '{{-infinity}}'"),
            "22008",
            "row 1: as_of",
        ),
        (
            format!("{wind}, valid_time => '{{10000-01-01Z}}', {as_of}"),
            "22008",
            "row 1: valid_time",
        ),
        (
            format!("{wind}, {time}, {as_of}, valid_time_end => '{{infinity}}'"),
            "22008",
            "row 1: valid_time_end",
        ),
        (
            format!("{wind}, {time}, {as_of}, as_of_change => 'infinity'"),
            "22008",
            "as_of_change",
        ),
        (
            format!("{wind}, {two}, as_of => '{{2025-01-02Z, 2025-01-02Z, 2025-01-02Z}}'"),
            "2202E",
            "as_of has 3",
        ),
        (
            format!("{wind}, {two}, as_of => '{{}}'"),
            "2202E",
            "as_of has 0",
        ),
        (
            format!("{wind}, {two}, {as_of}, valid_time_end => '{{NULL}}'"),
            "2202E",
            "valid_time_end has 1",
        ),
        (
            format!("name => '{{a, b, c}}', {two}, {as_of}"),
            "2202E",
            "name or series_id has 3",
        ),
        (
            format!("{wind}, {two}, {as_of}, series_index => '{{1, 2}}'"),
            "2202E",
            "series_index 2",
        ),
        (
            format!("{wind}, {time}, {as_of}, max_age => '-1 hour'"),
            "22023",
            "max_age must not be negative",
        ),
        (
            format!("{wind}, {time}, {as_of}, max_age => '1 month'"),
            "22023",
            "max_age must not have months",
        ),
        (
            format!("{wind}, {time}, {as_of}, max_age => '1 hour', valid_time_end => '{{NULL}}'"),
            "22023",
            "max_age",
        ),
        (
            format!("{wind}, {time}, {as_of}, unit => 'degC'"),
            "22023",
            "degC",
        ),
        (
            format!("series_id => '{{{nowhere}}}', {time}, {as_of}"),
            "42704",
            "does not exist",
        ),
        (
            format!("series_id => '{{{of_b}}}', {time}, {as_of}"),
            "42704",
            "does not exist",
        ),
        (
            format!("name => '{{of b}}', {time}, {as_of}"),
            "42704",
            "series \"of b\" without labels does not exist",
        ),
        (
            format!(r#"{wind}, labels => '{{"{{\"site\": \"south\"}}"}}', {time}, {as_of}"#),
            "42704",
            r#"series "wind" with labels {"site":"south"} does not exist"#,
        ),
        (
            format!("name => '{{rain}}', {time}, {as_of}"),
            "P0003",
            "row 1: several points",
        ),
        (
            format!("name => '{{rain}}', {time}, {as_of}, max_age => '1 day'"),
            "P0003",
            "row 1: several points",
        ),
    ] {
        let query = format!("SELECT * FROM timedb.read_points({arguments})");
        let (refused, message) = refusal(client.query(&query, &[]).await);
        assert_eq!(refused, code, "{arguments}: {message}");
        assert!(message.contains(part), "{arguments}: {message}");
    }
    // Nothing is refused for what was not known by then.
    let early = format!("name => '{{rain}}', {time}, as_of => '{{2025-01-01Z}}'");
    assert!(!rows(&client, &early).await[0].4);
}

#[tokio::test]
async fn more_rows_than_the_limit_are_refused_with_a_hint() {
    let (_db, client) = store().await;
    let query = |rows: i64| {
        format!(
            "SELECT count(*) FILTER (WHERE found), count(*) FROM timedb.read_points(name => '{{wind}}', as_of => '{{2025-01-02Z}}',
                 valid_time => ARRAY(SELECT timestamptz '2025-01-02 10:00Z' + i * interval '1 minute'
                                     FROM generate_series(0, {rows} - 1) AS i))"
        )
    };
    let row = client.query_one(&query(1_000_000), &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 1_000_000));
    let (code, message) = refusal(client.query(&query(1_000_001), &[]).await);
    assert_eq!(code, "54000");
    assert_eq!(
        message,
        "a read of points may have at most 1000000 rows, this one has 1000001"
    );
    let names = "SELECT count(*) FROM timedb.read_points(name => ARRAY(SELECT 'n ' || i FROM generate_series(1, 100001) AS i),
                     valid_time => array_fill(now(), ARRAY[100001]), as_of => ARRAY[now()])";
    let (code, message) = refusal(client.query(names, &[]).await);
    assert_eq!(code, "54000");
    assert!(
        message.starts_with("a read of points may have at most 100000 series"),
        "{message}"
    );
}
