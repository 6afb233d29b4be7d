-- One row a series. identity (SHA-256 of name and canonical labels) carries the uniqueness, because
-- labels can be larger than an index row. Names sort by their characters' numbers, whatever the database's
-- collation: so one index serves equality, prefixes and pages, and outlives a change of the C library.
CREATE TABLE timedb.series (
    tenant_id uuid NOT NULL,
    series_id uuid NOT NULL,
    name text COLLATE pg_catalog."C" NOT NULL,
    unit text NOT NULL,
    description text,
    labels jsonb NOT NULL DEFAULT '{}',
    identity bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT series_series_key PRIMARY KEY (tenant_id, series_id),
    CONSTRAINT series_identity_key UNIQUE (tenant_id, identity),
    CONSTRAINT series_identity_check CHECK (pg_catalog.octet_length(identity) = 32),
    CONSTRAINT series_labels_object_check CHECK (pg_catalog.jsonb_typeof(labels) = 'object')
);
CREATE INDEX series_name_index ON timedb.series (tenant_id, name, series_id);

COMMENT ON TABLE timedb.series IS 'Series of the tenant: name and labels identify one. Created by timedb.create_series and timedb.upload.';
COMMENT ON COLUMN timedb.series.tenant_id IS 'The tenant, which is always the caller''s own.';
COMMENT ON COLUMN timedb.series.series_id IS 'The id of the series, which stays when it is renamed.';
COMMENT ON COLUMN timedb.series.name IS 'Its name.';
COMMENT ON COLUMN timedb.series.unit IS 'The unit of its values.';
COMMENT ON COLUMN timedb.series.description IS 'What it is about.';
COMMENT ON COLUMN timedb.series.labels IS 'Its labels: an object of texts. Name and labels together identify it.';
COMMENT ON COLUMN timedb.series.created_at IS 'When it was created.';
COMMENT ON COLUMN timedb.series.identity IS 'SHA-256 of the name and the labels in canonical form.';
