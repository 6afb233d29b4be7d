//! The conditions of a query that a read can follow: comparisons of time and of what identifies a series with something
//! known before the first row, and what else is said about series. The query checks all of them again.

use super::columns::{KNOWN_TIME, LABELS, NAME, OF_SERIES, SERIES_ID, UNIT, VALID_TIME};
pub use super::comparison::{Axis, Comparison};
use super::expressions::{as_it_is_stored, attributes, both, is_exact, may_be_computed};
use super::loose::{self, Reach};
use pgrx::pg_sys::{self, NodeTag, Oid};

/// `uuid = uuid`, `text = text`, `jsonb @> jsonb` and `jsonb ->> text`, whose oids PostgreSQL fixes.
const SAME_ID: Oid = Oid::from_u32(2972);
const SAME_TEXT: Oid = Oid::from_u32(pg_sys::TextEqualOperator);
const CONTAINS: Oid = Oid::from_u32(3246);
const FIELD: Oid = Oid::from_u32(3477);
/// The operator family of instants, in which all comparisons with them are.
const INSTANTS: Oid = Oid::from_u32(434);
/// Those of `numeric` and of floating point numbers.
const NUMBERS: Oid = Oid::from_u32(1988);
const FLOATS: Oid = Oid::from_u32(1970);

/// A condition; `E` is what stands for an expression.
pub enum Condition<E> {
    /// A time compared with an instant, which is of the type.
    Time(Axis, Comparison, E, Oid),
    /// What is made of a time and no further from it, compared with an instant.
    About(Axis, Comparison, E, Oid, Reach),
    /// A time that is one of an array of instants of the type.
    OneOfTimes(Axis, E, Oid),
    /// The series with this id.
    Series(E),
    /// Those with an id in this array.
    OneOfSeries(E),
    /// Those of this name.
    Name(E),
    /// Those with all of these labels.
    Labels(E),
    /// Those of which a label has a value.
    Label(E, E),
    /// Anything else that is said about series.
    OfSeries(E),
}

impl<E> Condition<E> {
    /// The same condition of other expressions.
    pub fn map<T>(self, mut of: impl FnMut(E) -> T) -> Condition<T> {
        match self {
            Self::Time(axis, comparison, e, of_type) => {
                Condition::Time(axis, comparison, of(e), of_type)
            }
            Self::About(axis, comparison, e, of_type, by) => {
                Condition::About(axis, comparison, of(e), of_type, by)
            }
            Self::OneOfTimes(axis, e, of_type) => Condition::OneOfTimes(axis, of(e), of_type),
            Self::Series(e) => Condition::Series(of(e)),
            Self::OneOfSeries(e) => Condition::OneOfSeries(of(e)),
            Self::Name(e) => Condition::Name(of(e)),
            Self::Labels(e) => Condition::Labels(of(e)),
            Self::Label(label, value) => Condition::Label(of(label), of(value)),
            Self::OfSeries(e) => Condition::OfSeries(of(e)),
        }
    }
}

type Expr = *mut pg_sys::Expr;

/// Recognises conditions on the rows of one read.
pub struct Reader<'a> {
    /// The number by which expressions name the read.
    pub read: u32,
    /// The columns that the numbers of its attributes stand for, or all of them in their order.
    pub columns: Option<&'a [usize]>,
    /// Whether bounds of these times leave the other rows as they are: valid_time, known_time.
    pub bounds: [bool; 2],
    /// Whether the unit of its rows is that of the series, and not one that values are converted to.
    pub has_own_unit: bool,
}

