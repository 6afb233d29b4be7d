//! Values each as known by its own cut-off: in SQL and over HTTP.

mod answers;
mod http;
mod random;
mod refused;

use timedb_tests::times::Micros;
use timedb_tests::{Db, run};
use tokio_postgres::Client;

/// Two series with the same name: a forecast in three versions of which the middle one was corrected later, a null, and
/// an interval beside an instant.
async fn store() -> (Db, Client) {
    let db = Db::new().await;
    let client = db.login(db.a()).await;
    for upload in [
        r#"'{2025-01-02 10:00Z, 2025-01-02 11:00Z}', '{1, 10}', '{wind}', labels => '{"{\"site\": \"north\"}"}',
           unit => '{MW}', known_time => '2025-01-01 06:00Z'"#,
        r#"'{2025-01-02 10:00Z, 2025-01-02 11:00Z}', '{2, NULL}', '{wind}', labels => '{"{\"site\": \"north\"}"}',
           unit => '{MW}', known_time => '2025-01-01 12:00Z'"#,
        r#"'{2025-01-02 10:00Z}', '{3}', '{wind}', labels => '{"{\"site\": \"north\"}"}',
           unit => '{MW}', known_time => '2025-01-01 18:00Z'"#,
        "'{2025-01-02 10:00Z}', '{100}', '{wind}', known_time => '2025-01-01 06:00Z'",
        "'{2025-01-02 10:00Z, 2025-01-02 10:00Z}', '{5, 6}', '{rain}',
         valid_time_end => '{2025-01-02 11:00Z, NULL}', known_time => '2025-01-01 06:00Z'",
    ] {
        run(
            &client,
            &format!("SELECT count(*) FROM timedb.upload({upload})"),
        )
        .await;
    }
    (db, client)
}

/// Rows of an answer: ordinality, valid_time, known_time, value, found.
type Row = (i64, i64, Option<i64>, Option<f64>, bool);

async fn rows(client: &Client, arguments: &str) -> Vec<Row> {
    let query = format!("SELECT * FROM timedb.read_points({arguments})");
    let rows = client.query(&query, &[]).await;
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    let row = |row: &tokio_postgres::Row| {
        let instant = |column: &str| row.get::<_, Option<Micros>>(column).map(|micros| micros.0);
        (
            row.get("ordinality"),
            instant("valid_time").expect("every row has one"),
            instant("known_time"),
            row.get("value"),
            row.get("found"),
        )
    };
    rows.iter().map(row).collect()
}
