//! The fast reader: JSON straight into columns, nothing kept per row. It gives up at the first thing that is
//! wrong or that it doesn't know; the slow reader then takes over and finds the words.

use super::{
    columns::{Columns, Row},
    fields::Members,
    scalar::Scalar,
    scan::Cursor,
};
use crate::server::instant::TimeUnit;

/// A row of JSON is rarely shorter than this; a guess for the columns' first allocation.
const BYTES_PER_ROW: usize = 80;

/// Reads an upload's body: the rows as columns, everything else as raw members. A body that says after its rows
/// what their numbers count is read once the caller knows that.
pub(super) fn read(body: &[u8], mut unit: Option<TimeUnit>) -> Option<(Members<'_>, Columns<'_>)> {
    let text = std::str::from_utf8(body).ok()?;
    let mut cursor = Cursor::new(text);
    let mut members = Members::default();
    let mut columns = Columns::default();
    if !cursor.eat(b'{') {
        return None;
    }
    let mut rows_are_read = false;
    let mut more = !cursor.eat(b'}');
    while more {
        let name = cursor.name()?;
        if name == "value_rows" {
            columns = Columns::with_capacity(body.len() / BYTES_PER_ROW);
            read_rows(&mut cursor, unit, &mut columns)?;
            rows_are_read = true;
        } else {
            let raw = cursor.raw()?;
            if name == "time_unit" {
                let said = Scalar::of(raw).time_unit().ok();
                if unit.is_none() && !rows_are_read {
                    unit = said;
                }
                if said.is_none() || said != unit {
                    return None;
                }
            }
            members.push(name, raw);
        }
        more = cursor.more(b'}')?;
    }
    cursor.at_end().then_some((members, columns))
}

fn read_rows<'a>(
    cursor: &mut Cursor<'a>,
    unit: Option<TimeUnit>,
    columns: &mut Columns<'a>,
) -> Option<()> {
    if !cursor.eat(b'[') {
        return None;
    }
    let mut more = !cursor.eat(b']');
    while more {
        columns.push(read_row(cursor, unit)?);
        more = cursor.more(b']')?;
    }
    Some(())
}

fn read_row<'a>(cursor: &mut Cursor<'a>, unit: Option<TimeUnit>) -> Option<Row<'a>> {
    if !cursor.eat(b'{') {
        return None;
    }
    let (mut value_key, mut valid_time) = (None, None);
    let (mut series_id, mut valid_time_end, mut value) = (None, None, None);
    let (mut known_time, mut knowledge_time) = (None, None);
    let mut more = !cursor.eat(b'}');
    while more {
        let name = cursor.name()?;
        let scalar = cursor.scalar()?;
        match name.as_ref() {
            "valid_time" => valid_time = Some(scalar.instant(unit).ok()?),
            "value_key" => value_key = Some(scalar.text().ok()?),
            "value" => value = scalar.number().ok()?,
            "valid_time_end" if scalar == Scalar::Null => valid_time_end = None,
            "valid_time_end" => valid_time_end = Some(scalar.instant(unit).ok()?),
            "known_time" if scalar == Scalar::Null => known_time = None,
            "known_time" => known_time = Some(scalar.instant(unit).ok()?),
            "knowledge_time" if scalar == Scalar::Null => knowledge_time = None,
            "knowledge_time" => knowledge_time = Some(scalar.instant(unit).ok()?),
            "series_id" if scalar == Scalar::Null => series_id = None,
            "series_id" => series_id = Some(scalar.uuid().ok()?),
            _ => return None,
        }
        more = cursor.more(b'}')?;
    }
    if known_time.is_some() && knowledge_time.is_some() && known_time != knowledge_time {
        return None;
    }
    Some(Row {
        value_key: value_key?,
        valid_time: valid_time?,
        series_id,
        valid_time_end,
        value,
        known_time: known_time.or(knowledge_time),
    })
}
