//! Those who compact, delete, hold, check, read and dump what others write.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use timedb_tests::random::Random;
use timedb_tests::times::Micros;
use timedb_tests::{Role, Tenant, compact, pg_tool, run};
use tokio_postgres::Client;
use uuid::Uuid;

use super::ledger::Storm;

/// What deletions may be refused with: what they name is gone or held, or a writer takes too long.
const REFUSALS: [&str; 3] = ["42704", "55000", "55P03"];

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

pub async fn compactions(storm: Arc<Storm>) {
    let client = storm.client().await;
    while storm.goes_on() {
        compact(&client).await;
        storm.did("compaction");
        pause(5).await;
    }
}

pub async fn retention(storm: Arc<Storm>) {
    let client = storm.client().await;
    while storm.goes_on() {
        let apply = "SELECT sum(points)::bigint FROM timedb.apply_retention()";
        storm.call("retention", &client, apply, &[], &[]).await;
        pause(50).await;
    }
}

/// Of uploads and of corrections.
pub async fn deletions_of_batches(storm: Arc<Storm>) {
    let client = storm.client().await;
    while storm.goes_on() {
        pause(60).await;
        let any = "SELECT batch_id, change_time FROM timedb.batches ORDER BY random() LIMIT 1";
        let found = client.query_opt(any, &[]).await;
        let Some(row) = found.unwrap_or_else(|error| panic!("{any}: {error:?}")) else {
            continue;
        };
        let (batch, change): (Uuid, Micros) = (row.get(0), row.get(1));
        let written = "SELECT value FROM timedb.read_versions() WHERE change_time = $1";
        let written = client.query(written, &[&change]).await.unwrap();
        let delete = "SELECT points FROM timedb.delete_batch($1)";
        let deleted = storm
            .call("deletion of a batch", &client, delete, &[&batch], &REFUSALS)
            .await;
        if deleted.is_some() {
            let mut ledger = storm.ledger();
            ledger.gone_batches.insert(batch);
            let values = written.iter().map(|row| row.get::<_, f64>(0).to_bits());
            ledger.gone_values.extend(values);
        }
    }
}

pub async fn deletions_of_series(storm: Arc<Storm>) {
    let client = storm.client().await;
    while storm.goes_on() {
        pause(200).await;
        let Some(series) = any_series(&client).await else {
            continue;
        };
        let delete = "SELECT points FROM timedb.delete_series($1)";
        let deleted = storm
            .call(
                "deletion of a series",
                &client,
                delete,
                &[&series],
                &REFUSALS,
            )
            .await;
        if deleted.is_some() {
            storm.ledger().gone_series.insert(series);
        }
    }
}

async fn any_series(client: &Client) -> Option<Uuid> {
    let any = "SELECT series_id FROM timedb.series ORDER BY random() LIMIT 1";
    let found = client.query_opt(any, &[]).await;
    let found = found.unwrap_or_else(|error| panic!("{any}: {error:?}"));
    found.map(|row| row.get(0))
}

