//! Points of one batch that were each known at a time of their own.

use timedb_tests::times::{HOUR, Micros, START};
use timedb_tests::{Db, count, refusal};

/// What a query of one text column gives, in order.
async fn texts(client: &tokio_postgres::Client, query: &str) -> Vec<String> {
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_year_of_observations_is_one_batch_and_reads_back_each_way() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let hours = 8_759;
    let valid: Vec<Micros> = (0..hours).map(|i| Micros(START + i * HOUR)).collect();
    // Known ten minutes later each, and the first one again after two hours.
    let mut known: Vec<Micros> = valid.iter().map(|t| Micros(t.0 + HOUR / 6)).collect();
    let mut values: Vec<f64> = (0..hours).map(|i| i as f64).collect();
    let mut valid = valid;
    valid.push(Micros(START));
    known.push(Micros(START + 2 * HOUR));
    values.push(-1.0);
    let row = client
        .query_one(
            "SELECT points, skipped FROM timedb.upload($1, $2, '{rain}', known_times => $3,
                                                       known_time => '2030-01-01Z')",
            &[&valid, &values, &known],
        )
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (hours + 1, 0));
    let batch =
        "SELECT count(*) FROM timedb.batches WHERE points = 8760 AND known_time = '2030-01-01Z'";
    assert_eq!(count(&client, batch, &[]).await, 1);
    for (query, expected) in [
        ("read_flat()", hours),
        ("read_overlapping()", hours + 1),
        ("read_versions()", hours + 1),
        ("read_changes(max_points => 100000)", hours + 1),
        ("read_overlapping() WHERE lead_time = '-10 minutes'", hours),
        ("read_flat(as_of => '2025-01-01 00:09:59Z')", 0),
        ("read_flat(as_of => '2025-01-01 00:10Z')", 1),
        ("read_flat(as_of => '2025-01-01 01:10Z')", 2),
        ("read_flat(min_lead => '-10 minutes')", hours),
        (
            "read_flat(start_known => '2025-01-01 02:00Z', end_known => '2025-01-01 02:00:00.000001Z')",
            1,
        ),
        ("read_versions() WHERE known_time = '2030-01-01Z'", 0),
    ] {
        let query = format!("SELECT count(*) FROM timedb.{query}");
        assert_eq!(count(&client, &query, &[]).await, expected, "{query}");
    }
    let first =
        "SELECT value::text FROM timedb.read_flat(end_valid => '2025-01-01 01:00Z', as_of => $)";
    assert_eq!(
        texts(&client, &first.replace('$', "'2025-01-01 01:00Z'")).await,
        ["0"]
    );
    assert_eq!(
        texts(&client, &first.replace('$', "'2025-01-01 02:00Z'")).await,
        ["-1"]
    );
    let relative = "SELECT count(*) FROM timedb.read_relative(window_length => '1 hour', issue_offset => '10 minutes',
                                                              start_window => '2025-01-01Z')";
    assert_eq!(count(&client, relative, &[]).await, hours);
    // It says what the batch says: that of the point is what counts for a correction.
    let corrected = "SELECT timedb.update_values(jsonb_build_array(jsonb_build_object(
        'series_id', series_ids[1], 'valid_time', '2025-01-01Z', 'known_time', '2025-01-01 00:10Z', 'value', 7)))::text
        FROM timedb.batches";
    assert!(
        texts(&client, corrected).await[0].contains(r#""known_time": "2025-01-01T00:10:00+00:00""#)
    );
    assert_eq!(
        texts(&client, &first.replace('$', "'2025-01-01 01:00Z'")).await,
        ["7"]
    );
}

#[tokio::test]
async fn where_a_point_says_nothing_the_batch_does() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let times = "ARRAY['2025-01-01Z', '2025-01-02Z']::timestamptz[], '{1, 2}', '{x}'";
    let upload = format!(
        "SELECT * FROM timedb.upload({times}, known_times => ARRAY['2024-12-30Z', NULL]::timestamptz[]"
    );
    client
        .query(&format!("{upload}, known_time => '2024-12-31Z')"), &[])
        .await
        .unwrap();
    let known = "SELECT to_char(known_time AT TIME ZONE 'UTC', 'DD') FROM timedb.read_overlapping(name => 'x')";
    assert_eq!(texts(&client, known).await, ["30", "31"]);
    // Without one it is now, as ever.
    client
        .query(&format!("{upload})").replace("{x}", "{y}"), &[])
        .await
        .unwrap();
    let now =
        "SELECT count(*) FROM timedb.read_versions(name => 'y') WHERE known_time = change_time";
    assert_eq!(count(&client, now, &[]).await, 1);
    let nothing = format!("SELECT * FROM timedb.upload({times}, known_times => '{{NULL, NULL}}')")
        .replace("{x}", "{z}");
    client.query(&nothing, &[]).await.unwrap();
    assert_eq!(count(&client, &now.replace("'y'", "'z'"), &[]).await, 2);
}

