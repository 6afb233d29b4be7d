-- Ways to see rows. As tenant A each of them shows canaries in every relation that A may read, so
-- a way that shows nothing does not belong here.
-- A line is a statement; an empty line and `-- name` begin an attack. {R} is the relation, {N} its bare name,
-- {C} its first column. The other words in braces stand in scripts.rs and canaries.rs.

-- select
SELECT * FROM {R}

-- table
TABLE {R}

-- whole row
SELECT r FROM {R} AS r

-- row as text
SELECT r::text FROM {R} AS r

-- row as json
SELECT to_jsonb(r) FROM {R} AS r

-- aggregate
SELECT string_agg(r::text, ' '), array_agg(r) FROM {R} AS r

-- distinct
SELECT DISTINCT r::text FROM {R} AS r ORDER BY 1

-- window
SELECT r::text, lag(r::text) OVER (ORDER BY r::text) FROM {R} AS r

-- grouping sets
SELECT r::text, count(*) FROM {R} AS r GROUP BY CUBE (r::text)

-- common table expression
WITH c AS MATERIALIZED (SELECT * FROM {R}) SELECT * FROM c

-- recursion
WITH RECURSIVE c AS (SELECT r::text AS x, 1 AS n FROM {R} AS r UNION ALL SELECT x, n + 1 FROM c WHERE n < 2) SELECT * FROM c

-- lateral
SELECT l.* FROM generate_series(1, 2) AS g, LATERAL (SELECT * FROM {R} LIMIT 3 + g) AS l

-- outer join
SELECT l::text, r::text FROM {R} AS l FULL JOIN {R} AS r USING ({C})

-- left join from nothing
SELECT r::text FROM (VALUES (1)) AS v LEFT JOIN {R} AS r ON true

-- scalar subquery
SELECT (SELECT string_agg(r::text, '') FROM {R} AS r)

-- set operations
SELECT r::text FROM {R} AS r UNION ALL SELECT r::text FROM {R} AS r EXCEPT SELECT 'x'

-- leaky function
{LEAK}
SELECT 1 FROM {R} AS r WHERE pg_temp.leak(r::text)

-- leaky function before and behind
{LEAK}
SELECT 1 FROM {R} AS r WHERE pg_temp.leak(r::text) OR random() < 2 AND NOT pg_temp.leak(r::text)

-- leaky function in a join
{LEAK}
SELECT 1 FROM {R} AS l JOIN {R} AS r ON pg_temp.leak(l::text || r::text) LIMIT 5

-- leaky function through a subquery
{LEAK}
SELECT 1 FROM (SELECT r::text AS x FROM {R} AS r OFFSET 0) AS s WHERE pg_temp.leak(x)

-- leaky function in HAVING
{LEAK}
SELECT 1 FROM {R} AS r GROUP BY r::text HAVING pg_temp.leak(r::text)

-- leaky function in ORDER BY
{LEAK}
SELECT 1 FROM {R} AS r ORDER BY pg_temp.leak(r::text)

-- leaky operator
{OPERATOR}
SELECT 1 FROM {R} AS r WHERE r::text OPERATOR(pg_temp.===) 'x'

-- leaky operator in a join
{OPERATOR}
SELECT 1 FROM {R} AS r JOIN (VALUES ('x')) AS v (x) ON r::text OPERATOR(pg_temp.===) x

-- leaky function in workers
{LEAK}
{PARALLEL}
SELECT count(*) FROM {R} AS r WHERE pg_temp.leak(r::text)

-- parallel workers
{PARALLEL}
SELECT r::text FROM {R} AS r

-- parallel aggregate
{PARALLEL}
SELECT max(r::text), min(r::text) FROM {R} AS r

-- error with a value
SELECT r::text::int FROM {R} AS r

-- error with a value in WHERE
SELECT 1 FROM {R} AS r WHERE r::text::int = 1

-- error with a value as an id
SELECT r::text::uuid FROM {R} AS r

-- error after a savepoint
SAVEPOINT s
SELECT r::text::int FROM {R} AS r
ROLLBACK TO s
SELECT * FROM {R}

