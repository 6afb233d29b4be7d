//! More buckets than an answer holds: they come as a stream, and the server's memory stays small.

use serde_json::Value;
use timedb_tests::{Db, Server, run};

use super::generate;

/// The most memory that a process has had so far, in kilobytes.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

// More threads: while one parses the rows, another looks after the client's connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_streams_by_series_and_is_complete() {
    let db = Db::new().await;
    let server = Server::start(&db);
    let client = db.login(db.a()).await;
    // Four points each, and filled buckets between them.
    let series = "timestamptz '2025-01-01 00:30Z', '2025-02-06Z', interval '9 days'";
    for number in 0..8 {
        generate(&client, &format!("s{number}"), series, "1").await;
    }
    run(&client, "SELECT timedb.create_series('no points')").await;
    let range = "start_valid=2025-01-01&end_valid=2025-02-06";
    let small = server
        .get(
            &format!("/values?bucket=1d&fill=null&{range}"),
            Some(&db.a().key),
        )
        .await;
    assert_eq!(small.json()["count"], 9 * 36);
    let before = peak(server.process_id());
    let all = "count,avg,sum,min,max,first,last,twa";
    let path = format!("/values?bucket=1min&fill=last&aggregate={all}&{range}");
    let reply = server.get(&path, Some(&db.a().key)).await;
    let grown = peak(server.process_id()) - before;
    let buckets = 9 * 36 * 24 * 60;
    assert!(reply.text.starts_with(r#"{"data":[{"valid_time":"#));
    assert!(reply.text.ends_with(&format!(r#"],"count":{buckets}}}"#)));
    let answer = reply.json();
    let rows = answer["data"].as_array().unwrap();
    assert_eq!(rows.len(), buckets);
    let place = |row: &Value| {
        let text = |member: &str| row[member].as_str().unwrap().to_owned();
        (text("series_id"), text("valid_time"))
    };
    assert!(
        rows.is_sorted_by_key(place),
        "rows stand by series, then time"
    );
    let count: i64 = rows.iter().map(|row| row["count"].as_i64().unwrap()).sum();
    assert_eq!(count, 8 * 4);
    let size = reply.text.len() as u64 / 1024;
    assert!(
        grown < size / 2,
        "{grown} kB more for an answer of {size} kB"
    );
}
