//! What is soaked: a cluster with two tenants, and a pool that logs its sessions in as tenant b.

use timedb_tests::programs::bouncer::{self, Bouncer, Pool};
use timedb_tests::{ThrowawayCluster, compact, connect, upload};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::surface::{ROLE, surface};
use crate::watch::Watch;

const DATABASE: &str = "soak";

/// What must not come back, and what must.
#[derive(Clone)]
pub struct Canaries {
    /// Texts that only tenant a's rows hold, as they may look on the wire.
    pub foreign: Vec<String>,
    /// A text of tenant b's.
    pub own: String,
}

/// The cluster, the pool and the two tenants.
pub struct Store {
    cluster: ThrowawayCluster,
    pool: Bouncer,
    admin: Client,
    tenant_a: Uuid,
    canaries: Canaries,
}

impl Store {
    /// Creates everything.
    pub async fn create() -> Self {
        let cluster = ThrowawayCluster::start(&[
            // What runs when a process dies is in the log, as a whole.
            "track_activity_query_size = 1MB",
            "log_min_error_statement = panic",
            "log_error_verbosity = verbose",
            "temp_file_limit = 512MB",
            "track_functions = all",
            "restart_after_crash = on",
        ]);
        let admin = cluster.connect("postgres").await;
        admin
            .batch_execute(&format!("CREATE DATABASE {DATABASE}"))
            .await
            .expect("the database is created");
        let admin = cluster.connect(DATABASE).await;
        admin
            .batch_execute("CREATE EXTENSION timedb")
            .await
            .expect("the extension is created");
        let secret = format!("canary{}", Uuid::new_v4().simple());
        let own = format!("own{}", Uuid::new_v4().simple());
        let (tenant_a, _) = tenant(&cluster, &admin, "a", &secret).await;
        let (_, key_b) = tenant(&cluster, &admin, "b", &own).await;
        admin
            .batch_execute(&surface())
            .await
            .expect("the functions and views are created");
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let canaries = Canaries {
            foreign: vec![
                secret,
                hex,
                tenant_a.hyphenated().to_string(),
                tenant_a.simple().to_string(),
            ],
            own,
        };
        let socket = cluster.dsn(DATABASE);
        let upstream = bouncer::address(&socket);
        let (host, port) = upstream.rsplit_once(':').expect("folder:port");
        let pool = Bouncer::start(&Pool {
            database: &socket,
            name: DATABASE,
            // The key stands in a file of mode 600 that is gone with the pool.
            options: &format!("connect_query='SELECT timedb.login(''{key_b}'')'"),
            users: &format!("\"{ROLE}\" \"\"\n\"postgres\" \"\""),
            settings: &[
                "auth_type = trust",
                "pool_mode = session",
                // A session stays logged in when the next client gets it.
                "server_reset_query =",
                "server_reset_query_always = 0",
                "query_wait_timeout = 120",
                "idle_transaction_timeout = 0",
                "[databases]",
                &format!("rehearsal = host={host} port={port} dbname={DATABASE}"),
            ],
        });
        Self {
            cluster,
            pool,
            admin,
            tenant_a,
            canaries,
        }
    }

    /// Where the pool listens.
    pub fn pool_port(&self) -> u16 {
        self.pool.port()
    }

    /// What to look for.
    pub fn canaries(&self) -> Canaries {
        self.canaries.clone()
    }

    /// Tenant b's connection string through the watch.
    pub fn client_dsn(&self, port: u16) -> String {
        format!("host=127.0.0.1 port={port} user={ROLE} dbname={DATABASE} sslmode=disable")
    }

    /// The alarm rings when it should: the superuser reads tenant a's rows through the watch.
    pub async fn rehearse(&self, watch: &Watch) {
        let dsn = format!(
            "host=127.0.0.1 port={} user=postgres dbname=rehearsal sslmode=disable",
            watch.port()
        );
        let client = connect(&dsn).await;
        for query in [
            "SELECT name FROM timedb.series",
            "SELECT tenant_id::text FROM timedb_internal.write_log",
            "SELECT convert_to(name, 'UTF8')::text FROM timedb.series",
        ] {
            let before = watch.alarms().len();
            client
                .simple_query(query)
                .await
                .expect("the superuser reads");
            assert!(
                watch.alarms().len() > before,
                "no alarm for tenant a's rows: {query}"
            );
        }
        watch.forget();
    }

