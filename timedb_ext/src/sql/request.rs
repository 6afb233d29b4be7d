//! What the arguments of a read ask for: filters, cut-offs, and what cannot be combined.

use super::arguments::Arguments;
use crate::pg::error::{Error, Result};
use crate::pg::time;
use crate::read::ReadRequest;
use pgrx::datum::Interval;
use timedb_calendar::{Cutoffs, Zone};
use timedb_segment::{Filter, Mode};
use timedb_wire::reads::Argument;

/// What says where windows and their cut-offs are.
const OF_WINDOWS: [Argument; 3] = [
    Argument::WindowLength,
    Argument::IssueOffset,
    Argument::StartWindow,
];
/// The same by days.
const OF_DAYS: [Argument; 3] = [Argument::DaysAhead, Argument::TimeOfDay, Argument::Tz];

/// Behind a mode: of each series the last points come first.
pub const BACKWARD: &str = " backward";

/// What these arguments ask for; where there is no mode, flat values.
///
/// # Errors
/// 22023 for an unknown mode, malformed labels, arguments that do not go together, 54000 for too many series.
pub fn request(arguments: &Arguments) -> Result<ReadRequest> {
    let mode = arguments.text(Argument::Mode);
    let mode = mode.as_deref().unwrap_or("flat");
    // For the scan only, which has checked that nothing else of the request stands against it.
    let (mode, backward) = match mode.strip_suffix(BACKWARD) {
        Some(mode @ ("flat" | "overlapping" | "versions")) => (mode, true),
        _ => (mode, false),
    };
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
    // An instant: what the store will say at the end of time cannot be known.
    let as_of_change = (arguments.instant(Argument::AsOfChange))
        .map(|t| time::stored_from_pg(t, "as_of_change"))
        .transpose()?;
    let lead = |argument: Argument| {
        let lead = arguments.length(argument);
        lead.map(|lead| fixed(&lead, argument.name())).transpose()
    };
    let range = Filter {
        start_valid: time::lower(arguments.instant(Argument::StartValid)),
        end_valid: time::upper(arguments.instant(Argument::EndValid)),
        start_known: time::lower(arguments.instant(Argument::StartKnown)),
        end_known: earlier(
            time::upper(arguments.instant(Argument::EndKnown)),
            after(time::upper(arguments.instant(Argument::AsOf))),
        ),
        end_change: after(as_of_change),
        min_lead: lead(Argument::MinLead)?,
        max_lead: lead(Argument::MaxLead)?,
    };
    if backward && as_of_change.is_some() {
        return Err(Error::invalid("a read as of a change_time goes forward"));
    }
    let cutoffs = relative.then(|| cutoffs(arguments)).transpose()?;
    // What takes no mode has no cut-offs, and its tz is about something else.
    if !relative && arguments.takes(Argument::Mode) {
        refuse_cutoffs(arguments)?;
    }
    let series = arguments.series()?;
    Ok(ReadRequest {
        range,
        as_of_change,
        cutoffs,
        last_only,
        backward,
        with_known_time: relative || last_only || merging != Mode::Flat,
        unit: arguments.text(Argument::Unit),
        ..ReadRequest::new(merging, series)
    })
}

fn cutoffs(arguments: &Arguments) -> Result<Cutoffs> {
    let is_given = |argument: &Argument| arguments.is_given(*argument);
    if OF_WINDOWS.iter().any(is_given) && OF_DAYS.iter().any(is_given) {
        return Err(Error::invalid(
            "window_length, issue_offset and start_window cannot be combined with days_ahead, time_of_day and tz",
        )
        .hint("Use one set or the other."));
    }
    let length = arguments.length(Argument::WindowLength);
    let offset = arguments.length(Argument::IssueOffset);
    if let (Some(length), Some(offset)) = (length, offset) {
        return Cutoffs::windows(
            first_window(arguments)?,
            fixed(&length, Argument::WindowLength.name())?,
            fixed(&offset, Argument::IssueOffset.name())?,
        )
        .map_err(|e| Error::invalid(format!("invalid window_length: {e}")));
    }
    let days_ahead = arguments.integer(Argument::DaysAhead);
    let time_of_day = arguments.time_of_day(Argument::TimeOfDay);
    if let (Some(days_ahead), Some(time_of_day)) = (days_ahead, time_of_day) {
        return Cutoffs::days(days_ahead, time_of_day, zone(arguments)?)
            .map_err(|e| Error::invalid(format!("invalid days_ahead: {e}")));
    }
    let incomplete = [
        (Argument::WindowLength, Argument::IssueOffset),
        (Argument::IssueOffset, Argument::WindowLength),
        (Argument::DaysAhead, Argument::TimeOfDay),
        (Argument::TimeOfDay, Argument::DaysAhead),
        (Argument::StartWindow, Argument::WindowLength),
        (Argument::Tz, Argument::DaysAhead),
    ]
    .into_iter()
    .find(|(given, _)| is_given(given));
    Err(match incomplete {
        Some((given, missing)) => Error::invalid(format!("{} is missing", missing.name()))
            .detail(format!("It is required with {}.", given.name())),
        None => Error::invalid("a relative read needs a cut-off")
            .hint("Give window_length and issue_offset, or days_ahead and time_of_day."),
    })
}

/// Where a window starts.
fn first_window(arguments: &Arguments) -> Result<i64> {
    let start = |argument: Argument| {
        let start = arguments.instant(argument)?;
        Some((start, argument.name()))
    };
    let start_valid =
        start(Argument::StartValid).filter(|(start, _)| *start != time::PG_MINUS_INFINITY);
    match start(Argument::StartWindow).or(start_valid) {
        Some((start, name)) => time::stored_from_pg(start, name),
        None => Err(Error::invalid("start_window is missing")
            .hint("Give start_window, or start_valid: the first window then starts there.")),
    }
}

fn refuse_cutoffs(arguments: &Arguments) -> Result<()> {
    let mut of_cutoffs = OF_WINDOWS.into_iter().chain(OF_DAYS);
    match of_cutoffs.find(|argument| arguments.is_given(*argument)) {
        Some(given) => Err(
            Error::invalid(format!("{} is only for relative reads", given.name()))
                .hint("Use the mode relative, or leave it out."),
        ),
        None => Ok(()),
    }
}

/// The time zone that tz names; UTC where it names none.
///
/// # Errors
/// 22023 for a name that is unknown.
pub fn zone(arguments: &Arguments) -> Result<Zone> {
    match arguments.text(Argument::Tz) {
        None => Ok(Zone::utc()),
        Some(name) => Zone::named(&name)
            .map_err(|e| Error::invalid(e.to_string()).hint("It was given as tz.")),
    }
}

/// The microseconds of an interval that means the same everywhere: a day of it has 24 hours.
///
/// # Errors
/// 22023 for months, 22008 for what is too long.
pub fn fixed(interval: &Interval, what: &str) -> Result<i64> {
    if interval.months() != 0 {
        return Err(
            Error::invalid(format!("{what} must not have months or years"))
                .hint("They have no fixed length: give days, hours or minutes."),
        );
    }
    i64::from(interval.days())
        .checked_mul(86_400_000_000)
        .and_then(|days| days.checked_add(interval.micros()))
        .ok_or_else(|| Error::time(format!("{what} is too long")))
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
