//! A Parquet file. Its pages are looked at before they are unpacked: what they say they become is what they may take,
//! and is what a request is charged for.

use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;

use super::{
    batch,
    fields::Fields,
    pages::{NotParquet, check_footer, read_page_header},
    trouble::Troubles,
};
use crate::{
    formats::{columns::Columns, guarded::guarded},
    server::instant::TimeUnit,
};

const MAGIC: &[u8] = b"PAR1";
/// What a file says of itself has no more bytes.
const LONGEST_FOOTER: usize = 4 << 20;
/// What a row takes once it is read.
const ROW_BYTES: usize = 48;
/// Rows that are read together, and the bytes that their texts may have.
const ROWS: usize = 8192;
const TEXT_BYTES: usize = 32 << 20;

/// What has been found out about a file.
struct Checked {
    metadata: ArrowReaderMetadata,
    /// The bytes that it takes unpacked, with its rows.
    size: usize,
    /// The longest text that a few bytes may stand for.
    widest: usize,
}

/// How many bytes a file takes unpacked; `None` where it can't be read.
pub(crate) fn unpacked_size(file: &Bytes) -> Option<usize> {
    check(file).ok().map(|checked| checked.size)
}

pub(super) fn read(
    file: &Bytes,
    unit: Option<TimeUnit>,
    columns: &mut Columns<'static>,
    troubles: &mut Troubles,
) {
    let invalid = |troubles: &mut Troubles, told: &str| {
        let told = format!("Input should be a valid Parquet file, {told}");
        troubles.whole("parquet_invalid", &told);
    };
    let checked = match check(file) {
        Ok(checked) => checked,
        Err(told) => return invalid(troubles, &told),
    };
    let schema = checked.metadata.schema().clone();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    if Fields::find(names, troubles).is_none() {
        return;
    }
    let rows = TEXT_BYTES / checked.widest.max(1);
    let rows = rows.clamp(1, ROWS);
    let mut first = 0;
    // One group at a time: a text is then in one dictionary.
    for group in 0..checked.metadata.metadata().num_row_groups() {
        let reader = guarded(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(
                file.clone(),
                checked.metadata.clone(),
            )
            .with_row_groups(vec![group])
            .with_batch_size(rows)
            .build()
        });
        let mut reader = match reader {
            Ok(reader) => reader,
            Err(told) => return invalid(troubles, &told),
        };
        loop {
            let batch = match guarded(|| reader.next().transpose()) {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(told) => return invalid(troubles, &told),
            };
            if !batch::read(&batch, first, unit, columns, troubles) {
                return;
            }
            first += batch.num_rows();
        }
    }
}

fn check(file: &Bytes) -> Result<Checked, String> {
    let footer = footer(file)?;
    check_footer(&footer)?;
    let metadata = guarded(|| ArrowReaderMetadata::load(file, Default::default()))?;
    let (size, widest) = check_pages(file, metadata.metadata())?;
    Ok(Checked {
        metadata,
        size,
        widest,
    })
}

fn footer(file: &Bytes) -> Result<Bytes, NotParquet> {
    let end = file.len().checked_sub(8).ok_or("it is too short")?;
    let tail = file.get(end..).unwrap_or_default();
    if !file.starts_with(MAGIC) || tail.get(4..) != Some(MAGIC) {
        return Err("it does not begin and end with PAR1");
    }
    let length = tail
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
    if length > LONGEST_FOOTER {
        return Err("its footer has more than 4 MiB");
    }
    let start = end.checked_sub(length).ok_or("its footer is cut off")?;
    Ok(file.slice(start..end))
}

/// The bytes that all pages have unpacked, with the rows, and the size of the largest page in which a few bytes can
/// stand for a long text.
fn check_pages(file: &Bytes, metadata: &ParquetMetaData) -> Result<(usize, usize), NotParquet> {
    let (mut size, mut widest, mut pages_end) = (0_usize, 0, 0);
    for group in metadata.row_groups() {
        let rows = usize::try_from(group.num_rows()).map_err(|_| "a group has no rows")?;
        size = size.saturating_add(rows.saturating_mul(ROW_BYTES));
        for chunk in group.columns() {
            if !matches!(
                chunk.compression(),
                Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_)
            ) {
                return Err("compressed with zstd, with snappy or not at all");
            }
            let (start, length) = guarded(|| Ok::<_, NotParquet>(chunk.byte_range()))
                .map_err(|_| "a column is not where it should be")?;
            let start = usize::try_from(start).map_err(|_| "a column is not in it")?;
            let length = usize::try_from(length).map_err(|_| "a column is not in it")?;
            let end = start.checked_add(length).filter(|end| *end <= file.len());
            let end = end.ok_or("a column is not in it")?;
            // Columns that share their pages would be unpacked again and again.
            if start < pages_end {
                return Err("its columns are not one behind the other");
            }
            pages_end = end;
            let mut rest = file.get(start..end).unwrap_or_default();
            let mut values = 0_usize;
            while !rest.is_empty() && values < rows {
                let (page, header) = read_page_header(rest)?;
                let after = header.checked_add(page.packed);
                rest = after
                    .and_then(|after| rest.get(after..))
                    .ok_or("a page is cut off")?;
                size = size.saturating_add(page.unpacked);
                if page.is_dictionary {
                    if page.values > page.unpacked {
                        return Err("a dictionary says that it has more values than bytes");
                    }
                } else {
                    if page.values > rows {
                        return Err("a page says that it has more values than its group has rows");
                    }
                    values = values.saturating_add(page.values);
                }
                if page.is_dictionary || page.has_shared_prefixes {
                    widest = widest.max(page.unpacked);
                }
            }
        }
    }
    Ok((size, widest))
}
