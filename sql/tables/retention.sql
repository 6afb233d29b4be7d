-- How long points are kept. A row of the zero UUID is the tenant's default; that of a series goes before it. Without a
-- row, and where max_age is NULL, they are kept for ever.
CREATE TABLE timedb.retention (
    tenant_id uuid NOT NULL,
    series_id uuid NOT NULL,
    max_age interval,
    CONSTRAINT retention_series_key PRIMARY KEY (tenant_id, series_id),
    CONSTRAINT retention_age_check CHECK (max_age > interval '0')
);
COMMENT ON TABLE timedb.retention IS 'How long points are kept, by timedb.set_retention(). timedb.apply_retention() deletes older ones.';
COMMENT ON COLUMN timedb.retention.tenant_id IS 'The tenant, which is always the caller''s own.';
COMMENT ON COLUMN timedb.retention.series_id IS 'The zero UUID for all series that have no row of their own.';
COMMENT ON COLUMN timedb.retention.max_age IS 'How far the valid_time of a point may lie back; NULL: for ever.';
