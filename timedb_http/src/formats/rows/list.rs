//! The frame of every list in JSON: `{"count":N,"data":[...]}`, followed by whatever else there is to say.

use serde::Serialize;

use crate::server::json;

/// A list that is being written.
#[derive(Default)]
pub(crate) struct JsonList {
    /// Rows that have begun.
    rows: usize,
    /// The count comes before the rows.
    is_counted: bool,
}

impl JsonList {
    /// The beginning of a list of so many rows, if that is known.
    pub(crate) fn open(&mut self, count: Option<usize>, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(count) = count {
            self.is_counted = true;
            out.extend_from_slice(b"\"count\":");
            out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
            out.push(b',');
        }
        out.extend_from_slice(b"\"data\":[");
    }

    /// What comes before the next row.
    pub(crate) fn next_row(&mut self, out: &mut Vec<u8>) {
        if self.rows > 0 {
            out.push(b',');
        }
        self.rows += 1;
    }

    /// What comes after the last one.
    pub(crate) fn end_of_data(&self, out: &mut Vec<u8>) {
        out.push(b']');
        if !self.is_counted {
            json::write_member("count", self.rows, out);
        }
    }

    /// The end of a list that is a page of a longer one: what the next page begins behind.
    pub(crate) fn end_of_page(&self, next: Option<impl Serialize>, out: &mut Vec<u8>) {
        self.end_of_data(out);
        json::write_member("next", next, out);
        out.push(b'}');
    }
}
