-- Everything else that can be done to a relation: what changes, locks, describes or owns it.
-- A line is a statement; an empty line and `-- name` begin an attack. {R} is the relation, {N} its bare name,
-- {C} its first column. The other words in braces stand in scripts.rs and canaries.rs.

-- copy
COPY {R} TO STDOUT

-- copy as csv
COPY {R} TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)

-- copy as binary
COPY {R} TO STDOUT (FORMAT binary)

-- copy in
COPY {R} FROM STDIN

-- copy in as csv
COPY {R} ({C}) FROM STDIN (FORMAT csv)

-- copy to a program
COPY {R} TO PROGRAM 'cat'

-- copy to a file
COPY {R} TO '/tmp/timedb-attack'

-- copy from a program
COPY {R} FROM PROGRAM 'true'

-- copy what is deleted
COPY (DELETE FROM {R} RETURNING *) TO STDOUT

-- copy what is updated
COPY (UPDATE {R} SET {C} = {C} RETURNING *) TO STDOUT

-- system columns
SELECT ctid, xmin, xmax, cmin, tableoid::regclass, * FROM {R}

-- only
SELECT * FROM ONLY {R}

-- sample
SELECT * FROM {R} TABLESAMPLE SYSTEM (100) REPEATABLE (1)

-- sample of rows
SELECT * FROM {R} TABLESAMPLE BERNOULLI (100)

-- row by its place
SELECT * FROM {R} WHERE ctid = ANY ('{"(0,1)","(0,2)","(0,3)","(1,1)"}'::tid[])

-- rows by their places
SELECT * FROM {R} WHERE ctid >= '(0,0)'

-- for update
SELECT * FROM {R} FOR UPDATE

-- for key share
SELECT * FROM {R} FOR KEY SHARE SKIP LOCKED

-- insert
INSERT INTO {R} DEFAULT VALUES RETURNING *

-- insert itself
INSERT INTO {R} SELECT * FROM {R} RETURNING *

-- insert on conflict do nothing
INSERT INTO {R} SELECT * FROM {R} ON CONFLICT DO NOTHING RETURNING *

-- insert on conflict do update
INSERT INTO {R} AS r SELECT * FROM {R} ON CONFLICT ({C}) DO UPDATE SET {C} = excluded.{C} RETURNING *

-- insert for A
INSERT INTO {R} ({C}) VALUES ('{TENANT}') RETURNING *

-- update
UPDATE {R} SET {C} = {C} RETURNING *

-- update with from
UPDATE {R} AS r SET {C} = o.{C} FROM {R} AS o RETURNING r.*, o.*

-- update with a leaky function
{LEAK}
UPDATE {R} AS r SET {C} = {C} WHERE pg_temp.leak(r::text)

-- give to A
UPDATE {R} SET {C} = '{TENANT}' RETURNING *

-- delete
DELETE FROM {R} RETURNING *

-- delete with using
DELETE FROM {R} AS r USING {R} AS o RETURNING r.*, o.*

-- delete with a leaky function
{LEAK}
DELETE FROM {R} AS r WHERE pg_temp.leak(r::text)

-- delete in a common table expression
WITH gone AS (DELETE FROM {R} RETURNING *) SELECT * FROM gone

-- merge
MERGE INTO {R} AS r USING (VALUES (1)) AS v ON true WHEN MATCHED THEN DELETE

-- merge and insert
MERGE INTO {R} AS r USING (SELECT * FROM {R}) AS o ON r.{C} = o.{C} WHEN MATCHED THEN UPDATE SET {C} = o.{C} WHEN NOT MATCHED THEN INSERT ({C}) VALUES (o.{C})

-- truncate
TRUNCATE {R}

-- truncate cascade
TRUNCATE ONLY {R} RESTART IDENTITY CASCADE

-- lock
LOCK TABLE {R} IN ACCESS SHARE MODE NOWAIT

-- lock to write
LOCK TABLE {R} IN ROW EXCLUSIVE MODE NOWAIT

-- lock alone
LOCK TABLE {R} IN ACCESS EXCLUSIVE MODE NOWAIT

-- where current of
BEGIN
DECLARE c CURSOR FOR SELECT * FROM {R}
FETCH c
DELETE FROM {R} WHERE CURRENT OF c

-- prepared delete
PREPARE p AS DELETE FROM {R} RETURNING *
EXECUTE p

-- do block that writes
DO $$BEGIN UPDATE {R} SET {C} = {C}; DELETE FROM {R}; END$$

-- view that is written
CREATE VIEW lair.v AS SELECT * FROM {R}
DELETE FROM lair.v RETURNING *

-- view with rules
CREATE VIEW lair.v AS SELECT * FROM {R}
CREATE RULE r AS ON DELETE TO lair.v DO INSTEAD DELETE FROM {R} RETURNING *
DELETE FROM lair.v

-- trigger
CREATE FUNCTION lair.g() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE '%', NEW; RETURN NEW; END$$
CREATE TRIGGER g BEFORE INSERT ON {R} FOR EACH ROW EXECUTE FUNCTION lair.g()

