//! Batches, packed: what each of a tenant's writes says about itself, as columns. One of them stands beside the points
//! in a row of the log, and those of many writes make a chunk.
//!
//! The frame is that of a segment (`format`), with the tenant, no series, the number of batches as its count, and of
//! the bounds only the least and the greatest change_time. Its columns are:
//!
//! | id | column | form | when absent |
//! |---|---|---|---|
//! | 1 | change_time | integers, base min_change; they ascend | never |
//! | 2 | settled_time | integers, base 0: change_time - settled_time | never |
//! | 3 | user | dictionary of ids, 16 bytes each | nobody |
//! | 4 | kind | integers, base 0: 0 upload, 1 correction | uploads |
//! | 5 | known_time | optional, base 0: change_time - known_time | equal to change_time |
//! | 6 | batch_start_time | integers, base 0: change_time - batch_start_time | equal to change_time |
//! | 7 | batch_finish_time | optional, base 0: change_time - batch_finish_time | none has one |
//! | 8 | workflow_id | dictionary of texts | none has one |
//! | 9 | batch_params | dictionary of texts, JSON | none has any |
//! | 10 | points | integers, base 0 | 0 |
//! | 11 | skipped | integers, base 0 | 0 |
//! | 12 | min_valid | optional, base min_change | none has one |
//! | 13 | span | integers, base 0: max_valid - min_valid, of those that have a min_valid | none has one |
//! | 14 | batch_id | dictionary of ids, 16 bytes each | all follow from change_time ([`crate::batch_id`]) |
//! | 15 | series | series | none has any |
//!
//! **Optional**: u8 codec of nulls, varint length, nulls; u8 codec and integers of those that are not null, if there
//! are any. **Series**: varint k, k times 16 bytes; varint m, the number of lists; u8 codec, varint length, integers
//! with base 0: the length of each list; u8 codec, varint length, integers with base 0: the places among the k, list
//! after list (absent if all lists are empty); u8 codec, integers with base 0: the list of each batch.

use std::collections::HashMap;
use std::rc::Rc;

use crate::dictionary::{self, Dictionary, put_bytes};
use crate::format::{Columns, Frame, Reader, put_varint, unknown_codec};
use crate::ints::{self, Ints};
use crate::{Bounds, Column, MAX_COUNT, SegmentError, SegmentKey, batch_id, nulls};

/// Batches of a chunk, when written.
pub const MAX_BATCHES: usize = 1024;

const LAST: usize = 15;

/// What a write says about itself. Instants are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// When it was written: no other batch of the tenant has the same.
    pub change_time: i64,
    /// When it was written, all of the tenant's writes up to this time had ended.
    pub settled_time: i64,
    /// The id that the client chose; None for the one that follows from change_time.
    pub chosen_id: Option<[u8; 16]>,
    /// What kind of write it is.
    pub kind: BatchKind,
    /// Who wrote it.
    pub user: Option<[u8; 16]>,
    /// The client's name for the work it belongs to.
    pub workflow_id: Option<String>,
    /// JSON of the client's.
    pub batch_params: Option<String>,
    /// The known_time of points without one of their own; None for corrections.
    pub known_time: Option<i64>,
    /// When the client's work began.
    pub start_time: i64,
    /// When it ended.
    pub finish_time: Option<i64>,
    /// How many versions it wrote.
    pub points: u64,
    /// How many it left out because they change nothing.
    pub skipped: u64,
    /// The least and the greatest valid_time that it wrote.
    pub valid: Option<(i64, i64)>,
    /// The series that it may have written to, each once.
    pub series: Rc<[[u8; 16]]>,
}

/// What kind of write a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// New points.
    Upload,
    /// New versions of points (timedb.update_values).
    Correction,
}

impl BatchKind {
    const ALL: [BatchKind; 2] = [BatchKind::Upload, BatchKind::Correction];

    /// As SQL shows it.
    pub fn name(self) -> &'static str {
        match self {
            BatchKind::Upload => "upload",
            BatchKind::Correction => "correction",
        }
    }
}

impl Batch {
    /// Its id.
    pub fn id(&self, tenant: &[u8; 16]) -> [u8; 16] {
        self.chosen_id
            .unwrap_or_else(|| batch_id(tenant, self.change_time))
    }

    /// About how many bytes of a chunk are its own.
    pub fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        32 + text(&self.workflow_id) + text(&self.batch_params) + self.series.len() * 2
    }
}

