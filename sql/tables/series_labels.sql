-- The labels again, one per row: containment of jsonb is not leakproof and would lose its index under
-- row security; equality of text keeps it. Values can be long: their hash takes their place in the key,
-- after their first characters, by which they are listed in order.
CREATE TABLE timedb.series_labels (
    tenant_id uuid NOT NULL,
    label text COLLATE pg_catalog."C" NOT NULL,
    value text COLLATE pg_catalog."C" NOT NULL,
    value_hash bytea NOT NULL,
    series_id uuid NOT NULL,
    value_head text COLLATE pg_catalog."C" NOT NULL GENERATED ALWAYS AS (pg_catalog."left"(value, 64)) STORED,
    CONSTRAINT series_labels_label_key PRIMARY KEY (tenant_id, label, value_head, value_hash, series_id)
);
COMMENT ON TABLE timedb.series_labels IS 'The labels of timedb.series, one per row, for finding series by label.';
COMMENT ON COLUMN timedb.series_labels.tenant_id IS 'The tenant, which is always the caller''s own.';
COMMENT ON COLUMN timedb.series_labels.label IS 'The name of the label.';
COMMENT ON COLUMN timedb.series_labels.value IS 'Its value.';
COMMENT ON COLUMN timedb.series_labels.series_id IS 'The series that has it.';
COMMENT ON COLUMN timedb.series_labels.value_hash IS 'SHA-256 of the value.';
COMMENT ON COLUMN timedb.series_labels.value_head IS 'The first 64 characters of the value.';
