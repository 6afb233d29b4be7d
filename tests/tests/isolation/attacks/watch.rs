//! Notices changes: the rows of every table, and the catalog.

use tokio_postgres::Client;
use uuid::Uuid;

use super::store::relations;

/// A line a table with a hash of its rows (but not of this tenant's), and one of the catalog.
pub async fn fingerprint(superuser: &Client, without: Option<Uuid>) -> Vec<String> {
    let mut queries = vec![CATALOG.to_owned()];
    for relation in relations(superuser).await {
        if relation.is_view {
            continue;
        }
        let others = match without {
            Some(tenant) if relation.has_tenant() => format!("WHERE tenant_id <> '{tenant}'"),
            _ => String::new(),
        };
        let query = format!(
            "SELECT '{}' || ' ' || count(*) || ' ' || coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '')
             FROM {} AS t {others}",
            relation.name,
            relation.sql()
        );
        queries.push(query);
    }
    let rows = superuser.query(&queries.join(" UNION ALL "), &[]).await;
    let mut lines: Vec<String> = rows.unwrap().iter().map(|row| row.get(0)).collect();
    lines.sort();
    lines
}

/// All that an attack could change in the catalog about schema `timedb` and the roles here. Not
/// statistics, which autovacuum may change.
const CATALOG: &str = "SELECT 'catalog ' || md5(string_agg(what, '' ORDER BY what)) FROM (
    SELECT concat_ws('|', oid, relname, relowner, relacl, relkind, relrowsecurity, relforcerowsecurity, reloptions,
                     relhasrules, relhastriggers, relreplident, relfilenode) AS what
    FROM pg_class WHERE relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
    UNION ALL SELECT concat_ws('|', attrelid, attnum, attname, attacl, attnotnull, attstattarget, attstorage)
    FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid WHERE relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
    UNION ALL SELECT p::text FROM pg_policy AS p UNION ALL SELECT e::text FROM pg_extension AS e
    UNION ALL SELECT p::text FROM pg_proc AS p WHERE pronamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
    UNION ALL SELECT c::text FROM pg_constraint AS c WHERE 'timedb'::regnamespace IN (connamespace,
        (SELECT relnamespace FROM pg_class WHERE oid = confrelid))
    UNION ALL SELECT t::text FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid AND relnamespace IN ('timedb'::regnamespace, 'timedb_internal'::regnamespace)
    UNION ALL SELECT s::text FROM pg_statistic_ext AS s UNION ALL SELECT d::text FROM pg_default_acl AS d
    UNION ALL SELECT p::text FROM pg_publication AS p UNION ALL SELECT e::text FROM pg_event_trigger AS e
    UNION ALL SELECT concat_ws('|', nspowner, nspacl) FROM pg_namespace WHERE nspname IN ('timedb', 'timedb_internal')
    UNION ALL SELECT r::text FROM pg_roles AS r WHERE rolname LIKE '%' || current_database() OR rolname LIKE 'timedb%'
    UNION ALL SELECT concat_ws('|', roleid, member) FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member
    WHERE rolname LIKE '%' || current_database()
    UNION ALL SELECT s::text FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = setdatabase
    WHERE datname = current_database()) AS x";
