//! The parts of a Parquet file as they describe themselves, in Thrift's compact protocol: as much of it as it takes to
//! know what a file claims before the library, which believes it, reads it.

use bytes::Bytes;

/// Structures in structures; a file has about five.
const DEEPEST: usize = 16;
/// Columns, and groups of them.
const MOST_ELEMENTS: u64 = 256;

/// What of a structure is not what it should be.
pub(super) type NotParquet = &'static str;

const CUT_OFF: NotParquet = "it is cut off";

/// What a page says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// Its bytes behind the header, and when they are unpacked.
    pub packed: usize,
    pub unpacked: usize,
    /// How many values it says it has.
    pub values: usize,
    pub is_dictionary: bool,
    /// Texts are written as what they share with the one before, so that a few bytes can be many.
    pub has_shared_prefixes: bool,
}

const DICTIONARY_PAGE: i64 = 2;
const DELTA_BYTE_ARRAY: i64 = 7;

/// Reads the header of a page, and says how long it is.
pub(super) fn read_page_header(bytes: &[u8]) -> Result<(PageHeader, usize), NotParquet> {
    let mut header = PageHeader::default();
    let mut parser = Parser { rest: bytes };
    parser.structure(0, &mut |path, found| {
        let Found::Number(number) = found else {
            return Ok(());
        };
        let size = usize::try_from(number);
        match path {
            [1] => header.is_dictionary = number == DICTIONARY_PAGE,
            [2] => header.unpacked = size.map_err(|_| "a page has a negative size")?,
            [3] => header.packed = size.map_err(|_| "a page has a negative size")?,
            [5 | 7 | 8, 1] => header.values = size.map_err(|_| "a page has negative values")?,
            [5, 2] | [8, 4] => header.has_shared_prefixes = number == DELTA_BYTE_ARRAY,
            _ => {}
        }
        Ok(())
    })?;
    Ok((header, bytes.len() - parser.rest.len()))
}

/// Checks that what a file says of itself holds no list that has more elements than bytes, nor more columns than any
/// upload: the library calls itself for each that is within another one.
pub(super) fn check_footer(bytes: &Bytes) -> Result<(), NotParquet> {
    Parser { rest: bytes }.structure(0, &mut |path, found| match (path, found) {
        ([2], Found::Length(length)) if length > MOST_ELEMENTS => {
            Err("its schema has more than 256 elements")
        }
        _ => Ok(()),
    })
}

/// What is found in a structure.
#[derive(Clone, Copy)]
enum Found {
    Number(i64),
    /// A list has so many elements.
    Length(u64),
}

/// Takes what is found, by the fields that lead to it.
type Take<'t> = &'t mut dyn FnMut(&[i16], Found) -> Result<(), NotParquet>;

struct Parser<'b> {
    rest: &'b [u8],
}

impl Parser<'_> {
    fn byte(&mut self) -> Result<u8, NotParquet> {
        let (first, rest) = self.rest.split_first().ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(*first)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), NotParquet> {
        let bytes = usize::try_from(bytes).map_err(|_| CUT_OFF)?;
        self.rest = self.rest.get(bytes..).ok_or(CUT_OFF)?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, NotParquet> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number is too long")
    }

    fn zigzag(&mut self) -> Result<i64, NotParquet> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn structure(&mut self, depth: usize, take: Take<'_>) -> Result<(), NotParquet> {
        self.fields(depth, &mut Vec::new(), take)
    }

    fn fields(
        &mut self,
        depth: usize,
        path: &mut Vec<i16>,
        take: Take<'_>,
    ) -> Result<(), NotParquet> {
        if depth > DEEPEST {
            return Err("its structures are nested too deep");
        }
        let mut field = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            field = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| "a field has no number")?,
                delta => field.wrapping_add(i16::from(delta)),
            };
            path.push(field);
            // A truth is in the head itself.
            if !matches!(head & 15, 1 | 2) {
                self.value(head & 15, depth, path, take)?;
            }
            path.pop();
        }
    }

    fn value(
        &mut self,
        kind: u8,
        depth: usize,
        path: &mut Vec<i16>,
        take: Take<'_>,
    ) -> Result<(), NotParquet> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => {
                let number = self.zigzag()?;
                take(path, Found::Number(number))
            }
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let length = match head >> 4 {
                    15 => self.varint()?,
                    length => u64::from(length),
                };
                if length > self.rest.len() as u64 {
                    return Err("a list has more elements than there are bytes");
                }
                take(path, Found::Length(length))?;
                if depth >= DEEPEST {
                    return Err("its structures are nested too deep");
                }
                for _ in 0..length {
                    self.value(head & 15, depth + 1, path, &mut |_, _| Ok(()))?;
                }
                Ok(())
            }
            12 => self.fields(depth + 1, path, take),
            _ => Err("it has a value of a kind that is not known"),
        }
    }
}
