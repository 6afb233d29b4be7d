//! The messages of Prometheus remote write 1.0 (`prometheus.WriteRequest`), series by series, so that a body of many tiny
//! messages never takes much more memory than it has bytes. It knows neither series nor times of timedb.

use prost::Message;

/// So long may a message with one series be: in memory it can be fifty times as long.
const LONGEST_MESSAGE: usize = 1 << 20;
/// A series in a request: field 1, with its length.
const SERIES_KEY: usize = (1 << 3) | 2;

/// `prometheus.TimeSeries`; exemplars are passed over.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WireSeries {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<WireLabel>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<WireSample>,
    #[prost(message, repeated, tag = "4")]
    pub histograms: Vec<WireHistogram>,
}

/// `prometheus.Label`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WireLabel {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `prometheus.Sample`
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct WireSample {
    #[prost(double, tag = "1")]
    pub value: f64,
    /// In milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// `prometheus.Histogram`, of which nothing but that there is one is of interest.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct WireHistogram {}

/// Why a body is no request.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum BadWriteRequest {
    #[error("{0}")]
    NotProtobuf(String),
    #[error("a series has {0} bytes, and may have {LONGEST_MESSAGE}")]
    TooLong(usize),
}

/// The series of a request; the first error is the last item. Metadata and unknown fields are passed over.
pub(crate) fn wire_series(
    body: &[u8],
) -> impl Iterator<Item = Result<WireSeries, BadWriteRequest>> + '_ {
    let mut rest = body;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            match next_field(&mut rest) {
                Ok(None) => {}
                Ok(Some(series)) => return Some(Ok(series)),
                Err(error) => {
                    rest = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    })
}

/// Takes a field; the series that it is, if it is one.
fn next_field(rest: &mut &[u8]) -> Result<Option<WireSeries>, BadWriteRequest> {
    let not_protobuf = |told: &str| BadWriteRequest::NotProtobuf(told.to_owned());
    let key = varint(rest)?;
    let length = match key & 7 {
        0 => {
            varint(rest)?;
            return Ok(None);
        }
        1 => 8,
        2 => varint(rest)?,
        5 => 4,
        _ => return Err(not_protobuf("a field has an unknown wire type")),
    };
    let Some((field, behind)) = rest.split_at_checked(length) else {
        return Err(not_protobuf("a field ends behind the end of the body"));
    };
    *rest = behind;
    if key != SERIES_KEY {
        return Ok(None);
    }
    if length > LONGEST_MESSAGE {
        return Err(BadWriteRequest::TooLong(length));
    }
    let series = WireSeries::decode(field);
    series.map(Some).map_err(|e| not_protobuf(&e.to_string()))
}

fn varint(rest: &mut &[u8]) -> Result<usize, BadWriteRequest> {
    let read = prost::decode_length_delimiter(rest);
    read.map_err(|e| BadWriteRequest::NotProtobuf(e.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The whole message, as Prometheus writes it.
    #[derive(Clone, PartialEq, Message)]
    struct WholeRequest {
        #[prost(message, repeated, tag = "1")]
        series: Vec<WireSeries>,
        /// Of Cortex.
        #[prost(uint64, tag = "2")]
        source: u64,
        #[prost(bytes = "vec", repeated, tag = "3")]
        metadata: Vec<Vec<u8>>,
        #[prost(fixed32, tag = "4")]
        four: u32,
        #[prost(fixed64, tag = "5")]
        eight: u64,
    }

    fn series() -> impl Strategy<Value = WireSeries> {
        let label = ("[a-z_]{0,5}", ".{0,5}").prop_map(|(name, value)| WireLabel { name, value });
        let sample = (-1e9..1e9, any::<i64>())
            .prop_map(|(value, timestamp)| WireSample { value, timestamp });
        let labels = proptest::collection::vec(label, 0..4);
        let samples = proptest::collection::vec(sample, 0..4);
        (labels, samples, 0..3_usize).prop_map(|(labels, samples, histograms)| WireSeries {
            labels,
            samples,
            histograms: vec![WireHistogram {}; histograms],
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_the_rest_passed_over(
            series in proptest::collection::vec(series(), 0..5),
            source: u64, metadata: Vec<Vec<u8>>, four: u32, eight: u64,
        ) {
            let whole = WholeRequest { series, source, metadata, four, eight };
            let read: Result<Vec<_>, _> = wire_series(&whole.encode_to_vec()).collect();
            prop_assert_eq!(read, Ok(whole.series));
        }

        #[test]
        fn any_bytes_are_read_to_their_end(bytes: Vec<u8>) {
            prop_assert!(wire_series(&bytes).count() <= bytes.len() + 1);
        }
    }

    #[test]
    fn what_takes_too_much_memory_is_not_read() {
        // Empty samples: two bytes each, and sixteen in memory.
        let field: Vec<u8> = [0x12, 0].repeat(LONGEST_MESSAGE);
        let mut body = vec![SERIES_KEY as u8];
        prost::encode_length_delimiter(field.len(), &mut body).unwrap();
        body.extend(&field);
        let read: Result<Vec<_>, _> = wire_series(&body).collect();
        assert_eq!(read, Err(BadWriteRequest::TooLong(field.len())));
        body.pop();
        assert!(wire_series(&body).next().unwrap().is_err());
        assert_eq!(wire_series(b"").count(), 0);
    }
}
