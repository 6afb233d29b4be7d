//! Units: what is written in another one is stored in the series' own, and read in any that fits.

use serde_json::json;
use timedb_tests::{Db, Server, refusal, run};

use super::{create, encoded, get, upload_in, values};

#[tokio::test]
async fn the_unit_of_an_upload_is_the_unit_of_its_values() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let id = upload_in(&client, &[1500.0], "'{power}', unit => '{kW}'")
        .await
        .unwrap();
    // By name and by id, with one unit for all and one a point.
    for arguments in [
        "'{power}', unit => '{MW}', known_time => '2025-02-01Z'".to_owned(),
        format!("series_id => '{{{id}}}', unit => '{{MW}}', known_time => '2025-02-02Z'"),
        format!(
            "series_id => '{{{id},{id}}}', unit => '{{MW,kW}}', known_time => '2025-02-03Z', series_index => '{{1,2,1}}'"
        ),
        format!(
            "series_id => '{{{id},{id},{id}}}', unit => '{{MW,kW,MW}}', known_time => '2025-02-04Z'"
        ),
    ] {
        let several = arguments.contains("kW");
        let sent: &[f64] = if several { &[2.5, 7.0, 0.1] } else { &[2.5] };
        assert_eq!(
            upload_in(&client, sent, &arguments).await.unwrap(),
            id,
            "{arguments}"
        );
    }
    assert_eq!(
        values(
            &client,
            "SELECT value FROM timedb.read_versions() ORDER BY valid_time, known_time"
        )
        .await,
        [
            2500.0, 2500.0, 2500.0, 2500.0, 1500.0, 7.0, 7.0, 100.0, 100.0
        ]
    );
    let unit = client
        .query_one("SELECT DISTINCT unit FROM timedb.series", &[])
        .await
        .unwrap();
    assert_eq!(unit.get::<_, &str>(0), "kW");
}

#[tokio::test]
async fn a_new_series_takes_the_first_unit_and_the_others_are_converted_to_it() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    upload_in(
        &client,
        &[1.5, 1500.0, 3.0],
        "'{p,p,p}', unit => '{MW,kW,NULL}'",
    )
    .await
    .unwrap();
    assert_eq!(
        values(&client, "SELECT value FROM timedb.read_flat()").await,
        [1.5, 1.5, 3.0]
    );
}

#[tokio::test]
async fn temperatures_have_zeros_of_their_own_and_missing_values_stay_missing() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    create(&client, "t", &json!({}), "degC").await;
    run(
        &client,
        "SELECT timedb.upload('{2025-01-01Z,2025-01-02Z,2025-01-03Z}', '{273.15,NULL,32}', '{t,t,t}',
             unit => '{K,K,degF}')",
    )
    .await;
    let rows = client
        .query("SELECT value FROM timedb.read_flat()", &[])
        .await
        .unwrap();
    let stored: Vec<Option<f64>> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(stored, [Some(0.0), None, Some(0.0)]);
    let rows = client
        .query("SELECT value, unit FROM timedb.read_flat(unit => 'K')", &[])
        .await
        .unwrap();
    let read: Vec<Option<f64>> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(read, [Some(273.15), None, Some(273.15)]);
    assert_eq!(rows[0].get::<_, &str>(1), "K");
}

