//! Which expressions of a time never go back as it goes on, while the clocks of their zones are not put back or forward:
//! where such a one has the same value at two instants, it has it at all between them.

use pgrx::PgList;
use pgrx::pg_sys::{self, NodeTag, Oid};
use pgrx::prelude::*;
use std::ffi::CStr;

/// Functions with a lower oid are PostgreSQL's own.
const FIRST_OTHER: u32 = 16_384;
/// From 1970 to 2000.
const EPOCH_SECONDS: i64 = 946_684_800;

/// The time zones that an expression depends on.
#[derive(Clone, Default)]
pub struct Zones {
    named: Vec<*mut pg_sys::pg_tz>,
    /// That of the session too.
    session: bool,
}

impl Zones {
    /// Those of an expression of the attribute of a time; `None` if it may go back otherwise.
    ///
    /// # Safety
    /// The expression is a live one of a plan.
    pub unsafe fn of(expr: *mut pg_sys::Node, attribute: i16) -> Option<Self> {
        let mut zones = Self::default();
        // SAFETY: the caller's promise.
        unsafe { zones.add(expr, attribute)? };
        Some(zones)
    }

    /// These and others.
    pub fn join(&mut self, other: &Self) {
        self.named.extend(&other.named);
        self.session |= other.session;
    }

    /// Up to which instant, excluded, all clocks run on evenly from another one.
    pub fn even_until(&self, instant: i64) -> i64 {
        // SAFETY: the session always has a zone.
        let session = self.session.then_some(unsafe { pg_sys::session_timezone });
        let zones = self.named.iter().copied().chain(session);
        let ends = zones.map(|zone| next_change(zone, instant));
        ends.min().unwrap_or(i64::MAX)
    }

    unsafe fn add(&mut self, expr: *mut pg_sys::Node, attribute: i16) -> Option<()> {
        // SAFETY: as in `of`; a node is what its tag says.
        unsafe {
            match (*expr).type_ {
                NodeTag::T_Var => {
                    let var = &*expr.cast::<pg_sys::Var>();
                    (var.varattno == attribute && var.varlevelsup == 0).then_some(())
                }
                NodeTag::T_RelabelType => {
                    self.add((*expr.cast::<pg_sys::RelabelType>()).arg.cast(), attribute)
                }
                NodeTag::T_FuncExpr => {
                    let call = &*expr.cast::<pg_sys::FuncExpr>();
                    let arguments = PgList::<pg_sys::Node>::from_pg(call.args);
                    let arguments: Vec<_> = arguments.iter_ptr().collect();
                    self.add_call(own_name(call.funcid)?, &arguments, attribute)
                }
                NodeTag::T_OpExpr => {
                    let call = &*expr.cast::<pg_sys::OpExpr>();
                    let arguments = PgList::<pg_sys::Node>::from_pg(call.args);
                    let [left, right] = [arguments.get_ptr(0)?, arguments.get_ptr(1)?];
                    let is_by_number = match own_name(call.opfuncid)? {
                        "numeric_div" | "float8div" | "int8div" | "int84div" | "int4div"
                        | "numeric_mul" | "float8mul" | "int8mul" | "int84mul" | "int4mul" => {
                            is_positive(right)
                        }
                        "numeric_add" | "float8pl" | "int8pl" | "int84pl" | "int4pl"
                        | "numeric_sub" | "float8mi" | "int8mi" | "int84mi" | "int4mi" => {
                            is_constant(right)
                        }
                        _ => false,
                    };
                    is_by_number.then_some(())?;
                    self.add(left, attribute)
                }
                _ => None,
            }
        }
    }

    unsafe fn add_call(
        &mut self,
        name: &str,
        arguments: &[*mut pg_sys::Node],
        attribute: i16,
    ) -> Option<()> {
        // SAFETY: as in `of`.
        unsafe {
            let of_zone = |node| pg_sys::exprType(node) == pg_sys::TIMESTAMPTZOID;
            match (name, arguments) {
                ("date_trunc", [unit, time]) if is_constant(*unit) => {
                    self.session |= of_zone(*time);
                    self.add(*time, attribute)
                }
                ("date_trunc", [unit, time, zone]) if is_constant(*unit) => {
                    self.named.push(zone_of(*zone)?);
                    self.add(*time, attribute)
                }
                ("date_bin", [stride, time, origin])
                    if is_constant(*stride) && is_constant(*origin) =>
                {
                    self.add(*time, attribute)
                }
                ("timezone", [zone, time]) => {
                    (of_zone(*time) || is_of_whole_units(*time)).then_some(())?;
                    self.named.push(zone_of(*zone)?);
                    self.add(*time, attribute)
                }
                ("timestamp" | "date", [time]) => {
                    self.session |= of_zone(*time);
                    self.add(*time, attribute)
                }
                ("timestamptz", [time]) => {
                    is_of_whole_units(*time).then_some(())?;
                    self.session = true;
                    self.add(*time, attribute)
                }
                ("extract" | "date_part", [field, time]) => {
                    (text_of(*field)?.eq_ignore_ascii_case("epoch")).then_some(())?;
                    self.session |= !of_zone(*time);
                    self.add(*time, attribute)
                }
                (
                    "floor" | "ceil" | "ceiling" | "round" | "trunc" | "int4" | "int8" | "numeric"
                    | "float8" | "to_timestamp",
                    [number],
                ) => self.add(*number, attribute),
                _ => None,
            }
        }
    }
}