/// What the row of packed batches says about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchBounds {
    /// The number of batches.
    pub count: u32,
    /// The least change_time.
    pub min_change: i64,
    /// The greatest change_time.
    pub max_change: i64,
}

impl BatchBounds {
    fn as_segment(self) -> Bounds {
        Bounds {
            count: self.count,
            min_valid: 0,
            max_valid: 0,
            min_known: 0,
            max_known: 0,
            min_change: self.min_change,
            max_change: self.max_change,
        }
    }
}

/// Packs batches that ascend by change_time into a chunk.
///
/// # Errors
/// If there is none, or too many, or they do not ascend.
pub fn encode_batches(
    tenant: &[u8; 16],
    batches: &[Batch],
) -> Result<(BatchBounds, Vec<u8>), SegmentError> {
    let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
        return Err(SegmentError::Invalid("a chunk has at least one batch"));
    };
    if batches.len() > MAX_COUNT as usize {
        return Err(SegmentError::Invalid("too many batches for a chunk"));
    }
    if !batches.is_sorted_by(|a, b| a.change_time < b.change_time) {
        return Err(SegmentError::Invalid("the batches are not in order"));
    }
    let bounds = BatchBounds {
        count: batches.len() as u32,
        min_change: first.change_time,
        max_change: last.change_time,
    };
    let frame = columns(batches, first.change_time, true)?;
    Ok((bounds, frame.finish(&key(tenant), &bounds.as_segment())))
}

/// Reads the batches of a chunk.
///
/// # Errors
/// If the blob is damaged, belongs to another row, or was written by a newer version.
pub fn decode_batches(
    tenant: &[u8; 16],
    bounds: &BatchBounds,
    blob: &[u8],
) -> Result<Vec<Batch>, SegmentError> {
    if bounds.count == 0 || bounds.count > MAX_COUNT {
        return Err(SegmentError::Damaged("its count is out of range"));
    }
    let columns = Columns::open(&key(tenant), &bounds.as_segment(), blob, LAST)?;
    read(&columns, bounds.count as usize, bounds.min_change)
}

/// A chunk is of no series.
pub(crate) fn key(tenant: &[u8; 16]) -> SegmentKey {
    SegmentKey {
        tenant: *tenant,
        series: [0; 16],
    }
}

/// Appends one batch without its series, for a row of the log.
pub(crate) fn append_one(batch: &Batch, out: &mut Vec<u8>) -> Result<(), SegmentError> {
    columns(std::slice::from_ref(batch), batch.change_time, false)?.append(out);
    Ok(())
}

/// Reads what [`append_one`] has written.
pub(crate) fn read_one(reader: Reader<'_>, change_time: i64) -> Result<Batch, SegmentError> {
    let columns = Columns::parse(reader, LAST)?;
    let batches = read(&columns, 1, change_time)?;
    let one = batches.into_iter().next();
    one.filter(|batch| batch.change_time == change_time)
        .ok_or(SegmentError::Damaged("its change_time is another one"))
}

