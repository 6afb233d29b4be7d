-- Labels once more, one a row: containment of jsonb is not leakproof and would lose its index under
-- row security; equality of text keeps it. value_hash stands in the key as values can be long.
CREATE TABLE timedb.series_labels (
    tenant_id uuid NOT NULL,
    label text NOT NULL,
    value text NOT NULL,
    value_hash bytea NOT NULL,
    series_id uuid NOT NULL,
    CONSTRAINT series_labels_label_key PRIMARY KEY (tenant_id, label, value_hash, series_id)
);
COMMENT ON TABLE timedb.series_labels IS 'The labels of timedb.series, one a row, for looking series up by label.';
COMMENT ON COLUMN timedb.series_labels.value_hash IS 'SHA-256 of the value.';
