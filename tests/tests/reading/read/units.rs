//! Reads in another unit: which values come out, what the rows say, and what is refused.

use timedb_tests::{Db, count, refusal, run};
use tokio_postgres::Client;

async fn power() -> (Db, Client) {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    run(
        &client,
        "SELECT timedb.upload(ARRAY['2025-01-01 00:00Z', '2025-01-01 01:00Z']::timestamptz[], ARRAY[1500, NULL],
             '{power}', unit => '{kW}', known_time => '2025-01-01 00:00Z');
         SELECT timedb.upload(ARRAY['2025-01-01 00:00Z', '2025-01-01 01:00Z']::timestamptz[], ARRAY[20, NULL],
             '{roof}', unit => '{degC}', known_time => '2025-01-01 00:00Z');
         SELECT timedb.upload(ARRAY['2025-01-01 00:00Z']::timestamptz[], ARRAY[7], '{people}', unit => '{persons in line}')",
    )
    .await;
    (db, client)
}

#[tokio::test]
async fn values_come_in_the_unit_that_is_asked_for_and_rows_say_so() {
    let (_db, client) = power().await;
    let cut = "start_valid => '2025-01-01Z', window_length => '1 day', issue_offset => '0'";
    for (read, rest) in [
        ("read_flat", ""),
        ("read_overlapping", ""),
        ("read_versions", ""),
        ("read_relative", &format!(", {cut}")),
    ] {
        for (name, unit, value) in [
            ("power", "MW", "1.5"),
            ("power", " W ", "1500000"),
            ("power", "kW", "1500"),
            ("roof", "K", "293.15"),
            ("roof", "degF", "68"),
            // A unit that nobody knows is itself.
            ("people", "persons in line", "7"),
        ] {
            let query = format!(
                "SELECT string_agg(coalesce(round(value::numeric, 9)::float8::text, 'null'), ' ' ORDER BY valid_time),
                        min(unit), max(unit) FROM timedb.{read}(name => '{name}', unit => '{unit}'{rest})"
            );
            if rest.is_empty() || name != "people" {
                let row = client
                    .query_one(&query, &[])
                    .await
                    .unwrap_or_else(|error| panic!("{query}: {error:?}"));
                let null = if name == "people" { "" } else { " null" };
                assert_eq!(row.get::<_, &str>(0), format!("{value}{null}"), "{query}");
                assert_eq!(row.get::<_, &str>(1), unit.trim(), "{query}");
                assert_eq!(row.get::<_, &str>(2), unit.trim(), "{query}");
            }
        }
    }
    let query = "SELECT count(*) FROM timedb.series WHERE unit IN ('kW', 'degC')";
    assert_eq!(count(&client, query, &[]).await, 2, "what is stored stays");
}

#[tokio::test]
async fn a_unit_that_a_series_does_not_convert_to_is_refused_by_name() {
    let (_db, client) = power().await;
    for (arguments, code, words) in [
        (
            "name => 'power', unit => 'MWh'",
            "22023",
            &["kW", "MWh"][..],
        ),
        ("name => 'power', unit => 'mw'", "22023", &["mw"]),
        (
            "name => 'people', unit => 'MW'",
            "22023",
            &["persons in line"],
        ),
        // One of several series is enough.
        ("unit => 'MW'", "22023", &["MW"]),
    ] {
        let query = format!("SELECT * FROM timedb.read_flat({arguments})");
        let (found, message) = refusal(client.query(&query, &[]).await);
        assert_eq!(found, code, "{arguments}: {message}");
        for word in words {
            assert!(message.contains(word), "{arguments}: {message}");
        }
    }
    run(
        &client,
        "SELECT timedb.upload('{2025-01-01}', '{1e308}', '{sun}', unit => '{GW}')",
    )
    .await;
    let query = "SELECT * FROM timedb.read_flat(name => 'sun', unit => 'W')";
    let (code, message) = refusal(client.query(query, &[]).await);
    assert_eq!(code, "22003", "{message}");
    assert!(message.starts_with("1e308 is too large"), "{message}");
}
