//! The bytes of a segment's blob, version 1, described so that another implementation can read
//! them. Owns the frame (version, checksum, directory) and the numbers it is made of; what stands
//! in the columns is written by `ints`, `floats` and `nulls`.
//!
//! All integers are little-endian. A *varint* is LEB128 (seven bits a byte, least significant
//! first, the high bit says that another follows, at most ten bytes); a *zigzag* is the varint of
//! `(v << 1) ^ (v >> 63)`. All arithmetic on i64 and u64 wraps.
//!
//! # Frame
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | CRC-32 (IEEE, as in zlib) over: the tenant's 16 bytes; the series' 16 bytes; count as u32; min_valid, max_valid, min_known, max_known, min_change, max_change as i64; the version byte; everything after the checksum |
//! | varint | number of columns |
//! | each | directory entry: varint of `id << 4 \| codec`, varint of the length in bytes; ids ascend |
//! | rest | the columns, in the order of the directory, without gaps |
//!
//! `count`, the bounds and the ids come from the row of the segment. An id or a codec that is not
//! known here was written by a newer version. A reader checks the checksum before anything else
//! but the version.
//!
//! # Columns
//!
//! | id | column | form | when absent |
//! |---|---|---|---|
//! | 1 | valid_time | integers, base min_valid | never |
//! | 2 | value | values | every value is null |
//! | 3 | known_time | known | never |
//! | 4 | change_time | integers, base min_change | never |
//! | 6 | batch | batches | every point belongs to its own write's batch |
//! | 7 | valid_time_end | ends | no point has an end |
//! | 8 | nulls | nulls | no value is null |
//! | 9 | annotation | dictionary of texts | no point has one |
//! | 10 | tags | dictionary of lists: each tag its length as varint and UTF-8 | no point has any |
//! | 11 | metadata | dictionary of texts, JSON objects | no point has any |
//! | 12 | changed_by | dictionary of ids, 16 bytes each | no point was corrected |
//!
//! **Integers**: `count` numbers of i64, relative to the base named above (of the values: as many as
//! are not null).
//!
//! | codec | bytes | meaning |
//! |---|---|---|
//! | 0 constant | zigzag a | every number is base + a |
//! | 1 regular | zigzag a, zigzag step | number i is base + a + i * step |
//! | 2 packed | zigzag a, varint unit, u8 width, numbers x of `width` bits | base + a + unit * x |
//! | 3 packed deltas | zigzag a, zigzag b, varint unit, u8 width, `count - 1` numbers x | the first is base + a, each next one adds b + unit * x |
//! | 4, 5, 6 pco | zigzag a, varint unit, pco of u16, u32 or u64 | base + a + unit * x |
//! | 7 repeating | u8 kind, varint k, u8 codec, varint length, k integers with the same base; u8 codec, integers with base 0 | kind 0, runs: the second list has k numbers, how often each of the first comes in a row, adding up to `count`; kind 1, dictionary: it has `count`, each the place (from 0) of its number among the k |
//!
//! The codecs within codec 7 are not 7.
//!
//! Packed numbers stand least significant bit first without gaps, and end with zero bits up to a
//! whole byte.
//!
//! *pco* is a varint p, at least 256; the lengths in bytes of all pages but the last, as varints;
//! chunk metadata; and the pages, each of p numbers but the last one of what is left (`count` not
//! above p: one page), in pco's wrapped format 4.1 (the two bytes of its header, 4 and 1, are left
//! out). Integers are always in mode Classic; the delta encoding is none or consecutive and starts
//! anew with each page, so that a part of a column is read from the pages it lies in.
//!
//! **Known**: codecs 0 to 7 are integers with base min_known. Codecs 8 to 15 are the codecs 0 to 7 of
//! change_time - known_time, base 0.
//!
//! **Values**: the doubles that are not null, one after the other; `count` means their number here.
//!
//! | codec | bytes | meaning |
//! |---|---|---|
//! | 0 decimal | u8 scale, \[patches\], u8 codec of integers, integers with base 0 | number / 10^scale (scale & 0x7f, at most 15), a correctly rounded division of doubles |
//! | 1 constant | f64 | the same for every point |
//! | 2 raw | `count` f64 | |
//! | 3 pco | pco of f64, mode Classic, FloatMult or FloatQuant | |
//!
//! Patches follow if the scale's bit 0x80 is set: varint k, then k times varint (the position less
//! the one after the previous patch) and f64, which replaces the number there.
//!
//! **Batches**: the id of a write's own batch follows from tenant and change_time: a UUIDv7 of that millisecond, in which
//! the next 10 bits are the microseconds within it, 2 bits are 0, and the last 62 bits are the first 62 of SHA-256("timedb
//! batch", the tenant's 16 bytes, change_time as big-endian i64). In this column, codec 0 is the 16 bytes of the one batch; codec 1 is a varint k, k times 16 bytes,
//! u8 codec of integers, and integers with base 0, indexes into the k.
//!
//! **Dictionary**: codec 0 is a varint k; k times a varint length and as many bytes; u8 codec of integers; and
//! integers with base 0: 0 for none, else the place among the k, counted from 1.
//!
//! **Ends**: codecs 0 to 7 are integers with base 0: valid_time_end - valid_time, 0 for no end.
//! Codecs 8 to 15 are the codecs 0 to 7 of valid_time_end itself, base min_valid, i64::MIN for no
//! end; used if a point ends where it starts.
//!
//! **Nulls**: codec 0 is a bitmap, least significant bit first, 1 for null, ending with zero bits;
//! codec 1 is lengths of runs as varints, alternately of values and of nulls, starting with values
//! (0 if the first is null), adding up to `count`.

