//! `timedb doctor`: looks at everything that a store depends on, changes nothing, and says what to do. The ids of the
//! checks and the three statuses are for programs and stay.

mod check;
mod clock;
mod extension;
mod faults;
mod postgresql;
mod role;
mod tenants;

use check::{Check, Status};
use serde_json::json;

use crate::cli::config::{self, Environment};
use crate::cli::failure::Failure;
use crate::cli::grammar::Common;
use crate::cli::session::Session;
use crate::cli::terminal::{Output, print_json, unless_gone};

/// `timedb doctor`
pub async fn run(common: &Common, environment: &Environment) -> Result<(), Failure> {
    let config = environment.database(common.dsn.as_ref())?;
    let place = config::describe(&config);
    let checks = match Session::open(&config).await {
        Ok(mut session) => examine(&mut session, place).await,
        Err(failure) => vec![Check::problem("connection", failure.to_string()).remedy(
            "Check the connection string, and that PostgreSQL is running and lets this role in.",
        )],
    };
    show(common, &checks)?;
    let problems = count(&checks, Status::Problem);
    match problems {
        0 => Ok(()),
        _ => Err(Failure::new(format!(
            "{problems} of {} checks found a problem",
            checks.len()
        ))),
    }
}

async fn examine(session: &mut Session, place: String) -> Vec<Check> {
    let mut checks = vec![Check::ok(
        "connection",
        format!("connected to database {place}"),
    )];
    checks.extend(postgresql::examine(session).await);
    checks.extend(role::examine(session).await);
    let Some(version) = extension::examine(session, &mut checks).await else {
        // Nothing there may be called.
        return checks;
    };
    checks.extend(extension::examine_installed(session, &version).await);
    checks.extend(tenants::examine(session).await);
    checks.push(clock::examine(session).await);
    checks
}

fn count(checks: &[Check], status: Status) -> usize {
    checks.iter().filter(|check| check.status == status).count()
}

fn show(common: &Common, checks: &[Check]) -> Result<(), Failure> {
    let worst = checks.iter().map(|check| check.status).max();
    unless_gone(if common.json {
        print_json(&json!({"status": worst, "checks": checks}))
    } else {
        let mut out = Output::new();
        for check in checks {
            let line = format!("{}: {}", check.id, check.summary);
            match check.status {
                Status::Ok => out.done(&line),
                Status::Warning => out.warning(&line),
                Status::Problem => out.failed(&line),
            }
            for detail in &check.details {
                out.line(&format!("    {detail}"));
            }
            if let Some(remedy) = &check.remedy {
                out.line(&format!("    Remedy: {remedy}"));
            }
        }
        let [warnings, problems] =
            [Status::Warning, Status::Problem].map(|status| count(checks, status));
        out.line(&format!(
            "{} checks: {} ok, {warnings} warnings, {problems} problems",
            checks.len(),
            checks.len() - warnings - problems
        ));
        out.send()
    })
}
