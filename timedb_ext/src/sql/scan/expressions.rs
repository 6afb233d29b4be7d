//! Questions about expressions of a query, whichever read they are about.

use pgrx::pg_sys::{self, Bitmapset, NodeTag, Oid};
use pgrx::prelude::*;
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

/// A text without what only gives it another collation; a `timestamptz` without what [`disguised`] has put around it.
///
/// # Safety
/// The expression is a live one.
pub unsafe fn as_it_is_stored(side: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: the caller's promise.
    unsafe {
        let text = side.cast::<pg_sys::RelabelType>();
        let types = [pg_sys::TEXTOID, pg_sys::TIMESTAMPTZOID];
        match (*side).type_ == NodeTag::T_RelabelType && types.contains(&(*text).resulttype) {
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

/// A copy of expressions in which a column of times stands within a node that does nothing. PostgreSQL replaces what a node
/// of a plan computes wherever it finds the same expression there; it does not find it in these, which the scan computes
/// itself.
///
/// # Safety
/// The expressions are live ones of a query.
pub unsafe fn disguised(
    expressions: *mut pg_sys::List,
    relation: u32,
    attribute: i16,
) -> *mut pg_sys::List {
    let mut column = (relation, attribute);
    // SAFETY: the caller's promise; the context is what `disguise` takes it for.
    unsafe { disguise(expressions.cast(), ptr::from_mut(&mut column).cast()).cast() }
}

type Mutator =
    unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut std::ffi::c_void) -> *mut pg_sys::Node;

#[pg_guard]
unsafe extern "C-unwind" fn disguise(
    node: *mut pg_sys::Node,
    context: *mut std::ffi::c_void,
) -> *mut pg_sys::Node {
    // SAFETY: called by `disguised`, and by PostgreSQL for each node below.
    unsafe {
        let (relation, attribute) = *context.cast::<(u32, i16)>();
        if node.is_null() {
            return node;
        }
        let var = node.cast::<pg_sys::Var>();
        if (*node).type_ == NodeTag::T_Var
            && (*var).varno as u32 == relation
            && (*var).varattno == attribute
            && (*var).varlevelsup == 0
        {
            let form = pg_sys::CoercionForm::COERCE_IMPLICIT_CAST;
            let copy = pg_sys::copyObjectImpl(node.cast()).cast();
            let of_type = (*var).vartype;
            return pg_sys::makeRelabelType(copy, of_type, -1, Oid::INVALID, form).cast();
        }
        #[cfg(feature = "pg15")]
        {
            // It is declared without its arguments.
            let by = std::mem::transmute::<
                Mutator,
                unsafe extern "C-unwind" fn() -> *mut pg_sys::Node,
            >(disguise);
            pg_sys::expression_tree_mutator(node, Some(by), context)
        }
        #[cfg(not(feature = "pg15"))]
        pg_sys::expression_tree_mutator_impl(node, Some(disguise), context)
    }
}
