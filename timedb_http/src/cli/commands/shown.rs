//! What several commands read and show alike: tenants, times, and a new key.

use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::terminal::Output;

const SAVE_IT: &str = "Save the API key - it will not be shown again.";

/// The key is alone on its line without box or colour: people and programs copy it from there.
pub fn show_key(out: &mut Output, label: &str, key: &str) {
    out.line("");
    out.line(&format!("{label}: {key}"));
    out.line("");
    out.warning(SAVE_IT);
}

/// A tenant as an argument names it.
pub fn tenant_id(text: Option<&str>) -> Result<Option<Uuid>, Failure> {
    let parse = |text: &str| {
        Uuid::try_parse(text.trim())
            .map_err(|_| Failure::new(format!("Invalid tenant-id UUID: {text}")))
    };
    text.map(parse).transpose()
}

/// SQL for a time as JSON shows it.
pub fn iso(column: &str) -> String {
    format!(
        "pg_catalog.to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"
    )
}

/// A time from [`iso`] for people; a time that is not set is `never`.
pub fn moment(iso: Option<&str>) -> String {
    match iso {
        Some(iso) => {
            let minute = iso.get(..16).unwrap_or(iso);
            format!("{} UTC", minute.replace('T', " "))
        }
        None => "never".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_id_is_a_uuid_or_a_known_text() {
        assert_eq!(tenant_id(None).unwrap(), None);
        let id = "adbe46ce-04e5-4352-8aa9-6accf88a9aeb";
        assert_eq!(tenant_id(Some(id)).unwrap().unwrap().to_string(), id);
        let failure = tenant_id(Some("not-one")).unwrap_err();
        assert_eq!(failure.to_string(), "Invalid tenant-id UUID: not-one");
        assert_eq!(failure.code(), 1);
    }

    #[test]
    fn a_moment_is_shown_to_the_minute() {
        assert_eq!(
            moment(Some("2026-03-01T12:34:56.000000+00:00")),
            "2026-03-01 12:34 UTC"
        );
        assert_eq!(moment(None), "never");
    }
}
