-- docs/tools.md prints this.
\getenv key TIMEDB_KEY
\if :{?key}
    -- A role that is bound to a user needs none of this.
    SELECT timedb.login(:'key') IS NOT NULL AS logged_in;
\endif
SELECT valid_time, value FROM timedb.values
WHERE name = 'wind' AND valid_time >= '2025-03-30T00:00Z' AND valid_time < '2025-03-31T00:00Z' ORDER BY valid_time;
\copy (SELECT name, valid_time, value FROM timedb.values WHERE name = 'wind') TO 'wind.csv' (FORMAT csv, HEADER)
-- The page ends.
