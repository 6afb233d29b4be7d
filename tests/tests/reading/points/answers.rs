//! Which version a row gets, and in which order rows come.

use timedb_tests::times::{DAY, HOUR, START};
use timedb_tests::{Role, run};

use super::{rows, store};

const TEN: i64 = START + DAY + 10 * HOUR;

#[tokio::test]
async fn each_row_gets_the_version_known_by_its_own_cutoff() {
    let (_db, client) = store().await;
    let north = r#"name => '{wind}', labels => '{"{\"site\": \"north\"}"}'"#;
    let at = format!(
        "{north}, valid_time => '{{2025-01-02 10:00Z, 2025-01-02 11:00Z, 2025-01-02 10:00Z, 2025-01-02 10:00Z,
             2025-01-02 12:00Z, 2025-01-02 11:00Z}}',
         as_of => '{{2025-01-01 23:00Z, 2025-01-01 11:59Z, 2025-01-01 12:00Z, 2025-01-01 05:59Z, 2025-01-03Z, 2025-01-03Z}}'"
    );
    let known = |hour: i64| Some(START + hour * HOUR);
    let expected = vec![
        (1, TEN, known(18), Some(3.0), true),
        (2, TEN + HOUR, known(6), Some(10.0), true),
        (3, TEN, known(12), Some(2.0), true),
        (4, TEN, None, None, false),
        (5, TEN + 2 * HOUR, None, None, false),
        (6, TEN + HOUR, known(12), None, true),
    ];
    assert_eq!(rows(&client, &at).await, expected);
    let series = "SELECT DISTINCT series_id::text, unit FROM timedb.read_points";
    let series = client
        .query_one(&format!("{series}({at})"), &[])
        .await
        .unwrap();
    let (id, unit): (String, String) = (series.get(0), series.get(1));
    assert_eq!(unit, "MW");
    // The same by id, by position, and in another unit.
    let by_id = at.replace(north, &format!("series_id => '{{{id}}}'"));
    assert_eq!(rows(&client, &by_id).await, expected);
    let kilowatts = rows(&client, &format!("{at}, unit => 'kW'")).await;
    assert_eq!(kilowatts[2], (3, TEN, known(12), Some(2000.0), true));
    let by_position = format!("'{{{id}}}', '{{2025-01-02 10:00Z}}', '{{2025-01-01 12:00Z}}'");
    assert_eq!(
        rows(&client, &by_position).await,
        [(1, TEN, known(12), Some(2.0), true)]
    );
    let none = "valid_time => '{}', as_of => '{}', name => '{}'";
    assert_eq!(rows(&client, none).await, []);
}

#[tokio::test]
async fn series_are_named_as_in_an_upload() {
    let (_db, client) = store().await;
    let rest = "valid_time => '{2025-01-02 10:00Z, 2025-01-02 10:00Z, 2025-01-02 10:00Z}', as_of => '{2025-01-01 07:00Z}'";
    let values = async |series: &str| -> Vec<Option<f64>> {
        let rows = rows(&client, &format!("{series}, {rest}")).await;
        rows.into_iter().map(|row| row.3).collect()
    };
    let (north, bare) = (Some(1.0), Some(100.0));
    assert_eq!(values("name => '{wind}'").await, [bare, bare, bare]);
    let labels = r#"labels => '{"{\"site\": \"north\"}", NULL, "{ \"site\":\"north\" }"}'"#;
    let named = format!("name => '{{wind, wind, wind}}', {labels}");
    assert_eq!(values(&named).await, [north, bare, north]);
    let indexed = r#"name => '{wind, wind}', labels => '{"{}", "{\"site\": \"north\"}"}', series_index => '{2, 1, 2}'"#;
    assert_eq!(values(indexed).await, [north, bare, north]);
}

