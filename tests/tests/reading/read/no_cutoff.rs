//! What is no cut-off of a relative read, and cut-offs where none belongs: refused by name.

use timedb_tests::refusal;
use tokio_postgres::Client;

use super::relative::four_forecasts;

/// The SQLSTATE and the message, and what else is told.
async fn refused(client: &Client, query: &str) -> (String, String) {
    match client.query(query, &[]).await {
        Err(error) => {
            let told = error.as_db_error().expect("the database's word");
            let more = [told.detail(), told.hint()].map(Option::unwrap_or_default);
            (
                told.code().code().to_owned(),
                format!("{} | {}", told.message(), more.join(" | ")),
            )
        }
        answer => refusal(answer),
    }
}

#[tokio::test]
async fn what_is_no_cut_off_is_refused_by_name() {
    let (_db, client) = four_forecasts().await;
    for (arguments, code, words) in [
        ("", "22023", &["cut-off", "window_length", "days_ahead"][..]),
        (
            "window_length => '6h'",
            "22023",
            &["issue_offset is missing"],
        ),
        (
            "issue_offset => '6h'",
            "22023",
            &["window_length is missing"],
        ),
        (
            "start_window => '2025-01-01'",
            "22023",
            &["window_length is missing"],
        ),
        (
            "window_length => '6h', start_window => '2025-01-01'",
            "22023",
            &["issue_offset is missing"],
        ),
        (
            "window_length => '6h', issue_offset => '0'",
            "22023",
            &["start_window is missing", "start_valid"],
        ),
        (
            "window_length => '6h', issue_offset => '0', start_valid => '-infinity'",
            "22023",
            &["start_window is missing"],
        ),
        ("days_ahead => 1", "22023", &["time_of_day is missing"]),
        (
            "time_of_day => '10:00'",
            "22023",
            &["days_ahead is missing"],
        ),
        ("tz => 'UTC'", "22023", &["days_ahead is missing"]),
        (
            "days_ahead => 1, tz => 'UTC'",
            "22023",
            &["time_of_day is missing"],
        ),
        (
            "window_length => '6h', issue_offset => '0', start_window => '2025-01-01', tz => 'UTC'",
            "22023",
            &["window_length", "cannot be combined with", "tz"],
        ),
        (
            "days_ahead => 1, time_of_day => '10:00', start_window => '2025-01-01'",
            "22023",
            &["start_window", "cannot be combined with", "time_of_day"],
        ),
        (
            "days_ahead => -1, time_of_day => '10:00'",
            "22023",
            &["days_ahead", "-1"],
        ),
        (
            "days_ahead => 3652426, time_of_day => '10:00'",
            "22023",
            &["days_ahead", "3652426"],
        ),
        (
            "days_ahead => 1, time_of_day => '10:00', tz => 'Europe/Stokholm'",
            "22023",
            &["Europe/Stokholm"],
        ),
        (
            "days_ahead => 1, time_of_day => '10:00', tz => ''",
            "22023",
            &["time zone"],
        ),
        (
            "days_ahead => 1, time_of_day => '10:00', tz => '+02'",
            "22023",
            &["+02"],
        ),
    ] {
        let (found, told) = refused(
            &client,
            &format!("SELECT * FROM timedb.read_relative({arguments})"),
        )
        .await;
        assert_eq!(found, code, "{arguments}: {told}");
        for word in words {
            assert!(
                told.contains(word),
                "{arguments}: {word:?} is not in {told}"
            );
        }
    }
    for (length, offset, start, code, word) in [
        ("0", "0", "2025-01-01", "22023", "window_length"),
        ("-6h", "0", "2025-01-01", "22023", "window_length"),
        ("1 day -24h", "0", "2025-01-01", "22023", "window_length"),
        ("1 month", "0", "2025-01-01", "22023", "window_length"),
        ("1 year", "0", "2025-01-01", "22023", "window_length"),
        ("6h", "-1 month", "2025-01-01", "22023", "issue_offset"),
        (
            "120000000 days",
            "0",
            "2025-01-01",
            "22008",
            "window_length",
        ),
        (
            "6h",
            "-120000000 days",
            "2025-01-01",
            "22008",
            "issue_offset",
        ),
        ("6h", "0", "infinity", "22008", "start_window"),
        ("6h", "0", "-infinity", "22008", "start_window"),
        ("6h", "0", "10000-01-01Z", "22008", "start_window"),
    ] {
        let arguments = format!(
            "window_length => '{length}', issue_offset => '{offset}', start_window => '{start}'"
        );
        let (found, told) = refused(
            &client,
            &format!("SELECT * FROM timedb.read_relative({arguments})"),
        )
        .await;
        assert_eq!(found, code, "{arguments}: {told}");
        assert!(told.contains(word), "{arguments}: {told}");
    }
    let (code, told) = refused(
        &client,
        "SELECT * FROM timedb.read_relative(window_length => '6h', issue_offset => '0', start_valid => 'infinity')",
    )
    .await;
    assert_eq!(code, "22008");
    assert!(told.contains("start_valid"), "{told}");
}

#[tokio::test]
async fn a_cut_off_is_for_relative_reads() {
    let (_db, client) = four_forecasts().await;
    for mode in ["flat", "overlapping", "versions"] {
        for (name, value) in [
            ("window_length", "'6h'"),
            ("issue_offset", "'0'"),
            ("start_window", "'2025-01-01'"),
            ("days_ahead", "1"),
            ("time_of_day", "'10:00'"),
            ("tz", "'UTC'"),
        ] {
            let query = format!("SELECT timedb_internal._read_packed('{mode}', {name} => {value})");
            let (code, told) = refused(&client, &query).await;
            assert_eq!(code, "22023", "{query}");
            assert!(
                told.contains(&format!("{name} is only for relative reads")),
                "{told}"
            );
        }
    }
}