use crate::{Bounds, MAX_COUNT, SegmentError, SegmentKey};

/// The version of the format that is written.
pub const VERSION: u8 = 1;

/// The bytes before the directory.
const HEAD: usize = 5;

/// The id of a column in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "named as the columns are")]
pub enum ColumnId {
    ValidTime = 1,
    Value = 2,
    KnownTime = 3,
    ChangeTime = 4,
    Batch = 6,
    ValidTimeEnd = 7,
    Nulls = 8,
    Annotation = 9,
    Tags = 10,
    Metadata = 11,
    ChangedBy = 12,
}

impl From<ColumnId> for u8 {
    fn from(id: ColumnId) -> u8 {
        id as u8
    }
}

/// The columns of a segment that this version writes and reads have ids up to this one.
pub(crate) const LAST_OF_SEGMENT: usize = ColumnId::ChangedBy as usize;

/// No frame has a column with a greater id.
const LAST_ID: usize = 15;

/// A codec that this version doesn't know.
pub(crate) fn unknown_codec() -> SegmentError {
    SegmentError::Newer("a column has an unknown codec")
}

pub(crate) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn put_zigzag(number: i64, out: &mut Vec<u8>) {
    put_varint(((number << 1) ^ (number >> 63)) as u64, out);
}

/// Takes numbers off the front of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

const SHORT: SegmentError = SegmentError::Damaged("a column ends early");

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8], SegmentError> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], SegmentError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, SegmentError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn varint(&mut self) -> Result<u64, SegmentError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(SegmentError::Damaged("a number is too long"))
    }

    pub(crate) fn zigzag(&mut self) -> Result<i64, SegmentError> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A varint that counts something a segment has at most [`MAX_COUNT`] of.
    pub(crate) fn count(&mut self) -> Result<usize, SegmentError> {
        match self.varint()? {
            count if count <= u64::from(MAX_COUNT) => Ok(count as usize),
            _ => Err(SegmentError::Damaged("a count is too large")),
        }
    }

    /// Bytes, preceded by their length.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], SegmentError> {
        let length = usize::try_from(self.varint()?).map_err(|_| SHORT)?;
        self.bytes(length)
    }

    pub(crate) fn finish(self) -> Result<(), SegmentError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(SegmentError::Damaged("a column is longer than its points"))
        }
    }
}

