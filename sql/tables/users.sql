-- People and programs of a tenant. The same email may occur in several tenants.
CREATE TABLE timedb_internal.users (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    email text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT users_user_key PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT users_email_key UNIQUE (tenant_id, email)
);
COMMENT ON TABLE timedb_internal.users IS 'Users of each tenant.';
COMMENT ON COLUMN timedb_internal.users.email IS 'Trimmed and in lower case.';
COMMENT ON COLUMN timedb_internal.users.active IS 'False: every key of the user is refused from the next statement on.';
