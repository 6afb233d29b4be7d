//! Where a reader goes on: cursors, since, and what is neither.

use timedb_tests::times::Micros;
use timedb_tests::{Db, Role, refusal, run, upload};

use super::{Asked, all_changes, changes, same, try_changes, versions};

/// Writes of one and of several series, of points with ends and without, one of them empty.
async fn write(client: &tokio_postgres::Client) {
    upload(client, "wind", &[1.0, 2.0, 3.0]).await.unwrap();
    upload(client, "load", &[4.0]).await.unwrap();
    run(
        client,
        "SELECT * FROM timedb.upload(
             '{2025-01-01Z,2025-01-01Z,2025-01-01Z,2025-01-02Z,2025-01-01Z}', '{1,2,NULL,4,5}',
             '{wind,load}', series_index => '{1,1,1,1,2}',
             valid_time_end => '{NULL,2025-01-01 01:00Z,2025-01-01 02:00Z,NULL,NULL}', known_time => '2024-12-31Z');
         SELECT * FROM timedb.upload('{}', '{}', '{wind}');
         BEGIN;
         SELECT * FROM timedb.upload('{2025-01-01Z}', '{7}', '{wind}');
         SELECT * FROM timedb.upload('{2025-01-01Z}', '{8}', '{wind}');
         COMMIT",
    )
    .await;
    upload(client, "wind", &[1.0, 2.0, 3.0]).await.unwrap();
}

#[tokio::test]
async fn every_cursor_resumes_right_behind_its_row() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    write(&client).await;
    let expected = versions(&client).await;
    let all = changes(&client, &Asked::default()).await;
    let found: Vec<_> = all.iter().map(|(_, change)| change.clone()).collect();
    same(&expected, &found, "all at once");
    assert_eq!(all.len(), 14);
    for (at, (cursor, _)) in all.iter().enumerate() {
        let rest = all_changes(&client, Asked::from(cursor)).await;
        same(&expected[at + 1..], &rest, &format!("behind change {at}"));
        let url_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(cursor.chars().all(url_safe), "{cursor}");
    }
    for max_points in [1, 2, 3, 5, 13, 14, 15] {
        let asked = Asked {
            max_points: Some(max_points),
            ..Asked::default()
        };
        let found = all_changes(&client, asked).await;
        same(&expected, &found, &format!("{max_points} at a time"));
    }
}

#[tokio::test]
async fn a_feed_may_be_restricted_to_series_and_changes_them_on_the_way() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    write(&client).await;
    let expected = versions(&client).await;
    for name in ["wind", "load", "unknown"] {
        let mut of_name = expected.clone();
        of_name.retain(|change| change.name == name);
        for max_points in [1, 4, 100] {
            let by_name = Asked {
                name: Some(name.to_owned()),
                max_points: Some(max_points),
                ..Asked::default()
            };
            same(&of_name, &all_changes(&client, by_name).await, name);
            let ids = of_name.iter().map(|change| change.series_id).collect();
            let by_id = Asked {
                series_id: Some(ids),
                max_points: Some(max_points),
                ..Asked::default()
            };
            same(&of_name, &all_changes(&client, by_id).await, name);
        }
    }
    // A cursor is a position, whatever was asked for when it was given.
    let of_load = Asked {
        name: Some("load".to_owned()),
        max_points: Some(1),
        ..Asked::default()
    };
    let (cursor, first) = changes(&client, &of_load).await.remove(0);
    let at = expected.iter().position(|change| *change == first).unwrap();
    let rest = all_changes(&client, Asked::from(&cursor)).await;
    same(&expected[at + 1..], &rest, "all series behind one of load");
}

#[tokio::test]
async fn since_leaves_out_what_was_written_at_that_very_moment() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    write(&client).await;
    let expected = versions(&client).await;
    let mut moments: Vec<i64> = expected.iter().map(|change| change.change).collect();
    moments.dedup();
    assert_eq!(moments.len(), 6);
    for moment in moments {
        for (since, from) in [(moment, moment + 1), (moment - 1, moment)] {
            let mut later = expected.clone();
            later.retain(|change| change.change >= from);
            let asked = Asked {
                since: Some(Micros(since)),
                ..Asked::default()
            };
            same(&later, &all_changes(&client, asked).await, "since");
            let row = client
                .query_one("SELECT timedb.changes_cursor($1)", &[&Micros(since)])
                .await
                .unwrap();
            let behind = all_changes(&client, Asked::from(row.get(0))).await;
            same(&later, &behind, "behind the cursor of since");
        }
    }
}

