//! Answers as of a change_time are the same after any later write; answers as of a known_time, after any
//! later write of what was known later.

use timedb_tests::random::{Random, new_seed};
use timedb_tests::{Db, Server};
use tokio_postgres::Client;

use super::now;

const NAMES: [&str; 3] = ["wind", "load", "price"];

/// A known_time as text, `after` a day of January 2025 or whenever.
fn known_time(random: &mut Random, after: u64) -> String {
    let day = after + random.below(20 - after);
    format!("2025-01-{:02}T{:02}:00:00Z", 1 + day, random.below(24))
}

/// Uploads a few points, known at some time after the given day.
async fn write(client: &Client, random: &mut Random, after: u64) {
    let points = random.pick(&[1, 5, 60]);
    let known = known_time(random, after);
    client
        .execute(
            "SELECT * FROM timedb.upload(
                 ARRAY(SELECT timestamptz '2025-01-01Z' + (i * $2) * interval '1 hour'
                       FROM generate_series(1, $1::int) AS i ORDER BY i),
                 ARRAY(SELECT CASE WHEN i % 5 > 0 THEN i + $3::float8 END
                       FROM generate_series(1, $1::int) AS i ORDER BY i),
                 ARRAY[$4], known_time => $5::text::timestamptz)",
            &[
                &points,
                &(1 + random.below(7)),
                &(random.below(1000) as f64),
                &random.pick(&NAMES),
                &known,
            ],
        )
        .await
        .unwrap_or_else(|error| panic!("upload: {error:?}"));
}

/// The four reads with these conditions: as SQL arguments, and as parameters of a request.
async fn answers(
    client: &Client,
    server: &Server,
    key: &str,
    conditions: &[(&str, &str)],
) -> Vec<String> {
    let sql: Vec<String> = conditions
        .iter()
        .map(|(name, instant)| format!("{name} => '{instant}'"))
        .collect();
    let http: Vec<String> = conditions
        .iter()
        .map(|(name, instant)| format!("{name}={instant}"))
        .collect();
    let (sql, http) = (sql.join(", "), http.join("&"));
    let windows =
        "window_length => '1 day', issue_offset => '-6 hours', start_window => '2025-01-01Z'";
    let mut all = Vec::new();
    for call in [
        format!("read_flat({sql})"),
        format!("read_overlapping({sql})"),
        format!("read_versions({sql})"),
        format!("read_relative({sql}, {windows})"),
        format!("read_relative({sql}, days_ahead => 1, time_of_day => '06:00')"),
    ] {
        let query = format!("SELECT r::text FROM timedb.{call} AS r");
        let rows = client.query(&query, &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        let rows: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        all.push(format!("{call}\n{}", rows.join("\n")));
    }
    for mode in [
        "mode=flat",
        "mode=overlapping",
        "all_versions=true",
        "mode=relative&window_length=1d&issue_offset=-6h&start_window=2025-01-01",
        "mode=relative&days_ahead=1&time_of_day=06:00",
    ] {
        let path = format!("/values?{http}&{mode}");
        let reply = server.get(&path, Some(key)).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        all.push(format!("{path}\n{}", reply.text));
    }
    all
}

/// Conditions and the answers that they had.
type Asked = (Vec<(&'static str, String)>, Vec<String>);

async fn history(seed: u64) {
    let db = Db::new().await;
    let server = Server::start(&db);
    let client = db.login(db.a()).await;
    let key = &db.a().key;
    let mut random = Random::new(seed);
    let mut asked: Vec<Asked> = Vec::new();
    // What is known up to here is complete from some time on.
    let day = 8;
    for step in 0..24 {
        // From the middle on, only what was known later is written.
        let after = if step < 12 { 0 } else { day };
        for _ in 0..=random.below(3) {
            write(&client, &mut random, after).await;
        }
        let change = now(&client).await;
        let as_of = known_time(&mut random, 0);
        let mut conditions = vec![
            vec![("as_of_change", change.clone())],
            vec![("as_of", as_of), ("as_of_change", change)],
        ];
        if step == 12 {
            conditions.push(vec![("as_of", format!("2025-01-0{day}T23:59:59Z"))]);
            conditions.push(vec![("as_of", "2025-01-03T12:00:00Z".to_owned())]);
        }
        for conditions in conditions {
            let borrowed: Vec<(&str, &str)> = conditions
                .iter()
                .map(|(name, instant)| (*name, instant.as_str()))
                .collect();
            let found = answers(&client, &server, key, &borrowed).await;
            asked.push((conditions, found));
        }
        if step % 6 < 5 {
            continue;
        }
        for (conditions, before) in &asked {
            let borrowed: Vec<(&str, &str)> = conditions
                .iter()
                .map(|(name, instant)| (*name, instant.as_str()))
                .collect();
            let found = answers(&client, &server, key, &borrowed).await;
            for (before, found) in before.iter().zip(&found) {
                assert!(
                    before == found,
                    "seed {seed}, step {step}: another answer\n{before}\n{found}"
                );
            }
        }
    }
    // They are not all alike, or empty.
    let different: std::collections::HashSet<&String> =
        asked.iter().map(|(_, answers)| &answers[2]).collect();
    assert!(different.len() > 20, "{} answers", different.len());
    assert!(asked.iter().all(|(_, answers)| answers.len() == 10));
}

#[tokio::test]
async fn an_answer_as_of_a_moment_stays_the_same_seed_1() {
    history(1).await;
}

/// Another history in each run; its seed is in the message of a failure.
#[tokio::test]
async fn an_answer_as_of_a_moment_stays_the_same_new_seed() {
    history(new_seed()).await;
}
