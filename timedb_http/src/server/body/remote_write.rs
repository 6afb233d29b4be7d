//! A body of Prometheus remote write: the samples of a series, whose name is the label `__name__`. What timedb has no place
//! for is left out, and told.

use axum::http::StatusCode;

use super::samples::{Samples, check_text, sample_labels};
use crate::{
    formats::remote_write::{BadWriteRequest, WireSample, WireSeries, wire_series},
    server::{error::ApiError, instant},
};

const NAME: &str = "__name__";

/// Reads the series of a request.
///
/// # Errors
/// 400 for what is no request, 413 for too much.
pub(crate) fn read_remote_write(body: &[u8]) -> Result<Samples, ApiError> {
    let mut samples = Samples::new("prometheus");
    for series in wire_series(body) {
        add(&mut samples, &series.map_err(refused)?);
        samples.check_size()?;
    }
    Ok(samples)
}

fn refused(error: BadWriteRequest) -> ApiError {
    match error {
        BadWriteRequest::NotProtobuf(told) => ApiError::bad_request(format!(
            "The request body is not a prometheus.WriteRequest: {told}."
        )),
        BadWriteRequest::TooLong(_) => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("In the request body {error}: send it in several parts."),
        ),
    }
}

fn add(samples: &mut Samples, series: &WireSeries) {
    // An empty label is the same as none.
    let given = series.labels.iter().filter(|label| !label.value.is_empty());
    let given = given.map(|label| (label.name.as_str(), label.value.as_str()));
    let (names, labels): (Vec<_>, Vec<_>) = given.partition(|(label, _)| *label == NAME);
    let [(_, name)] = names[..] else {
        let told = format!("a series without a {NAME}, or with two of them");
        return samples.leave_out("", |_| told);
    };
    let labels = check_text(name).and_then(|()| sample_labels(labels.into_iter()));
    let labels = match labels {
        Ok(labels) => labels,
        Err(reason) => return samples.leave_out(name, |name| format!("'{name}': {reason}")),
    };
    if !series.histograms.is_empty() {
        let tell = |name: &str| format!("'{name}': native histograms can't be stored");
        samples.leave_out(name, tell);
    }
    for sample in &series.samples {
        match point(sample) {
            Ok((time, value)) => samples.add(name.to_owned(), &labels, time, value),
            Err(reason) => samples.leave_out(name, |name| {
                format!("'{name}' at {}: {reason}", sample.timestamp)
            }),
        }
    }
}

/// Time in microseconds, and value: a NaN, which also says that a series has ended, is a missing one.
fn point(sample: &WireSample) -> Result<(i64, Option<f64>), &'static str> {
    let micros = sample.timestamp.checked_mul(1000);
    let time = micros.and_then(|micros| instant::in_range(micros).ok());
    let time = time.ok_or("the time is out of range")?;
    match sample.value {
        value if value.is_infinite() => Err("the value is infinite"),
        value => Ok((time, (!value.is_nan()).then_some(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::remote_write::{WireHistogram, WireLabel};

    fn read(labels: &[(&str, &str)], samples: &[(f64, i64)], histograms: usize) -> Samples {
        let label = |(name, value): &(&str, &str)| WireLabel {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        let sample = |&(value, timestamp): &(f64, i64)| WireSample { value, timestamp };
        let series = WireSeries {
            labels: labels.iter().map(label).collect(),
            samples: samples.iter().map(sample).collect(),
            histograms: vec![WireHistogram {}; histograms],
        };
        let mut read = Samples::new("prometheus");
        add(&mut read, &series);
        read
    }

    #[test]
    fn the_name_is_a_label_and_empty_labels_are_none() {
        let labels = [("__name__", "up"), ("b", "1"), ("a", "")];
        let read = read(&labels, &[(1.0, 1)], 0);
        let upload = read.upload().unwrap().upload;
        assert_eq!(upload.value_keys, ["up"]);
        assert_eq!(upload.labels, [Some("{\"b\":\"1\"}".to_owned())]);
        assert!(read.left_out().is_none());
    }

    #[test]
    fn a_nan_of_any_kind_is_a_missing_value_and_what_has_no_place_is_told() {
        let at = |value, timestamp| point(&WireSample { value, timestamp });
        let stale = f64::from_bits(0x7ff0_0000_0000_0002);
        assert_eq!(at(stale, 5), Ok((5000, None)));
        assert_eq!(at(f64::NAN, -5), Ok((-5000, None)));
        assert_eq!(at(1.5, 0), Ok((0, Some(1.5))));
        assert!(at(f64::NEG_INFINITY, 0).is_err());
        assert!(at(1.0, i64::MAX).is_err());
        for (labels, values, histograms, told) in [
            (
                vec![("a", "b")],
                vec![(1.0, 1)],
                0,
                "a series without a __name__",
            ),
            (vec![("__name__", "\0")], vec![(1.0, 1)], 0, "NUL"),
            (
                vec![("__name__", "m"), ("a", "1"), ("a", "2")],
                vec![(1.0, 1)],
                0,
                "twice",
            ),
            (
                vec![("__name__", "m")],
                vec![],
                1,
                "'m': native histograms can't be stored",
            ),
            (
                vec![("__name__", "m")],
                vec![(f64::INFINITY, 7)],
                0,
                "'m' at 7: the value is infinite",
            ),
        ] {
            let read = read(&labels, &values, histograms);
            assert!(read.upload().is_none(), "{told}");
            let left_out = read.left_out().unwrap();
            assert_eq!((left_out.count, left_out.is_partial), (1, false));
            assert!(left_out.told[0].contains(told), "{:?}", left_out.told);
        }
    }
}
