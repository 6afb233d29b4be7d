//! Reading the columns of batches.

use std::rc::Rc;

use crate::batch::{Batch, BatchKind};
use crate::dictionary::Dictionary;
use crate::format::{Columns, Reader, unknown_codec};
use crate::ints::{self, Ints};
use crate::{Column, MAX_COUNT, SegmentError, nulls};

/// Reads what [`super::encode::columns`] has written, of `n` batches.
///
/// # Errors
/// If it is damaged, or was written by a newer version.
pub(super) fn read(columns: &Columns<'_>, n: usize, base: i64) -> Result<Vec<Batch>, SegmentError> {
    let change = required(columns, 1, n, base)?;
    let settled = required(columns, 2, n, 0)?;
    let users = Entries::open(columns, 3, n)?;
    let kinds = optional(columns, 4, n)?;
    let known = Optional::open(columns, 5, n, 0)?;
    let start = optional(columns, 6, n)?;
    let finish = Optional::open(columns, 7, n, 0)?;
    let workflows = Entries::open(columns, 8, n)?;
    let params = Entries::open(columns, 9, n)?;
    let points = optional(columns, 10, n)?;
    let skipped = optional(columns, 11, n)?;
    let min_valid = Optional::open(columns, 12, n, base)?;
    let with_valid = min_valid.as_ref().map_or(0, |min| min.present);
    let span = match with_valid {
        0 => Column::Constant(0),
        some => required(columns, 13, some, 0)?,
    };
    let ids = Entries::open(columns, 14, n)?;
    let series = read_series(columns, n)?;
    let mut spans = 0..;
    (0..n)
        .map(|i| {
            let change_time = change.get(i);
            let before = |distance: i64| change_time.wrapping_sub(distance);
            let kind = usize::try_from(kinds.get(i)).ok();
            let valid = min_valid.as_ref().and_then(|min| min.get(i));
            Ok(Batch {
                change_time,
                settled_time: before(settled.get(i)),
                chosen_id: ids.id(i)?,
                kind: *kind
                    .and_then(|kind| BatchKind::ALL.get(kind))
                    .ok_or(SegmentError::Newer("a batch is of an unknown kind"))?,
                user: users.id(i)?,
                workflow_id: workflows.text(i)?,
                batch_params: params.text(i)?,
                known_time: match &known {
                    Some(known) => known.get(i).map(before),
                    None => Some(change_time),
                },
                start_time: before(start.get(i)),
                finish_time: finish.as_ref().and_then(|finish| finish.get(i)).map(before),
                points: points.get(i) as u64,
                skipped: skipped.get(i) as u64,
                valid: match (valid, valid.and_then(|_| spans.next())) {
                    (Some(min), Some(place)) => Some((min, min.wrapping_add(span.get(place)))),
                    _ => None,
                },
                series: Rc::clone(series.get(i)),
            })
        })
        .collect()
}

fn required(
    columns: &Columns<'_>,
    id: u8,
    n: usize,
    base: i64,
) -> Result<Column<i64>, SegmentError> {
    let (codec, reader) = columns.required(id)?;
    ints::decode(codec, base, n, 0..n, reader)
}

/// Zeros where the column is absent.
fn optional(columns: &Columns<'_>, id: u8, n: usize) -> Result<Column<i64>, SegmentError> {
    match columns.optional(id) {
        Some((codec, reader)) => ints::decode(codec, 0, n, 0..n, reader),
        None => Ok(Column::Constant(0)),
    }
}

/// A column of bytes that few have.
struct Entries<'a>(Option<Dictionary<'a>>);

impl<'a> Entries<'a> {
    fn open(columns: &Columns<'a>, id: u8, n: usize) -> Result<Self, SegmentError> {
        let column = columns.optional(id);
        let column = column.map(|(codec, reader)| Dictionary::open(codec, n, 0..n, reader));
        Ok(Entries(column.transpose()?))
    }

