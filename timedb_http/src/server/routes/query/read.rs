//! The parameters of `GET /values` and `GET /values/last`, and the resulting statement.

use std::{borrow::Cow, sync::LazyLock};

use timedb_wire::{
    Aggregate,
    reads::{self, Argument},
};

use super::{
    arguments::{Arguments, Given, call},
    buckets, each_of_read,
    format::{format_of, is_parameter},
    page::{PageParameters, PageQuery},
    time_unit, values,
};
use crate::{
    formats::rows::{FormatName, Layout, Mode},
    server::{db::Parameter, guard::Query, head::Head},
};

/// What `GET /values` takes beside the filters, in one list with them.
pub(crate) const OF_BUCKETS: [Argument; 4] = [
    Argument::Bucket,
    Argument::Fill,
    Argument::Aggregates,
    Argument::LookBefore,
];

static READ: LazyLock<String> = LazyLock::new(|| format!("SELECT {}", call(reads::READ_PACKED)));
static READ_BUCKETS: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {}", call(reads::READ_BUCKETS_PACKED)));

/// What to read, as the database's functions take it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ReadQuery {
    pub mode: Mode,
    pub format: FormatName,
    pub(in crate::server::routes) arguments: Arguments,
    /// Aggregates in buckets of time instead of values.
    pub(super) of_buckets: bool,
    /// Only a page of the rows.
    pub page: Option<PageQuery>,
}

impl ReadQuery {
    /// The statement, which answers with a set of packed chunks, and its parameters.
    pub(crate) fn statement(&self) -> (&'static str, Vec<Parameter<'_>>) {
        match self.of_buckets {
            true => (&READ_BUCKETS, self.arguments.of(reads::READ_BUCKETS_PACKED)),
            false => (&READ, self.arguments.of(reads::READ_PACKED)),
        }
    }

    /// Which columns the answer has.
    pub(crate) fn layout(&self) -> Layout {
        let aggregates = match self.arguments.get(Argument::Aggregates) {
            Some(Given::Texts(names)) if self.of_buckets => names.as_slice(),
            _ => &[],
        };
        let named = |name: &Cow<'_, str>| {
            let mut all = Aggregate::ALL.into_iter();
            all.find(|aggregate| aggregate.name() == name)
        };
        Layout {
            mode: self.mode,
            aggregates: self
                .of_buckets
                .then(|| aggregates.iter().filter_map(named).collect()),
        }
    }

    fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.arguments
            .give(Argument::Mode, Given::Text(mode.name().into()));
    }
}

pub(crate) fn plan(head: &Head) -> Query<ReadQuery> {
    let format = format_of(head)?;
    let (mut read, mut mode) = (ReadQuery::default(), Mode::default());
    let (mut all_versions, mut by_known_time) = (false, false);
    let known = [reads::FILTERS, &OF_BUCKETS].concat();
    let mut page = PageParameters::default();
    let unit = time_unit(head.query());
    each_of_read(head.query(), |name, value| match name {
        "mode" => values::mode(value).map(|named| mode = named),
        "all_versions" | "include_updates" => {
            values::truth(value).map(|truth| all_versions |= truth)
        }
        "include_knowledge_time" => values::truth(value).map(|truth| by_known_time |= truth),
        name if is_parameter(name) => Ok(()),
        name if page.has(name) => page.take(name, value),
        _ => read.arguments.take(&known, name, value, unit),
    })?;
    if all_versions {
        mode = Mode::Versions;
    } else if by_known_time && mode == Mode::Flat {
        mode = Mode::Overlapping;
    }
    read.format = format;
    read.set_mode(mode);
    read.of_buckets = buckets::complete(mode, &mut read.arguments)?;
    read.page = match read.of_buckets {
        true => page.refuse_for_buckets()?,
        false => page.complete(head.query(), &mut read.arguments)?,
    };
    Ok(read)
}