/// Whether a local time is one of whole units. Of those at most one lies where clocks are put forward, so that instants
/// made of them do not go back.
unsafe fn is_of_whole_units(time: *mut pg_sys::Node) -> bool {
    // SAFETY: as in `Zones::of`.
    unsafe {
        let call = time.cast::<pg_sys::FuncExpr>();
        (*time).type_ == NodeTag::T_FuncExpr
            && matches!(own_name((*call).funcid), Some("date_trunc" | "date"))
    }
}

/// The name of a function of PostgreSQL's own.
unsafe fn own_name<'a>(function: Oid) -> Option<&'a str> {
    // SAFETY: a name is allocated in the current memory context, which lasts longer than the look at an expression.
    unsafe {
        let name = (function.to_u32() < FIRST_OTHER).then(|| pg_sys::get_func_name(function))?;
        match name.is_null() {
            true => None,
            false => CStr::from_ptr(name).to_str().ok(),
        }
    }
}

unsafe fn is_constant(node: *mut pg_sys::Node) -> bool {
    // SAFETY: as in `Zones::of`.
    unsafe { (*node).type_ == NodeTag::T_Const && !(*node.cast::<pg_sys::Const>()).constisnull }
}

unsafe fn is_positive(node: *mut pg_sys::Node) -> bool {
    // SAFETY: as in `Zones::of`; a constant is of its type.
    unsafe {
        if !is_constant(node) {
            return false;
        }
        let constant = &*node.cast::<pg_sys::Const>();
        match constant.consttype {
            pg_sys::INT4OID => constant.constvalue.value() as i32 > 0,
            pg_sys::INT8OID => constant.constvalue.value() as i64 > 0,
            pg_sys::FLOAT8OID => {
                let number = f64::from_bits(constant.constvalue.value() as u64);
                number > 0.0 && number.is_finite()
            }
            pg_sys::NUMERICOID => {
                let number: Option<AnyNumeric> = AnyNumeric::from_datum(constant.constvalue, false);
                let number = number.and_then(|number| f64::try_from(number).ok());
                number.is_some_and(|number| number > 0.0 && number.is_finite())
            }
            _ => false,
        }
    }
}

unsafe fn text_of(node: *mut pg_sys::Node) -> Option<String> {
    // SAFETY: as in `Zones::of`; a constant is of its type.
    unsafe {
        let is_text = is_constant(node) && pg_sys::exprType(node) == pg_sys::TEXTOID;
        let constant = is_text.then(|| &*node.cast::<pg_sys::Const>())?;
        String::from_datum(constant.constvalue, false)
    }
}

/// The zone that a constant names.
unsafe fn zone_of(node: *mut pg_sys::Node) -> Option<*mut pg_sys::pg_tz> {
    // SAFETY: as in `Zones::of`. PostgreSQL keeps zones for the life of the process.
    unsafe {
        let name = std::ffi::CString::new(text_of(node)?).ok()?;
        let zone = pg_sys::pg_tzset(name.as_ptr());
        (!zone.is_null()).then_some(zone)
    }
}

/// When a zone's clocks are next put back or forward, after an instant; the next instant if that is not known.
fn next_change(zone: *mut pg_sys::pg_tz, instant: i64) -> i64 {
    let seconds = instant.div_euclid(1_000_000) + EPOCH_SECONDS;
    let (mut before, mut after) = (0, 0);
    let (mut dst_before, mut dst_after, mut boundary) = (0, 0, 0);
    // SAFETY: the zone is one of PostgreSQL's.
    let known = unsafe {
        pg_sys::pg_next_dst_boundary(
            &seconds,
            &mut before,
            &mut dst_before,
            &mut boundary,
            &mut after,
            &mut dst_after,
            zone,
        )
    };
    match known {
        0 => i64::MAX,
        1 => (boundary - EPOCH_SECONDS)
            .saturating_mul(1_000_000)
            .max(instant + 1),
        _ => instant + 1,
    }
}