#[tokio::test]
async fn unchanged_values_are_unchanged_in_another_unit_and_a_request_in_another_unit_is_another_request()
 {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let skipped = async |arguments: &str| -> (i64, bool) {
        let query = format!(
            "SELECT skipped, replayed FROM timedb.upload('{{2025-01-01Z,2025-01-02Z}}', {arguments})"
        );
        let row = client.query_one(&query, &[]).await.unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!(
        skipped("'{1500,70}', '{p}', unit => '{kW}'").await,
        (0, false)
    );
    let in_mw =
        "'{1.5,0.071}', '{p}', unit => '{MW}', skip_unchanged => true, idempotency_key => 'k'";
    assert_eq!(skipped(in_mw).await, (1, false));
    assert_eq!(skipped(in_mw).await, (1, true));
    let in_kw = in_mw.replace("MW", "kW");
    let query = format!("SELECT timedb.upload('{{2025-01-01Z,2025-01-02Z}}', {in_kw})");
    assert_eq!(refusal(client.query(&query, &[]).await).0, "22000");
    let id: uuid::Uuid = client
        .query_one("SELECT series_id FROM timedb.series", &[])
        .await
        .unwrap()
        .get(0);
    let by_id = format!("'{{1,2}}', series_id => '{{{id}}}', idempotency_key => 'l'");
    assert_eq!(skipped(&by_id).await, (0, false));
    let query =
        format!("SELECT timedb.upload('{{2025-01-01Z,2025-01-02Z}}', {by_id}, unit => '{{MW}}')");
    assert_eq!(refusal(client.query(&query, &[]).await).0, "22000");
}

#[tokio::test]
async fn a_unit_that_does_not_fit_is_refused_with_both_and_nothing_stays() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let power = create(&client, "power", &json!({}), "kW").await;
    create(&client, "own", &json!({}), "furlongs").await;
    for (arguments, stored, given) in [
        ("'{power}', unit => '{degC}'".to_owned(), "kW", "degC"),
        ("'{power}', unit => '{kWh}'".to_owned(), "kW", "kWh"),
        ("'{power}', unit => '{parrots}'".to_owned(), "kW", "parrots"),
        ("'{own}', unit => '{m}'".to_owned(), "furlongs", "m"),
        (
            format!("series_id => '{{{power}}}', unit => '{{V}}'"),
            "kW",
            "V",
        ),
    ] {
        let (code, message) = refusal(upload_in(&client, &[1.0], &arguments).await);
        assert_eq!(code, "23505", "{arguments}");
        let told = format!("already exists with unit \"{stored}\", not \"{given}\"");
        assert!(message.contains(&told), "{message}");
    }
    let refused = upload_in(
        &client,
        &[1.0],
        "'{fresh,power}', unit => '{MW,s}', series_index => '{1}'",
    );
    assert_eq!(refusal(refused.await).0, "23505");
    let too_large = upload_in(&client, &[1e307], "'{power}', unit => '{TW}'").await;
    let (code, message) = refusal(too_large);
    assert_eq!(code, "22003");
    assert!(
        message.starts_with("1e307 TW is too large to be stored in kW"),
        "{message}"
    );
    // A unit that nobody knows is as good as any, as long as it stays the same.
    upload_in(&client, &[1.0], "'{own}', unit => '{\" furlongs \"}'")
        .await
        .unwrap();
    // Of what create_series() is given nothing can be converted.
    let strict = client.query("SELECT timedb.create_series('power', 'MW')", &[]);
    assert_eq!(refusal(strict.await).0, "23505");
    let names = super::names(&client, "").await;
    assert_eq!(names, ["own", "power"]);
}

#[tokio::test]
async fn every_read_answers_in_the_unit_asked_for() {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    let labels = json!({"site": "north"});
    create(&client, "a", &labels, "kW").await;
    create(&client, "b", &labels, "MW").await;
    create(&client, "c", &labels, "W").await;
    create(&client, "t", &json!({}), "degC").await;
    for (name, value) in [("a", 1500.0), ("b", 2.0), ("c", 250_000.0)] {
        let arguments = format!(
            "'{{{name}}}', labels => ARRAY['{labels}'::jsonb], known_time => '2024-12-01Z'"
        );
        upload_in(&client, &[value], &arguments).await.unwrap();
    }
    upload_in(&client, &[20.0], "'{t}'").await.unwrap();
    let cut_off = "days_ahead => 0, time_of_day => '00:00'";
    let filter = r#"labels => '{"site": "north"}'"#;
    let server = Server::start(&db);
    for (function, rest, query) in [
        ("read_flat", "", ""),
        ("read_overlapping", "", "&mode=overlapping"),
        ("read_versions", "", "&all_versions=true"),
        (
            "read_relative",
            cut_off,
            "&mode=relative&days_ahead=0&time_of_day=00:00",
        ),
    ] {
        let rest = if rest.is_empty() {
            String::new()
        } else {
            format!(", {rest}")
        };
        let of_name = format!(
            "SELECT value FROM timedb.{function}({filter}, unit => 'MW'{rest}) WHERE unit = 'MW' ORDER BY name"
        );
        assert_eq!(
            values(&client, &of_name).await,
            [1.5, 2.0, 0.25],
            "{function}"
        );
        let sql = format!("SELECT * FROM timedb.{function}(unit => 'MW'{rest})");
        let (code, message) = refusal(client.query(&sql, &[]).await);
        assert_eq!(code, "22023", "{function}");
        assert!(
            message.contains("degC") && message.contains("MW"),
            "{message}"
        );

        let path = format!(
            "/values?labels={}&unit=MW{query}",
            encoded(&labels.to_string())
        );
        let answer = get(&server, db.a(), &path).await;
        let mut read: Vec<(String, f64)> = answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                assert_eq!(row["unit"], "MW");
                (
                    row["name"].as_str().unwrap().to_owned(),
                    row["value"].as_f64().unwrap(),
                )
            })
            .collect();
        read.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [("a", 1.5), ("b", 2.0), ("c", 0.25)];
        assert_eq!(
            read,
            expected.map(|(name, value)| (name.to_owned(), value)),
            "{path}"
        );
        let reply = server
            .get(&format!("/values?unit=MW{query}"), Some(&db.a().key))
            .await;
        assert_eq!(reply.status, 400, "{reply:?}");
        let told = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(told.contains("degC") && told.contains("MW"), "{told}");
    }
    let answer = get(&server, db.a(), "/values?name=t&unit=degF").await;
    assert_eq!(answer["data"][0]["value"], json!(68.0));
}
