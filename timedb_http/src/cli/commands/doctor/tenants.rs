//! What waits to be folded, what is damaged, and writes from the future.

use tokio_postgres::Row;
use uuid::Uuid;

use super::check::Check;
use crate::cli::session::Session;

/// A write that meets a log of this length folds it (`write/fold.rs` of the extension); one that stays longer is
/// folded by nobody.
const BACKLOG_ROWS: i64 = 64;
const BACKLOG_POINTS: i64 = 65_536;

/// How many tenants are named.
const NAMED: usize = 10;

const STORES: &str = "SELECT tenant_id, log_rows, log_points, problem, \
     last_change_time OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp() AS is_ahead \
     FROM timedb.stats_store()";

const IDS: [&str; 3] = ["folding", "damage", "change-times"];

pub async fn examine(session: &mut Session) -> Vec<Check> {
    let rows = match session.ask(STORES, &[]).await {
        Ok(rows) => rows,
        Err(trouble) => return IDS.map(|id| Check::unknown(id, &trouble)).into(),
    };
    let stores: Vec<StoreState> = rows.iter().map(StoreState::of).collect();
    vec![folding(&stores), damage(&stores), change_times(&stores)]
}

/// What is asked of a tenant's store; a damaged log is not counted.
#[derive(Default)]
struct StoreState {
    tenant: Uuid,
    log_rows: i64,
    log_points: i64,
    problem: Option<String>,
    is_ahead: bool,
}

impl StoreState {
    fn of(row: &Row) -> Self {
        let count = |column| row.get::<_, Option<i64>>(column).unwrap_or_default();
        Self {
            tenant: row.get("tenant_id"),
            log_rows: count("log_rows"),
            log_points: count("log_points"),
            problem: row.get("problem"),
            is_ahead: row.get::<_, Option<bool>>("is_ahead").unwrap_or_default(),
        }
    }
}

fn folding(stores: &[StoreState]) -> Check {
    let id = "folding";
    let is_long =
        |store: &&StoreState| store.log_rows > BACKLOG_ROWS || store.log_points > BACKLOG_POINTS;
    let long: Vec<&StoreState> = stores.iter().filter(is_long).collect();
    let waiting: i64 = stores.iter().map(|store| store.log_rows).sum();
    if long.is_empty() {
        return Check::ok(
            id,
            format!(
                "{waiting} writes of {} tenants wait to be folded",
                stores.len()
            ),
        );
    }
    let details = long.iter().map(|store| {
        format!(
            "tenant {}: {} writes with {} points",
            store.tenant, store.log_rows, store.log_points
        )
    });
    Check::warning(
        id,
        format!(
            "the logs of {} tenants are longer than they should be",
            long.len()
        ),
    )
    .details(details.take(NAMED).collect())
    .remedy("timedb compact --partly")
}

fn damage(stores: &[StoreState]) -> Check {
    let id = "damage";
    let problems = stores.iter().filter_map(|store| store.problem.clone());
    let problems: Vec<String> = problems.collect();
    if problems.is_empty() {
        return Check::ok(id, "no row of a log is damaged");
    }
    let summary = format!("{} tenants have a damaged row in their log", problems.len());
    Check::problem(id, summary)
        .details(problems.into_iter().take(NAMED).collect())
        .remedy("SELECT * FROM timedb.verify_store(); says what is damaged, and timedb.set_aside() takes it out of the way.")
}

/// The database stamps writes later than all before them, so a clock that was ahead once stays visible.
fn change_times(stores: &[StoreState]) -> Check {
    let id = "change-times";
    let ahead: Vec<&StoreState> = stores.iter().filter(|store| store.is_ahead).collect();
    if ahead.is_empty() {
        return Check::ok(id, "no write is from the future");
    }
    let details = ahead.iter().map(|store| format!("tenant {}", store.tenant));
    Check::warning(
        id,
        format!(
            "the last writes of {} tenants are later than the clock: it has gone back",
            ahead.len()
        ),
    )
    .details(details.take(NAMED).collect())
    .remedy("Keep the database server's clock right (NTP). Until it has caught up, writes are stamped as soon after the last one as can be.")
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn a_log_beyond_the_bound_of_writes_is_a_backlog() {
        let log = |log_rows, log_points| StoreState {
            log_rows,
            log_points,
            ..StoreState::default()
        };
        let status = |stores: &[StoreState]| folding(stores).status;
        assert_eq!(status(&[log(64, 65_536), log(0, 0)]), Status::Ok);
        assert_eq!(status(&[log(65, 65)]), Status::Warning);
        assert_eq!(status(&[log(0, 0), log(1, 65_537)]), Status::Warning);
        let many: Vec<StoreState> = (0..20).map(|_| log(100, 100)).collect();
        assert_eq!(folding(&many).details.len(), NAMED);
    }

    #[test]
    fn a_last_write_later_than_the_clock_is_told() {
        assert_eq!(change_times(&[StoreState::default()]).status, Status::Ok);
        let ahead = StoreState {
            is_ahead: true,
            ..StoreState::default()
        };
        let check = change_times(&[StoreState::default(), ahead]);
        assert_eq!((check.status, check.details.len()), (Status::Warning, 1));
    }
}
