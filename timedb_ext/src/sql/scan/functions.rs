//! Which functions belong to this library: identified by symbol and library, and by their arguments and results. Their
//! names prove nothing, because the owner of any database may use them for other functions.

use super::columns::{ROW_COLUMNS, SERIES_COLUMNS};
use crate::pg::spi::has_columns;
use crate::sql::arguments::{READ, SERIES, Signature};
use pgrx::pg_catalog::pg_proc::PgProc;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;

/// The types of the columns of `_read_chunks`: four of the series, the number of points, the packed columns.
pub const CHUNK_COLUMNS: [Oid; 6] = [
    pg_sys::UUIDOID,
    pg_sys::TEXTOID,
    pg_sys::TEXTOID,
    pg_sys::JSONBOID,
    pg_sys::INT4OID,
    pg_sys::BYTEAOID,
];

/// A function of the library, as it has to be declared.
pub struct Symbol {
    /// The name that the library exports.
    name: &'static str,
    /// Its arguments.
    arguments: &'static Signature,
    /// The columns of its rows.
    columns: &'static [Oid],
}

/// What `timedb_internal._read_rows()` is declared as.
pub const READ_ROWS: Symbol = Symbol {
    name: "timedb_read_rows",
    arguments: &READ,
    columns: &ROW_COLUMNS,
};

/// What `timedb_internal._read_chunks()` is declared as.
pub const READ_CHUNKS: Symbol = Symbol {
    name: "read_chunks_wrapper",
    arguments: &READ,
    columns: &CHUNK_COLUMNS,
};

/// What `timedb_internal._list_series()` is declared as.
pub const LIST_SERIES: Symbol = Symbol {
    name: "timedb_list_series",
    arguments: &SERIES,
    columns: &SERIES_COLUMNS,
};

/// The names of their declarations: a function found by such a name has to be verified.
pub const CHUNKS_FUNCTION: &CStr = c"_read_chunks";
pub const LIST_FUNCTION: &CStr = c"_list_series";

/// How `CREATE FUNCTION` may name the library: as the control file does, or in full.
const LIBRARIES: [&str; 2] = ["timedb", "$libdir/timedb"];

/// The language C, whose oid PostgreSQL fixes.
const C_LANGUAGE: Oid = Oid::from_u32(13);

impl Symbol {
    /// Whether a call is one of this function.
    ///
    /// # Safety
    /// The call is a live node of a query.
    pub unsafe fn is_called_by(&self, call: *mut pg_sys::FuncExpr) -> bool {
        // SAFETY: the caller's promise; a function without a row type gives no descriptor.
        unsafe {
            (*call).funcretset
                && self.is_of((*call).funcid)
                && has_columns(
                    pg_sys::get_expr_result_tupdesc(call.cast(), true),
                    self.columns,
                )
        }
    }

    /// Whether a function is this one: only a superuser can declare one with a symbol of a library.
    fn is_of(&self, function: Oid) -> bool {
        let is_named_so = PgProc::new(function).is_some_and(|function| {
            function.prolang() == C_LANGUAGE
                && function.prosrc() == self.name
                && function
                    .probin()
                    .is_some_and(|library| LIBRARIES.contains(&library.as_str()))
        });
        is_named_so && self.arguments.is_of(function)
    }
}

/// The function of this name next to `timedb_internal._read_rows`; `None` if something else has taken its place.
///
/// # Safety
/// Called in a transaction.
pub unsafe fn beside(rows_function: Oid, name: &CStr, symbol: &Symbol) -> Option<Oid> {
    let cache = pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as i32;
    let types: Vec<Oid> = symbol.arguments.types().collect();
    // SAFETY: the keys are of the types of the cache's columns.
    let function = unsafe {
        pg_sys::GetSysCacheOid(
            cache,
            pg_sys::Anum_pg_proc_oid as i16,
            Datum::from(name.as_ptr()),
            Datum::from(pg_sys::buildoidvector(types.as_ptr(), types.len() as i32)),
            Datum::from(pg_sys::get_func_namespace(rows_function)),
            Datum::null(),
        )
    };
    (function != Oid::INVALID && symbol.is_of(function)).then_some(function)
}

/// The call in a range table entry that is one of `timedb_internal._read_rows()` and nothing more.
///
/// # Safety
/// The entry is a live node of a query.
pub unsafe fn call_of(rte: *mut pg_sys::RangeTblEntry) -> Option<*mut pg_sys::FuncExpr> {
    // SAFETY: the caller's promise.
    unsafe {
        let rte = &*rte;
        if rte.rtekind != pg_sys::RTEKind::RTE_FUNCTION || rte.funcordinality {
            return None;
        }
        let functions = pgrx::PgList::<pg_sys::RangeTblFunction>::from_pg(rte.functions);
        let function = functions.get_ptr(0).filter(|_| functions.len() == 1)?;
        let call = (*function).funcexpr;
        if call.is_null() || (*call).type_ != pg_sys::NodeTag::T_FuncExpr {
            return None;
        }
        let call = call.cast::<pg_sys::FuncExpr>();
        READ_ROWS.is_called_by(call).then_some(call)
    }
}
