-- What can be done with one column: {COL}, its type {TYPE}, and {PROBE}, a value that A has there.
-- A line is a statement; an empty line and `-- name` begin an attack. {R} is the relation, {N} its bare name,
-- {C} its first column. The other words in braces stand in scripts.rs and canaries.rs.

-- is
SELECT * FROM {R} WHERE {COL} = '{PROBE}'::{TYPE}

-- is in
SELECT count(*) FROM {R} WHERE {COL} IN ('{PROBE}'::{TYPE})

-- is not
SELECT count(*) FROM {R} WHERE {COL} <> '{PROBE}'::{TYPE}

-- compares
SELECT {COL} <= '{PROBE}'::{TYPE} FROM {R} WHERE false

-- exists
SELECT EXISTS (SELECT FROM {R} WHERE {COL} = '{PROBE}'::{TYPE})

-- like
SELECT * FROM {R} WHERE {COL}::text LIKE left('{PROBE}', -3) || '%'

-- join
SELECT r FROM (VALUES ('{PROBE}'::{TYPE})) AS v (x) JOIN {R} AS r ON r.{COL} = v.x

-- divided by zero
SELECT 1 / (CASE WHEN {COL} = '{PROBE}'::{TYPE} THEN 0 ELSE 1 END) FROM {R}

-- divided by zero in where
SELECT 1 FROM {R} WHERE 1 / (CASE WHEN {COL} = '{PROBE}'::{TYPE} THEN 0 ELSE 1 END) > 0

-- cast
SELECT 1 FROM {R} WHERE {COL}::text::int = 1 AND {COL} = '{PROBE}'::{TYPE}

-- leaky function
{LEAK}
SELECT 1 FROM {R} WHERE pg_temp.leak({COL}::text) AND {COL} = '{PROBE}'::{TYPE}

-- leaky operator
{OPERATOR}
SELECT 1 FROM {R} WHERE {COL}::text OPERATOR(pg_temp.===) '{PROBE}'

-- prepared, generic
SET plan_cache_mode = force_generic_plan
PREPARE p ({TYPE}) AS SELECT * FROM {R} WHERE {COL} = $1
EXECUTE p('{PROBE}')
EXECUTE p('{PROBE}')

-- cursor
BEGIN
DECLARE c CURSOR FOR SELECT * FROM {R} WHERE {COL} = '{PROBE}'::{TYPE}
FETCH ALL FROM c

-- copy
COPY (SELECT * FROM {R} WHERE {COL} = '{PROBE}'::{TYPE}) TO STDOUT

-- rows that are locked
SELECT * FROM {R} WHERE {COL} = '{PROBE}'::{TYPE} FOR UPDATE NOWAIT

-- insert
INSERT INTO {R} ({COL}) VALUES ('{PROBE}') RETURNING *

-- insert on conflict
INSERT INTO {R} ({COL}) VALUES ('{PROBE}') ON CONFLICT DO NOTHING RETURNING *

-- update
UPDATE {R} SET {COL} = '{PROBE}' WHERE {COL} = '{PROBE}'::{TYPE} RETURNING *

-- delete
DELETE FROM {R} WHERE {COL} = '{PROBE}'::{TYPE} RETURNING *

-- merge
MERGE INTO {R} AS r USING (VALUES ('{PROBE}'::{TYPE})) AS v (x) ON r.{COL} = v.x WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT ({COL}) VALUES (v.x)

-- copy in
COPY {R} ({COL}) FROM STDIN

-- unique violation
CREATE TEMP TABLE t AS SELECT {COL} AS x FROM {R}
CREATE UNIQUE INDEX ON t (x)
INSERT INTO t VALUES ('{PROBE}')

-- foreign key
CREATE TABLE lair.t (x {TYPE} REFERENCES {R} ({COL}))
INSERT INTO lair.t VALUES ('{PROBE}')

-- index scan
SET enable_seqscan = off; SET enable_bitmapscan = off
EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM {R} WHERE {COL} = '{PROBE}'::{TYPE}

-- bitmap scan
SET enable_seqscan = off; SET enable_indexscan = off
EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM {R} WHERE {COL} = '{PROBE}'::{TYPE}

-- sequential scan
SET enable_bitmapscan = off; SET enable_indexscan = off
EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM {R} WHERE {COL} = '{PROBE}'::{TYPE}

-- estimate
EXPLAIN SELECT * FROM {R} WHERE {COL} = '{PROBE}'::{TYPE}

-- estimate of a range
EXPLAIN SELECT * FROM {R} WHERE {COL} < '{PROBE}'::{TYPE}

-- estimate of an alternative
EXPLAIN SELECT * FROM {R} WHERE {COL} = '{PROBE}'::{TYPE} OR {COL} IS NULL

-- estimate of a join
EXPLAIN SELECT * FROM {R} AS l JOIN {R} AS r USING ({COL}) WHERE l.{COL} = '{PROBE}'::{TYPE}
