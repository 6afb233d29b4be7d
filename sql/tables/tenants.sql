-- Whose data there can be. No foreign key points here or anywhere in the schema: tables of an
-- extension exist before their rows are restored, in whatever order the rows arrive.
CREATE TABLE timedb_internal.tenants (
    tenant_id uuid NOT NULL,
    name text,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT tenants_tenant_key PRIMARY KEY (tenant_id)
);
COMMENT ON TABLE timedb_internal.tenants IS 'Tenants. The zero UUID is the tenant of a store without authentication.';
