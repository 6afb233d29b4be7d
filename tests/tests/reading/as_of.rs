//! Reading as of a change_time and as of a known_time: what was answered once is answered for ever, and a
//! read waits for the writes that could change its answer, and for no other.

mod one_snapshot;
mod own_writes;
mod prepared;
mod stable;
mod strangers;
mod waiting;

use std::time::{Duration, Instant};

use tokio_postgres::{Client, Error};

/// An instant as HTTP and SQL read it, to the microsecond.
const NOW: &str =
    r#"to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#;

/// The server's clock.
async fn now(client: &Client) -> String {
    let row = client.query_one(&format!("SELECT {NOW}"), &[]).await;
    row.unwrap_or_else(|error| panic!("{error:?}")).get(0)
}

/// The values of a flat read as of a change_time.
async fn values_as_of(client: &Client, change_time: &str) -> Result<Vec<f64>, Error> {
    let rows = client
        .query(
            "SELECT value FROM timedb.read_flat(as_of_change => $1::text::timestamptz)",
            &[&change_time],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The same, of a read that nothing has to hold up.
async fn values_at_once(client: &Client, change_time: &str) -> Vec<f64> {
    let started = Instant::now();
    let values = values_as_of(client, change_time)
        .await
        .unwrap_or_else(|error| panic!("as of {change_time}: {error:?}"));
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "it waited for {took:?}");
    values
}

/// Lets the second pass that a write names: one that begins later says nothing of the time before.
async fn next_second() {
    tokio::time::sleep(Duration::from_millis(1_050)).await;
}

/// What a statement was refused with: SQLSTATE and hint.
#[track_caller]
fn refusal_and_hint<T>(result: Result<T, Error>) -> (String, String) {
    let Err(error) = result else {
        panic!("the statement went through, it had to be refused");
    };
    let refused = error.as_db_error().expect("an answer of the server");
    (
        refused.code().code().to_owned(),
        refused.hint().unwrap_or_default().to_owned(),
    )
}
