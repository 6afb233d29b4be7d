//! The order of the files of `sql/` in the installation script: each requires the one before it.
//!
//! Functions in Rust are `#[pg_extern(sql = false)]` and declared by hand in `sql/functions`, so
//! that `sql/` shows the whole contract.

use pgrx::extension_sql_file;

/// Puts files into the script: each with its name, and after that of which file.
macro_rules! files {
    ($($path:tt $name:tt after $before:tt;)*) => {$(
        extension_sql_file!($path, name = $name, requires = [$before]);
    )*};
}

// Each file comes after one other, and no two after the same one: the order of those would be another in each build.
// Roles before anything that names them; the schema examined while it is still empty.
extension_sql_file!("../../../sql/bootstrap.sql", name = "bootstrap", bootstrap);

files! {
    "../../../sql/tables/settings.sql" "settings" after "bootstrap";
    "../../../sql/tables/tenants.sql" "tenants_table" after "settings";
    "../../../sql/tables/users.sql" "users_table" after "tenants_table";
    "../../../sql/tables/api_keys.sql" "api_keys" after "users_table";
    "../../../sql/tables/key_usage.sql" "key_usage" after "api_keys";
    "../../../sql/tables/usage_days.sql" "usage_days" after "key_usage";
    "../../../sql/tables/bound_roles.sql" "bound_roles_table" after "usage_days";
    "../../../sql/tables/audit_events.sql" "audit_events" after "bound_roles_table";
    "../../../sql/tables/retention.sql" "retention_table" after "audit_events";
    "../../../sql/tables/holds.sql" "holds" after "retention_table";
    "../../../sql/tables/series.sql" "series_table" after "holds";
    "../../../sql/tables/series_labels.sql" "series_labels" after "series_table";
    "../../../sql/tables/requests.sql" "requests" after "series_labels";
    "../../../sql/tables/series_lists.sql" "series_lists" after "requests";
    "../../../sql/tables/write_log.sql" "write_log" after "series_lists";
    "../../../sql/tables/batch_chunks.sql" "batch_chunks" after "write_log";
    "../../../sql/tables/segments.sql" "segments" after "batch_chunks";
    "../../../sql/tables/damaged_rows.sql" "damaged_rows" after "segments";

    // current_tenant() before the policies that call it.
    "../../../sql/functions/auth.sql" "auth" after "damaged_rows";
    "../../../sql/policies/tenant_isolation.sql" "tenant_isolation" after "auth";
    "../../../sql/policies/keeper_access.sql" "keeper_access" after "tenant_isolation";

    // Bodies in SQL are checked when they are created, so what they call comes first.
    "../../../sql/functions/ids.sql" "ids" after "keeper_access";
    "../../../sql/functions/audit.sql" "audit" after "ids";
    "../../../sql/functions/store.sql" "store" after "audit";
    "../../../sql/functions/names.sql" "names" after "store";
    "../../../sql/functions/tenants.sql" "tenants" after "names";
    "../../../sql/functions/users.sql" "users" after "tenants";
    "../../../sql/functions/keys.sql" "keys" after "users";
    "../../../sql/functions/key_changes.sql" "key_changes" after "keys";
    "../../../sql/functions/key_use.sql" "key_use" after "key_changes";
    "../../../sql/functions/usage.sql" "usage" after "key_use";
    "../../../sql/functions/bound_roles.sql" "bound_roles" after "usage";
    "../../../sql/functions/isolation.sql" "isolation" after "bound_roles";
    "../../../sql/functions/series.sql" "series" after "isolation";
    "../../../sql/functions/series_search.sql" "series_search" after "series";
    "../../../sql/functions/upload.sql" "upload" after "series_search";
    "../../../sql/functions/batches.sql" "batches" after "upload";
    "../../../sql/functions/compaction.sql" "compaction" after "batches";
    "../../../sql/functions/retention.sql" "retention" after "compaction";
    "../../../sql/functions/deletion.sql" "deletion" after "retention";
    "../../../sql/functions/damage.sql" "damage" after "deletion";
    "../../../sql/functions/stats.sql" "stats" after "damage";
    "../../../sql/functions/moving.sql" "moving" after "stats";
    "../../../sql/functions/corrections.sql" "corrections" after "moving";
    "../../../sql/functions/read.sql" "read" after "corrections";
    "../../../sql/functions/insert.sql" "insert" after "read";
    "../../../sql/functions/changes.sql" "changes" after "insert";
    "../../../sql/functions/buckets.sql" "buckets" after "changes";
    "../../../sql/functions/points.sql" "points" after "buckets";
}

// Owners, dumps and privileges, for everything that exists by then.
extension_sql_file!("../../../sql/finalize.sql", name = "finalize", finalize);
