//! The span classes that a series has, in SQL: a segment that reaches into a range of time may begin before it, and its
//! class bounds by how much. So each class is a bounded range of the index of its own.

/// Of `s.series_id`, each `span_class`; what is read of it from which instant on, `start_valid`; and `lowest`, before which
/// no segment of that class that reaches there begins. FROM and the rest follow, beginning with `class AS c`.
///
/// A segment of class c starts at most 2^(c & 63) microseconds before what it overlaps. The classes above 57 reach from the
/// year 1 to before the first timestamptz, so they are not bounded. Operators are named in full: it also runs where nothing
/// has set a search_path.
macro_rules! span_classes {
    ($start:expr) => {
        concat!(
            "WITH RECURSIVE class(span_class) AS ( \
                 (SELECT h.span_class FROM timedb_internal.segments AS h \
                  WHERE h.series_id OPERATOR(pg_catalog.=) s.series_id \
                  ORDER BY h.span_class LIMIT 1) \
                 UNION ALL \
                 SELECT (SELECT h.span_class FROM timedb_internal.segments AS h \
                         WHERE h.series_id OPERATOR(pg_catalog.=) s.series_id \
                           AND h.span_class OPERATOR(pg_catalog.>) c.span_class \
                         ORDER BY h.span_class LIMIT 1) \
                 FROM class AS c WHERE c.span_class IS NOT NULL \
             ) \
             SELECT c.span_class, ",
            $start,
            " AS start_valid, \
             CASE WHEN (c.span_class OPERATOR(pg_catalog.&) 63) OPERATOR(pg_catalog.>) 57 \
             THEN '-infinity'::pg_catalog.timestamptz ELSE ",
            $start,
            " OPERATOR(pg_catalog.-) ('1 microsecond'::pg_catalog.interval OPERATOR(pg_catalog.*) \
             (1::pg_catalog.int8 OPERATOR(pg_catalog.<<) (c.span_class OPERATOR(pg_catalog.&) 63))::pg_catalog.float8) \
             END AS lowest \
             FROM class AS c "
        )
    };
}
pub(crate) use span_classes;
