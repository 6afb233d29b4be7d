-- Row security of every table with tenant data: enabled, and forced so that owners are bound too.
-- The permissive policy opens the tenant's own rows; the restrictive one stays when somebody adds a
-- policy that opens more. timedb.current_tenant() returns a cached value, so there is no subquery,
-- and NULL (nobody) equals no row's tenant.

ALTER TABLE timedb.series ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb.series FORCE ROW LEVEL SECURITY;
CREATE POLICY series_tenant_access ON timedb.series
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY series_tenant_isolation ON timedb.series AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());

ALTER TABLE timedb.series_labels ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb.series_labels FORCE ROW LEVEL SECURITY;
CREATE POLICY series_labels_tenant_access ON timedb.series_labels
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY series_labels_tenant_isolation ON timedb.series_labels AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());

ALTER TABLE timedb.batches ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb.batches FORCE ROW LEVEL SECURITY;
CREATE POLICY batches_tenant_access ON timedb.batches
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY batches_tenant_isolation ON timedb.batches AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());

ALTER TABLE timedb.segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb.segments FORCE ROW LEVEL SECURITY;
CREATE POLICY segments_tenant_access ON timedb.segments
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY segments_tenant_isolation ON timedb.segments AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
