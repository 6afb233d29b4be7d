//! The arguments of a call of a function that reads, taken by name: the signature says where each is.

use crate::pg::error::{Error, Result};
use crate::pg::json::Jsonb;
use crate::series::SeriesFilter;
use pgrx::datum::{Array, FromDatum, Interval, Uuid};
use pgrx::fcinfo::pg_getarg_datum;
use pgrx::pg_sys::{self, Datum, Oid};
use timedb_rules::labels::Labels;
use timedb_rules::limits::{MAX_SERIES, too_many};
use timedb_wire::reads::{self, Argument, Kind};

const DEFAULT_POINTS: i32 = 10_000;
const MOST_POINTS: usize = 100_000;

/// How a function that reads is declared: its arguments in their order, and where each of them stands.
pub struct Signature {
    list: &'static [Argument],
    places: [Option<usize>; Argument::COUNT],
}

/// Of reads of points.
pub static READ: Signature = Signature::of(&reads::READ);
/// Of reads of pages.
pub static PAGE: Signature = Signature::of(&reads::PAGE);
/// Of what chooses series and nothing else.
pub static SERIES: Signature = Signature::of(&[
    Argument::SeriesId,
    Argument::Name,
    Argument::Labels,
    Argument::Names,
]);
/// Of reads of buckets.
pub static BUCKETS: Signature = Signature::of(&reads::BUCKETS);
/// Of reads of the change feed.
pub static CHANGES: Signature = Signature::of(&reads::CHANGES);

impl Signature {
    const fn of(list: &'static [Argument]) -> Self {
        let mut places = [None; Argument::COUNT];
        let mut place = 0;
        while place < list.len() {
            places[list[place] as usize] = Some(place);
            place += 1;
        }
        Self { list, places }
    }

    /// The arguments in their order.
    pub fn list(&self) -> &'static [Argument] {
        self.list
    }

    /// Where an argument stands.
    pub fn place(&self, argument: Argument) -> Option<usize> {
        self.places[argument as usize]
    }

    /// The types of the arguments.
    pub fn types(&self) -> impl Iterator<Item = Oid> {
        self.list.iter().map(|argument| match argument.kind() {
            Kind::Text => pg_sys::TEXTOID,
            Kind::Texts => pg_sys::TEXTARRAYOID,
            Kind::Ids => pg_sys::UUIDARRAYOID,
            Kind::Labels => pg_sys::JSONBOID,
            Kind::Instant => pg_sys::TIMESTAMPTZOID,
            Kind::Length => pg_sys::INTERVALOID,
            Kind::Integer => pg_sys::INT4OID,
            Kind::TimeOfDay => pg_sys::TIMEOID,
            Kind::Truth => pg_sys::BOOLOID,
        })
    }

    /// Whether a function is declared with these arguments.
    pub fn is_of(&self, function: Oid) -> bool {
        declares(function, self.types())
    }
}

/// Whether a function is declared with arguments of these types.
pub fn declares(function: Oid, expected: impl Iterator<Item = Oid>) -> bool {
    let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
    // SAFETY: the key is of the type of the cache's; the row of a function has as many types as it says, and is
    // given back.
    unsafe {
        let row = pg_sys::SearchSysCache1(cache, Datum::from(function));
        if row.is_null() {
            return false;
        }
        let types = &(*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>()).proargtypes;
        let types = types.values.as_slice(types.dim1 as usize).iter();
        let is_so = types.copied().eq(expected);
        pg_sys::ReleaseSysCache(row);
        is_so
    }
}

/// The arguments of a call under way; what a function does not take is as if it were null. Instants are PostgreSQL's
/// microseconds.
pub struct Arguments {
    fcinfo: pg_sys::FunctionCallInfo,
    signature: &'static Signature,
}

impl Arguments {
    /// The arguments of a call of a function with this signature.
    ///
    /// # Errors
    /// XX000 when it is declared with others: the scripts of the extension may have a different version than
    /// the library.
    ///
    /// # Safety
    /// `fcinfo` is that of a call in progress, which lasts for longer than the value.
    pub unsafe fn of(
        fcinfo: pg_sys::FunctionCallInfo,
        signature: &'static Signature,
    ) -> Result<Self> {
        // SAFETY: the caller's promise; a call through the function manager says which function it is of.
        let function = unsafe { (*fcinfo).flinfo.as_ref().map(|function| function.fn_oid) };
        match function {
            Some(function) if signature.is_of(function) => Ok(Self { fcinfo, signature }),
            _ => Err(Error::other_declaration()),
        }
    }

    /// Whether the function takes it.
    pub fn takes(&self, argument: Argument) -> bool {
        self.signature.place(argument).is_some()
    }

    /// Whether it is there, and not null.
    pub fn is_given(&self, argument: Argument) -> bool {
        self.datum(argument, argument.kind()).is_some()
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

    /// True or false; false where it is not given.
    pub fn truth(&self, argument: Argument) -> bool {
        self.get(argument, Kind::Truth).unwrap_or(false)
    }

    /// A time of day, in microseconds since midnight.
    pub fn time_of_day(&self, argument: Argument) -> Option<i64> {
        self.get(argument, Kind::TimeOfDay)
    }

    /// A length of time.
    pub fn length(&self, argument: Argument) -> Option<Interval> {
        self.get(argument, Kind::Length)
    }

    /// How many rows may be answered.
    ///
    /// # Errors
    /// 22023 for more or fewer than there may be.
    pub fn max_points(&self) -> Result<usize> {
        let given = self.integer(Argument::MaxPoints).unwrap_or(DEFAULT_POINTS);
        match usize::try_from(given) {
            Ok(points) if (1..=MOST_POINTS).contains(&points) => Ok(points),
            _ => Err(Error::invalid(format!(
                "max_points must be between 1 and {MOST_POINTS}, not {given}"
            ))),
        }
    }

    /// The series that series_id, name, names and labels choose.
    ///
    /// # Errors
    /// 54000 for too many ids or names, 22023 for malformed labels.
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
        let names = self.texts(Argument::Names);
        if let Some(names) = names.as_ref().filter(|names| names.len() > MAX_SERIES) {
            return Err(too_many(
                "a read",
                MAX_SERIES,
                "names",
                names.len(),
                "Split it into several reads, or choose the series by labels.",
            ));
        }
        let labels = self.get(Argument::Labels, Kind::Labels);
        let filter = SeriesFilter {
            ids: ids.map(|ids| ids.iter().flatten().map(|id| *id.as_bytes()).collect()),
            name: self.text(Argument::Name),
            labels: labels.map(labels_of).transpose()?,
            names: None,
        };
        let names = names.map(|names| names.iter().flatten().map(str::to_owned).collect());
        Ok(filter.with_names(names))
    }

    /// `T` is what a datum of that kind is.
    fn get<T: FromDatum>(&self, argument: Argument, kind: Kind) -> Option<T> {
        let datum = self.datum(argument, kind)?;
        // SAFETY: the argument is of this type, as `of` has seen.
        unsafe { T::from_datum(datum, false) }
    }

    fn datum(&self, argument: Argument, kind: Kind) -> Option<Datum> {
        assert_eq!(argument.kind(), kind, "{}", argument.name());
        let place = self.signature.place(argument)?;
        // SAFETY: the call is under way, and has an argument of this number.
        unsafe { pg_getarg_datum(self.fcinfo, place) }
    }
}

/// Labels that were given as a `jsonb`.
///
/// # Errors
/// 22023 as [`Labels::parse`].
pub fn labels_of(json: Jsonb) -> Result<Labels> {
    Labels::check_written(json.bytes())?;
    Labels::parse(&json.text())
}
