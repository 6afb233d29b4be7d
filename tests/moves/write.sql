-- What is written after a move, with the new programs.
\set ON_ERROR_STOP on
\i :keys
SET SESSION AUTHORIZATION app;
SELECT timedb.login(:'key_a');
SELECT timedb.upload(ARRAY['2025-06-02Z'::timestamptz], ARRAY[i::float8], ARRAY['live ' || i]) FROM generate_series(3, 40) AS i;
SELECT timedb.compact();
SELECT timedb.upload(ARRAY['2025-06-03Z'::timestamptz], ARRAY[current_setting('server_version_num')::float8], ARRAY['live 1']);
