//! The attacks on relations, read from the `.sql` files beside this one.

use timedb_tests::FORCE_PARALLEL;

use super::attack::Attack;
use super::store::Relation;

/// Ways to see rows.
pub const READS: &str = include_str!("reads.sql");
/// Everything else that can be done to a relation.
pub const OTHERS: &str = include_str!("others.sql");
/// What can be done with one column.
pub const COLUMNS: &str = include_str!("columns.sql");

/// A function that is cheaper than any condition of ours and tells what it is given.
pub const LEAK: &str = "CREATE FUNCTION pg_temp.leak(what text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 0.0001
    AS $$BEGIN RAISE NOTICE 'seen: %', what; RETURN true; END$$";

/// The same as an operator, with estimators that the planner asks.
const OPERATOR: &str = "CREATE FUNCTION pg_temp.same(one text, two text) RETURNS boolean
        LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 0.0001
        AS $$BEGIN RAISE NOTICE 'seen: %', one; RETURN true; END$$;
    CREATE OPERATOR pg_temp.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.same,
        RESTRICT = eqsel, JOIN = eqjoinsel, COMMUTATOR = OPERATOR(pg_temp.===), MERGES, HASHES)";

/// Workers for everything, with [`FORCE_PARALLEL`].
const PARALLEL: &str = "SET max_parallel_workers_per_gather = 4; SET parallel_setup_cost = 0;
    SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0";

/// The attacks of a file on one relation; with a column, on that.
pub fn attacks(file: &str, relation: &Relation, column: Option<&(String, String)>) -> Vec<Attack> {
    let quoted = |name: &str| format!("\"{name}\"");
    let fill = |line: &str| {
        let mut line = line
            .replace("{LEAK}", LEAK)
            .replace("{OPERATOR}", OPERATOR)
            .replace("{PARALLEL}", &format!("{PARALLEL}; {FORCE_PARALLEL}"))
            .replace("{R}", &relation.sql())
            .replace("{N}", &relation.name)
            .replace("{C}", &quoted(&relation.columns[0].0));
        if let Some((name, kind)) = column {
            line = line.replace("{COL}", &quoted(name)).replace("{TYPE}", kind);
        }
        line
    };
    let of = column.map_or(relation.name.clone(), |(name, _)| {
        format!("{}.{name}", relation.name)
    });
    // The first block says what the file is.
    let blocks = file.split("\n\n").skip(1);
    let attack = |block: &str| {
        let mut lines = block.trim().lines();
        let name = lines.next().and_then(|line| line.strip_prefix("-- "));
        let name = name.unwrap_or_else(|| panic!("an attack without a name: {block}"));
        Attack::new(format!("{name} of {of}"), lines.map(fill))
    };
    blocks.map(attack).collect()
}
