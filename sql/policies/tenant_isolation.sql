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

ALTER TABLE timedb_internal.write_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.write_log FORCE ROW LEVEL SECURITY;
CREATE POLICY write_log_tenant_access ON timedb_internal.write_log
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY write_log_tenant_isolation ON timedb_internal.write_log AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());

ALTER TABLE timedb_internal.batch_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.batch_chunks FORCE ROW LEVEL SECURITY;
CREATE POLICY batch_chunks_tenant_access ON timedb_internal.batch_chunks
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY batch_chunks_tenant_isolation ON timedb_internal.batch_chunks AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());

ALTER TABLE timedb_internal.series_lists ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.series_lists FORCE ROW LEVEL SECURITY;
CREATE POLICY series_lists_tenant_access ON timedb_internal.series_lists
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY series_lists_tenant_isolation ON timedb_internal.series_lists AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());

ALTER TABLE timedb.requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb.requests FORCE ROW LEVEL SECURITY;
CREATE POLICY requests_tenant_access ON timedb.requests
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY requests_tenant_isolation ON timedb.requests AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());

ALTER TABLE timedb_internal.segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.segments FORCE ROW LEVEL SECURITY;
CREATE POLICY segments_tenant_access ON timedb_internal.segments
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY segments_tenant_isolation ON timedb_internal.segments AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());

ALTER TABLE timedb_internal.damaged_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE timedb_internal.damaged_rows FORCE ROW LEVEL SECURITY;
CREATE POLICY damaged_rows_tenant_access ON timedb_internal.damaged_rows
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
CREATE POLICY damaged_rows_tenant_isolation ON timedb_internal.damaged_rows AS RESTRICTIVE
    USING (tenant_id = timedb.current_tenant())
    WITH CHECK (tenant_id = timedb.current_tenant());
