//! A body in InfluxDB line protocol: every field that is a number becomes a point of the series `measurement.field`,
//! whose labels are the tags. Lines that can't be read are left out, and told.

use super::samples::{Samples, check_text, sample_labels};
use crate::{
    formats::line_protocol::{LinePoint, LineValue, lines},
    server::{error::ApiError, instant},
};

/// What a timestamp of a line counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum LinePrecision {
    #[default]
    Nanoseconds,
    /// Each of so many microseconds.
    Of(i64),
}

impl LinePrecision {
    fn micros(self, timestamp: i64) -> Option<i64> {
        let micros = match self {
            Self::Nanoseconds => Some(timestamp.div_euclid(1000)),
            Self::Of(unit) => timestamp.checked_mul(unit),
        };
        instant::in_range(micros?).ok()
    }
}

/// Reads the lines. Those without a time get that of the request.
///
/// # Errors
/// 400 for what is not in UTF-8, 413 for too much.
pub(crate) fn read_influx_lines(
    body: &[u8],
    precision: LinePrecision,
) -> Result<Samples, ApiError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        ApiError::bad_request(format!(
            "Line protocol is text in UTF-8, and byte {at} is not."
        ))
    })?;
    let mut samples = Samples::new("influxdb");
    for line in lines(text) {
        let added = line
            .point
            .and_then(|point| add(&mut samples, &point, precision));
        if let Err(reason) = added {
            samples.leave_out(line.text, |text| {
                format!("unable to parse '{text}': {reason} (line {})", line.number)
            });
        }
        samples.check_size()?;
    }
    Ok(samples)
}

fn add(
    samples: &mut Samples,
    point: &LinePoint<'_>,
    precision: LinePrecision,
) -> Result<(), &'static str> {
    let time = match point.timestamp {
        None => samples.now,
        Some(timestamp) => precision.micros(timestamp).ok_or("time outside range")?,
    };
    let tags = point.tags.iter();
    let labels = sample_labels(tags.map(|(key, value)| (key.as_ref(), value.as_ref())))?;
    check_text(&point.measurement)?;
    for (field, _) in &point.fields {
        check_text(field)?;
    }
    for (field, value) in &point.fields {
        if let LineValue::Number(value) = *value {
            let name = format!("{}.{field}", point.measurement);
            samples.add(name, &labels, time, Some(value));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::samples::MOST_VALUES, *};

    #[test]
    fn the_last_of_two_for_a_point_counts_and_text_is_left_out() {
        let lines = b"m,a=b f=1,s=\"x\" 1500\nm,a=b f=2 1999";
        let samples = read_influx_lines(lines, LinePrecision::default()).unwrap();
        let upload = samples.upload().unwrap().upload;
        assert_eq!(upload.value_keys, ["m.f"]);
        assert_eq!(upload.labels, [Some("{\"a\":\"b\"}".to_owned())]);
        assert!(samples.left_out().is_none());
    }

    #[test]
    fn nanoseconds_are_cut_downwards_and_far_times_are_refused() {
        assert_eq!(LinePrecision::Nanoseconds.micros(-1), Some(-1));
        assert_eq!(LinePrecision::Nanoseconds.micros(1999), Some(1));
        assert_eq!(LinePrecision::Of(1_000_000).micros(2), Some(2_000_000));
        assert_eq!(LinePrecision::Of(1_000_000).micros(i64::MAX), None);
        let read = read_influx_lines(b"m f=1 9223372036854775807", LinePrecision::Of(1)).unwrap();
        assert!(read.upload().is_none());
        let told = read.left_out().unwrap().told;
        assert!(told[0].ends_with("time outside range (line 1)"), "{told:?}");
    }

    #[test]
    fn too_many_values_are_refused() {
        let lines: String = (0..=MOST_VALUES)
            .map(|at| format!("m f=1 {at}000\n"))
            .collect();
        let error = read_influx_lines(lines.as_bytes(), LinePrecision::default()).err();
        assert_eq!(error.map(|error| error.status()), Some(413));
        // Of one line, with tags that each field has.
        let fields: Vec<String> = (0..10_000).map(|at| format!("{at}=1")).collect();
        let line = format!("m,a={} {}", "x".repeat(100_000), fields.join(","));
        let error = read_influx_lines(line.as_bytes(), LinePrecision::default()).err();
        assert_eq!(error.map(|error| error.status()), Some(413));
    }
}