fn checksum(key: &SegmentKey, bounds: &Bounds, version: u8, rest: &[u8]) -> u32 {
    let mut about = [0u8; 16 + 16 + 4 + 6 * 8 + 1];
    about[..16].copy_from_slice(&key.tenant);
    about[16..32].copy_from_slice(&key.series);
    about[32..36].copy_from_slice(&bounds.count.to_le_bytes());
    let times = [
        bounds.min_valid,
        bounds.max_valid,
        bounds.min_known,
        bounds.max_known,
        bounds.min_change,
        bounds.max_change,
    ];
    for (bytes, time) in about[36..84].chunks_exact_mut(8).zip(times) {
        bytes.copy_from_slice(&time.to_le_bytes());
    }
    about[84] = version;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&about);
    hasher.update(rest);
    hasher.finalize()
}

/// Collects columns and frames them.
#[derive(Default)]
pub(crate) struct Frame {
    directory: Vec<u8>,
    columns: usize,
    data: Vec<u8>,
}

impl Frame {
    /// Adds a column; `write` appends its bytes and names the codec.
    pub(crate) fn column<E>(
        &mut self,
        id: impl Into<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<u8, E>,
    ) -> Result<(), E> {
        let start = self.data.len();
        let codec = write(&mut self.data)?;
        put_varint(
            u64::from(id.into()) << 4 | u64::from(codec),
            &mut self.directory,
        );
        put_varint((self.data.len() - start) as u64, &mut self.directory);
        self.columns += 1;
        Ok(())
    }

    /// Appends the directory and the columns.
    pub(crate) fn append(self, out: &mut Vec<u8>) {
        put_varint(self.columns as u64, out);
        out.extend_from_slice(&self.directory);
        out.extend_from_slice(&self.data);
    }

    pub(crate) fn finish(self, key: &SegmentKey, bounds: &Bounds) -> Vec<u8> {
        let mut blob = Vec::with_capacity(HEAD + 1 + self.directory.len() + self.data.len());
        blob.extend_from_slice(&[VERSION, 0, 0, 0, 0]);
        self.append(&mut blob);
        let sum = checksum(key, bounds, VERSION, &blob[HEAD..]);
        blob[1..HEAD].copy_from_slice(&sum.to_le_bytes());
        blob
    }
}

/// The columns found in a blob, with their codecs.
pub(crate) struct Columns<'a>([Option<(u8, Reader<'a>)>; LAST_ID + 1]);

impl<'a> Columns<'a> {
    /// Checks the frame of a blob and finds its columns, of which the last has this id at most.
    pub(crate) fn open(
        key: &SegmentKey,
        bounds: &Bounds,
        blob: &'a [u8],
        last: usize,
    ) -> Result<Self, SegmentError> {
        let mut reader = Reader(blob);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(match version {
                0 => SegmentError::Damaged("it has no version"),
                _ => SegmentError::Newer("its format is unknown"),
            });
        }
        let sum = u32::from_le_bytes(reader.array()?);
        if sum != checksum(key, bounds, version, reader.0) {
            return Err(SegmentError::Damaged("its checksum does not match"));
        }
        Self::parse(reader, last)
    }

    /// Finds the columns in a directory and what follows it.
    pub(crate) fn parse(mut reader: Reader<'a>, last: usize) -> Result<Self, SegmentError> {
        let mut columns = [None; LAST_ID + 1];
        let count = reader.count()?;
        let mut directory = reader;
        for _ in 0..count {
            reader.varint()?;
            reader.varint()?;
        }
        for _ in 0..count {
            let tag = directory.varint()?;
            let (id, codec) = (tag >> 4, (tag & 15) as u8);
            let length = usize::try_from(directory.varint()?).map_err(|_| SHORT)?;
            let data = reader.bytes(length)?;
            match columns
                .get_mut(id as usize)
                .filter(|_| (1..=last as u64).contains(&id))
            {
                Some(place @ None) => *place = Some((codec, Reader(data))),
                Some(Some(_)) => return Err(SegmentError::Damaged("a column occurs twice")),
                None => return Err(SegmentError::Newer("it has an unknown column")),
            }
        }
        reader.finish()?;
        Ok(Columns(columns))
    }

    pub(crate) fn optional(&self, id: impl Into<u8>) -> Option<(u8, Reader<'a>)> {
        self.0.get(usize::from(id.into())).copied().flatten()
    }

    pub(crate) fn required(&self, id: impl Into<u8>) -> Result<(u8, Reader<'a>), SegmentError> {
        self.optional(id)
            .ok_or(SegmentError::Damaged("a column is missing"))
    }
}
