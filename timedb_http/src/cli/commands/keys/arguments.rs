//! The arguments of the commands about keys: ids, times and lengths of time.

use timedb_http::db::PgInstant;
use timedb_http::instant;
use uuid::Uuid;

use crate::cli::failure::Failure;

/// The id of a key.
pub fn id(text: &str) -> Result<Uuid, Failure> {
    let text = text.trim();
    Uuid::try_parse(text).map_err(|_| {
        // Whoever takes the key for its id must not find it in a log.
        let shown = if timedb_key::check(text).is_ok() || text.starts_with(timedb_key::PREFIX) {
            "a key"
        } else {
            text
        };
        Failure::new(format!(
            "Invalid key id: {shown}. A key id is a UUID, and `timedb keys list` shows it"
        ))
    })
}

/// A time, read as the server reads one: without a time zone it is UTC, wherever the database is.
pub fn read_time(option: &str, text: Option<&str>) -> Result<Option<PgInstant>, Failure> {
    let read = |text: &str| {
        instant::parse(text.trim()).map(PgInstant).map_err(|malformed| {
            Failure::usage(format!(
                "Invalid time for {option}: {text} ({malformed}). Use ISO 8601, such as 2027-01-01 or \
                 2027-01-01T12:00:00Z"
            ))
        })
    };
    text.map(read).transpose()
}

/// `24h` and the like, as an interval of SQL.
pub fn interval(text: &str) -> Result<String, Failure> {
    const UNITS: [(char, &str); 5] = [
        ('s', "seconds"),
        ('m', "minutes"),
        ('h', "hours"),
        ('d', "days"),
        ('w', "weeks"),
    ];
    let text = text.trim();
    let parsed = UNITS.iter().find_map(|(short, unit)| {
        let number: u32 = text.strip_suffix(*short)?.parse().ok()?;
        Some(format!("{number} {unit}"))
    });
    parsed.ok_or_else(|| {
        Failure::usage(format!(
            "Invalid length of time: {text}. Use a number with s, m (minutes), h, d or w, such as 30m, 24h or 7d"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_a_unit() {
        assert_eq!(interval("24h").unwrap(), "24 hours");
        assert_eq!(interval(" 0s ").unwrap(), "0 seconds");
        for text in [
            "", "24", "h", "1M", "1D", "-1h", "1.5h", "1 month", "24 h", "2é",
        ] {
            assert_eq!(interval(text).unwrap_err().code(), 2, "{text}");
        }
    }

    #[test]
    fn a_time_is_written_as_iso_8601() {
        let read = |text| read_time("--expires-at", Some(text));
        assert_eq!(
            read("2027-01-01").unwrap(),
            Some(PgInstant(1_798_761_600_000_000))
        );
        for text in [
            "2027",
            "20270101",
            "1798761600",
            "soon",
            "tomorrow",
            "infinity",
            "",
        ] {
            let failure = read(text).unwrap_err();
            assert_eq!(failure.code(), 2, "{text}");
            assert!(failure.to_string().contains("--expires-at"), "{failure}");
        }
    }

    #[test]
    fn a_key_in_the_place_of_its_id_is_not_repeated() {
        let sentence = id("not-a-uuid").unwrap_err().to_string();
        assert!(sentence.starts_with("Invalid key id: not-a-uuid."));
        let key = "tdb_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP";
        for text in [key, &key[..50]] {
            assert!(
                id(text)
                    .unwrap_err()
                    .to_string()
                    .starts_with("Invalid key id: a key.")
            );
        }
    }
}
