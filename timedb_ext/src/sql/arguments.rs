//! The arguments that all read functions share, in the order of their SQL declarations.

use crate::pg::error::{Error, Result};
use crate::pg::json::Jsonb;
use crate::pg::spi::Home;
use crate::pg::time;
use crate::read::{ReadCursor, ReadRequest};
use crate::series::SeriesFilter;
use pgrx::datum::{Array, Uuid};
use pgrx::fcinfo::{pg_getarg, pg_getarg_datum};
use pgrx::pg_catalog::pg_proc::PgProc;
use pgrx::pg_sys::{self, Oid};
use timedb_calendar::{Cutoffs, Zone};
use timedb_rules::labels::Labels;
use timedb_rules::limits::{MAX_SERIES, too_many};
use timedb_segment::{Filter, Mode};

/// The types of the arguments of `_read_packed`, `_read_chunks` and `_read_rows`.
pub const READ_ARGUMENTS: [Oid; 19] = [
    pg_sys::TEXTOID,
    pg_sys::UUIDARRAYOID,
    pg_sys::TEXTOID,
    pg_sys::JSONBOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::INTERVALOID,
    pg_sys::INTERVALOID,
    pg_sys::INTERVALOID,
    pg_sys::INTERVALOID,
    pg_sys::TIMESTAMPTZOID,
    pg_sys::INT4OID,
    pg_sys::TIMEOID,
    pg_sys::TEXTOID,
    pg_sys::TEXTOID,
];

/// What a read function was called with; instants are PostgreSQL's microseconds.
pub struct ReadArguments {
    mode: Option<String>,
    /// Whatever is wrong with it is told when the request is made.
    series: Result<SeriesFilter>,
    /// start_valid, end_valid, start_known, end_known, as_of, as_of_change.
    instants: [Option<i64>; 6],
    /// min_lead, max_lead, window_length, issue_offset.
    lengths: [Option<pg_sys::Interval>; 4],
    start_window: Option<i64>,
    days_ahead: Option<i32>,
    /// Microseconds since midnight.
    time_of_day: Option<i64>,
    tz: Option<String>,
    unit: Option<String>,
}

impl ReadArguments {
    /// Takes the arguments of a call of `_read_packed`, `_read_chunks` or `_read_rows`.
    ///
    /// # Errors
    /// XX000 when the function is declared with other arguments.
    ///
    /// # Safety
    /// The call is one under way, of a function that is declared with these arguments.
    pub unsafe fn of(fcinfo: pg_sys::FunctionCallInfo) -> Result<Self> {
        // SAFETY: the declarations promise the types.
        unsafe {
            check_declaration(fcinfo, &READ_ARGUMENTS)?;
            Ok(Self {
                mode: pg_getarg(fcinfo, 0),
                lengths: [10, 11, 12, 13].map(|number| interval(fcinfo, number)),
                start_window: pg_getarg(fcinfo, 14),
                days_ahead: pg_getarg(fcinfo, 15),
                time_of_day: pg_getarg(fcinfo, 16),
                tz: pg_getarg(fcinfo, 17),
                unit: pg_getarg(fcinfo, 18),
                ..Self::of_series(fcinfo, 1)
            })
        }
    }

    /// Takes the arguments of a read of flat values, which a function has from number `first` on:
    /// series_id to max_lead as in [`Self::of`], and unit.
    ///
    /// # Safety
    /// The call is one of a function that is declared with these arguments.
    pub unsafe fn of_flat(fcinfo: pg_sys::FunctionCallInfo, first: usize) -> Self {
        // SAFETY: the declarations promise the types.
        unsafe {
            let [min_lead, max_lead] = [9, 10].map(|number| interval(fcinfo, first + number));
            Self {
                lengths: [min_lead, max_lead, None, None],
                unit: pg_getarg(fcinfo, first + 11),
                ..Self::of_series(fcinfo, first)
            }
        }
    }

    /// Takes series_id, name, labels and the instants, from number `first` on.
    unsafe fn of_series(fcinfo: pg_sys::FunctionCallInfo, first: usize) -> Self {
        // SAFETY: the declarations promise the types.
        unsafe {
            Self {
                mode: None,
                series: series_filter(fcinfo, first),
                instants: [3, 4, 5, 6, 7, 8].map(|number| pg_getarg(fcinfo, first + number)),
                lengths: [None; 4],
                start_window: None,
                days_ahead: None,
                time_of_day: None,
                tz: None,
                unit: None,
            }
        }
    }

