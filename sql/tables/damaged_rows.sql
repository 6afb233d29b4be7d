-- Rows of other tables that were damaged and have been set aside, as they are: nothing is lost of them, and they can be
-- put back once they are mended. Each stands in one jsonb, so that this table need not follow the others.
CREATE TABLE timedb_internal.damaged_rows (
    tenant_id uuid NOT NULL,
    damage_id text COLLATE pg_catalog."C" NOT NULL,
    kind text NOT NULL,
    set_aside_at timestamptz NOT NULL,
    points bigint NOT NULL,
    problem text NOT NULL,
    original jsonb NOT NULL,
    CONSTRAINT damaged_rows_damage_key PRIMARY KEY (tenant_id, damage_id)
);
COMMENT ON TABLE timedb_internal.damaged_rows IS 'Damaged rows that timedb.set_aside() has taken out of their tables.';
COMMENT ON COLUMN timedb_internal.damaged_rows.damage_id IS 'What timedb.put_back() calls it.';
COMMENT ON COLUMN timedb_internal.damaged_rows.kind IS 'Of which table it is: segment, log (write_log), chunk (batch_chunks), list (series_lists) or request.';
COMMENT ON COLUMN timedb_internal.damaged_rows.points IS 'How many points it holds, as it says.';
COMMENT ON COLUMN timedb_internal.damaged_rows.problem IS 'Why it could not be read.';
COMMENT ON COLUMN timedb_internal.damaged_rows.original IS 'Its columns.';
