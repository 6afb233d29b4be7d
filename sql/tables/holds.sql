-- What must not be deleted, whoever asks for it (a legal hold). A row of the zero UUID holds everything of the tenant.
CREATE TABLE timedb.holds (
    tenant_id uuid NOT NULL,
    series_id uuid NOT NULL,
    reason text,
    placed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT holds_series_key PRIMARY KEY (tenant_id, series_id)
);
COMMENT ON TABLE timedb.holds IS 'What neither retention nor anybody deletes, until an administrator releases it.';
COMMENT ON COLUMN timedb.holds.tenant_id IS 'The tenant, which is always the caller''s own.';
COMMENT ON COLUMN timedb.holds.series_id IS 'The zero UUID for everything of the tenant.';
COMMENT ON COLUMN timedb.holds.reason IS 'Why it is held.';
COMMENT ON COLUMN timedb.holds.placed_at IS 'Since when.';