-- rule
CREATE RULE r AS ON INSERT TO {R} DO ALSO SELECT 1

-- foreign key
CREATE TABLE lair.t (x uuid REFERENCES {R} ({C}) ON DELETE CASCADE ON UPDATE CASCADE)

-- foreign key of a temporary table
CREATE TEMP TABLE t (x uuid REFERENCES {R})

-- foreign key to one's own
CREATE TABLE lair.t (x uuid PRIMARY KEY)
ALTER TABLE {R} ADD FOREIGN KEY ({C}) REFERENCES lair.t ON DELETE CASCADE

-- child table
CREATE TABLE lair.t () INHERITS ({R})

-- child table later
CREATE TABLE lair.t (LIKE {R} INCLUDING ALL)
ALTER TABLE lair.t INHERIT {R}

-- partition
ALTER TABLE {R} ATTACH PARTITION {R} DEFAULT

-- copy of the shape
CREATE TABLE lair.t (LIKE {R} INCLUDING ALL)
TABLE lair.t

-- typed column
CREATE TEMP TABLE t (x {R})
SELECT NULL::{R}

-- explain
EXPLAIN SELECT * FROM {R}

-- explain verbose
EXPLAIN (VERBOSE, SETTINGS) SELECT * FROM {R} AS r WHERE r::text LIKE '%x'

-- explain analyze
EXPLAIN ANALYZE SELECT * FROM {R}

-- explain analyze with buffers
EXPLAIN (ANALYZE, VERBOSE, BUFFERS, WAL) SELECT * FROM {R} ORDER BY {C}

-- explain analyze in json
EXPLAIN (ANALYZE, VERBOSE, FORMAT json) SELECT DISTINCT r::text FROM {R} AS r

-- explain analyze in xml
EXPLAIN (ANALYZE, VERBOSE, FORMAT xml) SELECT * FROM {R}

-- explain analyze in yaml
EXPLAIN (ANALYZE, VERBOSE, FORMAT yaml) SELECT * FROM {R}

-- explain analyze with a leaky function
{LEAK}
EXPLAIN ANALYZE SELECT 1 FROM {R} AS r WHERE pg_temp.leak(r::text)

-- explain analyze in workers
{PARALLEL}
EXPLAIN (ANALYZE, VERBOSE) SELECT count(*) FROM {R}

-- explain analyze delete
EXPLAIN ANALYZE DELETE FROM {R}

-- explain analyze create table as
EXPLAIN ANALYZE CREATE TEMP TABLE t AS SELECT * FROM {R}

-- explain execute
PREPARE p AS SELECT * FROM {R}
EXPLAIN ANALYZE EXECUTE p

-- statistics object
CREATE STATISTICS lair.s ON {C}, ({C}::text) FROM {R}

-- analyze
ANALYZE VERBOSE {R}
SELECT * FROM pg_stats WHERE schemaname = 'timedb'

-- vacuum
ROLLBACK
VACUUM (VERBOSE, ANALYZE) {R}

-- statistics
SELECT * FROM pg_stats WHERE tablename = '{N}'

-- extended statistics
SELECT * FROM pg_stats_ext, pg_stats_ext_exprs

-- statistics themselves
SELECT * FROM pg_statistic WHERE starelid = '{R}'::regclass

-- extended statistics themselves
SELECT * FROM pg_statistic_ext_data

-- table as xml
SELECT table_to_xml('{R}', true, false, '')

-- table as xml with its schema
SELECT table_to_xml_and_xmlschema('{R}', true, false, '')

-- schema as xml
SELECT schema_to_xml('timedb', true, false, ''), schema_to_xml('timedb_internal', true, false, '')

-- database as xml
SELECT database_to_xml(true, false, '')

-- the file
SELECT pg_read_binary_file(pg_relation_filepath('{R}'))

-- the file as a large object
SELECT lo_import(pg_relation_filepath('{R}'))

-- the catalog
SELECT c::text, a::text FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid WHERE c.oid = '{R}'::regclass
SELECT * FROM pg_policies WHERE tablename = '{N}'
SELECT pg_get_viewdef('{R}'::regclass)

-- what others do
SELECT query FROM pg_stat_activity WHERE usename <> current_user
SELECT * FROM pg_prepared_statements
SELECT * FROM pg_cursors

-- row security off
SET row_security = off
SELECT * FROM {R}

-- row security off for a function
CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql SET row_security = off AS 'SELECT r::text FROM {R} AS r'
SELECT pg_temp.f()

-- no triggers
SET session_replication_role = replica
DELETE FROM {R}

-- as the owner
SET ROLE timedb_owner
SELECT * FROM {R}

-- as the definer
SET ROLE timedb_definer
SELECT * FROM {R}

-- as the keeper
SET ROLE timedb_keeper
SELECT * FROM {R}

-- as the superuser
SET SESSION AUTHORIZATION postgres
SELECT * FROM {R}

-- as oneself once more
SET SESSION AUTHORIZATION DEFAULT; RESET SESSION AUTHORIZATION; RESET ROLE
SELECT * FROM {R}

