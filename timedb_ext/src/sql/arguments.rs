//! The arguments of a call of a function that reads, taken by name: the list of its arguments says where each is.

use crate::pg::error::{Error, Result};
use crate::pg::json::Jsonb;
use crate::series::SeriesFilter;
use pgrx::datum::{Array, FromDatum, Uuid};
use pgrx::fcinfo::{pg_getarg, pg_getarg_datum};
use pgrx::pg_catalog::pg_proc::PgProc;
use pgrx::pg_sys::{self, Oid};
use timedb_rules::labels::Labels;
use timedb_rules::limits::{MAX_SERIES, too_many};
use timedb_wire::reads::{Argument, Kind};

/// The arguments of a call under way; what a function does not take is as if it were null. Instants are PostgreSQL's
/// microseconds.
pub struct Arguments {
    fcinfo: pg_sys::FunctionCallInfo,
    list: &'static [Argument],
}

impl Arguments {
    /// The arguments of a call, of a function that takes those of the list.
    ///
    /// # Errors
    /// XX000 when it is declared with others: the scripts of the extension may have a different version than
    /// the library.
    ///
    /// # Safety
    /// `fcinfo` is that of a call in progress, which lasts for longer than the value.
    pub unsafe fn of(fcinfo: pg_sys::FunctionCallInfo, list: &'static [Argument]) -> Result<Self> {
        // SAFETY: the caller's promise; a call through the function manager says which function it is of.
        let function = unsafe { (*fcinfo).flinfo.as_ref().map(|function| function.fn_oid) };
        match function.and_then(PgProc::new) {
            Some(function) if function.proargtypes() == types(list) => Ok(Self { fcinfo, list }),
            _ => Err(Error::other_declaration()),
        }
    }

    /// Whether the function takes it.
    pub fn takes(&self, argument: Argument) -> bool {
        self.list.contains(&argument)
    }

    /// Whether it is there, and not null.
    pub fn is_given(&self, argument: Argument) -> bool {
        let number = self.number(argument, argument.kind());
        // SAFETY: the call is under way, and has an argument of this number.
        number.is_some_and(|number| unsafe { pg_getarg_datum(self.fcinfo, number).is_some() })
    }

    /// An instant.
    pub fn instant(&self, argument: Argument) -> Option<i64> {
        self.get(argument, Kind::Instant)
    }

    /// A text.
    pub fn text(&self, argument: Argument) -> Option<String> {
        self.get(argument, Kind::Text)
    }

    /// Texts.
    pub fn texts(&self, argument: Argument) -> Option<Array<'_, &str>> {
        self.get(argument, Kind::Texts)
    }

    /// A whole number.
    pub fn integer(&self, argument: Argument) -> Option<i32> {
        self.get(argument, Kind::Integer)
    }

    /// A time of day, in microseconds since midnight.
    pub fn time_of_day(&self, argument: Argument) -> Option<i64> {
        self.get(argument, Kind::TimeOfDay)
    }

    /// A length of time.
    pub fn length(&self, argument: Argument) -> Option<pg_sys::Interval> {
        let number = self.number(argument, Kind::Length)?;
        // SAFETY: the argument is an interval, as `of` has seen.
        unsafe {
            let datum = pg_getarg_datum(self.fcinfo, number)?;
            Some(*datum.cast_mut_ptr::<pg_sys::Interval>())
        }
    }

    /// The series that series_id, name and labels choose.
    ///
    /// # Errors
    /// 54000 for too many ids, 22023 for malformed labels.
    pub fn series(&self) -> Result<SeriesFilter> {
        // The array is not copied, its length stands in its header.
        let ids: Option<Array<Uuid>> = self.get(Argument::SeriesId, Kind::Ids);
        if let Some(ids) = ids.as_ref().filter(|ids| ids.len() > MAX_SERIES) {
            return Err(too_many(
                "a read",
                MAX_SERIES,
                "ids in series_id",
                ids.len(),
                "Split it into several reads, or choose the series by name or labels.",
            ));
        }
        let labels = self.number(Argument::Labels, Kind::Labels);
        // SAFETY: the argument is a jsonb, as `of` has seen.
        let labels = labels.and_then(|number| unsafe {
            Some(Jsonb::of_datum(pg_getarg_datum(self.fcinfo, number)?))
        });
        Ok(SeriesFilter {
            ids: ids.map(|ids| ids.iter().flatten().map(|id| *id.as_bytes()).collect()),
            name: self.text(Argument::Name),
            labels: labels.map(labels_of).transpose()?,
        })
    }

    /// `T` is what a datum of that kind is.
    fn get<T: FromDatum>(&self, argument: Argument, kind: Kind) -> Option<T> {
        let number = self.number(argument, kind)?;
        // SAFETY: the call is under way, and the argument of this type, as `of` has seen.
        unsafe { pg_getarg(self.fcinfo, number) }
    }

    fn number(&self, argument: Argument, kind: Kind) -> Option<usize> {
        assert_eq!(argument.kind(), kind, "{}", argument.name());
        self.list.iter().position(|listed| *listed == argument)
    }
}

/// The types that a function of these arguments is declared with.
pub fn types(list: &[Argument]) -> Vec<Oid> {
    let of_kind = |kind| match kind {
        Kind::Text => pg_sys::TEXTOID,
        Kind::Texts => pg_sys::TEXTARRAYOID,
        Kind::Ids => pg_sys::UUIDARRAYOID,
        Kind::Labels => pg_sys::JSONBOID,
        Kind::Instant => pg_sys::TIMESTAMPTZOID,
        Kind::Length => pg_sys::INTERVALOID,
        Kind::Integer => pg_sys::INT4OID,
        Kind::TimeOfDay => pg_sys::TIMEOID,
    };
    list.iter()
        .map(|argument| of_kind(argument.kind()))
        .collect()
}

/// Labels that were given as a `jsonb`.
///
/// # Errors
/// 22023 as [`Labels::parse`].
pub fn labels_of(json: Jsonb) -> Result<Labels> {
    Labels::check_written(json.bytes())?;
    Labels::parse(&json.text())
}