#[tokio::test]
async fn the_latest_point_within_max_age_is_found_as_it_was_known() {
    let (_db, client) = store().await;
    let at = |as_of: &str, max_age: &str| {
        format!(
            r#"name => '{{wind}}', labels => '{{"{{\"site\": \"north\"}}"}}', valid_time => '{{2025-01-02 10:30Z, 2025-01-02 12:00Z}}',
               as_of => '{{2025-01-01 {as_of}Z}}', max_age => '{max_age}'"#
        )
    };
    let known = |hour: i64| Some(START + hour * HOUR);
    let nothing = |place, time| (place, time, None, None, false);
    let (half, noon) = (TEN + HOUR / 2, TEN + 2 * HOUR);
    assert_eq!(
        rows(&client, &at("07:00", "1 hour")).await,
        [
            (1, TEN, known(6), Some(1.0), true),
            (2, TEN + HOUR, known(6), Some(10.0), true)
        ]
    );
    // A null is a point.
    assert_eq!(
        rows(&client, &at("13:00", "1 day")).await,
        [
            (1, TEN, known(12), Some(2.0), true),
            (2, TEN + HOUR, known(12), None, true)
        ]
    );
    assert_eq!(
        rows(&client, &at("13:00", "0")).await,
        [nothing(1, half), nothing(2, noon)]
    );
    assert_eq!(
        rows(&client, &at("07:00", "59 min")).await,
        [(1, TEN, known(6), Some(1.0), true), nothing(2, noon)]
    );
}

#[tokio::test]
async fn corrections_count_unless_they_were_written_later() {
    let (_db, client) = store().await;
    let now = "SELECT (clock_timestamp())::text";
    let before: String = client.query_one(now, &[]).await.unwrap().get(0);
    run(
        &client,
        "SELECT timedb.update_values(jsonb_build_array(jsonb_build_object('series_id', series_id,
             'valid_time', '2025-01-02 10:00Z', 'known_time', '2025-01-01 12:00Z', 'value', 2.5)))
         FROM timedb.series WHERE name = 'wind' AND labels <> '{}'",
    )
    .await;
    let at = r#"name => '{wind}', labels => '{"{\"site\": \"north\"}"}', valid_time => '{2025-01-02 10:00Z, 2025-01-02 10:00Z}',
                as_of => '{2025-01-01 12:00Z, 2025-01-03Z}'"#;
    let values = async |rest: &str| -> Vec<Option<f64>> {
        let rows = rows(&client, &format!("{at}{rest}")).await;
        rows.into_iter().map(|row| row.3).collect()
    };
    assert_eq!(values("").await, [Some(2.5), Some(3.0)]);
    let as_written = format!(", as_of_change => '{before}'");
    assert_eq!(values(&as_written).await, [Some(2.0), Some(3.0)]);
    assert_eq!(
        values(", as_of_change => '2020-01-01Z'").await,
        [None, None]
    );
}

#[tokio::test]
async fn points_at_one_time_are_told_apart_by_their_ends() {
    let (_db, client) = store().await;
    let at = |end: &str| {
        format!(
            "name => '{{rain}}', valid_time => '{{2025-01-02 10:00Z}}', as_of => '{{2025-01-02Z}}',
             valid_time_end => '{{{end}}}'"
        )
    };
    for (end, value) in [
        ("2025-01-02 11:00Z", Some(5.0)),
        ("NULL", Some(6.0)),
        ("2025-01-02 12:00Z", None),
    ] {
        assert_eq!(rows(&client, &at(end)).await[0].3, value, "{end}");
    }
}

#[tokio::test]
async fn a_join_by_ordinality_gives_training_data_without_leakage() {
    let (_db, client) = store().await;
    let joined = client
        .query(
            r#"SELECT t.day, p.value FROM unnest(
                   '{2025-01-02 10:00Z, 2025-01-02 10:00Z}'::timestamptz[],
                   '{2025-01-01 11:00Z, 2025-01-01 17:00Z}'::timestamptz[]) WITH ORDINALITY AS t(valid_time, day, ordinality)
               JOIN timedb.read_points(name => '{wind}', labels => '{"{\"site\": \"north\"}"}',
                   valid_time => '{2025-01-02 10:00Z, 2025-01-02 10:00Z}',
                   as_of => '{2025-01-01 11:00Z, 2025-01-01 17:00Z}') AS p USING (ordinality) ORDER BY ordinality"#,
            &[],
        )
        .await
        .unwrap();
    let values: Vec<f64> = joined.iter().map(|row| row.get(1)).collect();
    assert_eq!(values, [1.0, 2.0]);
}

#[tokio::test]
async fn nobody_has_no_rows() {
    let (db, _) = store().await;
    let nobody = db.connect(Role::User).await;
    let at = "name => '{wind}', valid_time => '{2025-01-02 10:00Z}', as_of => '{2025-01-02Z}'";
    assert_eq!(rows(&nobody, at).await, []);
}