-- error in a block
DO $$DECLARE r record; BEGIN FOR r IN SELECT * FROM {R} LOOP BEGIN PERFORM r::text::int; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLERRM, r; END; END LOOP; END$$

-- unique violation
CREATE TEMP TABLE t (x text PRIMARY KEY)
INSERT INTO t SELECT r::text FROM {R} AS r UNION ALL SELECT r::text FROM {R} AS r

-- check violation
CREATE TEMP TABLE t (x text CHECK (length(x) < 3))
INSERT INTO t SELECT r::text FROM {R} AS r

-- copy query
COPY (SELECT * FROM {R}) TO STDOUT

-- copy query as csv
COPY (SELECT * FROM {R}) TO STDOUT (FORMAT csv, HEADER)

-- copy query as binary
COPY (SELECT r::text FROM {R} AS r) TO STDOUT (FORMAT binary)

-- create table as
CREATE TEMP TABLE t AS SELECT * FROM {R}
TABLE t

-- select into
SELECT * INTO TEMP t FROM {R}
TABLE t

-- insert into a table of one's own
CREATE TEMP TABLE t (x text)
INSERT INTO t SELECT r::text FROM {R} AS r RETURNING x

-- on conflict in a table of one's own
CREATE TEMP TABLE t (k int PRIMARY KEY, x text)
INSERT INTO t VALUES (1, '')
INSERT INTO t VALUES (1, '') ON CONFLICT (k) DO UPDATE SET x = (SELECT string_agg(r::text, '') FROM {R} AS r) RETURNING x

-- update of a table of one's own
CREATE TEMP TABLE t AS SELECT ''::text AS x
UPDATE t SET x = r::text FROM {R} AS r RETURNING *

-- delete with using
CREATE TEMP TABLE t AS SELECT 1 AS x
DELETE FROM t USING {R} AS r RETURNING r::text

-- merge into a table of one's own
CREATE TEMP TABLE t (x text)
MERGE INTO t USING {R} AS r ON r::text = t.x WHEN NOT MATCHED THEN INSERT VALUES (r::text)
TABLE t

-- cursor
BEGIN
DECLARE c CURSOR FOR SELECT * FROM {R}
FETCH 3 FROM c
FETCH ALL FROM c

-- scrolling cursor
BEGIN
DECLARE c SCROLL CURSOR FOR SELECT * FROM {R}
MOVE LAST IN c
FETCH BACKWARD ALL FROM c
FETCH FIRST FROM c

-- held cursor
BEGIN
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM {R}
COMMIT
FETCH ALL FROM c

-- binary cursor
BEGIN
DECLARE c BINARY CURSOR FOR SELECT r::text FROM {R} AS r
FETCH ALL FROM c

-- cursor opened before a savepoint
BEGIN
DECLARE c CURSOR FOR SELECT * FROM {R}
SAVEPOINT s
FETCH 2 FROM c
ROLLBACK TO s
FETCH ALL FROM c

-- prepared
PREPARE p AS SELECT * FROM {R}
EXECUTE p

-- prepared, generic
SET plan_cache_mode = force_generic_plan
PREPARE p (text) AS SELECT * FROM {R} AS r WHERE r::text <> $1
EXECUTE p('')

-- prepared, run often
PREPARE p (text) AS SELECT r::text FROM {R} AS r WHERE r::text <> $1
EXECUTE p('')
EXECUTE p('')
EXECUTE p('')
EXECUTE p('')
EXECUTE p('')
EXECUTE p('')

-- prepared, discarded plans
PREPARE p AS SELECT * FROM {R}
EXECUTE p
DISCARD PLANS
EXECUTE p

-- do block
DO $$DECLARE r record; BEGIN FOR r IN SELECT * FROM {R} LOOP RAISE NOTICE '%', r; END LOOP; END$$

