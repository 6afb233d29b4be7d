//! The shapes of an upload: one name, a name a point, a dictionary with an index, ids.

use timedb_tests::{Db, count, refusal, upload};
use uuid::Uuid;

use super::{THREE_HOURS, contents, upload_sql, uploaded};

#[tokio::test]
async fn one_name_is_the_name_of_all_points() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let answer = uploaded(
        &client,
        &format!("{THREE_HOURS}, ARRAY[1, 2, 3], ARRAY['wind']"),
    )
    .await;
    assert_eq!((answer.points, answer.series_ids.len()), (3, 1));
    assert_eq!(
        contents(&client).await,
        ["wind{} 00=1", "wind{} 01=2", "wind{} 02=3"]
    );
}

#[tokio::test]
async fn names_can_come_point_by_point() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let names = "ARRAY['wind', 'load', 'wind']";
    let answer = uploaded(&client, &format!("{THREE_HOURS}, ARRAY[1, 2, 3], {names}")).await;
    // One id for each distinct name, in the order of appearance.
    let row = client
        .query_one("SELECT array_agg(name ORDER BY name DESC), array_agg(series_id ORDER BY name DESC) FROM timedb.series", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, Vec<String>>(0), ["wind", "load"]);
    assert_eq!(row.get::<_, Vec<Uuid>>(1), answer.series_ids);
    assert_eq!(
        contents(&client).await,
        ["load{} 01=2", "wind{} 00=1", "wind{} 02=3"]
    );
}

#[tokio::test]
async fn a_dictionary_of_series_is_pointed_at_by_series_index() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let answer = uploaded(
        &client,
        &format!(
            r#"{THREE_HOURS}, ARRAY[1, 2, 3], ARRAY['wind', 'wind', 'load', 'unused'],
               labels => ARRAY['{{"site": "n"}}', '{{"site": "s"}}', NULL, '{{}}']::jsonb[],
               unit => ARRAY['m/s', 'm/s', 'MW', NULL], description => ARRAY['north', NULL, '', 'no point of it'],
               series_index => ARRAY[2, 3, 1]"#
        ),
    )
    .await;
    assert_eq!(answer.series_ids.len(), 4);
    assert_eq!(
        contents(&client).await,
        [
            r#"load{} 01=2"#,
            r#"wind{"site": "n"} 02=3"#,
            r#"wind{"site": "s"} 00=1"#
        ]
    );
    let rows = client
        .query(
            "SELECT d.n, s.name, s.unit, s.description FROM unnest($1::uuid[]) WITH ORDINALITY AS d(series_id, n)
             JOIN timedb.series AS s USING (series_id) ORDER BY d.n",
            &[&answer.series_ids],
        )
        .await
        .unwrap();
    let units: Vec<&str> = rows.iter().map(|row| row.get("unit")).collect();
    assert_eq!(units, ["m/s", "m/s", "MW", "dimensionless"]);
    assert_eq!(rows[0].get::<_, Option<&str>>("description"), Some("north"));
    assert_eq!(rows[3].get::<_, &str>("name"), "unused");
}

#[tokio::test]
async fn labels_and_units_given_once_hold_for_all_names() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    uploaded(
        &client,
        &format!(
            r#"{THREE_HOURS}, ARRAY[1, 2, 3], ARRAY['a', 'b', 'a'],
               labels => ARRAY['{{"run": "7"}}'::jsonb], unit => ARRAY['MW'], description => ARRAY['of a run']"#
        ),
    )
    .await;
    let query = r#"SELECT count(*) FROM timedb.series
                   WHERE unit = 'MW' AND description = 'of a run' AND labels = '{"run": "7"}'"#;
    assert_eq!(count(&client, query, &[]).await, 2);
    let query = "SELECT count(*) FROM timedb.series_labels WHERE label = 'run' AND value = '7'";
    assert_eq!(count(&client, query, &[]).await, 2);
}

#[tokio::test]
async fn series_can_be_named_by_id_in_every_shape() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let one = upload(&client, "one", &[0.0]).await.unwrap();
    let two = upload(&client, "two", &[0.0]).await.unwrap();
    for (ids, index, expected) in [
        (
            format!("'{{{one}}}'"),
            "",
            ["one{} 00=1", "one{} 01=2", "one{} 02=3", "two{} 00=0"].as_slice(),
        ),
        (
            format!("'{{{two},{one},{two}}}'"),
            "",
            &[
                "one{} 00=1",
                "one{} 01=2",
                "one{} 02=3",
                "two{} 00=1",
                "two{} 02=3",
            ],
        ),
        (
            format!("'{{{two},{one}}}'"),
            ", series_index => '{2,2,1}'",
            &[
                "one{} 00=1",
                "one{} 01=2",
                "one{} 02=3",
                "two{} 00=1",
                "two{} 02=3",
            ],
        ),
    ] {
        uploaded(
            &client,
            &format!("{THREE_HOURS}, ARRAY[1, 2, 3], series_id => {ids}{index}"),
        )
        .await;
        assert_eq!(contents(&client).await, expected, "{ids}{index}");
    }
    let unknown = Uuid::new_v4();
    let refused = refusal(
        upload_sql(
            &client,
            &format!("{THREE_HOURS}, ARRAY[1, 2, 3], series_id => '{{{unknown}}}'"),
        )
        .await,
    );
    assert_eq!(
        refused,
        (
            "42704".to_owned(),
            format!("series \"{unknown}\" does not exist")
        )
    );
}

#[tokio::test]
async fn arrays_of_any_shape_are_taken_element_by_element() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let square = "'{{2025-01-01 00:00Z,2025-01-01 01:00Z},{2025-01-01 02:00Z,2025-01-01 03:00Z}}', '{{1,2},{3,4}}', '{x}'";
    let shifted = "'[0:1]={2025-01-01 04:00Z,2025-01-01 05:00Z}', '[7:8]={5,NULL}', '[-1:-1]={x}'";
    for (arguments, points) in [(square, 4), (shifted, 2)] {
        match upload_sql(&client, arguments).await {
            Ok(answer) => assert_eq!(answer.points, points),
            Err(error) => assert_eq!(refusal::<()>(Err(error)).0, "2202E", "{arguments}"),
        }
    }
    let stored = contents(&client).await;
    assert!(stored.is_sorted(), "{stored:?}");
}
