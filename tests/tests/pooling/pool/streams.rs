//! A large answer whose reader goes away, or stops reading, in the middle.

use std::time::{Duration, Instant};

use timedb_tests::Tenant;
use timedb_tests::wire::Wire;

use super::{Broken, Narrow};

/// Gives a tenant 600,000 points: some 80 MB of JSON, more than all buffers on the way hold.
async fn fill(narrow: &Narrow, tenant: &Tenant) {
    let client = narrow.db.begin(tenant).await;
    let upload = "SELECT points FROM timedb.upload(
        ARRAY(SELECT timestamptz '2020-01-01Z' + i * interval '1 minute' FROM generate_series(0, 599999) AS i ORDER BY i),
        ARRAY(SELECT i FROM generate_series(0, 599999) AS i ORDER BY i)::float8[], '{many}')";
    client.batch_execute(upload).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
}

/// Starts the large read and takes the beginning of its answer.
async fn start_reading(narrow: &Narrow) -> Wire {
    let mut wire = Broken::Read.start(&narrow.server, narrow.db.a()).await;
    wire.read_some(100_000).await;
    assert!(wire.received().starts_with(b"HTTP/1.1 200"));
    wire
}

#[tokio::test]
async fn a_reader_that_goes_away_in_the_middle_frees_the_connection() {
    let narrow = Narrow::start("60").await;
    fill(&narrow, narrow.db.a()).await;
    for round in 0..4 {
        let wire = start_reading(&narrow).await;
        drop(wire);
        narrow.until_clean("reader gone").await;
        narrow
            .assert_tenants_are_themselves(&format!("reader gone, round {round}"))
            .await;
    }
}

#[tokio::test]
async fn a_reader_that_stops_reading_does_not_keep_the_connection() {
    let narrow = Narrow::start("2").await;
    fill(&narrow, narrow.db.a()).await;
    let mut wire = start_reading(&narrow).await;
    // Requests of the meantime wait for the only connection, and may do so in vain.
    let start = Instant::now();
    while narrow
        .server
        .get("/values", Some(&narrow.db.b().key))
        .await
        .status
        != 200
    {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the connection never came back"
        );
    }
    narrow.until_clean("reader stopped").await;
    narrow.assert_tenants_are_themselves("reader stopped").await;
    // The answer that it gets is broken, not a shorter one.
    let rest = async {
        while wire.received().len() < 200_000_000 {
            let length = wire.received().len() + 1;
            if !wire.try_read_some(length).await {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), rest)
        .await
        .expect("the broken answer ends");
    assert!(
        !wire.received().ends_with(b"0\r\n\r\n"),
        "a broken answer ends like a whole one"
    );
}

#[tokio::test]
async fn a_read_that_fails_in_the_middle_breaks_the_answer() {
    let narrow = Narrow::start("60").await;
    fill(&narrow, narrow.db.a()).await;
    // The last segment is damaged: the answer has begun long before it is found.
    narrow
        .observer
        .batch_execute(
            "UPDATE timedb_internal.segments SET blob = set_byte(blob, 20, get_byte(blob, 20) # 255)
             WHERE min_valid = (SELECT max(min_valid) FROM timedb_internal.segments WHERE count > 1)",
        )
        .await
        .unwrap();
    let mut wire = start_reading(&narrow).await;
    while wire.try_read_some(wire.received().len() + 1).await {}
    assert!(
        wire.received().len() > 10_000_000,
        "{} bytes",
        wire.received().len()
    );
    assert!(
        !wire.received().ends_with(b"0\r\n\r\n"),
        "a broken answer ends like a whole one"
    );
    narrow.until_clean("failed in the middle").await;
    narrow
        .assert_tenants_are_themselves("failed in the middle")
        .await;
}
