-- Tenants, users, keys and what is known about them: as in tenant_isolation.sql, and open to
-- timedb_keeper. It owns authenticate (which looks a key up before there is a tenant) and the functions
-- of administrators, has no member, and cannot log in.

ALTER TABLE timedb_internal.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_tenant_access ON timedb_internal.tenants
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY tenants_keeper_access ON timedb_internal.tenants TO timedb_keeper
    USING (true)
    WITH CHECK (true);
CREATE POLICY tenants_tenant_isolation ON timedb_internal.tenants AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper')
    WITH CHECK (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper');

ALTER TABLE timedb_internal.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.users FORCE ROW LEVEL SECURITY;
CREATE POLICY users_tenant_access ON timedb_internal.users
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY users_keeper_access ON timedb_internal.users TO timedb_keeper
    USING (true)
    WITH CHECK (true);
CREATE POLICY users_tenant_isolation ON timedb_internal.users AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper')
    WITH CHECK (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper');

ALTER TABLE timedb_internal.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY api_keys_tenant_access ON timedb_internal.api_keys
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY api_keys_keeper_access ON timedb_internal.api_keys TO timedb_keeper
    USING (true)
    WITH CHECK (true);
CREATE POLICY api_keys_tenant_isolation ON timedb_internal.api_keys AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper')
    WITH CHECK (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper');

ALTER TABLE timedb_internal.key_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.key_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY key_usage_tenant_access ON timedb_internal.key_usage
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY key_usage_keeper_access ON timedb_internal.key_usage TO timedb_keeper
    USING (true)
    WITH CHECK (true);
CREATE POLICY key_usage_tenant_isolation ON timedb_internal.key_usage AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper')
    WITH CHECK (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper');

ALTER TABLE timedb_internal.usage_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.usage_days FORCE ROW LEVEL SECURITY;
CREATE POLICY usage_days_tenant_access ON timedb_internal.usage_days
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY usage_days_keeper_access ON timedb_internal.usage_days TO timedb_keeper
    USING (true)
    WITH CHECK (true);
CREATE POLICY usage_days_tenant_isolation ON timedb_internal.usage_days AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper')
    WITH CHECK (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper');

ALTER TABLE timedb.audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb.audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_events_tenant_access ON timedb.audit_events
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY audit_events_keeper_access ON timedb.audit_events TO timedb_keeper
    USING (true)
    WITH CHECK (true);
CREATE POLICY audit_events_tenant_isolation ON timedb.audit_events AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper')
    WITH CHECK (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper');

ALTER TABLE timedb.retention ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb.retention FORCE ROW LEVEL SECURITY;
CREATE POLICY retention_tenant_access ON timedb.retention
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY retention_keeper_access ON timedb.retention TO timedb_keeper
    USING (true)
    WITH CHECK (true);
CREATE POLICY retention_tenant_isolation ON timedb.retention AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper')
    WITH CHECK (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper');

ALTER TABLE timedb.holds ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb.holds FORCE ROW LEVEL SECURITY;
CREATE POLICY holds_tenant_access ON timedb.holds
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY holds_keeper_access ON timedb.holds TO timedb_keeper
    USING (true)
    WITH CHECK (true);
CREATE POLICY holds_tenant_isolation ON timedb.holds AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper')
    WITH CHECK (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper');

ALTER TABLE timedb_internal.bound_roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.bound_roles FORCE ROW LEVEL SECURITY;
CREATE POLICY bound_roles_tenant_access ON timedb_internal.bound_roles
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY bound_roles_keeper_access ON timedb_internal.bound_roles TO timedb_keeper
    USING (true)
    WITH CHECK (true);
CREATE POLICY bound_roles_tenant_isolation ON timedb_internal.bound_roles AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper')
    WITH CHECK (tenant_id = timedb.current_tenant() OR current_user = 'timedb_keeper');

-- Tenants read these tables, so the condition on the tenant alone applies to them as well: an index can use it,
-- while the OR above would be a filter whose work EXPLAIN ANALYZE reveals, should somebody ever
-- widen the permissive policy.
CREATE POLICY audit_events_tenants_only ON timedb.audit_events AS RESTRICTIVE TO timedb_user, timedb_session
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY retention_tenants_only ON timedb.retention AS RESTRICTIVE TO timedb_user, timedb_session, timedb_definer
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY holds_tenants_only ON timedb.holds AS RESTRICTIVE TO timedb_user, timedb_session, timedb_definer
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
