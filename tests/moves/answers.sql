-- Everything that a store answers, a line each: who asked, what, how many rows, and a hash of all of them. Run by psql as
-- superuser; `keys` names the file that fill.sql has written.
\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
SET timezone = 'UTC';
\i :keys
-- How many rows `r` there are, and their hash.
\set all_of_r 'count(*) AS rows, md5(string_agg(r::text, E\'\\n\' ORDER BY r::text COLLATE "C")) AS hash'
\set questions `printf '%s/questions.sql' "$FOLDER"`

SELECT 'administrator', what, rows, hash FROM (
    SELECT 'tenants' AS what, :all_of_r FROM timedb.list_tenants() AS r
    UNION ALL SELECT 'users', :all_of_r FROM timedb.list_users() AS r
    UNION ALL SELECT 'roles', :all_of_r FROM timedb.list_bound_roles() AS r
    UNION ALL SELECT 'problems', :all_of_r FROM timedb.isolation_problems() AS r
    UNION ALL SELECT 'damage', :all_of_r FROM timedb.verify_store() AS r
) AS answers;

SET SESSION AUTHORIZATION app;
SET client_min_messages = error;
\set who nobody
\i :questions
SELECT timedb.login(:'key_a') \g /dev/null
\set who a
\i :questions
SELECT timedb.logout() \g /dev/null
SELECT timedb.login(:'key_b') \g /dev/null
\set who b
\i :questions
SELECT timedb.logout() \g /dev/null
-- Whom a bound role is decided by who has connected.
\connect - board
SET timezone = 'UTC';
\set who board
\i :questions
