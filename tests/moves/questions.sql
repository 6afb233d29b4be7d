-- What answers.sql asks for each caller.
SELECT :'who', what, rows, hash FROM (
    SELECT 'values' AS what, :all_of_r FROM timedb.values AS r WHERE name NOT LIKE 'bulk %'
    UNION ALL SELECT 'forecasts', :all_of_r FROM timedb.forecasts AS r WHERE name = 'wind'
    UNION ALL SELECT 'versions', :all_of_r FROM timedb.versions AS r WHERE name NOT LIKE 'bulk %'
    UNION ALL SELECT 'all versions', count(*), md5(string_agg(hash, '' ORDER BY name)) FROM (
        SELECT name, md5(string_agg(format('%s %s %s %s', valid_time, known_time, change_time, value), E'\n' ORDER BY valid_time, known_time, change_time)) AS hash
        FROM timedb.versions GROUP BY name) AS of_series
    UNION ALL SELECT 'series', :all_of_r FROM timedb.series AS r
    UNION ALL SELECT 'labels', :all_of_r FROM timedb.series_labels AS r
    UNION ALL SELECT 'batches', :all_of_r FROM timedb.batches AS r
    UNION ALL SELECT 'requests', :all_of_r FROM timedb.requests AS r
    UNION ALL SELECT 'retention', :all_of_r FROM timedb.retention AS r
    UNION ALL SELECT 'audit events', :all_of_r FROM timedb.audit_events AS r
    UNION ALL SELECT 'by day', :all_of_r
        FROM timedb.read_buckets('1 day', 'Europe/Copenhagen', labels => '{"kind": "bulk"}') AS r
    UNION ALL SELECT 'by hour, in SQL', :all_of_r
        FROM (SELECT name, date_trunc('hour', valid_time), min(value), max(value), count(*) FROM timedb.values GROUP BY 1, 2) AS r
    UNION ALL SELECT 'relative', :all_of_r
        FROM timedb.read_relative(name => 'wind', days_ahead => 1, time_of_day => '06:00') AS r
    UNION ALL SELECT 'last', :all_of_r FROM timedb.read_last() AS r
    UNION ALL SELECT 'as of', :all_of_r
        FROM timedb.read_flat(name => 'wind', as_of => '2025-06-05Z') AS r
    UNION ALL SELECT 'changes', count(*), md5(string_agg(format('%s %s %s %s', name, valid_time, change_time, value), E'\n'
                                                         ORDER BY change_time, name COLLATE "C", valid_time))
        FROM timedb.read_changes(labels => '{"kind": "live"}', max_points => 20000) AS r
    UNION ALL SELECT 'found', :all_of_r FROM timedb.find_series(labels => '{"kind": "live"}') AS r
) AS answers;
