-- Login roles that are a user of a tenant on every connection. Roles belong to the cluster and this table to one
-- database, so a role is known by its name, and in the cluster where it was bound by its oid too: one that takes the
-- name later is not bound. In another cluster, after a dump has been restored, the name alone counts.
CREATE TABLE timedb_internal.bound_roles (
    tenant_id uuid NOT NULL,
    binding_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role_name text NOT NULL,
    role_oid oid NOT NULL,
    system_identifier bigint NOT NULL,
    access text NOT NULL DEFAULT 'read_only',
    bound_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT bound_roles_binding_key PRIMARY KEY (tenant_id, binding_id),
    CONSTRAINT bound_roles_role_key UNIQUE (role_name),
    CONSTRAINT bound_roles_access_check CHECK (access IN ('read_write', 'read_only'))
);
COMMENT ON TABLE timedb_internal.bound_roles IS 'Login roles that are bound to a user: their connections need no API key.';
COMMENT ON COLUMN timedb_internal.bound_roles.binding_id IS 'What timedb.whoami() shows as key_id, and what key_usage knows the binding by.';
COMMENT ON COLUMN timedb_internal.bound_roles.role_oid IS 'The role in the cluster where it was bound.';
COMMENT ON COLUMN timedb_internal.bound_roles.system_identifier IS 'Which cluster that was.';
COMMENT ON COLUMN timedb_internal.bound_roles.access IS 'As that of a key: read_write, or read_only, where functions that write refuse it.';
