//! An Arrow IPC stream. What its messages say of their lengths is held against what is there before the library, which
//! believes it, gets them.

use arrow_buffer::Buffer;
use arrow_ipc::{
    MessageHeader, RecordBatch as BatchHeader, reader::StreamDecoder, root_as_message,
};
use bytes::{Buf, Bytes};

use super::{batch, fields::MOST_COLUMNS, trouble::Troubles};
use crate::{
    formats::{columns::Columns, guarded::guarded},
    server::instant::TimeUnit,
};

const CONTINUATION: u32 = 0xffff_ffff;
/// What a message says of its body has no more bytes.
const LONGEST_HEADER: usize = 1 << 20;

pub(super) fn read(
    table: &Bytes,
    unit: Option<TimeUnit>,
    columns: &mut Columns<'static>,
    troubles: &mut Troubles,
) {
    if table.starts_with(b"ARROW1") {
        let told = "Input should be an Arrow IPC stream, not an Arrow IPC file (Feather)";
        return troubles.whole("arrow_invalid", told);
    }
    if let Err(told) = check(table.clone()) {
        let told = format!("Input should be a valid Arrow IPC stream, {told}");
        return troubles.whole("arrow_invalid", &told);
    }
    let mut decoder = StreamDecoder::new();
    let mut rest = Buffer::from(table.clone());
    let mut rows = 0;
    while !rest.is_empty() && !troubles.is_full() {
        let batch = match guarded(|| decoder.decode(&mut rest)) {
            Ok(Some(batch)) => batch,
            // After the end of the stream there is nothing that could be read.
            Ok(None) => break,
            Err(told) => {
                let told = format!("Input should be a valid Arrow IPC stream, {told}");
                return troubles.whole("arrow_invalid", &told);
            }
        };
        if !batch::read(&batch, rows, unit, columns, troubles) {
            return;
        }
        rows += batch.num_rows();
    }
    let end = guarded(|| decoder.finish());
    if let (Err(told), true) = (end, troubles.is_empty()) {
        let told = format!("Input should be a valid, complete Arrow IPC stream, {told}");
        troubles.whole("arrow_invalid", &told);
    }
    // A stream without batches has columns all the same.
    if let (0, Some(schema)) = (rows, decoder.schema()) {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        super::fields::Fields::find(names, troubles);
    }
}

/// Walks through the messages: what they say of themselves must fit into what is there.
fn check(mut stream: Bytes) -> Result<(), String> {
    let mut has_schema = false;
    while stream.remaining() >= 4 {
        let mut length = stream.get_u32_le();
        if length == CONTINUATION {
            length = stream.try_get_u32_le().map_err(|_| "it is cut off")?;
        }
        let length = length as usize;
        if length == 0 {
            return match stream.is_empty() {
                true => Ok(()),
                false => Err("there is something after its end".to_owned()),
            };
        }
        if length > LONGEST_HEADER {
            return Err(format!(
                "a message of it says that its header has {length} bytes; {LONGEST_HEADER} are the most"
            ));
        }
        if length > stream.len() {
            return Err("it is cut off".to_owned());
        }
        let header = stream.split_to(length);
        let message = guarded(|| root_as_message(&header))?;
        let body = usize::try_from(message.bodyLength()).unwrap_or(usize::MAX);
        if body > stream.len() {
            return Err(format!(
                "a message of it says that its body has {body} bytes, and {} are there",
                stream.len()
            ));
        }
        match message.header_type() {
            MessageHeader::Schema => {
                let schema = message.header_as_schema();
                let fields = schema.and_then(|schema| schema.fields());
                let n = fields.map_or(0, |fields| fields.len());
                if n > MOST_COLUMNS {
                    return Err(format!(
                        "it has {n} columns, and {MOST_COLUMNS} are the most"
                    ));
                }
                has_schema = true;
            }
            MessageHeader::DictionaryBatch => {
                let dictionary = message.header_as_dictionary_batch();
                if dictionary.is_some_and(|dictionary| dictionary.isDelta()) {
                    return Err(
                        "it has a dictionary that continues another one: write whole ones"
                            .to_owned(),
                    );
                }
                check_batch(dictionary.and_then(|dictionary| dictionary.data()), body)?;
            }
            MessageHeader::RecordBatch => {
                check_batch(message.header_as_record_batch(), body)?;
            }
            _ => return Err("it has a message of a kind that is not known".to_owned()),
        }
        if !has_schema {
            return Err("it does not begin with a schema".to_owned());
        }
        stream.advance(body);
    }
    match has_schema && stream.is_empty() {
        true => Ok(()),
        false => Err("it is cut off".to_owned()),
    }
}

fn check_batch(batch: Option<BatchHeader<'_>>, body: usize) -> Result<(), String> {
    let batch = batch.ok_or("a batch of it has no header")?;
    if batch.compression().is_some() {
        return Err(
            "its buffers are compressed: write it without, and compress the body with Content-Encoding"
                .to_owned(),
        );
    }
    let fits = |offset: i64, length: i64| {
        let (offset, length) = (usize::try_from(offset), usize::try_from(length));
        let end = offset.ok().zip(length.ok());
        end.and_then(|(offset, length)| offset.checked_add(length))
            .is_some_and(|end| end <= body)
    };
    let mut buffers = batch.buffers().into_iter().flatten();
    if !buffers.all(|buffer| fits(buffer.offset(), buffer.length())) {
        return Err("a batch of it says that it has more bytes than there are".to_owned());
    }
    // Of a column that only has nulls nothing is there: the longest of the others says how many rows there may be.
    let most = i64::try_from(body).unwrap_or(i64::MAX).saturating_mul(8);
    let mut nodes = batch.nodes().into_iter().flatten();
    match (0..=most).contains(&batch.length())
        && nodes.all(|node| (0..=most).contains(&node.length()))
    {
        true => Ok(()),
        false => Err("a batch of it says that it has more rows than there are".to_owned()),
    }
}