impl Reader<'_> {
    /// What a clause says, if a read can follow it.
    ///
    /// # Safety
    /// The clause is a live expression of a query.
    pub unsafe fn condition(&self, clause: *mut pg_sys::Node) -> Option<Condition<Expr>> {
        // SAFETY: the caller's promise; a node is what its tag says.
        unsafe {
            let special = match (*clause).type_ {
                NodeTag::T_OpExpr => self.comparison(clause.cast()),
                NodeTag::T_ScalarArrayOpExpr => self.membership(clause.cast()),
                _ => None,
            };
            special.or_else(|| {
                let is_of_series = self.is_about_series(clause);
                is_of_series.then(|| Condition::OfSeries(clause.cast()))
            })
        }
    }

    unsafe fn comparison(&self, clause: *mut pg_sys::OpExpr) -> Option<Condition<Expr>> {
        // SAFETY: as in `condition`.
        unsafe {
            let operator = (*clause).opno;
            let [left, right] = both((*clause).args)?;
            let (mut of_left, mut of_right) = (Oid::INVALID, Oid::INVALID);
            if operator == CONTAINS || operator == SAME_ID || operator == SAME_TEXT {
                return self.identity(clause, left, right);
            }
            let families = [INSTANTS, NUMBERS, FLOATS].into_iter();
            let mut strategies =
                families.map(|family| pg_sys::get_op_opfamily_strategy(operator, family));
            let comparison = strategies.find_map(Comparison::of_strategy)?;
            pg_sys::op_input_types(operator, &mut of_left, &mut of_right);
            let turned = comparison.turned();
            for (time, comparison, value, of_type) in [
                (left, comparison, right, of_right),
                (right, turned, left, of_left),
            ] {
                let usable = tells_instant(of_type) && self.is_known_before(value);
                let value = value.cast();
                if let Some(axis) = self.axis(time).filter(|_| usable) {
                    return Some(Condition::Time(axis, comparison, value, of_type));
                }
                if let Some((axis, by)) =
                    loose::axis(time, &|time| self.axis(time)).filter(|_| usable)
                {
                    return Some(Condition::About(axis, comparison, value, of_type, by));
                }
            }
            None
        }
    }

    /// What identifies series.
    unsafe fn identity(
        &self,
        clause: *mut pg_sys::OpExpr,
        left: *mut pg_sys::Node,
        right: *mut pg_sys::Node,
    ) -> Option<Condition<Expr>> {
        // SAFETY: as in `condition`.
        unsafe {
            let operator = (*clause).opno;
            if operator == CONTAINS {
                let usable = self.column(left) == Some(LABELS) && self.is_known_before(right);
                return usable.then(|| Condition::Labels(right.cast()));
            }
            // Where a collation takes different texts for the same, the index does not.
            if operator == SAME_TEXT && !is_exact((*clause).inputcollid) {
                return None;
            }
            for (side, value) in [(left, right), (right, left)] {
                let condition = match (operator, self.column(side)) {
                    (SAME_ID, Some(SERIES_ID)) => Condition::Series(value.cast()),
                    (SAME_TEXT, Some(NAME)) => Condition::Name(value.cast()),
                    (SAME_TEXT, None) => match self.label(side) {
                        Some(label) => Condition::Label(label, value.cast()),
                        None => continue,
                    },
                    _ => continue,
                };
                if self.is_known_before(value) {
                    return Some(condition);
                }
            }
            None
        }
    }

    /// The name of the label in `labels ->> name`.
    unsafe fn label(&self, side: *mut pg_sys::Node) -> Option<Expr> {
        // SAFETY: as in `condition`.
        unsafe {
            let field = side.cast::<pg_sys::OpExpr>();
            if (*side).type_ != NodeTag::T_OpExpr || (*field).opno != FIELD {
                return None;
            }
            let [labels, label] = both((*field).args)?;
            let usable = self.column(labels) == Some(LABELS) && self.is_known_before(label);
            usable.then_some(label.cast())
        }
    }

    unsafe fn membership(&self, clause: *mut pg_sys::ScalarArrayOpExpr) -> Option<Condition<Expr>> {
        // SAFETY: as in `condition`.
        unsafe {
            let operator = (*clause).opno;
            let [column, array] = both((*clause).args)?;
            if !(*clause).useOr || !self.is_known_before(array) {
                return None;
            }
            if operator == SAME_ID {
                let is_id = self.column(column) == Some(SERIES_ID);
                return is_id.then(|| Condition::OneOfSeries(array.cast()));
            }
            let strategy = pg_sys::get_op_opfamily_strategy(operator, INSTANTS);
            let axis = self.axis(column)?;
            let (mut of_left, mut of_right) = (Oid::INVALID, Oid::INVALID);
            pg_sys::op_input_types(operator, &mut of_left, &mut of_right);
            let same = Comparison::of_strategy(strategy) == Some(Comparison::Same);
            (same && is_instant(of_right))
                .then(|| Condition::OneOfTimes(axis, array.cast(), of_right))
        }
    }

    /// The column that an expression is, and nothing else.
    ///
    /// # Safety
    /// As in [`Self::condition`].
    pub unsafe fn column(&self, side: *mut pg_sys::Node) -> Option<usize> {
        // SAFETY: as in `condition`.
        unsafe {
            let side = as_it_is_stored(side);
            if (*side).type_ != NodeTag::T_Var {
                return None;
            }
            let var = &*side.cast::<pg_sys::Var>();
            let is_column =
                var.varno as u32 == self.read && var.varlevelsup == 0 && var.varattno > 0;
            is_column.then(|| self.column_at(var.varattno)).flatten()
        }
    }

    /// The column that an attribute is.
    pub fn column_at(&self, attribute: i16) -> Option<usize> {
        let place = usize::try_from(attribute).ok()?.checked_sub(1)?;
        match self.columns {
            Some(columns) => columns.get(place).copied(),
            None => Some(place),
        }
    }

    /// The time that an expression is, if it may be bounded.
    ///
    /// # Safety
    /// As in [`Self::condition`].
    pub unsafe fn axis(&self, side: *mut pg_sys::Node) -> Option<Axis> {
        let [valid, known] = self.bounds;
        // SAFETY: as in `condition`.
        let column = unsafe { self.column(side) };
        match column? {
            VALID_TIME if valid => Some(Axis::Valid),
            KNOWN_TIME if known => Some(Axis::Known),
            _ => None,
        }
    }

    fn is_of_series(&self, column: usize) -> bool {
        column < OF_SERIES && (column != UNIT || self.has_own_unit)
    }

    /// Whether an expression has one value for all rows, and may be computed without any.
    unsafe fn is_known_before(&self, value: *mut pg_sys::Node) -> bool {
        // SAFETY: as in `condition`.
        unsafe {
            let used = attributes(value, self.read);
            used.is_some_and(|used| used.is_empty()) && may_be_computed(value)
        }
    }

    /// Whether an expression is about the columns of the series only, and about any.
    ///
    /// # Safety
    /// As in [`Self::condition`].
    pub unsafe fn is_about_series(&self, clause: *mut pg_sys::Node) -> bool {
        // SAFETY: as in `condition`.
        unsafe {
            let Some(used) = attributes(clause, self.read).filter(|used| !used.is_empty()) else {
                return false;
            };
            let mut columns = used.iter().map(|attribute| self.column_at(*attribute));
            columns.all(|column| column.is_some_and(|column| self.is_of_series(column)))
                && may_be_computed(clause)
        }
    }
}

/// The types that a `timestamptz`, or the seconds that it is, are compared with.
fn tells_instant(of_type: Oid) -> bool {
    is_instant(of_type) || [pg_sys::NUMERICOID, pg_sys::FLOAT8OID].contains(&of_type)
}

/// The types that a `timestamptz` is compared with.
fn is_instant(of_type: Oid) -> bool {
    [
        pg_sys::TIMESTAMPTZOID,
        pg_sys::TIMESTAMPOID,
        pg_sys::DATEOID,
    ]
    .contains(&of_type)
}