-- do block with execute
DO $$DECLARE r text; BEGIN EXECUTE 'SELECT string_agg(r::text, '''') FROM {R} AS r' INTO r; RAISE NOTICE '%', r; END$$

-- assertion
DO $$BEGIN ASSERT (SELECT count(*) < 0 FROM {R}), (SELECT string_agg(r::text, ' ') FROM {R} AS r); END$$

-- function in sql
CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql AS 'SELECT r::text FROM {R} AS r'
SELECT pg_temp.f()

-- function with a body
CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT r::text FROM {R} AS r; END
SELECT pg_temp.f()

-- definer function
CREATE FUNCTION lair.f() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT r::text FROM {R} AS r'
SELECT lair.f()

-- function that is immutable and folded
CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT string_agg(r::text, '''') FROM {R} AS r'
SELECT pg_temp.f()

-- function with settings
CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql SET search_path = timedb SET enable_seqscan = off AS 'SELECT r::text FROM {R} AS r'
SELECT pg_temp.f()

-- procedure that commits
CREATE PROCEDURE lair.p() LANGUAGE plpgsql AS $$DECLARE r record; BEGIN FOR r IN SELECT * FROM {R} LOOP RAISE NOTICE '%', r; END LOOP; END$$
CALL lair.p()

-- trigger of one's own
CREATE TEMP TABLE t (x int)
CREATE FUNCTION pg_temp.g() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE '%', (SELECT string_agg(r::text, '') FROM {R} AS r); RETURN NEW; END$$
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.g()
INSERT INTO t VALUES (1)

-- rule of one's own
CREATE TEMP TABLE t (x int)
CREATE RULE r AS ON INSERT TO t DO ALSO SELECT * FROM {R}
INSERT INTO t VALUES (1)

-- policy of one's own
CREATE TABLE lair.t (x int)
CREATE FUNCTION lair.peek() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE '%', (SELECT string_agg(r::text, '') FROM {R} AS r); RETURN true; END$$
ALTER TABLE lair.t ENABLE ROW LEVEL SECURITY
ALTER TABLE lair.t FORCE ROW LEVEL SECURITY
CREATE POLICY p ON lair.t WITH CHECK (lair.peek())
INSERT INTO lair.t VALUES (1)

-- temporary view
CREATE TEMP VIEW v AS SELECT * FROM {R}
SELECT * FROM v

-- view
CREATE VIEW lair.v AS SELECT * FROM {R}
SELECT * FROM lair.v

-- invoker view
CREATE VIEW lair.v WITH (security_invoker) AS SELECT * FROM {R}
SELECT * FROM lair.v

-- leaky function on a view
{LEAK}
CREATE TEMP VIEW v AS SELECT r::text AS x FROM {R} AS r
SELECT 1 FROM v WHERE pg_temp.leak(x)

-- materialised view
CREATE MATERIALIZED VIEW lair.m AS SELECT * FROM {R}
TABLE lair.m

-- materialised view, refreshed
CREATE MATERIALIZED VIEW lair.m AS SELECT * FROM {R} WITH NO DATA
REFRESH MATERIALIZED VIEW lair.m
TABLE lair.m

-- query as xml
SELECT query_to_xml('SELECT * FROM {R}', true, false, '')

-- cursor as xml
BEGIN
DECLARE c CURSOR FOR SELECT * FROM {R}
SELECT cursor_to_xml('c', 10, true, false, '')

-- words of a query
SELECT * FROM ts_stat($$SELECT array_to_tsvector(ARRAY[r::text]) FROM {R} AS r$$)

-- search path
SELECT count(*) FROM {R}
SET search_path = timedb
SELECT * FROM {R}

-- roles taken and given back
SAVEPOINT s
SET ROLE timedb_owner
ROLLBACK TO s
SET ROLE NONE
RESET ROLE
SELECT * FROM {R}

-- index scan only
SET enable_seqscan = off; SET enable_bitmapscan = off
SELECT * FROM {R} ORDER BY {C}

-- bitmap scan only
SET enable_seqscan = off; SET enable_indexscan = off
SELECT * FROM {R}

-- merge join only
SET enable_hashjoin = off; SET enable_nestloop = off
SELECT l::text FROM {R} AS l JOIN {R} AS r USING ({C})
