//! Which rows of each series a query needs at most, where that can be seen from its form: the last or the first few, by
//! valid_time. The scan stops reading a series when it has given them; the query still does all it says, with fewer rows.

use super::call::Mode;
use super::columns::VALID_TIME;
use super::conditions::Reader;
use super::offer::Offer;
use pgrx::PgList;
use pgrx::pg_sys::{self, NodeTag, Oid};
use timedb_wire::reads::Argument;

/// `timestamptz < timestamptz`, and `>`, whose oids PostgreSQL fixes.
pub const EARLIER: Oid = Oid::from_u32(1322);
pub const LATER: Oid = Oid::from_u32(1324);
/// `min` and `max` of `timestamptz`, and of `text`.
const MIN_TIME: Oid = Oid::from_u32(2143);
const MAX_TIME: Oid = Oid::from_u32(2127);
const OF_TEXT: [Oid; 2] = [Oid::from_u32(2145), Oid::from_u32(2129)];

/// Most rows of a series for which it pays to look where they end.
const MOST: i64 = 100_000;

/// What a query needs of each series.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Needed {
    /// So many rows from the beginning, and from the end, that meet all conditions; with them those of the same
    /// valid_time as the last of them. If both are 0, all rows.
    pub first: i32,
    pub last: i32,
    /// Whether of the rows of one valid_time any is as good.
    pub any_of_time: bool,
}

impl Needed {
    /// All rows, from the end.
    pub const BACKWARD: Self = Self {
        first: 0,
        last: i32::MAX,
        any_of_time: false,
    };

    /// Whether it needs no more than some of the rows.
    pub fn is_some(self) -> bool {
        self.first > 0 || self.last > 0
    }
}

/// What the query needs of a read that is being planned.
///
/// # Safety
/// The planner is looking for paths of the relation.
pub unsafe fn of(offer: &Offer) -> Needed {
    // SAFETY: the caller's promise.
    unsafe {
        let root = &*offer.root;
        let query = &*root.parse;
        let is_alone = pg_sys::bms_membership(root.all_baserels)
            == pg_sys::BMS_Membership::BMS_SINGLETON
            && query.setOperations.is_null()
            && !query.hasWindowFuncs
            && !query.hasTargetSRFs;
        if !is_alone
            || ![Mode::Flat, Mode::Several].contains(&offer.call.mode())
            || offer.call.is_given(Argument::AsOfChange)
        {
            return Needed::default();
        }
        let form = Form {
            query,
            targets: root.processed_tlist,
            reader: offer.reader(),
        };
        match root.hasHavingQual {
            true => form.of_groups(),
            false => form.needed(),
        }
        .unwrap_or_default()
    }
}

/// The query, and what recognises columns of the read.
struct Form<'a> {
    query: &'a pg_sys::Query,
    targets: *mut pg_sys::List,
    reader: Reader<'a>,
}

