//! Questions about expressions of a query, whichever read they are about.

use pgrx::pg_sys::{self, Bitmapset, NodeTag, Oid};
use std::ptr;

/// The attributes of a relation that an expression, or a list of them, uses; `None` if it uses the row as a whole.
///
/// # Safety
/// The expression is a live one.
pub unsafe fn attributes(expr: *mut pg_sys::Node, relation: u32) -> Option<Vec<i16>> {
    let mut used: *mut Bitmapset = ptr::null_mut();
    let mut attributes = Vec::new();
    // SAFETY: the caller's promise; the set is a new one.
    unsafe {
        pg_sys::pull_varattnos(expr, relation, &mut used);
        let mut member = -1;
        loop {
            member = pg_sys::bms_next_member(used, member);
            if member < 0 {
                return Some(attributes);
            }
            // Members count from the least number that an attribute can have.
            match member + pg_sys::FirstLowInvalidHeapAttributeNumber {
                attribute @ 1.. => attributes.push(attribute as i16),
                _ => return None,
            }
        }
    }
}

/// Whether an expression uses columns of any relation.
///
/// # Safety
/// The expression is a live one.
pub unsafe fn has_columns_of_any(expr: *mut pg_sys::Expr) -> bool {
    // SAFETY: the caller's promise.
    unsafe { pg_sys::contain_var_clause(expr.cast()) }
}

/// A text without what only gives it another collation.
///
/// # Safety
/// The expression is a live one.
pub unsafe fn as_it_is_stored(side: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: the caller's promise.
    unsafe {
        let text = side.cast::<pg_sys::RelabelType>();
        match (*side).type_ == NodeTag::T_RelabelType && (*text).resulttype == pg_sys::TEXTOID {
            true => (*text).arg.cast(),
            false => side,
        }
    }
}

/// Whether an expression may be computed at another time than with each row, and by the scan.
///
/// # Safety
/// The expression is a live one.
pub unsafe fn may_be_computed(expr: *mut pg_sys::Node) -> bool {
    // SAFETY: the caller's promise.
    unsafe { !pg_sys::contain_volatile_functions(expr) && !pg_sys::contain_subplans(expr) }
}

/// Whether texts that are equal under a collation have the same bytes.
///
/// # Safety
/// The collation is one of a planned query, or none.
pub unsafe fn is_exact(collation: Oid) -> bool {
    // SAFETY: the caller's promise.
    collation != Oid::INVALID && unsafe { pg_sys::get_collation_isdeterministic(collation) }
}

/// The two operands of an operator.
///
/// # Safety
/// The list is the live one of an expression.
pub unsafe fn both(args: *mut pg_sys::List) -> Option<[*mut pg_sys::Node; 2]> {
    // SAFETY: the caller's promise.
    let args = unsafe { pgrx::PgList::<pg_sys::Node>::from_pg(args) };
    match args.len() {
        2 => Some([args.get_ptr(0)?, args.get_ptr(1)?]),
        _ => None,
    }
}
