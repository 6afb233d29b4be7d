//! The clients: each does one kind of thing for one tenant until it is told to stop, and sends again what was not
//! acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use timedb_tests::random::Random;
use tokio::task::JoinSet;

use crate::model::{BULK, LIVE, mark, name, value};
use crate::store::{LoadedTenant, Store};
use crate::tally::Tally;

/// Points of one upload in bulk.
const BULK_POINTS: i64 = 20_000;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Clients that run.
pub struct Clients {
    tasks: JoinSet<()>,
    end: Arc<AtomicBool>,
}

/// One client.
struct LoadClient {
    store: Arc<Store>,
    tally: Arc<Tally>,
    end: Arc<AtomicBool>,
    tenant: usize,
}

/// A request that can be sent again.
struct Sent<'a> {
    kind: &'static str,
    method: Method,
    path: String,
    body: Option<&'a Value>,
    name: Option<String>,
}

impl Clients {
    /// Starts all clients of all tenants.
    pub fn start(store: &Arc<Store>, tally: &Arc<Tally>) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        let client = |tenant| LoadClient {
            store: Arc::clone(store),
            tally: Arc::clone(tally),
            end: Arc::clone(&end),
            tenant,
        };
        for tenant in 0..store.tenants.len() {
            tasks.spawn(client(tenant).tick());
            tasks.spawn(client(tenant).bulk());
            tasks.spawn(client(tenant).correct());
            tasks.spawn(client(tenant).read());
            tasks.spawn(client(tenant).follow());
            tasks.spawn(client(tenant).change_keys());
        }
        tasks.spawn(client(0).compact());
        Self { tasks, end }
    }

    /// Lets each end with what it is at.
    pub async fn stop(mut self) {
        self.end.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a client does not panic");
        }
    }
}

impl LoadClient {
    fn tenant(&self) -> &LoadedTenant {
        &self.store.tenants[self.tenant]
    }

