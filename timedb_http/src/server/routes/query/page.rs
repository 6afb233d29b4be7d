//! The parameters of pages: how many rows, and behind which. A cursor goes with the parameters of the read that it is of,
//! and says so; which row it means, and of whose, only the database knows.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sha2::{Digest, Sha256};
use timedb_wire::reads::{self, Argument};

use super::{
    arguments::{Arguments, Given},
    escapes, values, wrong,
};
use crate::server::{body::Problem, error::FieldError, guard::Query};

const LIMIT: &str = "limit";
const CURSOR: &str = Argument::Cursor.parameter();

/// Most rows of a page; the database allows as many.
pub(crate) const MOST_ROWS: usize = 100_000;

/// What a query can have that a header or a link in it cannot; what is not ASCII is encoded anyway.
const OUTSIDE_LINKS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// The parameters of pages, as they are found in a query.
#[derive(Default)]
pub(super) struct PageParameters {
    limit: Option<(String, usize)>,
    cursor: Option<String>,
}

/// A page that is asked for, as far as the database does not know it.
#[derive(Debug, PartialEq)]
pub(crate) struct PageQuery {
    /// The query without its cursor, fit for a link.
    query: String,
    /// What the cursors of this read begin with.
    mark: String,
}

impl PageParameters {
    pub(super) fn has(&self, name: &str) -> bool {
        matches!(name, LIMIT | CURSOR)
    }

    pub(super) fn take(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            LIMIT => self.limit = Some((value.to_owned(), values::limit_to(MOST_ROWS, value)?)),
            _ => self.cursor = Some(values::text(value)?),
        }
        Ok(())
    }

    /// For buckets, of which the range already says how many there are.
    pub(super) fn refuse_for_buckets(self) -> Query<Option<PageQuery>> {
        let limit = self.limit.map(|(given, _)| (LIMIT, given));
        let cursor = self.cursor.map(|given| (CURSOR, given));
        match limit.or(cursor) {
            None => Ok(None),
            Some((name, given)) => Err(refused(
                name,
                given,
                "Input should not be given with bucket: read a part of the range at a time, from start_valid to end_valid",
            )),
        }
    }

    /// Gives the database its part.
    pub(super) fn complete(
        self,
        query: &str,
        arguments: &mut Arguments,
    ) -> Query<Option<PageQuery>> {
        let Some((_, limit)) = self.limit else {
            return match self.cursor {
                None => Ok(None),
                Some(cursor) => Err(refused(
                    CURSOR,
                    cursor,
                    "Input should come with limit: without it the answer is no page",
                )),
            };
        };
        let mark = mark_of(arguments);
        if let Some(cursor) = self.cursor {
            let Some(place) = cursor.strip_prefix(&mark) else {
                return Err(refused(
                    CURSOR,
                    cursor,
                    "Input should be a cursor of this read, whose other parameters, except limit and format, are the \
                     same: follow the link to the next page",
                ));
            };
            arguments.give(Argument::Cursor, Given::Text(place.to_owned().into()));
        }
        // At most MOST_ROWS.
        arguments.give(Argument::MaxPoints, Given::Integer(limit as i32));
        Ok(Some(PageQuery {
            query: without_cursor(query),
            mark,
        }))
    }
}

impl PageQuery {
    /// The cursor that a client gets, of the database's.
    pub(crate) fn cursor_behind(&self, place: &str) -> String {
        format!("{}{place}", self.mark)
    }

    /// The header that links to the page behind a cursor, relative to this one: a server behind a proxy does not know its
    /// own address.
    pub(crate) fn link(&self, cursor: &str) -> String {
        format!("<?{}&{CURSOR}={cursor}>; rel=\"next\"", self.query)
    }
}

/// What tells the parameters of a read from those of others, in hexadecimal. It protects nothing: whoever makes one up
/// gets what a query with the same range gets.
fn mark_of(arguments: &Arguments) -> String {
    let mut digest = Sha256::new();
    for said in arguments.bytes_of(reads::READ_PACKED) {
        match said {
            None => digest.update([0]),
            Some(bytes) => {
                digest.update([1]);
                digest.update((bytes.len() as u64).to_be_bytes());
                digest.update(&bytes);
            }
        }
    }
    let digest = digest.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn without_cursor(query: &str) -> String {
    let is_other = |pair: &&str| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !pair.is_empty() && escapes::of_query(name).is_ok_and(|name| name != CURSOR)
    };
    let others: Vec<&str> = query.split('&').filter(is_other).collect();
    utf8_percent_encode(&others.join("&"), OUTSIDE_LINKS).to_string()
}

fn refused(name: &str, given: String, told: &str) -> Vec<FieldError> {
    vec![wrong(
        &["query", name],
        given,
        Problem::new("value_error", told),
    )]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::server::{
        head::Head,
        routes::query::{plan, plan_last},
    };

    fn page(query: &str) -> PageQuery {
        plan(&Head::asking(query)).unwrap().page.unwrap()
    }

    #[test]
    fn a_link_has_the_parameters_and_another_cursor() {
        let first = page("name=a+b&labels={%22a%22:%22b%22}&limit=7&as_of=2025-01-01");
        let cursor = first.cursor_behind("AQ-_");
        let link = format!(
            "<?name=a+b&labels={{%22a%22:%22b%22}}&limit=7&as_of=2025-01-01&cursor={cursor}>; rel=\"next\""
        );
        assert_eq!(first.link(&cursor), link);
        let next = link.trim_start_matches("<?").split('>').next().unwrap();
        let asked = plan(&Head::asking(next)).unwrap();
        assert_eq!(
            asked.arguments.get(Argument::Cursor),
            Some(&Given::Text("AQ-_".into()))
        );
        assert_eq!(
            asked.arguments.get(Argument::MaxPoints),
            Some(&Given::Integer(7))
        );
        assert_eq!(asked.page.unwrap().link(&cursor), link);
    }

    #[test]
    fn a_cursor_goes_with_the_parameters_but_not_with_limit_and_format() {
        let cursor = page("name=a&limit=7").cursor_behind("AQ");
        let asks = |query: &str| plan(&Head::asking(&format!("{query}&cursor={cursor}"))).is_ok();
        assert!(asks("name=a&limit=7") && asks("limit=8&format=csv&name=a"));
        for other in [
            "name=b&limit=7",
            "limit=7",
            "name=a&limit=7&mode=overlapping",
            "name=a&limit=7&all_versions=1",
            "name=a&limit=7&as_of_change=2025-01-01",
            "name=a&limit=7&unit=MW",
        ] {
            assert!(!asks(other), "{other}");
        }
        let of_last = plan_last(&Head::asking(&format!("name=a&limit=7&cursor={cursor}")));
        assert!(of_last.is_err());
    }

    #[test]
    fn what_is_wrong_with_a_page_is_named() {
        for (query, kind, place) in [
            ("limit=0", "greater_than_equal", "limit"),
            ("limit=100001", "less_than_equal", "limit"),
            ("limit=many", "int_parsing", "limit"),
            ("cursor=AQ", "value_error", "cursor"),
            ("limit=1&cursor=AQ", "value_error", "cursor"),
            ("limit=1&cursor=", "value_error", "cursor"),
            ("limit=1&limit=2", "value_error", "limit"),
            ("limit=1&bucket=1h", "value_error", "limit"),
            ("cursor=AQ&bucket=1h", "value_error", "cursor"),
        ] {
            let error = json!(plan(&Head::asking(query)).unwrap_err())[0].clone();
            assert_eq!(error["type"], kind, "{query}");
            assert_eq!(error["loc"], json!(["query", place]), "{query}");
        }
    }
}