#[tokio::test]
async fn changes_cursor_stands_behind_everything_that_has_ended() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let ask = "SELECT timedb.changes_cursor()";
    let before: String = client.query_one(ask, &[]).await.unwrap().get(0);
    write(&client).await;
    let after: String = client.query_one(ask, &[]).await.unwrap().get(0);
    let expected = versions(&client).await;
    let all = all_changes(&client, Asked::from(&before)).await;
    same(&expected, &all, "from before");
    assert_eq!(all_changes(&client, Asked::from(&after)).await, []);
    upload(&client, "wind", &[9.0]).await.unwrap();
    assert_eq!(all_changes(&client, Asked::from(&after)).await.len(), 1);
}

#[tokio::test]
async fn what_is_no_cursor_of_the_tenant_is_refused_by_name() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    write(&client).await;
    let (cursor, _) = changes(&client, &Asked::default()).await.remove(5);
    let of_b = db.login(db.b()).await;
    let foreign: String = of_b
        .query_one("SELECT timedb.changes_cursor()", &[])
        .await
        .unwrap()
        .get(0);
    let mut wrong: Vec<String> = ["", "x", "AQ", "=", "ключ", "AAAAAAAAAAAAAAAAAAAAAA"]
        .map(str::to_owned)
        .to_vec();
    wrong.push(foreign);
    wrong.push(format!("{cursor}A"));
    wrong.push(format!("{cursor}="));
    wrong.push(format!(" {cursor}"));
    wrong.push("A".repeat(5_000));
    for at in 0..cursor.len() {
        wrong.push(cursor[..at].to_owned());
        let other = if &cursor[at..=at] == "x" { "y" } else { "x" };
        wrong.push(format!("{}{other}{}", &cursor[..at], &cursor[at + 1..]));
    }
    for cursor in &wrong {
        let (code, message) = refusal(try_changes(&client, &Asked::from(cursor)).await);
        assert_eq!(code, "22023", "{cursor}");
        let named: String = cursor.chars().take(100).collect();
        assert!(message.contains(&named) && message.len() < 250, "{message}");
    }
    // And A's is none of B's.
    let (code, _) = refusal(try_changes(&of_b, &Asked::from(&cursor)).await);
    assert_eq!(code, "22023");
}

#[tokio::test]
async fn arguments_that_no_feed_could_use_are_refused() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for (arguments, code, said) in [
        ("max_points => 0", "22023", "max_points"),
        ("max_points => -1", "22023", "max_points"),
        ("max_points => 100001", "22023", "100000"),
        ("since => 'infinity'", "22008", "since"),
        ("since => '-infinity'", "22008", "since"),
        (
            "since => now(), cursor => timedb.changes_cursor()",
            "22023",
            "since and cursor",
        ),
        (r#"labels => '{"a": 1}'"#, "22023", "label"),
    ] {
        let query = format!("SELECT * FROM timedb.read_changes({arguments})");
        let (found, message) = refusal(client.batch_execute(&query).await);
        assert_eq!(found, code, "{arguments}: {message}");
        assert!(message.contains(said), "{arguments}: {message}");
    }
    for arguments in [
        "max_points => 1",
        "max_points => 100000",
        "max_points => NULL",
        "since => '0001-01-01Z'",
        "since => '9999-12-31Z'",
        "series_id => '{}'",
        r#"labels => '{"a": "b"}'"#,
    ] {
        run(
            &client,
            &format!("SELECT * FROM timedb.read_changes({arguments})"),
        )
        .await;
    }
}

#[tokio::test]
async fn without_a_tenant_there_is_no_change_and_no_cursor() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    write(&client).await;
    let nobody = db.connect(Role::User).await;
    assert_eq!(changes(&nobody, &Asked::default()).await, []);
    let row = nobody
        .query_one("SELECT timedb.changes_cursor()", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, Option<String>>(0), None);
    let packed = "SELECT * FROM timedb_internal._read_changes_packed()";
    assert!(nobody.query(packed, &[]).await.unwrap().is_empty());
}