    fn is_over(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// Sends until it is answered with success; `None` if it never will be.
    async fn send(&self, request: &Sent<'_>) -> Option<String> {
        let (began, mut tries) = (Instant::now(), 0);
        loop {
            tries += 1;
            let key = self.tenant().key();
            let url = format!("{}{}", self.store.url(), request.path);
            let mut sent = self.store.client.request(request.method.clone(), url);
            sent = sent.header("X-API-Key", &key);
            if let Some(body) = request.body {
                sent = sent.json(body);
            }
            if let Some(name) = &request.name {
                sent = sent.header("Idempotency-Key", name);
            }
            let answered = async {
                let answer = sent.send().await?;
                let status = answer.status();
                Ok::<_, reqwest::Error>((status, answer.text().await?))
            };
            match answered.await {
                Ok((StatusCode::OK, text)) => {
                    self.look_for_others(request, &text);
                    let time = (tries == 1).then(|| began.elapsed());
                    let values = values(request, &text);
                    self.tally.answered(request.kind, values, time);
                    return Some(text);
                }
                Ok((StatusCode::SERVICE_UNAVAILABLE, text)) => {
                    let what = || format!("{}: 503 {text} without trouble", request.kind);
                    self.tally.unavailable(false, what);
                }
                // The key has been replaced while this was on its way.
                Ok((StatusCode::UNAUTHORIZED, _)) if key != self.tenant().key() => {}
                Ok((status, text)) => {
                    self.tally
                        .violation(format!("{}: {status} {text}", request.kind));
                    return None;
                }
                Err(error) => {
                    let what = || format!("{}: no answer without trouble: {error:?}", request.kind);
                    self.tally.unavailable(true, what);
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Nothing of another tenant is in an answer.
    fn look_for_others(&self, request: &Sent<'_>, text: &str) {
        for other in (0..self.store.tenants.len()).filter(|other| *other != self.tenant) {
            if text.contains(&mark(other)) {
                let what = format!(
                    "{}: a row of tenant {other} for tenant {}",
                    request.kind, self.tenant
                );
                self.tally.violation(what);
            }
        }
    }

    async fn upload(&self, kind: &'static str, points: &[(u16, i64, f64)]) {
        let rows: Vec<Value> = points
            .iter()
            .map(|(series, time, value)| {
                json!({"value_key": name(self.tenant, *series), "valid_time": time, "value": value})
            })
            .collect();
        let first = points.first().map_or(0, |point| point.1);
        let body = json!({"batch_start_time": first, "time_unit": "us", "value_rows": rows});
        let request = Sent {
            kind,
            method: Method::POST,
            path: "/upload".to_owned(),
            body: Some(&body),
            name: Some(uuid::Uuid::new_v4().to_string()),
        };
        if self.send(&request).await.is_some() {
            let mut model = self.tenant().model();
            for (series, time, value) in points {
                model.write(*series, *time, *value);
            }
        }
    }

    async fn get(&self, kind: &'static str, path: String) -> Option<String> {
        let request = Sent {
            kind,
            method: Method::GET,
            path,
            body: None,
            name: None,
        };
        self.send(&request).await
    }

    /// A point of each live series every second, some of them late.
    async fn tick(self) {
        let mut random = Random::new(1 + self.tenant as u64);
        let mut period = tokio::time::interval(Duration::from_secs(1));
        let mut last = 0;
        while !self.is_over() {
            period.tick().await;
            last = now().max(last + 1);
            let points: Vec<_> = (0..LIVE)
                .map(|series| {
                    // What a series measured up to a minute ago; never twice for the same microsecond.
                    let late = i64::from(random.below(20_u32) == 0) * random.below(60_000_000_i64);
                    let part = random.below(1_000_000_u32);
                    (series, last - late, value(self.tenant, part))
                })
                .collect();
            self.upload("live tick", &points).await;
        }
    }

    /// History of a series, a piece of it every 20 seconds.
    async fn bulk(self) {
        let mut random = Random::new(100 + self.tenant as u64);
        let mut period = tokio::time::interval(Duration::from_secs(20));
        for piece in 0.. {
            period.tick().await;
            if self.is_over() {
                return;
            }
            let series = LIVE + u16::try_from(piece % i64::from(BULK)).unwrap_or(0);
            let first = piece / i64::from(BULK) * BULK_POINTS;
            let points: Vec<_> = (first..first + BULK_POINTS)
                .map(|minute| {
                    let part = random.below(1_000_000_u32);
                    (series, minute * 60_000_000, value(self.tenant, part))
                })
                .collect();
            self.upload("bulk upload", &points).await;
        }
    }

    /// Another value for a point of before, twice a second.
    async fn correct(self) {
        let mut random = Random::new(200 + self.tenant as u64);
        let mut ids: Option<Value> = None;
        let mut part = 1_000_000;
        while !self.is_over() {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let Some((series, time)) = self.tenant().model().some_point(random.number()) else {
                continue;
            };
            if ids.is_none() {
                let found = self.get("list of series", "/series".to_owned()).await;
                ids = found.and_then(|text| serde_json::from_str(&text).ok());
            }
            let name = name(self.tenant, series);
            let list = ids.as_ref().and_then(|answer| answer["data"].as_array());
            let of_name =
                list.and_then(|list| list.iter().find(|one| one["name"] == name.as_str()));
            let Some(id) = of_name.map(|one| one["series_id"].clone()) else {
                self.tally
                    .violation(format!("series {name} is not listed: {ids:?}"));
                return;
            };
            // A value that no other version has: each correction is one.
            part += 1;
            let corrected = value(self.tenant, part);
            let body = json!({"time_unit": "us",
                "updates": [{"series_id": id, "valid_time": time, "value": corrected}]});
            let request = Sent {
                kind: "correction",
                method: Method::PUT,
                path: "/values".to_owned(),
                body: Some(&body),
                name: Some(uuid::Uuid::new_v4().to_string()),
            };
            if self.send(&request).await.is_some() {
                self.tenant().model().write(series, time, corrected);
            }
        }
    }

    /// One read after the other: the last minutes of a series, the last values of all, a month by hours.
    async fn read(self) {
        let mut random = Random::new(300 + self.tenant as u64);
        while !self.is_over() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let series = name(self.tenant, random.below(LIVE));
            match random.below(10_u32) {
                0 => drop(self.get("last values", "/values/last".to_owned()).await),
                1 => {
                    let series = name(self.tenant, LIVE + random.below(BULK));
                    let path = format!(
                        "/values?name={series}&bucket=1h&aggregate=avg&start_valid=1970-01-01&end_valid=1970-02-01"
                    );
                    drop(self.get("buckets", path).await);
                }
                2 => {
                    let path = format!("/values?name={series}&all_versions=true&format=csv");
                    drop(self.get("all versions", path).await);
                }
                _ => {
                    let since = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(120);
                    let path = format!("/values?name={series}&start_valid={since}");
                    drop(self.get("two minutes", path).await);
                }
            }
        }
    }

    /// Follows all changes.
    async fn follow(self) {
        let mut cursor = String::new();
        while !self.is_over() {
            let path = match cursor.as_str() {
                "" => "/changes".to_owned(),
                cursor => format!("/changes?cursor={cursor}"),
            };
            let Some(text) = self.get("changes", path).await else {
                return;
            };
            let answer: Value = serde_json::from_str(&text).unwrap_or_default();
            cursor = answer["cursor"].as_str().unwrap_or_default().to_owned();
            if answer["more"] != true {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// A new key every ten seconds, and soon the end of the one before.
    async fn change_keys(self) {
        while !self.is_over() {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let (Some(admin), tenant) = (self.store.admin().await, self.tenant()) else {
                continue;
            };
            let create = "SELECT k.api_key, w.key_id FROM timedb.create_key($1, $2, tenant_id => $3) AS k,
                              LATERAL (SELECT o.key_id FROM timedb.list_keys($1, $3) AS o
                                       WHERE o.key_id <> k.key_id ORDER BY o.created_at DESC LIMIT 1) AS w";
            let key_name = format!("key {}", uuid::Uuid::new_v4());
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                [&tenant.email, &key_name, &tenant.tenant_id];
            let Ok(row) = admin.query_one(create, &parameters).await else {
                continue;
            };
            let old = tenant.key();
            *tenant.key.write().expect("nobody panics with a key") = row.get(0);
            tokio::time::sleep(Duration::from_secs(2)).await;
            let old_id: uuid::Uuid = row.get(1);
            let revoke = "SELECT timedb.revoke_key($1)";
            if admin.query_one(revoke, &[&old_id]).await.is_err() {
                continue;
            }
            let url = format!("{}/values/last", self.store.url());
            let answer = self.store.client.get(url).header("X-API-Key", &old).send();
            match answer.await.map(|answer| answer.status()) {
                Ok(StatusCode::UNAUTHORIZED) => self.tally.answered("revoked key", 0, None),
                Ok(StatusCode::SERVICE_UNAVAILABLE) => {
                    self.tally
                        .unavailable(false, || "revoked key: 503".to_owned());
                }
                Ok(status) => self.tally.violation(format!("a revoked key: {status}")),
                Err(error) => self
                    .tally
                    .unavailable(true, || format!("revoked key: no answer: {error:?}")),
            }
        }
    }

    /// Compacts all stores as an administrator does.
    async fn compact(self) {
        while !self.is_over() {
            tokio::time::sleep(Duration::from_secs(15)).await;
            let Some(admin) = self.store.admin().await else {
                continue;
            };
            let began = Instant::now();
            let compact = "SELECT problem FROM timedb.compact_store(max_points => 200000)";
            // It fails when the server is stopped.
            let Ok(rows) = admin.query(compact, &[]).await else {
                continue;
            };
            for row in rows {
                if let Some(problem) = row.get::<_, Option<String>>(0) {
                    self.tally.violation(format!("compaction: {problem}"));
                }
            }
            self.tally.answered("compaction", 0, Some(began.elapsed()));
        }
    }
}

/// How many values a request has written or read.
fn values(request: &Sent<'_>, text: &str) -> u64 {
    match (request.body, request.kind) {
        (Some(body), _) => {
            let rows = ["value_rows", "updates"]
                .iter()
                .find_map(|name| body[name].as_array());
            rows.map_or(0, Vec::len) as u64
        }
        (None, "all versions") => text.lines().count().saturating_sub(1) as u64,
        (None, _) => {
            let answer: Value = serde_json::from_str(text).unwrap_or_default();
            answer["count"].as_u64().unwrap_or_default()
        }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