pub(crate) fn plan_last(head: &Head) -> Query<ReadQuery> {
    let mut read = ReadQuery {
        format: format_of(head)?,
        ..ReadQuery::default()
    };
    let unit = time_unit(head.query());
    let mut page = PageParameters::default();
    each_of_read(head.query(), |name, value| match name {
        name if is_parameter(name) => Ok(()),
        name if page.has(name) => page.take(name, value),
        _ => read.arguments.take(&reads::LAST, name, value, unit),
    })?;
    read.set_mode(Mode::Last);
    read.page = page.complete(head.query(), &mut read.arguments)?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::server::{
        db::PgInstant,
        duration::{Interval, TimeOfDay},
    };

    fn parse(query: &str) -> Query<ReadQuery> {
        plan(&Head::asking(query))
    }

    fn micros(micros: i64) -> Given {
        Given::Length(Interval {
            micros,
            ..Interval::default()
        })
    }

    fn error(query: &str) -> Value {
        json!(parse(query).unwrap_err())[0].clone()
    }

    #[test]
    fn every_parameter_is_read() {
        let read = parse(
            "start_valid=2025-01-01T00%3A00%3A00%2B00%3A00&end_valid=2025-01-02&start_known=0&end_known=1\
             &time_unit=s&mode=overlapping&name=a+b&series_id=00000000-0000-0000-0000-000000000001,\
             00000000-0000-0000-0000-000000000002&series_id=00000000-0000-0000-0000-000000000003\
             &as_of=2&as_of_change=3&min_lead=1h&max_lead=PT48H&unit=MW&labels=%7B%22a%22:%22b%22%7D",
        )
        .unwrap();
        assert_eq!(read.mode, Mode::Overlapping);
        let instant = |micros| Given::Instant(PgInstant(micros));
        let text = |text: &'static str| Given::Text(text.into());
        for (argument, given) in [
            (Argument::StartValid, instant(1_735_689_600_000_000)),
            (Argument::EndKnown, instant(1_000_000)),
            (Argument::AsOf, instant(2_000_000)),
            (Argument::AsOfChange, instant(3_000_000)),
            (Argument::MinLead, micros(3_600_000_000)),
            (Argument::MaxLead, micros(48 * 3_600_000_000)),
            (Argument::Unit, text("MW")),
            (Argument::Labels, text(r#"{"a":"b"}"#)),
            (Argument::Name, text("a b")),
            (
                Argument::SeriesId,
                Given::Ids([1, 2, 3].map(Uuid::from_u128).to_vec()),
            ),
        ] {
            assert_eq!(read.arguments.get(argument), Some(&given), "{argument:?}");
        }
        assert_eq!(parse("").unwrap().mode, Mode::Flat);
        for versions in [
            "all_versions=True",
            "include_updates=1",
            "all_versions=1&include_updates=0",
        ] {
            assert_eq!(parse(versions).unwrap().mode, Mode::Versions);
        }
        for (query, mode) in [
            ("include_knowledge_time=true", Mode::Overlapping),
            ("include_knowledge_time=false", Mode::Flat),
            ("include_knowledge_time=1&include_updates=1", Mode::Versions),
        ] {
            assert_eq!(parse(query).unwrap().mode, mode, "{query}");
        }
        assert_eq!(parse("all_versions=0&mode=flat").unwrap().mode, Mode::Flat);
        let read = parse(
            "mode=relative&window_length=1+day&issue_offset=-12h&start_window=1970-01-01&days_ahead=1&time_of_day=06:00&tz=UTC",
        )
        .unwrap();
        assert_eq!(read.mode, Mode::Relative);
        let day = Interval {
            days: 1,
            ..Interval::default()
        };
        for (argument, given) in [
            (Argument::Mode, text("relative")),
            (Argument::WindowLength, Given::Length(day)),
            (Argument::IssueOffset, micros(-12 * 3_600_000_000)),
            (Argument::StartWindow, instant(0)),
            (Argument::DaysAhead, Given::Integer(1)),
            (
                Argument::TimeOfDay,
                Given::TimeOfDay(TimeOfDay(6 * 3_600_000_000)),
            ),
            (Argument::Tz, text("UTC")),
        ] {
            assert_eq!(read.arguments.get(argument), Some(&given), "{argument:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, kind, place) in [
            ("strat_valid=2025-01-01", "extra_forbidden", "strat_valid"),
            ("mode=best", "literal_error", "mode"),
            ("all_versions=maybe", "bool_parsing", "all_versions"),
            ("series_id=7", "uuid_parsing", "series_id"),
            ("name=%00", "string_pattern_mismatch", "name"),
            ("name=%ff", "string_unicode", "name"),
            ("name=50%", "url_parsing", "name"),
            ("unit=%zz", "url_parsing", "unit"),
            ("na%ffme=x", "string_unicode", "na%ffme"),
            ("unit=MW&unit=kW", "value_error", "unit"),
            (
                "as_of=2025-01-01&unit=MW&as_of=2025-01-01",
                "value_error",
                "as_of",
            ),
            ("tz=%00", "string_pattern_mismatch", "tz"),
            ("end_known=", "datetime_from_date_parsing", "end_known"),
            ("as_of=yesterday", "datetime_from_date_parsing", "as_of"),
            ("min_lead=long", "time_delta_parsing", "min_lead"),
            ("days_ahead=one", "int_parsing", "days_ahead"),
            ("time_of_day=25:00", "time_parsing", "time_of_day"),
            ("labels=north", "dict_type", "labels"),
            ("labels=[]", "dict_type", "labels"),
            ("as_of=20250101", "datetime_from_date_parsing", "as_of"),
            ("time_unit=h&as_of=2025-01-01", "literal_error", "time_unit"),
        ] {
            let error = error(query);
            assert_eq!(error["type"], kind, "{query}");
            assert_eq!(error["loc"], json!(["query", place]), "{query}");
        }
    }
}