    fn get(&self, i: usize) -> Option<&'a [u8]> {
        let column = self.0.as_ref()?;
        column.entry(column.places.get(i))
    }

    fn id(&self, i: usize) -> Result<Option<[u8; 16]>, SegmentError> {
        let id = self.get(i).map(<[u8; 16]>::try_from).transpose();
        id.map_err(|_| SegmentError::Damaged("an id does not have 16 bytes"))
    }

    fn text(&self, i: usize) -> Result<Option<String>, SegmentError> {
        let text = self.get(i).map(|bytes| String::from_utf8(bytes.to_vec()));
        text.transpose()
            .map_err(|_| SegmentError::Damaged("a text is not UTF-8"))
    }
}

/// Numbers, some of which are missing.
struct Optional {
    numbers: Vec<Option<i64>>,
    present: usize,
}

impl Optional {
    fn open(
        columns: &Columns<'_>,
        id: u8,
        n: usize,
        base: i64,
    ) -> Result<Option<Self>, SegmentError> {
        let Some((codec, mut reader)) = columns.optional(id) else {
            return Ok(None);
        };
        if codec != 0 {
            return Err(unknown_codec());
        }
        let codec = reader.u8()?;
        let marks = nulls::decode(codec, n, 0..n, Reader(reader.sized()?))?;
        let present = n - marks.total;
        let numbers = match present {
            0 => Column::Constant(0),
            _ => {
                let codec = reader.u8()?;
                ints::decode(codec, base, present, 0..present, reader)?
            }
        };
        let mut places = 0..;
        let number = |&null: &bool| {
            (!null)
                .then(|| places.next().map(|i| numbers.get(i)))
                .flatten()
        };
        let numbers = marks.nulls.iter().map(number).collect();
        Ok(Some(Optional { numbers, present }))
    }

    fn get(&self, i: usize) -> Option<i64> {
        self.numbers[i]
    }
}

/// The series of batches; those with the same share a list.
struct SeriesLists {
    lists: Vec<Rc<[[u8; 16]]>>,
    of_batch: Column<i64>,
}

impl SeriesLists {
    fn get(&self, i: usize) -> &Rc<[[u8; 16]]> {
        // `read_series` has checked that each batch has one.
        &self.lists[self.of_batch.get(i) as usize]
    }
}

fn read_series(columns: &Columns<'_>, n: usize) -> Result<SeriesLists, SegmentError> {
    let Some((codec, mut reader)) = columns.optional(15_u8) else {
        return Ok(SeriesLists {
            lists: vec![Rc::from([])],
            of_batch: Column::Constant(0),
        });
    };
    const DAMAGED: SegmentError = SegmentError::Damaged("a list of series is damaged");
    if codec != 0 {
        return Err(unknown_codec());
    }
    let count = reader.count()?;
    let ids = reader.bytes(count * 16)?.as_chunks::<16>().0;
    let lists = reader.count()?;
    if lists == 0 || lists > n {
        return Err(DAMAGED);
    }
    let codec = reader.u8()?;
    let lengths = ints::decode(codec, 0, lists, 0..lists, Reader(reader.sized()?))?;
    let mut total = 0_usize;
    for i in 0..lists {
        let length = usize::try_from(lengths.get(i)).map_err(|_| DAMAGED)?;
        total = total.saturating_add(length);
    }
    if total > MAX_COUNT as usize {
        return Err(DAMAGED);
    }
    let members = match total {
        0 => Column::Constant(0),
        _ => {
            let codec = reader.u8()?;
            ints::decode(codec, 0, total, 0..total, Reader(reader.sized()?))?
        }
    };
    let member = |i: usize| {
        let place = usize::try_from(members.get(i)).ok();
        place
            .and_then(|place| ids.get(place))
            .copied()
            .ok_or(DAMAGED)
    };
    let mut from = 0;
    let mut found = Vec::with_capacity(lists);
    for i in 0..lists {
        let to = from + lengths.get(i) as usize;
        found.push((from..to).map(member).collect::<Result<Rc<[_]>, _>>()?);
        from = to;
    }
    let codec = reader.u8()?;
    let mut known = true;
    let of_batch = Ints::open(codec, 0, n, reader)?.map(0..n, |list| {
        known &= usize::try_from(list).is_ok_and(|list| list < lists);
        list
    })?;
    match known {
        true => Ok(SeriesLists {
            lists: found,
            of_batch,
        }),
        false => Err(DAMAGED),
    }
}
