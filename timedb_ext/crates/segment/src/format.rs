//! The frame of a blob (version, checksum, directory) and the numbers it is made of; what stands in the columns is written
//! by `ints`, `floats`, `nulls` and `dictionary`. docs/segment_format.md says what all the bytes mean, for this and for
//! the other modules: format v1 is frozen.

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

/// Ids of columns: bit `i` stands for the id `i`.
pub(crate) type Ids = u16;

/// The columns of a segment; none has the id 5.
pub(crate) const OF_SEGMENT: Ids = 0b1_1111_1101_1110;

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
    /// Checks the frame of a blob and finds its columns, which have these ids.
    pub(crate) fn open(
        key: &SegmentKey,
        bounds: &Bounds,
        blob: &'a [u8],
        known: Ids,
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
        Self::parse(reader, known)
    }

    /// Finds the columns in a directory and what follows it.
    pub(crate) fn parse(mut reader: Reader<'a>, known: Ids) -> Result<Self, SegmentError> {
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
                .filter(|_| known >> id & 1 == 1)
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
