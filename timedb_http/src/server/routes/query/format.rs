//! Which format an answer with rows has: by `format` and `orient` in the query, or else by the header `Accept`. A client
//! that names none gets JSON, and so does one that accepts none of them: most clients send the header without a thought.

use axum::http::{HeaderMap, header};
use serde_json::Value;

use super::{each, each_of_read, time_unit, values};
use crate::{
    formats::rows::FormatName,
    server::{body::Problem, guard::Query, head::Head, instant::TimeUnit},
};

/// The parameters that are read here.
const PARAMETERS: [&str; 2] = ["format", "orient"];

/// Whether a parameter is one of those that are read here.
pub(crate) fn is_parameter(name: &str) -> bool {
    PARAMETERS.contains(&name)
}

/// The format that a request asks for.
///
/// # Errors
/// 422 for a format or an orientation that there is not, and for an orientation of what is not JSON.
pub(crate) fn format_of(head: &Head) -> Query<FormatName> {
    let (mut format, mut by_column) = (None, None);
    let read = each_of_read(head.query(), |name, value| {
        match name {
            "format" => {
                let known = values::choice(value, &FormatName::NAMES, |name| name)?;
                format = FormatName::named(known);
            }
            "orient" => {
                let known = values::choice(value, &["records", "columns"], |name| name)?;
                by_column = Some(known == "columns");
            }
            _ => {}
        }
        Ok(())
    });
    // Of the other parameters whoever reads them says what is wrong.
    let mut wrong = read.err().unwrap_or_default();
    wrong.retain(|error| {
        let parameter = error.loc.get(1).and_then(Value::as_str);
        parameter.is_some_and(is_parameter)
    });
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let format = format.or_else(|| accepted(&head.headers));
    match (format.unwrap_or_default(), by_column) {
        (FormatName::Json, Some(true)) => Ok(FormatName::JsonColumns),
        (format @ FormatName::Json, _) | (format, None) => Ok(format),
        (_, Some(_)) => {
            let problem = Problem::new("value_error", "It requires the format json");
            let wrong = super::wrong(&["query", "orient"], Value::Null, problem);
            Err(vec![wrong])
        }
    }
}

/// Reads the query of a request with a body that is answered with rows: that, and their format.
pub(crate) fn parse_for_rows(head: &Head) -> Query<(Option<TimeUnit>, FormatName)> {
    let format = format_of(head)?;
    each(head.query(), |name, value| match name {
        "time_unit" => values::time_unit(value),
        name if is_parameter(name) => Ok(()),
        _ => Err(values::unknown()),
    })?;
    Ok((time_unit(head.query()), format))
}

/// The format among those that the client accepts that it prefers.
fn accepted(headers: &HeaderMap) -> Option<FormatName> {
    let mut best = None;
    for value in headers.get_all(header::ACCEPT) {
        let value = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
        for range in value.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let quality = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1.0, |quality| quality.trim().parse().unwrap_or(0.0));
            let format = match media_type {
                "*/*" | "application/*" => Some(FormatName::Json),
                "text/*" => Some(FormatName::Csv),
                named => FormatName::of_media_type(named),
            };
            // Of equals the first one counts.
            if let Some(format) = format
                && quality > best.map_or(0.0_f32, |(_, other)| other)
            {
                best = Some((format, quality));
            }
        }
    }
    best.map(|(format, _)| format)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::json;

    use super::*;

    fn asked(query: &str, accept: &[&str]) -> Query<FormatName> {
        let mut request = Request::get(format!("/?{query}"));
        for accept in accept {
            request = request.header("accept", *accept);
        }
        let request = request.body(()).expect("a request");
        format_of(&Head::new(request.into_parts().0).0)
    }

    #[test]
    fn the_query_counts_before_the_header_and_json_is_the_default() {
        for (query, accept, format) in [
            ("", &[][..], FormatName::Json),
            ("", &["*/*"], FormatName::Json),
            (
                "",
                &["text/html,application/xhtml+xml,*/*;q=0.8"],
                FormatName::Json,
            ),
            ("", &["image/png"], FormatName::Json),
            ("", &["text/csv"], FormatName::Csv),
            (
                "",
                &["text/csv;q=0.5, application/x-ndjson"],
                FormatName::Ndjson,
            ),
            ("", &["text/csv; q=0, */*; q=0.1"], FormatName::Json),
            (
                "",
                &["image/png", "Application/Vnd.Apache.Parquet"],
                FormatName::Parquet,
            ),
            (
                "",
                &["application/vnd.apache.arrow.stream, */*"],
                FormatName::Arrow,
            ),
            ("format=csv", &["application/json"], FormatName::Csv),
            ("format=json&orient=columns", &[], FormatName::JsonColumns),
            ("orient=columns", &["*/*"], FormatName::JsonColumns),
            ("orient=records", &[], FormatName::Json),
            ("format=arrow&name=x", &[], FormatName::Arrow),
        ] {
            assert_eq!(asked(query, accept), Ok(format), "{query} {accept:?}");
        }
    }

    #[test]
    fn what_is_no_format_is_named() {
        for (query, kind, place) in [
            ("format=xml", "literal_error", "format"),
            ("format=", "literal_error", "format"),
            ("orient=split", "literal_error", "orient"),
            ("format=csv&orient=columns", "value_error", "orient"),
            ("format=csv&format=json", "value_error", "format"),
        ] {
            let errors = asked(query, &[]).expect_err(query);
            let error = json!(errors)[0].clone();
            assert_eq!(error["type"], kind, "{query}");
            assert_eq!(error["loc"], json!(["query", place]), "{query}");
        }
    }
}