    /// Starts the read, with chunks of about `chunk_points` points, of several series or of one.
    ///
    /// # Errors
    /// 22023 for an unknown mode, malformed labels, arguments that do not go together, 54000 for too many series; as
    /// [`ReadCursor::open`].
    pub fn open(self, chunk_points: usize, mix_series: bool, home: Home) -> Result<ReadCursor> {
        let request = ReadRequest {
            chunk_points,
            mix_series,
            ..self.request()?
        };
        ReadCursor::open(request, home)
    }

    /// What these arguments ask for, in one chunk.
    ///
    /// # Errors
    /// 22023 as [`Self::open`].
    pub fn request(self) -> Result<ReadRequest> {
        let mode = self.mode.as_deref().unwrap_or("flat");
        let relative = mode == "relative";
        let last_only = mode == "last";
        let merging = match mode {
            "flat" | "relative" | "last" => Mode::Flat,
            "overlapping" => Mode::Overlapping,
            "versions" => Mode::Versions,
            other => {
                return Err(Error::invalid(format!("unknown mode \"{other}\""))
                    .hint("The modes are flat, overlapping, versions, relative and last."));
            }
        };
        let [
            start_valid,
            end_valid,
            start_known,
            end_known,
            as_of,
            as_of_change,
        ] = self.instants;
        let as_of_change = instant_of_change(as_of_change)?;
        let [min_lead, max_lead, ..] = self.lengths;
        let range = Filter {
            start_valid: time::lower(start_valid),
            end_valid: time::upper(end_valid),
            start_known: time::lower(start_known),
            end_known: earlier(time::upper(end_known), after(time::upper(as_of))),
            end_change: after(as_of_change),
            min_lead: min_lead.map(|l| fixed(&l, "min_lead")).transpose()?,
            max_lead: max_lead.map(|l| fixed(&l, "max_lead")).transpose()?,
        };
        let cutoffs = match relative {
            true => Some(self.cutoffs()?),
            false => {
                self.refuse_cutoffs()?;
                None
            }
        };
        let series = self.series?;
        Ok(ReadRequest {
            range,
            as_of_change,
            cutoffs,
            last_only,
            with_known_time: relative || last_only || merging != Mode::Flat,
            unit: self.unit,
            ..ReadRequest::new(merging, series)
        })
    }

    fn cutoffs(&self) -> Result<Cutoffs> {
        let [_, _, window_length, issue_offset] = &self.lengths;
        let windows =
            window_length.is_some() || issue_offset.is_some() || self.start_window.is_some();
        let days = self.days_ahead.is_some() || self.time_of_day.is_some() || self.tz.is_some();
        if windows && days {
            return Err(Error::invalid(
                "window_length, issue_offset and start_window do not go with days_ahead, time_of_day and tz",
            )
            .hint("Use one set or the other."));
        }
        if let (Some(length), Some(offset)) = (window_length, issue_offset) {
            let start = match (self.start_window, self.instants[0]) {
                (Some(start), _) => time::stored_from_pg(start, "start_window")?,
                (None, Some(start)) if start != time::PG_MINUS_INFINITY => {
                    time::stored_from_pg(start, "start_valid")?
                }
                _ => {
                    return Err(Error::invalid("start_window is missing").hint(
                        "Give start_window, or start_valid: then the first window starts there.",
                    ));
                }
            };
            return Cutoffs::windows(
                start,
                fixed(length, "window_length")?,
                fixed(offset, "issue_offset")?,
            )
            .map_err(|e| Error::invalid(format!("invalid window_length: {e}")));
        }
        if let (Some(days_ahead), Some(time_of_day)) = (self.days_ahead, self.time_of_day) {
            return Cutoffs::days(days_ahead, time_of_day, zone(self.tz.as_deref())?)
                .map_err(|e| Error::invalid(format!("invalid days_ahead: {e}")));
        }
        let (missing, given) = match (
            window_length,
            issue_offset,
            self.days_ahead,
            self.time_of_day,
        ) {
            (Some(_), ..) => ("issue_offset", "window_length"),
            (_, Some(_), ..) => ("window_length", "issue_offset"),
            (.., Some(_), _) => ("time_of_day", "days_ahead"),
            (.., Some(_)) => ("days_ahead", "time_of_day"),
            _ if self.start_window.is_some() => ("window_length", "start_window"),
            _ if self.tz.is_some() => ("days_ahead", "tz"),
            _ => {
                return Err(Error::invalid("a relative read needs a cut-off")
                    .hint("Give window_length and issue_offset, or days_ahead and time_of_day."));
            }
        };
        Err(Error::invalid(format!("{missing} is missing"))
            .detail(format!("It goes with {given}.")))
    }