impl Form<'_> {
    unsafe fn needed(&self) -> Option<Needed> {
        let query = self.query;
        // SAFETY: as in `of`.
        unsafe {
            if query.hasAggs || !query.groupClause.is_null() || !query.groupingSets.is_null() {
                return self.of_groups();
            }
            if !query.distinctClause.is_null() {
                if !self.are_of_series(query.distinctClause) {
                    return None;
                }
                return match query.hasDistinctOn {
                    true => self.of_order(1),
                    false => Some(last(1, true)),
                };
            }
            let rows = constant(query.limitCount)?;
            let skipped = match query.limitOffset.is_null() {
                true => 0,
                false => constant(query.limitOffset)?,
            };
            let rows = rows.max(0).saturating_add(skipped.max(0));
            match query.sortClause.is_null() || rows > MOST {
                true => None,
                false => self.of_order(rows.max(1) as i32),
            }
        }
    }

    /// Groups of whole series, of which only the ends are asked for.
    unsafe fn of_groups(&self) -> Option<Needed> {
        // SAFETY: as in `of`.
        unsafe {
            if !self.are_of_series(self.query.groupClause) {
                return None;
            }
            let mut needed = Needed {
                any_of_time: true,
                ..Needed::default()
            };
            let flags = pg_sys::PVC_INCLUDE_AGGREGATES | pg_sys::PVC_INCLUDE_PLACEHOLDERS;
            for list in [self.targets.cast(), self.query.havingQual] {
                let used = pg_sys::pull_var_clause(list, flags as i32);
                for node in PgList::<pg_sys::Node>::from_pg(used).iter_ptr() {
                    match (*node).type_ {
                        NodeTag::T_Aggref => self.note(&*node.cast(), &mut needed)?,
                        NodeTag::T_Var | NodeTag::T_GroupingFunc => {}
                        _ => return None,
                    }
                }
            }
            match needed.is_some() {
                true => Some(needed),
                false => Some(last(1, true)),
            }
        }
    }

    /// Notes what an aggregate needs; `None` if that is more than the ends.
    unsafe fn note(&self, aggregate: &pg_sys::Aggref, needed: &mut Needed) -> Option<()> {
        // SAFETY: as in `of`.
        unsafe {
            if !aggregate.aggfilter.is_null() || !aggregate.aggdirectargs.is_null() {
                return None;
            }
            let arguments = PgList::<pg_sys::TargetEntry>::from_pg(aggregate.args);
            let argument = (*arguments.get_ptr(0)?).expr.cast::<pg_sys::Node>();
            let end = match aggregate.aggfnoid {
                MIN_TIME => &mut needed.first,
                MAX_TIME => &mut needed.last,
                function => {
                    let ignores_how_many =
                        !aggregate.aggdistinct.is_null() || OF_TEXT.contains(&function);
                    let arguments = aggregate.args.cast();
                    let usable = ignores_how_many && self.reader.is_about_series(arguments);
                    return usable.then_some(());
                }
            };
            (self.reader.column(argument) == Some(VALID_TIME)).then(|| *end = 1)
        }
    }

    /// So many rows in the order that is asked for: series by something, and then by valid_time.
    unsafe fn of_order(&self, rows: i32) -> Option<Needed> {
        // SAFETY: as in `of`.
        unsafe {
            let clauses = PgList::<pg_sys::SortGroupClause>::from_pg(self.query.sortClause);
            for (place, clause) in clauses.iter_ptr().enumerate() {
                let by = pg_sys::get_sortgroupclause_expr(clause, self.targets);
                if self.reader.column(by) == Some(VALID_TIME) {
                    let with_ties =
                        self.query.limitOption == pg_sys::LimitOption::LIMIT_OPTION_WITH_TIES;
                    let any_of_time = place + 1 == clauses.len() && !with_ties;
                    return match (*clause).sortop {
                        LATER => Some(last(rows, any_of_time)),
                        EARLIER => Some(Needed {
                            first: rows,
                            last: 0,
                            any_of_time,
                        }),
                        _ => None,
                    };
                }
                if !self.reader.is_about_series(by) {
                    return None;
                }
            }
            // Of series only: with ties that is all of some.
            let with_ties = self.query.limitOption == pg_sys::LimitOption::LIMIT_OPTION_WITH_TIES;
            (!with_ties).then(|| last(rows, true))
        }
    }

    /// Whether all of these are said about series only.
    unsafe fn are_of_series(&self, clauses: *mut pg_sys::List) -> bool {
        // SAFETY: as in `of`.
        unsafe {
            let clauses = PgList::<pg_sys::SortGroupClause>::from_pg(clauses);
            clauses.iter_ptr().all(|clause| {
                let by = pg_sys::get_sortgroupclause_expr(clause, self.targets);
                self.reader.is_about_series(by)
            })
        }
    }
}

fn last(rows: i32, any_of_time: bool) -> Needed {
    Needed {
        first: 0,
        last: rows,
        any_of_time,
    }
}

/// The number that a limit is, if it is known.
unsafe fn constant(limit: *mut pg_sys::Node) -> Option<i64> {
    // SAFETY: null, or an expression of the query; a constant limit is an int8.
    unsafe {
        let constant = limit.cast::<pg_sys::Const>().as_ref()?;
        let is_known = constant.xpr.type_ == NodeTag::T_Const && !constant.constisnull;
        is_known.then(|| constant.constvalue.value() as i64)
    }
}
