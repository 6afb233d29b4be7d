//! The order of the files of `sql/` in the installation script: each requires the one before it.
//!
//! Functions in Rust are `#[pg_extern(sql = false)]` and declared by hand in `sql/functions`, so
//! that `sql/` shows the whole contract.

use pgrx::extension_sql_file;

// Roles before anything that names them; the schema examined while it is still empty.
extension_sql_file!("../../../sql/bootstrap.sql", name = "bootstrap", bootstrap);

extension_sql_file!(
    "../../../sql/tables/settings.sql",
    name = "settings",
    requires = ["bootstrap"]
);
extension_sql_file!(
    "../../../sql/tables/tenants.sql",
    name = "tenants_table",
    requires = ["settings"]
);
extension_sql_file!(
    "../../../sql/tables/users.sql",
    name = "users_table",
    requires = ["tenants_table"]
);
extension_sql_file!(
    "../../../sql/tables/api_keys.sql",
    name = "api_keys",
    requires = ["users_table"]
);
extension_sql_file!(
    "../../../sql/tables/key_usage.sql",
    name = "key_usage",
    requires = ["api_keys"]
);
extension_sql_file!(
    "../../../sql/tables/audit_events.sql",
    name = "audit_events",
    requires = ["key_usage"]
);
extension_sql_file!(
    "../../../sql/tables/series.sql",
    name = "series_table",
    requires = ["audit_events"]
);
extension_sql_file!(
    "../../../sql/tables/series_labels.sql",
    name = "series_labels",
    requires = ["series_table"]
);
extension_sql_file!(
    "../../../sql/tables/batches.sql",
    name = "batches",
    requires = ["series_labels"]
);
extension_sql_file!(
    "../../../sql/tables/segments.sql",
    name = "segments",
    requires = ["batches"]
);

// current_tenant() before the policies that call it.
extension_sql_file!(
    "../../../sql/functions/auth.sql",
    name = "auth",
    requires = ["segments"]
);
extension_sql_file!(
    "../../../sql/policies/tenant_isolation.sql",
    name = "tenant_isolation",
    requires = ["auth"]
);
extension_sql_file!(
    "../../../sql/policies/keeper_access.sql",
    name = "keeper_access",
    requires = ["tenant_isolation"]
);

// Bodies in SQL are checked when they are created, so what they call comes first.
extension_sql_file!(
    "../../../sql/functions/ids.sql",
    name = "ids",
    requires = ["keeper_access"]
);
extension_sql_file!(
    "../../../sql/functions/audit.sql",
    name = "audit",
    requires = ["ids"]
);
extension_sql_file!(
    "../../../sql/functions/store.sql",
    name = "store",
    requires = ["audit"]
);
extension_sql_file!(
    "../../../sql/functions/names.sql",
    name = "names",
    requires = ["store"]
);
extension_sql_file!(
    "../../../sql/functions/tenants.sql",
    name = "tenants",
    requires = ["names"]
);
extension_sql_file!(
    "../../../sql/functions/users.sql",
    name = "users",
    requires = ["tenants"]
);
extension_sql_file!(
    "../../../sql/functions/keys.sql",
    name = "keys",
    requires = ["users"]
);
extension_sql_file!(
    "../../../sql/functions/key_changes.sql",
    name = "key_changes",
    requires = ["keys"]
);
extension_sql_file!(
    "../../../sql/functions/key_use.sql",
    name = "key_use",
    requires = ["key_changes"]
);
extension_sql_file!(
    "../../../sql/functions/isolation.sql",
    name = "isolation",
    requires = ["key_use"]
);
extension_sql_file!(
    "../../../sql/functions/series.sql",
    name = "series",
    requires = ["isolation"]
);
extension_sql_file!(
    "../../../sql/functions/series_search.sql",
    name = "series_search",
    requires = ["series"]
);
extension_sql_file!(
    "../../../sql/functions/upload.sql",
    name = "upload",
    requires = ["series_search"]
);
extension_sql_file!(
    "../../../sql/functions/corrections.sql",
    name = "corrections",
    requires = ["upload"]
);
extension_sql_file!(
    "../../../sql/functions/read.sql",
    name = "read",
    requires = ["corrections"]
);
extension_sql_file!(
    "../../../sql/functions/changes.sql",
    name = "changes",
    requires = ["read"]
);
extension_sql_file!(
    "../../../sql/functions/buckets.sql",
    name = "buckets",
    requires = ["read"]
);

// Owners, dumps and rights, over all that stands by then.
extension_sql_file!("../../../sql/finalize.sql", name = "finalize", finalize);
