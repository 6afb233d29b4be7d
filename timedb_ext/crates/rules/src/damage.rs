//! What a damaged row is called, so that whoever has been told of it can name it: its key, as text. Does not know what
//! damage is.

use crate::{Error, Result, SqlState, uuid_text};
use std::fmt;

/// The key of a row that can be damaged. Instants are PostgreSQL's microseconds, which have its infinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns of each key")]
pub enum DamagedRow {
    /// Of timedb_internal.segments.
    Segment {
        series: [u8; 16],
        span_class: i32,
        min_valid: i64,
        segment_id: i64,
    },
    /// Of timedb_internal.write_log.
    Log { change_time: i64 },
    /// Of timedb_internal.batch_chunks.
    Chunk { max_change: i64 },
    /// Of timedb_internal.series_lists.
    List { id: [u8; 16] },
    /// Of timedb.requests.
    Request { batch: [u8; 16] },
    /// Of timedb.series, with its rows of timedb.series_labels.
    Series { id: [u8; 16] },
}

impl DamagedRow {
    /// What kind of row it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Segment { .. } => "segment",
            Self::Log { .. } => "log",
            Self::Chunk { .. } => "chunk",
            Self::List { .. } => "list",
            Self::Request { .. } => "request",
            Self::Series { .. } => "series",
        }
    }

    /// Reads what `to_string` has written.
    ///
    /// # Errors
    /// 22023 for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split('/');
        let kind = parts.next().unwrap_or_default();
        let mut next = || parts.next().unwrap_or_default();
        let row = match kind {
            "segment" => uuid(next()).and_then(|series| {
                Some(Self::Segment {
                    series,
                    span_class: next().parse().ok()?,
                    min_valid: next().parse().ok()?,
                    segment_id: next().parse().ok()?,
                })
            }),
            "log" => next().parse().ok().map(|t| Self::Log { change_time: t }),
            "chunk" => next().parse().ok().map(|t| Self::Chunk { max_change: t }),
            "list" => uuid(next()).map(|id| Self::List { id }),
            "request" => uuid(next()).map(|batch| Self::Request { batch }),
            "series" => uuid(next()).map(|id| Self::Series { id }),
            _ => None,
        };
        // There is one way to spell it.
        row.filter(|row| row.to_string() == text).ok_or_else(|| {
            Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("\"{text}\" is not a damage_id"),
            )
            .hint("timedb.verify() and timedb.verify_store() return the damage_id of each row that is damaged.")
        })
    }
}

impl fmt::Display for DamagedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.kind())?;
        match self {
            Self::Segment {
                series,
                span_class,
                min_valid,
                segment_id,
            } => write!(
                f,
                "{}/{span_class}/{min_valid}/{segment_id}",
                uuid_text(series)
            ),
            Self::Log { change_time: time } | Self::Chunk { max_change: time } => {
                write!(f, "{time}")
            }
            Self::List { id } | Self::Request { batch: id } | Self::Series { id } => {
                f.write_str(&uuid_text(id))
            }
        }
    }
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let uuid = uuid::Uuid::try_parse(text).ok()?;
    Some(uuid.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let id = [7; 16];
        for row in [
            DamagedRow::Segment {
                series: id,
                span_class: -1,
                min_valid: i64::MIN,
                segment_id: i64::MAX,
            },
            DamagedRow::Log { change_time: -5 },
            DamagedRow::Chunk {
                max_change: i64::MAX,
            },
            DamagedRow::List { id },
            DamagedRow::Request { batch: id },
            DamagedRow::Series { id },
        ] {
            assert_eq!(DamagedRow::parse(&row.to_string()).unwrap(), row);
        }
    }

    #[test]
    fn any_other_text_is_refused_and_quoted() {
        let id = uuid_text(&[7; 16]);
        for text in [
            "",
            "log",
            "log/",
            "log/x",
            "log/1/2",
            "log/+1",
            "log/01",
            "chunk/9223372036854775808",
            "other/1",
            &format!("segment/{id}/1/2"),
            &format!("segment/{id}/1/2/3/4"),
            &format!("list/{}", id.to_uppercase().replace('7', "A")),
            &format!("list/{}", id.replace('-', "")),
        ] {
            let (state, message, ..) = DamagedRow::parse(text).unwrap_err().into_parts();
            assert_eq!(state, SqlState::INVALID_PARAMETER_VALUE, "{text}");
            assert!(message.contains(&format!("\"{text}\"")), "{message}");
        }
    }
}