    fn refuse_cutoffs(&self) -> Result<()> {
        let given = [
            ("window_length", self.lengths[2].is_some()),
            ("issue_offset", self.lengths[3].is_some()),
            ("start_window", self.start_window.is_some()),
            ("days_ahead", self.days_ahead.is_some()),
            ("time_of_day", self.time_of_day.is_some()),
            ("tz", self.tz.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Error::invalid(format!("{name} is for relative reads"))
                .hint("Read in the mode relative, or leave it out.")),
            None => Ok(()),
        }
    }
}

/// Takes the arguments series_id, name and labels of a call, from number `first` on.
///
/// # Errors
/// 54000 for too many ids, 22023 for malformed labels.
///
/// # Safety
/// The call is one of a function that is declared with these arguments.
pub unsafe fn series_filter(
    fcinfo: pg_sys::FunctionCallInfo,
    first: usize,
) -> Result<SeriesFilter> {
    // SAFETY: the declarations promise the types. The array is not copied, its length stands in its header.
    unsafe {
        let ids: Option<Array<Uuid>> = pg_getarg(fcinfo, first);
        if let Some(ids) = ids.as_ref().filter(|ids| ids.len() > MAX_SERIES) {
            return Err(too_many(
                "a read",
                MAX_SERIES,
                "ids in series_id",
                ids.len(),
                "Split it into several reads, or choose the series by name or labels.",
            ));
        }
        let labels = pg_getarg_datum(fcinfo, first + 2);
        Ok(SeriesFilter {
            ids: ids.map(|ids| ids.iter().flatten().map(|id| *id.as_bytes()).collect()),
            name: pg_getarg(fcinfo, first + 1),
            labels: labels
                .map(|json| labels_of(Jsonb::of_datum(json)))
                .transpose()?,
        })
    }
}

/// Checks that a function is declared with these arguments: the scripts of the extension may be of another version
/// than the library.
///
/// # Errors
/// XX000 otherwise.
///
/// # Safety
/// `fcinfo` is that of a call under way.
pub unsafe fn check_declaration(fcinfo: pg_sys::FunctionCallInfo, types: &[Oid]) -> Result<()> {
    // SAFETY: the caller's promise; a call through the function manager says which function it is of.
    let function = unsafe { (*fcinfo).flinfo.as_ref().map(|function| function.fn_oid) };
    let function = function.and_then(PgProc::new);
    match function.is_some_and(|function| function.proargtypes() == types) {
        true => Ok(()),
        false => Err(Error::other_declaration()),
    }
}

/// An argument that is an `interval`.
///
/// # Safety
/// It is declared as one.
pub(super) unsafe fn interval(
    fcinfo: pg_sys::FunctionCallInfo,
    number: usize,
) -> Option<pg_sys::Interval> {
    // SAFETY: the caller promises the type.
    unsafe {
        let datum = pg_getarg_datum(fcinfo, number)?;
        Some(*datum.cast_mut_ptr::<pg_sys::Interval>())
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

/// A time zone by its name; UTC where none is given.
///
/// # Errors
/// 22023 for a name that is unknown.
pub fn zone(name: Option<&str>) -> Result<Zone> {
    match name {
        None => Ok(Zone::utc()),
        Some(name) => {
            Zone::named(name).map_err(|e| Error::invalid(e.to_string()).hint("It was given as tz."))
        }
    }
}

/// The microseconds of an interval that means the same everywhere: a day of it has 24 hours.
///
/// # Errors
/// 22023 for months, 22008 for what is too long.
pub fn fixed(interval: &pg_sys::Interval, what: &str) -> Result<i64> {
    if interval.month != 0 {
        return Err(
            Error::invalid(format!("{what} must not have months or years"))
                .hint("They have no fixed length: give days, hours or minutes."),
        );
    }
    i64::from(interval.day)
        .checked_mul(86_400_000_000)
        .and_then(|days| days.checked_add(interval.time))
        .ok_or_else(|| Error::time(format!("{what} is too long")))
}

/// An as_of_change, which has to be an instant: what the store says at the end of time cannot be known.
fn instant_of_change(as_of_change: Option<i64>) -> Result<Option<i64>> {
    as_of_change
        .map(|t| time::stored_from_pg(t, "as_of_change"))
        .transpose()
}

/// The end of what goes up to and including an instant.
fn after(instant: Option<i64>) -> Option<i64> {
    instant.map(|t| t.saturating_add(1))
}

fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