-- discard all
ROLLBACK
DISCARD ALL
SELECT * FROM {R}

-- rollback
SAVEPOINT s
SELECT 1/0
ROLLBACK TO s
RELEASE s
ROLLBACK AND CHAIN
SELECT * FROM {R}

-- disable row security
ALTER TABLE {R} DISABLE ROW LEVEL SECURITY

-- do not force row security
ALTER TABLE {R} NO FORCE ROW LEVEL SECURITY

-- take the table
ALTER TABLE {R} OWNER TO CURRENT_USER

-- move the table
ALTER TABLE {R} SET SCHEMA lair

-- rename the table
ALTER TABLE {R} RENAME TO mine

-- rename a column
ALTER TABLE {R} RENAME {C} TO mine

-- change a type
ALTER TABLE {R} ALTER {C} TYPE text

-- add a column
ALTER TABLE {R} ADD mine text DEFAULT 'x'

-- set a default
ALTER TABLE {R} ALTER {C} SET DEFAULT NULL

-- add a check
ALTER TABLE {R} ADD CHECK (pg_sleep(0) IS NOT NULL)

-- change what is logged
ALTER TABLE {R} REPLICA IDENTITY FULL

-- change statistics
ALTER TABLE {R} ALTER {C} SET STATISTICS 10000

-- change a view
ALTER VIEW {R} SET (security_invoker = false)

-- replace the view
CREATE OR REPLACE VIEW {R} AS SELECT 1

-- drop
DROP TABLE {R} CASCADE

-- drop the view
DROP VIEW {R} CASCADE

-- drop from the extension
ALTER EXTENSION timedb DROP TABLE {R}

-- policy
CREATE POLICY mine ON {R} USING (true) WITH CHECK (true)

-- policy changed
ALTER POLICY {N}_tenant_isolation ON {R} USING (true)

-- policy dropped
DROP POLICY {N}_tenant_isolation ON {R}

-- grant
GRANT ALL ON {R} TO CURRENT_USER

-- grant on
GRANT SELECT ON {R} TO PUBLIC

-- revoke
REVOKE ALL ON {R} FROM timedb_user, timedb_definer

-- default rights
ALTER DEFAULT PRIVILEGES FOR ROLE timedb_owner GRANT ALL ON TABLES TO PUBLIC

-- drop what the owner owns
DROP OWNED BY timedb_owner CASCADE

-- take what the owner owns
REASSIGN OWNED BY timedb_owner TO CURRENT_USER

-- index
CREATE INDEX ON {R} (({C}::text))

-- reindex
REINDEX TABLE {R}

-- cluster
CLUSTER {R}

-- comment
COMMENT ON TABLE {R} IS 'mine'

-- label
SECURITY LABEL ON TABLE {R} IS 'mine'

-- publication
CREATE PUBLICATION mine FOR TABLE {R}

-- relation in the schema
CREATE TABLE timedb.mine AS SELECT * FROM {R}

-- view in the schema
CREATE VIEW timedb.mine AS SELECT * FROM {R}

-- merge that returns, from PostgreSQL 17 on
MERGE INTO {R} AS t USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE RETURNING merge_action(), t.*

-- merge by source, from 17 on
MERGE INTO {R} AS t USING (SELECT 1 WHERE false) AS s ON true WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING t.*

-- old and new, from 18 on
UPDATE {R} SET {C} = {C} RETURNING old.*, new.*

-- old of what conflicts, from 18 on
INSERT INTO {R} AS t SELECT * FROM {R} ON CONFLICT ({C}) DO UPDATE SET {C} = excluded.{C} RETURNING old.*, new.*

-- copy in past errors, from 17 on
COPY {R} FROM STDIN (ON_ERROR ignore, LOG_VERBOSITY verbose)

-- explain generic plan, from 16 on
EXPLAIN (GENERIC_PLAN) SELECT * FROM {R} WHERE {C} = $1

-- explain what is sent, from 17 on
EXPLAIN (ANALYZE, SERIALIZE, MEMORY) SELECT * FROM {R}

-- any value, from 16 on
SELECT any_value(r) FROM {R} AS r

-- json table, from 17 on
SELECT j.* FROM {R} AS r, JSON_TABLE(to_jsonb(r), '$.*' COLUMNS (v text PATH '$')) AS j

-- virtual column, from 18 on
CREATE TEMPORARY TABLE virtual (seen text, again text GENERATED ALWAYS AS (seen) VIRTUAL)
INSERT INTO virtual (seen) SELECT r::text FROM {R} AS r
SELECT * FROM virtual

-- maintain, from 17 on
GRANT MAINTAIN ON {R} TO CURRENT_USER
SET ROLE pg_maintain
ANALYZE {R}

-- statistics set, from 18 on
SELECT pg_restore_relation_stats('schemaname', 'timedb', 'relname', '{N}', 'reltuples', 1::real)
SELECT pg_restore_attribute_stats('schemaname', 'timedb', 'relname', '{N}', 'attname', {C}::text, 'inherited', false, 'version', 180000) FROM {R}
