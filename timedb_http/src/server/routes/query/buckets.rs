//! The parameters of a read of buckets: which aggregates, what fills gaps, and what they can be combined with.

use serde_json::Value;
use timedb_wire::reads::Argument;

use super::{
    arguments::{Arguments, Given},
    wrong,
};
use crate::{
    formats::rows::Mode,
    server::{body::Problem, guard::Query},
};

/// Whether a read of this mode is one of buckets, whose arguments are complete then; or which parameter does not go
/// with the others.
pub(super) fn complete(mode: Mode, arguments: &mut Arguments) -> Query<bool> {
    let refuse = |argument: Argument, reason: &str| {
        let problem = Problem::new("value_error", reason);
        let place = ["query", argument.parameter()];
        Err(vec![wrong(&place, Value::Null, problem)])
    };
    let given = |wanted: &[Argument]| {
        let mut wanted = wanted.iter().copied();
        wanted.find(|argument| arguments.has(*argument))
    };
    if !arguments.has(Argument::Bucket) {
        return match given(&[Argument::Aggregates, Argument::Fill, Argument::LookBefore]) {
            Some(given) => refuse(given, "It requires bucket"),
            None => Ok(false),
        };
    }
    let of_cutoffs = [
        Argument::WindowLength,
        Argument::IssueOffset,
        Argument::StartWindow,
        Argument::DaysAhead,
        Argument::TimeOfDay,
    ];
    if let Some(given) = given(&of_cutoffs) {
        return refuse(given, "It cannot be combined with bucket");
    }
    if mode != Mode::Flat {
        return refuse(
            Argument::Bucket,
            "Buckets aggregate flat values: mode must be flat, and all_versions false",
        );
    }
    if !arguments.has(Argument::Aggregates) {
        arguments.give(Argument::Aggregates, Given::Texts(vec!["avg".into()]));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use timedb_wire::reads::Argument;

    use super::{
        super::{ReadQuery, plan},
        Given, Query,
    };
    use crate::server::{duration::Interval, head::Head};

    fn parse(query: &str) -> Query<ReadQuery> {
        plan(&Head::asking(query))
    }

    fn error(query: &str) -> Value {
        json!(parse(query).unwrap_err())[0].clone()
    }

    #[test]
    fn aggregates_come_once_in_the_order_asked_for() {
        let buckets = |query: &str| {
            let read = parse(query).unwrap();
            assert!(read.of_buckets, "{query}");
            [Argument::Bucket, Argument::Aggregates, Argument::Fill]
                .map(|argument| read.arguments.get(argument).cloned())
        };
        let length = |months, micros| {
            Some(Given::Length(Interval {
                months,
                micros,
                ..Interval::default()
            }))
        };
        let aggregates = |names: &[&'static str]| {
            let names = names.iter().map(|name| (*name).into());
            Some(Given::Texts(names.collect()))
        };
        assert_eq!(
            buckets("bucket=15min&aggregate=max,avg&aggregate=twa,max&fill=linear"),
            [
                length(0, 900_000_000),
                aggregates(&["max", "avg", "time_weighted_avg"]),
                Some(Given::Text("linear".into()))
            ]
        );
        assert_eq!(
            buckets("bucket=1+month&mode=flat&tz=Europe/Stockholm"),
            [length(1, 0), aggregates(&["avg"]), None]
        );
        assert!(!parse("name=wind").unwrap().of_buckets);
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
            ("look_before=true", "value_error", "look_before"),
            ("bucket=1h&look_before=maybe", "bool_parsing", "look_before"),
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
