//! The version of PostgreSQL, its known faults, and whether it takes writes.

use super::check::Check;
use super::faults;
use crate::cli::session::{Session, SessionTrouble};

/// What timedb is written for.
const SUPPORTED: std::ops::RangeInclusive<i32> = 15..=18;

const SERVER: &str = "SELECT pg_catalog.current_setting('server_version'), \
     pg_catalog.current_setting('server_version_num')::pg_catalog.int4, \
     pg_catalog.pg_is_in_recovery(), \
     pg_catalog.current_setting('default_transaction_read_only') OPERATOR(pg_catalog.=) 'on'";

pub async fn examine(session: &mut Session) -> Vec<Check> {
    let row = match ask(session).await {
        Ok(row) => row,
        Err(trouble) => return vec![Check::unknown("postgresql-version", &trouble)],
    };
    let (version, number): (String, i32) = (row.get(0), row.get(1));
    let (major, minor) = (number / 10_000, number % 10_000);
    vec![
        supported(&version, major),
        row_security(major, minor),
        newest(major, minor),
        writing(row.get(2), row.get(3)),
    ]
}

async fn ask(session: &mut Session) -> Result<tokio_postgres::Row, SessionTrouble> {
    let transaction = session.begin().await?;
    Ok(transaction.query_typed_one(SERVER, &[]).await?)
}

fn supported(version: &str, major: i32) -> Check {
    let id = "postgresql-version";
    let summary = format!("PostgreSQL {version}");
    if SUPPORTED.contains(&major) {
        return Check::ok(id, summary);
    }
    let (from, to) = (SUPPORTED.start(), SUPPORTED.end());
    Check::warning(
        id,
        format!("{summary}, while timedb is written for {from} to {to}"),
    )
}

fn row_security(major: i32, minor: i32) -> Check {
    let id = "postgresql-row-security";
    let faults: Vec<_> = faults::of(major, minor).collect();
    let fixed = faults
        .iter()
        .filter_map(|fault| fault.fixed_in(major))
        .max();
    let Some(fixed) = fixed else {
        return Check::ok(
            id,
            format!("no fault of row security is known of {major}.{minor}"),
        );
    };
    let details = faults.iter().map(|fault| {
        let fixed = fault.fixed_in(major).unwrap_or_default();
        format!("{}: {} (mended in {major}.{fixed})", fault.cve, fault.what)
    });
    Check::problem(
        id,
        format!(
            "{} known faults of row security in {major}.{minor}",
            faults.len()
        ),
    )
    .details(details.collect())
    .remedy(format!(
        "Install PostgreSQL {major}.{fixed} or newer and restart it."
    ))
}

fn newest(major: i32, minor: i32) -> Check {
    let id = "postgresql-minor-release";
    match faults::newest(major) {
        Some(newest) if minor < newest => Check::warning(
            id,
            format!("{major}.{minor} lacks the security fixes of {major}.{newest}"),
        )
        .remedy(format!(
            "Install PostgreSQL {major}.{newest} or newer and restart it."
        )),
        _ => Check::ok(
            id,
            format!("{major}.{minor} has all security fixes that are known here"),
        ),
    }
}

fn writing(is_standby: bool, is_read_only: bool) -> Check {
    let id = "writing";
    match (is_standby, is_read_only) {
        (true, _) => Check::warning(id, "this is a standby, which takes no writes"),
        (false, true) => Check::warning(id, "transactions are read-only by default").remedy(
            "Reset default_transaction_read_only for this role or database if that is not wanted.",
        ),
        (false, false) => Check::ok(id, "the database takes writes"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    #[test]
    fn an_old_release_is_a_problem_that_names_the_one_to_install() {
        let check = row_security(16, 4);
        assert_eq!(check.status, Status::Problem);
        assert_eq!(check.details.len(), 4, "{check:?}");
        assert!(check.remedy.is_some_and(|text| text.contains("16.15")));
        assert_eq!(row_security(15, 20).status, Status::Ok);
        assert_eq!(newest(17, 10).status, Status::Warning);
        assert_eq!(newest(17, 11).status, Status::Ok);
        assert_eq!(supported("14.2", 14).status, Status::Warning);
    }
}