/// While something is held, nothing of it goes.
pub async fn holds(storm: Arc<Storm>) {
    let (client, admin) = (storm.client().await, storm.admin().await);
    let tenant = storm.a().tenant_id;
    let mut random = Random::new(3);
    let versions = async |series: Option<Uuid>| -> BTreeSet<u64> {
        let query = "SELECT value FROM timedb.read_versions(series_id => $1)";
        let rows = client.query(query, &[&series.map(|id| vec![id])]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        rows.iter()
            .map(|row| row.get::<_, f64>(0).to_bits())
            .collect()
    };
    while storm.goes_on() {
        pause(40).await;
        let mut series = any_series(&client).await;
        if random.chance(15) {
            series = None;
        }
        let place = "SELECT timedb.place_hold($1, 'a test', $2)";
        let placed = storm
            .call("hold", &admin, place, &[&tenant, &series], &["42704"])
            .await;
        if placed.is_none() {
            continue;
        }
        let before = versions(series).await;
        pause(random.below(80)).await;
        let after = versions(series).await;
        let gone = before.difference(&after).count();
        assert_eq!(gone, 0, "{gone} of {} versions of {series:?}", before.len());
        let release = "SELECT timedb.release_hold($1, $2)";
        let released = admin.query_one(release, &[&tenant, &series]).await;
        assert!(released.unwrap().get::<_, bool>(0));
    }
}

/// Nothing is ever found to be damaged, and everything can be counted.
pub async fn checks(storm: Arc<Storm>) {
    let (client, admin) = (storm.client().await, storm.admin().await);
    while storm.goes_on() {
        for (client, call) in [
            (
                &client,
                "SELECT count(*), max(problem) FROM timedb.verify()",
            ),
            (
                &admin,
                "SELECT count(*), max(problem) FROM timedb.verify_store()",
            ),
            (
                &admin,
                "SELECT count(problem), max(problem) FROM timedb.stats_store()",
            ),
        ] {
            let row = storm.call("check", client, call, &[], &[]).await;
            let row = row.expect("it is not refused");
            let found: (i64, Option<String>) = (row.get(0), row.get(1));
            assert_eq!(found, (0, None), "{call}");
        }
        let stats = "SELECT points FROM timedb.stats()";
        storm.call("check", &client, stats, &[], &[]).await;
        pause(10).await;
    }
}

/// What the versions say in one snapshot is what every other read says in it.
pub async fn reads(storm: Arc<Storm>) {
    let client = storm.client().await;
    let point = "series_id, valid_time, value";
    let of_versions = |distinct: &str| {
        format!(
            "(SELECT DISTINCT ON (series_id, valid_time{distinct}) {point} FROM timedb.versions
              ORDER BY series_id, valid_time{distinct}, known_time DESC, change_time DESC)"
        )
    };
    let (flat, overlapping) = (of_versions(""), of_versions(", known_time"));
    while storm.goes_on() {
        run(&client, "BEGIN ISOLATION LEVEL REPEATABLE READ").await;
        for (expected, read) in [
            (&flat, "timedb.read_flat()"),
            (&flat, "timedb.values"),
            (&overlapping, "timedb.read_overlapping()"),
            (&overlapping, "timedb.forecasts"),
            (
                &format!(
                    "(SELECT DISTINCT ON (series_id) {point} FROM {flat} AS f ORDER BY series_id, valid_time DESC)"
                ),
                "timedb.read_last()",
            ),
        ] {
            let query = format!(
                "WITH expected AS MATERIALIZED {expected}, found AS MATERIALIZED (SELECT {point} FROM {read})
                 SELECT count(*) FROM ((TABLE expected EXCEPT ALL TABLE found) UNION ALL
                                       (TABLE found EXCEPT ALL TABLE expected)) AS d"
            );
            let row = storm.call("read", &client, &query, &[], &[]).await;
            let different: i64 = row.expect("it is not refused").get(0);
            assert_eq!(different, 0, "{read}");
        }
        run(&client, "COMMIT").await;
        pause(10).await;
    }
}

/// Follows the changes of a tenant until nobody writes and all is told: each version once, in order.
pub async fn feed(storm: Arc<Storm>, tenant: Tenant) -> BTreeSet<u64> {
    let client = storm.db.login(&tenant).await;
    let mut cursor: Option<String> = None;
    let mut told = BTreeSet::new();
    let mut last = 0;
    loop {
        let has_ended = storm.has_ended();
        let query = "SELECT cursor, change_time, value FROM timedb.read_changes(cursor => $1, max_points => 500)";
        let rows = client.query(query, &[&cursor]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        for row in &rows {
            let change = row.get::<_, Micros>(1).0;
            assert!(change >= last, "{change} after {last}");
            last = change;
            assert!(
                told.insert(row.get::<_, f64>(2).to_bits()),
                "twice: {row:?}"
            );
        }
        cursor = rows.last().map(|row| row.get(0)).or(cursor);
        match rows.len() {
            0 if has_ended => return told,
            0 => pause(3).await,
            _ => storm.did("changes"),
        }
    }
}

/// Dumps the database again and again; the last dump stays.
pub fn dumps(storm: &Storm, file: &str) {
    let dsn = storm.db.dsn(Role::Superuser);
    while storm.goes_on() {
        pg_tool("pg_dump")
            .args(["-Fc", "--no-sync", "-f", file, "-d", &dsn])
            .ok();
        storm.did("dump");
    }
}
