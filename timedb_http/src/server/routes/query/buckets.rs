//! The parameters of a read of buckets: which aggregates, what fills gaps, and what they go with.

use serde_json::{Value, json};

use super::parameters::wrong;
use crate::server::{body::Problem, duration::Interval, error::FieldError, rows::Mode};

const AGGREGATES: [&str; 8] = [
    "count",
    "avg",
    "sum",
    "min",
    "max",
    "first",
    "last",
    "time_weighted_avg",
];
const FILLS: [&str; 4] = ["none", "null", "last", "linear"];

/// Buckets, as the database's function takes them.
#[derive(Debug, PartialEq)]
pub(crate) struct Buckets {
    pub bucket: Interval,
    pub fill: Option<&'static str>,
    /// Each of them once, in the order of the request.
    pub aggregates: Vec<&'static str>,
}

/// The parameters, as far as there are any.
#[derive(Debug, Default)]
pub(super) struct BucketParameters {
    pub bucket: Option<Interval>,
    pub fill: Option<&'static str>,
    pub aggregates: Vec<&'static str>,
}

impl BucketParameters {
    /// The buckets of a read of this mode, or what is wrong with the parameter that does not go with the others;
    /// `windows` are those that never do, and whether they are given.
    pub(super) fn go_with(
        mut self,
        mode: Mode,
        windows: &[(&str, bool)],
    ) -> Result<Option<Buckets>, Vec<FieldError>> {
        let refuse = |name: &str, reason: &str| {
            let problem = Problem::new("value_error", reason);
            Err(vec![wrong(&["query", name], Value::Null, problem)])
        };
        let Some(bucket) = self.bucket else {
            let given = match (self.aggregates.is_empty(), self.fill) {
                (false, _) => "aggregate",
                (_, Some(_)) => "fill",
                _ => return Ok(None),
            };
            return refuse(given, "Give bucket with it");
        };
        let other = windows.iter().find(|(_, given)| *given);
        if let Some((name, _)) = other {
            return refuse(name, "It does not go with bucket");
        }
        if mode != Mode::Flat {
            return refuse(
                "bucket",
                "Buckets are of flat values: mode must be flat, and all_versions false",
            );
        }
        if self.aggregates.is_empty() {
            self.aggregates.push("avg");
        }
        Ok(Some(Buckets {
            bucket,
            fill: self.fill,
            aggregates: self.aggregates,
        }))
    }
}

/// One aggregate, or several with commas between.
pub(super) fn aggregates(value: &str, into: &mut Vec<&'static str>) -> Result<(), Problem> {
    for name in value.split(',') {
        let name = match name.trim() {
            "twa" => "time_weighted_avg",
            name => name,
        };
        let known = choice(name, &AGGREGATES)?;
        if !into.contains(&known) {
            into.push(known);
        }
    }
    Ok(())
}

/// What stands in buckets without values.
pub(super) fn fill(value: &str, into: &mut Option<&'static str>) -> Result<(), Problem> {
    *into = Some(choice(value, &FILLS)?);
    Ok(())
}

fn choice(value: &str, choices: &[&'static str]) -> Result<&'static str, Problem> {
    if let Some(known) = choices.iter().find(|choice| **choice == value) {
        return Ok(known);
    }
    let quoted: Vec<String> = choices.iter().map(|choice| format!("'{choice}'")).collect();
    let (last, others) = quoted.split_last().map_or(("", &[][..]), |(l, o)| (l, o));
    let expected = format!("{} or {last}", others.join(", "));
    Err(Problem {
        ctx: Some(json!({ "expected": expected })),
        ..Problem::new("literal_error", &format!("Input should be {expected}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::read::parse;

    fn error(query: &str) -> Value {
        json!(parse(query).unwrap_err())[0].clone()
    }

    #[test]
    fn aggregates_come_once_in_the_order_asked_for() {
        let buckets = |query: &str| parse(query).unwrap().buckets.unwrap();
        let read = buckets("bucket=15min&aggregate=max,avg&aggregate=twa,max&fill=linear");
        assert_eq!(read.bucket.micros, 900_000_000);
        assert_eq!(read.aggregates, ["max", "avg", "time_weighted_avg"]);
        assert_eq!(read.fill, Some("linear"));
        let read = buckets("bucket=1+month&mode=flat&tz=Europe/Stockholm");
        assert_eq!(read.bucket.months, 1);
        assert_eq!((read.aggregates, read.fill), (vec!["avg"], None));
        assert!(parse("name=wind").unwrap().buckets.is_none());
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (query, kind, place) in [
            ("bucket=soon", "time_delta_parsing", "bucket"),
            ("bucket=1h&aggregate=median", "literal_error", "aggregate"),
            ("bucket=1h&aggregate=", "literal_error", "aggregate"),
            ("bucket=1h&fill=zero", "literal_error", "fill"),
            ("aggregate=avg", "value_error", "aggregate"),
            ("fill=null", "value_error", "fill"),
            ("bucket=1h&mode=overlapping", "value_error", "bucket"),
            (
                "bucket=1h&mode=relative&days_ahead=1",
                "value_error",
                "days_ahead",
            ),
            ("bucket=1h&all_versions=true", "value_error", "bucket"),
            ("bucket=1h&window_length=1d", "value_error", "window_length"),
        ] {
            let error = error(query);
            assert_eq!(error["type"], kind, "{query}");
            assert_eq!(error["loc"], json!(["query", place]), "{query}");
        }
        let message = error("bucket=1h&aggregate=median")["msg"].to_string();
        assert!(message.contains("'count', 'avg'"), "{message}");
    }
}
