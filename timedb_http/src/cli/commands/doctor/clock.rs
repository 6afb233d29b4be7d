//! Whether the clock of the database server agrees with the one here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use timedb_http::db::PgInstant;

use super::check::Check;
use crate::cli::session::Session;

/// What clocks that are kept right differ by, at most.
const MOST: Duration = Duration::from_secs(2);

const NOW: &str = "SELECT pg_catalog.clock_timestamp()";

pub async fn examine(session: &mut Session) -> Check {
    let id = "clock";
    let asked = Instant::now();
    let answer = session.client.query_typed_one(NOW, &[]).await;
    let took = asked.elapsed();
    let theirs = match answer {
        Ok(row) => row.get::<_, PgInstant>(0).0,
        Err(error) => return Check::unknown(id, &error.into()),
    };
    let ours = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let ours = i64::try_from(ours.as_micros()).unwrap_or(i64::MAX);
    judge(theirs.saturating_sub(ours), took)
}

/// `ahead` is by how many microseconds the database's clock was ahead of ours when its answer was there.
fn judge(ahead: i64, took: Duration) -> Check {
    let id = "clock";
    let apart = Duration::from_micros(ahead.unsigned_abs());
    // The answer was on its way for some of the time that it took.
    if apart.saturating_sub(took) <= MOST {
        return Check::ok(id, "the database server's clock agrees with the one here");
    }
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    Check::warning(
        id,
        format!(
            "the database server's clock is {:.1} s {side} the one here",
            apart.as_secs_f64()
        ),
    )
    .remedy("Keep both clocks right (NTP): change times and the expiry of keys go by the database server's.")
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn what_the_answer_took_is_no_difference() {
        let status = |ahead, took| judge(ahead, Duration::from_secs(took)).status;
        assert_eq!(status(1_900_000, 0), Status::Ok);
        assert_eq!(status(-4_000_000, 3), Status::Ok);
        assert_eq!(status(-4_000_000, 0), Status::Warning);
        let check = judge(90_000_000, Duration::ZERO);
        assert!(check.summary.contains("90.0 s ahead of"), "{check:?}");
    }
}
