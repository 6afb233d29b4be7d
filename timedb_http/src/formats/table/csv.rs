//! CSV with a line of names at the top. A cell that is empty says nothing.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader};

use super::{
    fields::{Fields, MOST_COLUMNS, TableField},
    trouble::{RowCheck, Troubles},
};
use crate::{
    formats::{
        columns::{Columns, Row},
        scalar::{Problem, Scalar, read_labels},
    },
    server::instant::TimeUnit,
};

/// A record with more bytes is none of an upload.
const LONGEST_RECORD: usize = 1 << 20;

pub(super) fn read(
    table: &[u8],
    unit: Option<TimeUnit>,
    columns: &mut Columns<'static>,
    troubles: &mut Troubles,
) {
    let mut records = Records::new(table);
    let fields = match records.next() {
        Ok(Some(names)) => {
            let names: Option<Vec<&str>> = names.collect();
            match names {
                Some(names) => Fields::find(names.into_iter(), troubles),
                None => return troubles.whole("string_unicode", "Input should be CSV in UTF-8"),
            }
        }
        Ok(None) => return troubles.whole("missing", "Input should be CSV with a line of names"),
        Err(told) => return troubles.whole("csv_invalid", told),
    };
    let Some(fields) = fields else {
        return;
    };
    let width = records.width;
    let mut row = 0;
    while !troubles.is_full() {
        match records.next() {
            Ok(None) => return,
            Err(told) => return troubles.row(row, Problem::new("csv_invalid", told)),
            Ok(Some(cells)) if cells.len() != width => {
                let told = format!(
                    "Input should have a cell for each of {width} columns, not {} cells",
                    cells.len()
                );
                troubles.row(row, Problem::new("csv_invalid", &told));
            }
            Ok(Some(cells)) => {
                if let Some(read) = read_row(&cells, row, unit, &fields, troubles) {
                    columns.push_copied(&read);
                }
            }
        }
        row += 1;
    }
}

fn read_row<'c>(
    cells: &Cells<'c>,
    row: usize,
    unit: Option<TimeUnit>,
    fields: &Fields,
    troubles: &mut Troubles,
) -> Option<Row<'c>> {
    let mut check = RowCheck::new(troubles, row);
    let mut cell = |field: TableField| {
        let placed = fields.get(field)?;
        let text = check.keep(
            placed.name,
            cells.get(placed.place).ok_or_else(Problem::unreadable),
            String::new,
        )?;
        (!text.is_empty()).then_some((placed.name, text))
    };
    let [valid_time, valid_time_end, known_time] = [
        TableField::ValidTime,
        TableField::ValidTimeEnd,
        TableField::KnownTime,
    ]
    .map(&mut cell);
    let [value, name, series_id, labels, of_unit] = [
        TableField::Value,
        TableField::Name,
        TableField::SeriesId,
        TableField::Labels,
        TableField::Unit,
    ]
    .map(&mut cell);
    if valid_time.is_none() && check.is_sound {
        check.missing("valid_time");
    }
    if name.is_none() && series_id.is_none() && check.is_sound {
        let placed = fields.get(TableField::Name);
        check.missing(placed.map_or("series_id", |placed| placed.name));
    }
    let mut time = |cell: Option<(&str, &str)>| {
        let (name, text) = cell?;
        let scalar = match unit {
            Some(_) => Scalar::Number(text),
            None => Scalar::Text(Cow::Borrowed(text)),
        };
        check.keep(name, scalar.instant(unit), || text.to_owned())
    };
    let valid_time = time(valid_time);
    let (valid_time_end, known_time) = (time(valid_time_end), time(known_time));
    let scalar = |text: &'c str| Scalar::Text(Cow::Borrowed(text));
    let value =
        value.and_then(|(name, text)| check.keep(name, scalar(text).number(), || text.to_owned()));
    let series_id = series_id
        .and_then(|(name, text)| check.keep(name, scalar(text).uuid(), || text.to_owned()));
    let name =
        name.and_then(|(name, text)| check.keep(name, scalar(text).text(), || text.to_owned()));
    let of_unit =
        of_unit.and_then(|(name, text)| check.keep(name, scalar(text).unit(), || text.to_owned()));
    let labels = labels.and_then(|(name, text)| {
        let read = read_labels(text).map(|()| Cow::Borrowed(text));
        check.keep(name, read, || text.to_owned())
    });
    let is_sound = check.is_sound;
    is_sound.then_some(Row {
        value_key: name
            .or_else(|| series_id.map(|id| Cow::Owned(id.to_string())))
            .unwrap_or_default(),
        series_id,
        valid_time: valid_time?,
        valid_time_end,
        value,
        known_time,
        labels,
        unit: of_unit,
    })
}

/// The records of a table, one at a time, in buffers of a fixed size.
struct Records<'t> {
    reader: Reader,
    rest: &'t [u8],
    /// The end of the last line has been added, whether the table has it or not.
    is_ended: bool,
    output: Box<[u8]>,
    ends: [usize; MOST_COLUMNS + 1],
    /// How many cells the first record has.
    width: usize,
}

/// The cells of a record.
struct Cells<'r> {
    output: &'r [u8],
    ends: &'r [usize],
}

impl<'r> Cells<'r> {
    fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a cell; `None` where there is none, or no UTF-8.
    fn get(&self, place: usize) -> Option<&'r str> {
        let start = match place {
            0 => 0,
            _ => *self.ends.get(place - 1)?,
        };
        let bytes = self.output.get(start..*self.ends.get(place)?)?;
        std::str::from_utf8(bytes).ok()
    }

    fn collect(&self) -> Option<Vec<&'r str>> {
        (0..self.len()).map(|place| self.get(place)).collect()
    }
}

impl<'t> Records<'t> {
    fn new(table: &'t [u8]) -> Self {
        Self {
            reader: Reader::new(),
            rest: table,
            is_ended: false,
            output: vec![0; LONGEST_RECORD].into(),
            ends: [0; MOST_COLUMNS + 1],
            width: 0,
        }
    }

    /// The next record; `None` at the end.
    fn next(&mut self) -> Result<Option<Cells<'_>>, &'static str> {
        let (mut written, mut n_ends) = (0, 0);
        loop {
            let is_over = self.is_ended && self.rest.is_empty();
            let (result, read, wrote, ended) = self.reader.read_record(
                self.rest,
                self.output.get_mut(written..).unwrap_or_default(),
                self.ends.get_mut(n_ends..).unwrap_or_default(),
            );
            self.rest = self.rest.get(read..).unwrap_or_default();
            written += wrote;
            n_ends += ended;
            match result {
                ReadRecordResult::InputEmpty if self.is_ended => {}
                ReadRecordResult::InputEmpty => {
                    self.rest = b"\n";
                    self.is_ended = true;
                }
                ReadRecordResult::OutputFull => return Err("A record should have at most 1 MiB"),
                ReadRecordResult::OutputEndsFull => {
                    return Err("A record should have at most 64 cells");
                }
                ReadRecordResult::End => return Ok(None),
                // The end of a line ends every record but one in whose quotes it is.
                ReadRecordResult::Record if is_over => {
                    return Err("A cell that begins with a quote should end with one");
                }
                ReadRecordResult::Record => break,
            }
        }
        if self.width == 0 {
            self.width = n_ends;
        }
        Ok(Some(Cells {
            output: self.output.get(..written).unwrap_or_default(),
            ends: self.ends.get(..n_ends).unwrap_or_default(),
        }))
    }
}
