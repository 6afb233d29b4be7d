//! Reading an Arrow IPC stream of which nothing is known yet.

use std::io::BufRead;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use timedb_http::guarded;

/// A message of a stream has no more bytes than this, whatever it says.
pub const MESSAGE_BYTES: usize = 512 << 20;

/// Reads on in the stream. Of what is damaged the library relies on much before it checks it: where it panics, the stream
/// is damaged, too.
pub fn decode(
    decoder: &mut StreamDecoder,
    buffer: &mut Buffer,
) -> Result<Option<RecordBatch>, String> {
    guarded(|| decoder.decode(buffer))
}

/// The next rows that are not empty, with their number in `rows`; `None` at the end.
///
/// # Errors
/// What is wrong with the stream.
pub fn next_rows(
    input: &mut dyn BufRead,
    decoder: &mut StreamDecoder,
) -> Result<Option<RecordBatch>, String> {
    let mut bytes = 0;
    loop {
        let buffered = input.fill_buf().map_err(|error| error.to_string())?;
        if buffered.is_empty() {
            return match decoder.finish() {
                Ok(()) => Ok(None),
                Err(_) => Err("the stream has been cut off".to_owned()),
            };
        }
        let given = buffered.len();
        let mut buffer = Buffer::from(buffered);
        let read = decode(decoder, &mut buffer);
        let used = given - buffer.len();
        input.consume(used);
        bytes += used;
        match read? {
            Some(rows) if rows.num_rows() > 0 => return Ok(Some(rows)),
            Some(_) => bytes = 0,
            None if used == 0 => return Err("there is something after its end".to_owned()),
            None if bytes > MESSAGE_BYTES => {
                return Err("a message of the stream is too long".to_owned());
            }
            None => {}
        }
    }
}