fn columns(batches: &[Batch], base: i64, with_series: bool) -> Result<Frame, SegmentError> {
    let mut frame = Frame::default();
    let each = |of: fn(&Batch) -> i64| batches.iter().map(of).collect::<Vec<i64>>();
    let before = |batch: &Batch, t: i64| batch.change_time.wrapping_sub(t);
    put_ints(1, &each(|b| b.change_time), base, &mut frame)?;
    put_ints(
        2,
        &each(|b| b.change_time.wrapping_sub(b.settled_time)),
        0,
        &mut frame,
    )?;
    let id = |id: &Option<[u8; 16]>| id.map(Vec::from);
    dictionary::encode(3, batches.iter().map(|b| id(&b.user)), &mut frame)?;
    put_unless_zero(4, &each(|b| b.kind as i64), &mut frame)?;
    let known: Vec<Option<i64>> = batches
        .iter()
        .map(|b| b.known_time.map(|t| before(b, t)))
        .collect();
    if known.iter().any(|known| *known != Some(0)) {
        put_optional(5, &known, 0, &mut frame)?;
    }
    put_unless_zero(
        6,
        &each(|b| b.change_time.wrapping_sub(b.start_time)),
        &mut frame,
    )?;
    let finish: Vec<Option<i64>> = batches
        .iter()
        .map(|b| b.finish_time.map(|t| before(b, t)))
        .collect();
    if finish.iter().any(Option::is_some) {
        put_optional(7, &finish, 0, &mut frame)?;
    }
    let text = |text: &Option<String>| text.clone().map(String::into_bytes);
    dictionary::encode(8, batches.iter().map(|b| text(&b.workflow_id)), &mut frame)?;
    dictionary::encode(9, batches.iter().map(|b| text(&b.batch_params)), &mut frame)?;
    put_unless_zero(10, &each(|b| b.points as i64), &mut frame)?;
    put_unless_zero(11, &each(|b| b.skipped as i64), &mut frame)?;
    let min_valid: Vec<Option<i64>> = batches.iter().map(|b| b.valid.map(|v| v.0)).collect();
    if min_valid.iter().any(Option::is_some) {
        put_optional(12, &min_valid, base, &mut frame)?;
    }
    let span = batches.iter().filter_map(|b| b.valid);
    let span: Vec<i64> = span.map(|(min, max)| max.wrapping_sub(min)).collect();
    if !span.is_empty() {
        put_ints(13, &span, 0, &mut frame)?;
    }
    dictionary::encode(14, batches.iter().map(|b| id(&b.chosen_id)), &mut frame)?;
    if with_series && batches.iter().any(|batch| !batch.series.is_empty()) {
        frame.column(15, |out| {
            put_series(batches, out)?;
            Ok::<u8, SegmentError>(0)
        })?;
    }
    Ok(frame)
}

fn put_ints(id: u8, numbers: &[i64], base: i64, frame: &mut Frame) -> Result<(), SegmentError> {
    frame.column(id, |out| Ok(ints::encode_repeating(numbers, base, out)))
}

fn put_unless_zero(id: u8, numbers: &[i64], frame: &mut Frame) -> Result<(), SegmentError> {
    match numbers.iter().all(|&number| number == 0) {
        true => Ok(()),
        false => put_ints(id, numbers, 0, frame),
    }
}

fn put_optional(
    id: u8,
    numbers: &[Option<i64>],
    base: i64,
    frame: &mut Frame,
) -> Result<(), SegmentError> {
    frame.column(id, |out| {
        let marks: Vec<bool> = numbers.iter().map(Option::is_none).collect();
        let mut bytes = Vec::new();
        out.push(nulls::encode(&marks, &mut bytes));
        put_bytes(&bytes, out);
        let present: Vec<i64> = numbers.iter().flatten().copied().collect();
        if !present.is_empty() {
            put_tagged(&present, base, out);
        }
        Ok(0)
    })
}

/// Appends the codec, and the numbers.
fn put_tagged(numbers: &[i64], base: i64, out: &mut Vec<u8>) {
    let codec_at = out.len();
    out.push(0);
    out[codec_at] = ints::encode(numbers, base, out);
}

/// Appends the codec, and the numbers preceded by their length.
fn put_sized(numbers: &[i64], out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    out.push(ints::encode(numbers, 0, &mut bytes));
    put_bytes(&bytes, out);
}

fn put_series(batches: &[Batch], out: &mut Vec<u8>) -> Result<(), SegmentError> {
    let mut ids: Vec<[u8; 16]> = Vec::new();
    let mut places: HashMap<[u8; 16], i64> = HashMap::new();
    let mut lists: HashMap<&[[u8; 16]], i64> = HashMap::new();
    let (mut lengths, mut members) = (Vec::new(), Vec::new());
    let mut of_batch = Vec::with_capacity(batches.len());
    for batch in batches {
        let next = lists.len() as i64;
        let list = *lists.entry(&batch.series).or_insert_with(|| {
            lengths.push(batch.series.len() as i64);
            for id in batch.series.iter() {
                members.push(*places.entry(*id).or_insert_with(|| {
                    ids.push(*id);
                    ids.len() as i64 - 1
                }));
            }
            next
        });
        of_batch.push(list);
    }
    if members.len() > MAX_COUNT as usize {
        return Err(SegmentError::Invalid("too many series for a chunk"));
    }
    put_varint(ids.len() as u64, out);
    out.extend(ids.iter().flatten());
    put_varint(lengths.len() as u64, out);
    put_sized(&lengths, out);
    if !members.is_empty() {
        put_sized(&members, out);
    }
    put_tagged(&of_batch, 0, out);
    Ok(())
}

fn read(columns: &Columns<'_>, n: usize, base: i64) -> Result<Vec<Batch>, SegmentError> {
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
