-- Looking around among series. The first two run as timedb_definer, bound by row-level security; the last
-- two are plain SQL over what tenants may read, which the planner inlines.

CREATE FUNCTION timedb.find_series(
    name text DEFAULT NULL,
    prefix text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    search text DEFAULT NULL,
    max_series integer DEFAULT 1000,
    after uuid DEFAULT NULL
) RETURNS TABLE (
    series_id uuid,
    name text,
    unit text,
    description text,
    labels jsonb,
    created_at timestamptz
)
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'find_series_wrapper';

COMMENT ON FUNCTION timedb.find_series IS
'The series with this name, with names that begin with prefix, with all of these labels, and with the text search anywhere in name or description, ignoring case. At most max_series of them, ordered by (name, series_id); the next page begins after the last series of the previous one.';

CREATE FUNCTION timedb.count_series(
    name text DEFAULT NULL,
    prefix text DEFAULT NULL,
    labels jsonb DEFAULT NULL,
    search text DEFAULT NULL
) RETURNS bigint
LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'count_series_wrapper';

COMMENT ON FUNCTION timedb.count_series IS
'How many series timedb.find_series() finds with the same arguments.';

CREATE FUNCTION timedb.label_names() RETURNS TABLE (label text, series bigint)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT l.label, pg_catalog.count(*) FROM timedb.series_labels AS l WHERE timedb_internal._is_anybody() GROUP BY l.label ORDER BY l.label;
END;

COMMENT ON FUNCTION timedb.label_names IS 'The names of labels, and how many series have each.';

-- Jumps from one value to the next in the index, so that a page costs what it holds. The index has the
-- first 64 characters of values; where several begin alike, they are sorted out at the end.
CREATE FUNCTION timedb.label_values(
    label text,
    prefix text DEFAULT NULL,
    max_values integer DEFAULT 1000,
    after text DEFAULT NULL
) RETURNS TABLE (value text, series bigint)
LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH RECURSIVE head (value_head) AS (
        (
            SELECT l.value_head
            FROM timedb.series_labels AS l
            WHERE l.label = label_values.label
              AND l.value_head >= pg_catalog."left"(
                  GREATEST(label_values.prefix COLLATE pg_catalog."C", label_values.after COLLATE pg_catalog."C", ''), 64)
            ORDER BY l.value_head LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT l.value_head
            FROM timedb.series_labels AS l
            WHERE l.label = label_values.label AND l.value_head > h.value_head
            ORDER BY l.value_head LIMIT 1
        )
        FROM head AS h
        WHERE pg_catalog.starts_with(h.value_head, pg_catalog."left"(COALESCE(label_values.prefix, ''), 64))
    )
    SELECT v.value, v.series
    FROM (
        SELECT h.value_head
        FROM head AS h
        WHERE pg_catalog.starts_with(h.value_head, pg_catalog."left"(COALESCE(label_values.prefix, ''), 64))
        -- One more, because the first may hold nothing after `after`.
        LIMIT label_values.max_values::bigint + 1
    ) AS h
    CROSS JOIN LATERAL (
        -- Counted by what stands in the index, and the value looked up once.
        SELECT o.value, c.series
        FROM (
            SELECT l.value_hash, pg_catalog.count(*) AS series
            FROM timedb.series_labels AS l
            WHERE l.label = label_values.label AND l.value_head = h.value_head
            GROUP BY l.value_hash
        ) AS c
        CROSS JOIN LATERAL (
            SELECT l.value
            FROM timedb.series_labels AS l
            WHERE l.label = label_values.label AND l.value_head = h.value_head AND l.value_hash = c.value_hash
            LIMIT 1
        ) AS o
    ) AS v
    WHERE timedb_internal._is_anybody()
      AND pg_catalog.starts_with(v.value, COALESCE(label_values.prefix, ''))
      AND (label_values.after IS NULL OR v.value > label_values.after)
    ORDER BY v.value
    LIMIT label_values.max_values;
END;

COMMENT ON FUNCTION timedb.label_values IS
'The values of a label that begin with prefix, and how many series have each. At most max_values of them, in order; the next page begins after the last value of the previous one.';
