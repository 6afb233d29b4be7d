//! Groups of rows that the scan counts and sums up itself: for `GROUP BY` series and times of plain aggregates it gives
//! the states of the aggregates for each stretch of points of one group, and PostgreSQL combines them, as it does those of
//! parallel workers. A row then costs what reading it costs.

use super::call::Mode;
use super::conditions::Reader;
use super::needed;
use super::offer::Offer;
use super::paths;
use super::sums::{Sum, is_of_time};
use pgrx::PgList;
use pgrx::pg_sys::{self, AggSplit, AggStrategy, NodeTag};
use std::ptr;

/// Offers a path for the groups of a query over one read, if it can be one.
///
/// # Safety
/// The planner has made the paths of the input, and asks for those of its groups.
pub unsafe fn offer(offer: &Offer, grouped: *mut pg_sys::RelOptInfo, having: *mut pg_sys::Node) {
    // SAFETY: the caller's promise.
    unsafe {
        let root = offer.root;
        let query = &*(*root).parse;
        let is_alone = pg_sys::bms_membership((*root).all_baserels)
            == pg_sys::BMS_Membership::BMS_SINGLETON
            && query.groupingSets.is_null()
            && query.hasAggs
            && (query.groupClause.is_null() || pg_sys::grouping_is_hashable(query.groupClause));
        if !is_alone
            || ![Mode::Flat, Mode::Several].contains(&offer.call.mode())
            || needed::of(offer).is_some()
            || has_barrier(offer)
        {
            return;
        }
        let Some(target) = target(offer, having) else {
            return;
        };
        // Whether it may be shared has been decided where its rows are read.
        let parts = PgList::<pg_sys::Path>::from_pg((*offer.rel).partial_pathlist);
        let workers = parts.get_ptr(0).map_or(0, |part| (*part).parallel_workers);
        let path = paths::of_groups(offer, target, workers);
        add_final(offer, grouped, path, having);
        if workers > 0 && pg_sys::is_parallel_safe(root, (*target).exprs.cast()) {
            let part = paths::shared(paths::of_groups(offer, target, workers), workers);
            let mut rows = (*part).rows * f64::from(workers);
            let none = ptr::null_mut();
            let gather = pg_sys::create_gather_path(root, grouped, part, target, none, &mut rows);
            add_final(offer, grouped, gather.cast(), having);
        }
    }
}

/// Adds a path that makes groups of the states that a path gives.
unsafe fn add_final(
    offer: &Offer,
    grouped: *mut pg_sys::RelOptInfo,
    path: *mut pg_sys::Path,
    having: *mut pg_sys::Node,
) {
    // SAFETY: as in `offer`.
    unsafe {
        let root = offer.root;
        let query = &*(*root).parse;
        let strategy = match query.groupClause.is_null() {
            true => AggStrategy::AGG_PLAIN,
            false => AggStrategy::AGG_HASHED,
        };
        let costs = pg_sys::AggClauseCosts::default();
        let path = pg_sys::create_agg_path(
            root,
            grouped,
            path,
            (*grouped).reltarget,
            strategy,
            AggSplit::AGGSPLIT_FINAL_DESERIAL,
            query.groupClause,
            having.cast(),
            &costs,
            (*path).rows,
        );
        pg_sys::add_path(grouped, path.cast());
    }
}

/// Whether some conditions have to come before others, so that these are not told of what the former leave out: the scan
/// would ask those about series first.
unsafe fn has_barrier(offer: &Offer) -> bool {
    // SAFETY: as in `offer`.
    unsafe {
        let clauses = PgList::<pg_sys::RestrictInfo>::from_pg((*offer.rel).baserestrictinfo);
        let may_come_first = |clause| pg_sys::restriction_is_securely_promotable(clause, offer.rel);
        !clauses.iter_ptr().all(may_come_first)
    }
}

/// What the scan has to give: what is grouped by, and states of aggregates. `None` if it cannot.
unsafe fn target(offer: &Offer, having: *mut pg_sys::Node) -> Option<*mut pg_sys::PathTarget> {
    // SAFETY: as in `offer`.
    unsafe {
        let root = offer.root;
        let groups = (*(*root).parse).groupClause;
        let reader = offer.reader();
        let wanted = (*root).upper_targets[pg_sys::UpperRelationKind::UPPERREL_GROUP_AGG as usize];
        let wanted = wanted.as_ref()?;
        let target = pg_sys::create_empty_pathtarget();
        let mut others: *mut pg_sys::List = ptr::null_mut();
        for (i, expr) in PgList::<pg_sys::Expr>::from_pg(wanted.exprs)
            .iter_ptr()
            .enumerate()
        {
            let group = match wanted.sortgrouprefs.is_null() {
                true => 0,
                false => *wanted.sortgrouprefs.add(i),
            };
            if group > 0 && !pg_sys::get_sortgroupref_clause_noerr(group, groups).is_null() {
                if !is_group(&reader, expr.cast()) {
                    return None;
                }
                pg_sys::add_column_to_pathtarget(target, expr, group);
            } else {
                others = pg_sys::lappend(others, expr.cast());
            }
        }
        if !having.is_null() {
            others = pg_sys::lappend(others, having.cast());
        }
        let flags = pg_sys::PVC_INCLUDE_AGGREGATES | pg_sys::PVC_INCLUDE_PLACEHOLDERS;
        let others = pg_sys::pull_var_clause(others.cast(), flags as i32);
        for other in PgList::<pg_sys::Node>::from_pg(others).iter_ptr() {
            match (*other).type_ {
                NodeTag::T_Aggref => {
                    Sum::of(&*other.cast(), &reader)?;
                }
                NodeTag::T_Var => {}
                _ => return None,
            }
        }
        pg_sys::add_new_columns_to_pathtarget(target, others);
        let mut exprs: *mut pg_sys::List = ptr::null_mut();
        for expr in PgList::<pg_sys::Node>::from_pg((*target).exprs).iter_ptr() {
            let mut expr = expr;
            if (*expr).type_ == NodeTag::T_Aggref {
                let state = pg_sys::palloc0(size_of::<pg_sys::Aggref>()).cast::<pg_sys::Aggref>();
                ptr::copy_nonoverlapping(expr.cast::<pg_sys::Aggref>(), state, 1);
                pg_sys::mark_partial_aggref(state, AggSplit::AGGSPLIT_INITIAL_SERIAL);
                expr = state.cast();
            }
            exprs = pg_sys::lappend(exprs, expr.cast());
        }
        (*target).exprs = exprs;
        Some(pg_sys::set_pathtarget_cost_width(root, target))
    }
}

/// Whether an expression is one of series, or of valid_time and nothing else: then it is the same for many points that
/// follow each other. What is grouped by every instant is left to PostgreSQL.
unsafe fn is_group(reader: &Reader, expr: *mut pg_sys::Node) -> bool {
    // SAFETY: as in `offer`.
    unsafe { reader.is_about_series(expr) || is_of_time(reader, expr) }
}
