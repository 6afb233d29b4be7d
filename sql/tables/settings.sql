-- Settings of the store. It contains no tenant's data, and no rows to begin with: rows made by the
-- script would collide with the dumped ones when a dump is restored.
CREATE TABLE timedb_internal.settings (
    name text NOT NULL,
    value jsonb NOT NULL,
    CONSTRAINT settings_name_key PRIMARY KEY (name)
);
COMMENT ON TABLE timedb_internal.settings IS 'Settings of this store. auth_required = false makes it an open store; without that row authentication is required.';
