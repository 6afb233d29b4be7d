//! Conditions on what is made of a time, such as its day: they say about when the time must be, and a bound that leaves
//! out nothing has to be further out than any zone and unit could move it.

use pgrx::PgList;
use pgrx::datum::FromDatum;
use pgrx::pg_sys::{self, NodeTag};

/// More than what is lost of seconds that are no whole number.
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400_000_000;
/// More than clocks are put back or forward, and more than local times of two zones differ by.
const OF_CLOCKS: i64 = DAY + DAY / 12;
const OF_ZONES: i64 = 3 * DAY;

/// How many microseconds a time may be before and after what is made of it, as instants of the session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    pub before: i64,
    pub after: i64,
}

/// Casts of a `timestamptz` to `date` and `timestamp`, `timezone(text, timestamptz)`, and `date_trunc` of a `timestamptz`
/// without and with a zone: PostgreSQL fixes their oids.
const TO_DATE: u32 = 1178;
const TO_TIMESTAMP: u32 = 2027;
const IN_ZONE: u32 = 1159;
const TRUNCATED: u32 = 1217;
const TRUNCATED_IN_ZONE: u32 = 1284;
/// The same of a local time.
const LOCAL_TO_DATE: u32 = 2029;
const LOCAL_TRUNCATED: u32 = 2020;
/// `extract` and `date_part` of a `timestamptz`.
const FIELDS: [u32; 2] = [6203, 1171];

/// The time that an expression is made of, which `is_time` recognises, and how far it may be from it.
///
/// # Safety
/// The expression is a live one of the query.
pub unsafe fn axis<A>(
    side: *mut pg_sys::Node,
    is_time: &impl Fn(*mut pg_sys::Node) -> Option<A>,
) -> Option<(A, Reach)> {
    // SAFETY: the caller's promise; a node is what its tag says.
    unsafe {
        if (*side).type_ != NodeTag::T_FuncExpr {
            return None;
        }
        let call = &*side.cast::<pg_sys::FuncExpr>();
        let arguments = PgList::<pg_sys::Node>::from_pg(call.args);
        let argument = |place| arguments.get_ptr(place);
        let (time, by, unit) = match call.funcid.to_u32() {
            TO_DATE => (argument(0)?, OF_CLOCKS, DAY),
            TO_TIMESTAMP => (argument(0)?, OF_CLOCKS, 0),
            LOCAL_TO_DATE => (argument(0)?, 0, DAY),
            IN_ZONE => (argument(1)?, OF_ZONES, 0),
            TRUNCATED | TRUNCATED_IN_ZONE => (argument(1)?, OF_CLOCKS, length(argument(0)?)?),
            LOCAL_TRUNCATED => (argument(1)?, 0, length(argument(0)?)?),
            field if FIELDS.contains(&field) && is_epoch(argument(0)?) => (argument(1)?, SECOND, 0),
            _ => return None,
        };
        let none = Reach {
            before: 0,
            after: 0,
        };
        let (time, within) = match is_time(time) {
            Some(time) => (time, none),
            None => axis(time, is_time)?,
        };
        let within = Reach {
            before: within.before + by,
            after: within.after + by + unit,
        };
        Some((time, within))
    }
}

/// A constant text, in small letters.
unsafe fn word(node: *mut pg_sys::Node) -> Option<String> {
    // SAFETY: as in `axis`; the argument is a text.
    unsafe {
        let constant = &*node.cast::<pg_sys::Const>();
        let is_constant = constant.xpr.type_ == NodeTag::T_Const;
        let text = || String::from_datum(constant.constvalue, constant.constisnull);
        Some(is_constant.then(text)??.to_ascii_lowercase())
    }
}

/// Whether the seconds since 1970 are meant.
unsafe fn is_epoch(field: *mut pg_sys::Node) -> bool {
    // SAFETY: as in `axis`.
    unsafe { word(field) }.as_deref() == Some("epoch")
}

/// More than the length of a constant unit.
unsafe fn length(unit: *mut pg_sys::Node) -> Option<i64> {
    // SAFETY: as in `axis`.
    let unit = unsafe { word(unit)? };
    let days = match unit.as_str() {
        "microseconds" | "milliseconds" | "second" | "minute" | "hour" | "day" => 1,
        "week" => 7,
        "month" => 31,
        "quarter" => 92,
        "year" => 366,
        _ => return None,
    };
    Some(days * DAY)
}
