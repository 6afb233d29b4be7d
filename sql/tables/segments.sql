-- The values: a row holds up to a few thousand points of one series as a compressed blob. The primary
-- key is the only index; a second one, or a uuid for the segment, costs a third of the bytes or
-- half the rate of small inserts. span_class bounds the scan for overlapping segments, and says which are small.
CREATE TABLE timedb_internal.segments (
    tenant_id uuid NOT NULL,
    series_id uuid NOT NULL,
    min_valid timestamptz NOT NULL,
    max_valid timestamptz NOT NULL,
    min_known timestamptz NOT NULL,
    max_known timestamptz NOT NULL,
    min_change timestamptz NOT NULL,
    max_change timestamptz NOT NULL,
    segment_id bigint NOT NULL,
    count integer NOT NULL,
    span_class smallint NOT NULL,
    blob bytea NOT NULL,
    CONSTRAINT segments_segment_key PRIMARY KEY (tenant_id, series_id, span_class, min_valid, segment_id),
    CONSTRAINT segments_count_check CHECK (count > 0)
);

-- The blob is compressed already.
ALTER TABLE timedb_internal.segments ALTER COLUMN blob SET STORAGE EXTERNAL;

COMMENT ON TABLE timedb_internal.segments IS 'Compressed values. An implementation detail: read with timedb.values and the timedb.read_* functions.';
COMMENT ON COLUMN timedb_internal.segments.segment_id IS 'Random; distinguishes segments that start at the same instant, and decides nothing.';
COMMENT ON COLUMN timedb_internal.segments.span_class IS 'The class of the span of valid times (the power of two at or above it), and 64 for each level of size.';