#[tokio::test]
async fn a_point_may_come_once_for_each_known_time() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let upload = |known: &str, rest: &str| {
        format!(
            "SELECT * FROM timedb.upload(ARRAY['2025-01-01Z', '2025-01-01Z']::timestamptz[], '{{1, 2}}', '{{x}}',
                                         known_times => {known}{rest})"
        )
    };
    client
        .query(
            &upload("ARRAY['2024-12-31Z', '2024-12-30Z']::timestamptz[]", ""),
            &[],
        )
        .await
        .unwrap();
    let values = "SELECT value::text FROM timedb.read_overlapping() ORDER BY known_time";
    assert_eq!(texts(&client, values).await, ["2", "1"]);
    let interval = ", valid_time_end => ARRAY['2025-01-02Z', '2025-01-02Z']::timestamptz[]";
    for (known, rest, part) in [
        (
            "ARRAY['2024-12-31Z', '2024-12-31Z']::timestamptz[]",
            "",
            "known_time 2024-12-31 00:00:00+00",
        ),
        (
            "ARRAY['2024-12-31Z', NULL]::timestamptz[]",
            ", known_time => '2024-12-31Z'",
            "occurs twice",
        ),
        (
            "ARRAY['2024-12-31Z', '2024-12-31Z']::timestamptz[]",
            interval,
            "valid_time_end 2025-01-02 00:00:00+00, known_time",
        ),
        ("NULL", "", "occurs twice"),
        ("'{NULL, NULL}'", "", "occurs twice"),
    ] {
        let (code, message) = refusal(client.query(&upload(known, rest), &[]).await);
        assert_eq!(code, "21000", "{known}: {message}");
        assert!(message.contains(part), "{message}");
    }
    for (known, code, part) in [
        (
            "ARRAY['2024-12-31Z']::timestamptz[]",
            "2202E",
            "known_times has 1 elements where 2",
        ),
        (
            "ARRAY['2024-12-31Z', 'infinity']::timestamptz[]",
            "22008",
            "known_time must not be infinity",
        ),
        (
            "ARRAY['2024-12-31Z', '-infinity']::timestamptz[]",
            "22008",
            "known_time",
        ),
        (
            "ARRAY['2024-12-31Z', '10000-01-01Z']::timestamptz[]",
            "22008",
            "known_time is outside",
        ),
    ] {
        let (refused, message) = refusal(client.query(&upload(known, ""), &[]).await);
        assert_eq!(refused, code, "{known}: {message}");
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(
        count(&client, "SELECT count(*) FROM timedb.read_versions()", &[]).await,
        2
    );
}

#[tokio::test]
async fn sent_again_with_another_known_time_it_is_another_request() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let send = async |known: &str, batch: &str| {
        let query = format!(
            "SELECT replayed FROM timedb.upload(ARRAY['2025-01-01Z', '2025-01-02Z']::timestamptz[], '{{1, 2}}', '{{x}}',
                 known_time => {batch}, known_times => {known}, idempotency_key => 'k')"
        );
        client
            .query_one(&query, &[])
            .await
            .map(|row| row.get::<_, bool>(0))
    };
    let known = "ARRAY['2024-12-30Z', NULL]::timestamptz[]";
    assert!(!send(known, "'2024-12-31Z'").await.unwrap());
    assert!(send(known, "'2024-12-31Z'").await.unwrap());
    // The same in other words.
    assert!(
        send(
            "ARRAY['2024-12-30Z', '2024-12-31Z']::timestamptz[]",
            "'2024-12-31Z'"
        )
        .await
        .unwrap()
    );
    let nothing =
        "SELECT replayed FROM timedb.upload('{2025-01-01}', '{1}', '{y}', idempotency_key => 'n'";
    for (rest, replayed) in [(")", false), (", known_times => '{NULL}')", true)] {
        let row = client.query_one(&format!("{nothing}{rest}"), &[]).await;
        assert_eq!(row.unwrap().get::<_, bool>(0), replayed, "{rest}");
    }
    for (known, batch) in [
        ("ARRAY['2024-12-29Z', NULL]::timestamptz[]", "'2024-12-31Z'"),
        ("ARRAY[NULL, '2024-12-30Z']::timestamptz[]", "'2024-12-31Z'"),
        ("NULL", "'2024-12-31Z'"),
        (known, "NULL"),
    ] {
        let (code, message) = refusal(send(known, batch).await);
        assert_eq!(code, "22000", "{known}: {message}");
    }
}
