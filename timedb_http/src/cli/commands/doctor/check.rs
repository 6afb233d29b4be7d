//! What one check says.

use serde::Serialize;

use crate::cli::session::SessionTrouble;

/// How it stands, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, but not as it should; or it could not be found out.
    Warning,
    /// Tenants may not be kept apart, or the store does not work.
    Problem,
}

/// The outcome of a check.
#[derive(Debug, Serialize)]
pub struct Check {
    pub id: &'static str,
    pub status: Status,
    /// A sentence without a capital or a full stop.
    pub summary: String,
    /// What it consists of, one by one.
    pub details: Vec<String>,
    /// What to do: a statement, a command or a sentence.
    pub remedy: Option<String>,
}

impl Check {
    pub fn ok(id: &'static str, summary: impl Into<String>) -> Self {
        Self::new(id, Status::Ok, summary.into())
    }

    pub fn warning(id: &'static str, summary: impl Into<String>) -> Self {
        Self::new(id, Status::Warning, summary.into())
    }

    pub fn problem(id: &'static str, summary: impl Into<String>) -> Self {
        Self::new(id, Status::Problem, summary.into())
    }

    /// It could not be found out.
    pub fn unknown(id: &'static str, trouble: &SessionTrouble) -> Self {
        let reason = match trouble {
            SessionTrouble::Database(error) => crate::cli::failure::brief(error),
            SessionTrouble::NotSetUp => "timedb is not set up".to_owned(),
            SessionTrouble::Doubtful { problem, .. } => problem.clone(),
        };
        Self::warning(id, format!("could not be checked: {reason}"))
    }

    fn new(id: &'static str, status: Status, summary: String) -> Self {
        Self {
            id,
            status,
            summary,
            details: Vec::new(),
            remedy: None,
        }
    }

    pub fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