    /// Whether a session of the pool is tenant b's.
    pub async fn sees_its_own(&self, watch: &Watch) -> bool {
        let client = connect(&self.client_dsn(watch.port())).await;
        let query = "SELECT count(*) FROM timedb.values WHERE name = 'b ' || $1";
        client
            .query_one(query, &[&self.canaries.own])
            .await
            .is_ok_and(|row| row.get::<_, i64>(0) > 0)
    }

    /// A hash of everything that is tenant a's.
    pub async fn rows_of_a(&self) -> String {
        let admin = self.cluster.connect(DATABASE).await;
        let mut hashes = Vec::new();
        for table in [
            "tenants",
            "users",
            "api_keys",
            "series",
            "series_labels",
            "requests",
            "write_log",
            "batch_chunks",
            "series_lists",
            "segments",
        ] {
            let query = format!(
                "SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, ';' ORDER BY t::text), ''))
                 FROM {full_name} AS t WHERE tenant_id = $1", full_name = timedb_tests::qualified(table));
            let row = admin.query_one(&query, &[&self.tenant_a]).await;
            hashes.push(row.expect("the rows are read").get::<_, String>(0));
        }
        hashes.join(" ")
    }

    /// How many points are stored that are not tenant a's.
    pub async fn points_of_b(&self) -> i64 {
        let admin = self.cluster.connect(DATABASE).await;
        let query = "SELECT coalesce(sum(points), 0)::bigint
                     FROM (SELECT tenant_id, points FROM timedb_internal.write_log
                           UNION ALL SELECT tenant_id, count FROM timedb_internal.segments) AS stored
                     WHERE tenant_id <> $1";
        let row = admin.query_one(query, &[&self.tenant_a]).await;
        row.expect("the points are counted").get(0)
    }

    /// How often each function of timedb has run, the most often first.
    pub async fn calls(&self) -> Vec<(String, i64)> {
        let admin = self.cluster.connect(DATABASE).await;
        let query = "SELECT funcname::text, sum(calls)::bigint FROM pg_stat_user_functions
                     WHERE schemaname IN ('timedb', 'timedb_internal') GROUP BY 1 ORDER BY 2 DESC, 1";
        let rows = admin
            .query(query, &[])
            .await
            .expect("the calls are counted");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The server's log.
    pub fn log(&self) -> String {
        self.cluster.log()
    }

    /// What the server's log tells of crashes, leaks and panics. Whoever asks says so: the end of the cluster is silent.
    pub fn crashes(&self) -> String {
        self.cluster.crashes_on_purpose();
        self.cluster.crashes()
    }

    /// Whether the server's log holds something of tenant a's.
    pub fn names_a(&self, text: &str) -> bool {
        self.canaries
            .foreign
            .iter()
            .any(|canary| text.contains(canary))
    }

    /// The connection that has set everything up is gone only when the server went down.
    pub fn was_restarted(&self) -> bool {
        self.admin.is_closed()
    }
}

/// A tenant whose every row holds the mark, with values that were corrected and labels.
async fn tenant(
    cluster: &ThrowawayCluster,
    admin: &Client,
    name: &str,
    mark: &str,
) -> (Uuid, String) {
    let query = "SELECT tenant_id, api_key FROM timedb.create_user(timedb.create_tenant($1), $2)";
    let email = format!("{mark}@{name}.example");
    let row = admin
        .query_one(query, &[&format!("{name} {mark}"), &email])
        .await;
    let row = row.expect("the tenant is created");
    let (id, key): (Uuid, String) = (row.get(0), row.get(1));
    let client = cluster.connect(DATABASE).await;
    client
        .batch_execute("SET ROLE timedb_session")
        .await
        .expect("the superuser takes the role");
    client
        .query_one("SELECT timedb.login($1)", &[&key])
        .await
        .expect("the tenant logs in");
    let values: Vec<f64> = (0..500).map(f64::from).collect();
    for round in 0..3 {
        upload(&client, &format!("{name} {mark}"), &values[round * 100..])
            .await
            .expect("the values are stored");
    }
    // What follows stays in the log.
    compact(&client).await;
    let labels = "SELECT points FROM timedb.upload(
        ARRAY['2025-01-01Z', '2025-01-02Z']::timestamptz[], ARRAY[1.5, NULL], ARRAY[$1 || ' labelled'],
        ARRAY[jsonb_build_object('mark', $1)], ARRAY[$1], ARRAY[$1], valid_time_end => ARRAY['2025-01-02Z', '2025-01-03Z']::timestamptz[],
        workflow_id => $1, batch_params => jsonb_build_object('mark', $1))";
    client
        .query_one(labels, &[&format!("{name} {mark}")])
        .await
        .expect("the labelled values are stored");
    (id, key)
}
