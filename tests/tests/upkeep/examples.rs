//! The examples run as a reader would run them, and show what they are there to show. What the program in
//! Python asserts stands in that file.

use timedb_tests::{Config, Db, Output, Role, Server, pg_tool, python};

/// Runs `examples/forecast.sql` as a tenant's role.
fn run_sql(db: &Db) -> Output {
    let script = Config::get().root.join("examples/forecast.sql");
    pg_tool("psql")
        .args(["-X", "-d", &db.dsn(Role::Session), "-f"])
        .args([script])
        .env("TIMEDB_KEY", &db.a().key)
        // Tells the look for leaked keys that psql types them as literals here.
        .env("PGAPPNAME", "types_keys")
        .run()
}

/// Runs `examples/forecast.py` with a key.
fn run_python(server: &Server, key: &str) -> Output {
    let script = Config::get().root.join("examples/forecast.py");
    python(&[&script.display().to_string()])
        .env("TIMEDB_URL", server.url())
        .env("TIMEDB_KEY", key)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run()
}

/// The cells of the lines between a title and the next one.
fn table(output: &str, title: &str) -> Vec<Vec<String>> {
    let from = output
        .find(&format!("## {title}"))
        .unwrap_or_else(|| panic!("no part {title:?} in\n{output}"));
    let lines = output[from..].lines().skip(1);
    lines
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| !line.starts_with("--") && !line.is_empty())
        .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn wind_farm_in_python_comes_out_as_expected() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let output = run_python(&server, &db.a().key);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    assert!(
        output
            .stdout
            .ends_with("SUCCESS: every outcome is the expected one.\n"),
        "{}",
        output.stdout
    );
    // It refuses to mix its series with those that are there.
    let again = run_python(&server, &db.a().key);
    assert_eq!(again.code, 1, "{}", again.stdout);
    assert!(again.stderr.contains("the series are new"), "{again:?}");
    // Of another tenant it sees nothing.
    assert_eq!(run_python(&server, &db.b().key).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wind_farm_in_sql_comes_out_as_expected() {
    let db = Db::new().await;
    let output = run_sql(&db);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let shown = |title: &str| table(&output.stdout, title);
    let column = |title: &str, number: usize| -> Vec<String> {
        let rows = shown(title);
        rows.iter().skip(1).map(|row| row[number].clone()).collect()
    };

    assert_eq!(shown("Measurements")[1], ["95", "95"]);
    assert_eq!(shown("Forecasts")[1], ["143", "6864"]);
    let corrected = shown("A correction");
    assert_eq!(corrected[1], ["1"]);
    assert_eq!(corrected[3][1], "999");
    assert_eq!(corrected[4][2], "the meter was being tested");
    assert_eq!(corrected[4][3..], ["{corrected,meter}", "t"]);
    let before = &shown("What did the store say")[1];
    assert_eq!(before[0], before[1]);
    assert_eq!(before[2], "999");

    // A day of 23 hours, in the backtest and in the buckets.
    let hours = ["24", "24", "23", "24"];
    assert_eq!(column("A backtest", 1), hours);
    for cutoff in column("A backtest", 3) {
        assert!(cutoff.ends_with(" 10:00:00"), "{cutoff}");
    }
    assert_eq!(column("Energy by the day", 2), hours);
    assert_eq!(column("Energy by the day", 1)[2], "23:00:00");

    let errors: Vec<f64> = column("How the error grows", 2)
        .iter()
        .map(|mae| mae.parse().expect("an error is a number"))
        .collect();
    assert_eq!(
        column("How the error grows", 0),
        ["1 to 6", "7 to 12", "13 to 24", "25 to 48"]
    );
    assert!(
        errors.is_sorted() && errors[3] > 4.0 * errors[0],
        "{errors:?}"
    );

    let changes = shown("What has changed");
    assert_eq!(changes.len(), 4, "{changes:?}");
    let twice = shown("An upload that is sent twice");
    assert_eq!(twice[1], ["1", "f"]);
    assert_eq!(twice[3], ["1", "t"]);
    assert_eq!(twice[5], ["1"]);
}
