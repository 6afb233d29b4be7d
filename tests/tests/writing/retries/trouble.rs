//! Clients that send each request until it is answered, while something goes wrong again and again; and what
//! must be in the store when all is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use timedb_tests::{Db, count};
use uuid::Uuid;

/// How long a client goes on sending one request.
const PATIENCE: Duration = Duration::from_secs(60);
const CLIENTS: usize = 6;

/// A request, and the answer once there is one.
#[derive(Clone, Debug)]
pub struct Request {
    /// `Idempotency-Key`.
    pub name: Option<String>,
    pub body: Value,
    pub answer: String,
    /// How often it was sent until it was answered.
    pub attempts: usize,
}

/// What clients know: where the server is by now, and whether to begin another request.
#[derive(Clone)]
pub struct Clients {
    client: reqwest::Client,
    key: String,
    url: Arc<RwLock<String>>,
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Clients {
    /// Clients of tenant A.
    pub fn new(db: &Db, url: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().build();
        Self {
            client: client.expect("an HTTP client"),
            key: db.a().key.clone(),
            url: Arc::new(RwLock::new(url.to_owned())),
            over: Arc::default(),
            answered: Arc::default(),
        }
    }

    /// The server has another address now.
    pub fn moved(&self, url: &str) {
        url.clone_into(&mut self.url.write().unwrap());
    }

    /// Waits until a request is answered that is not yet.
    pub async fn until_one_is_answered(&self) {
        let (start, before) = (Instant::now(), self.answered.load(Ordering::SeqCst));
        while self.answered.load(Ordering::SeqCst) == before {
            assert!(start.elapsed() < PATIENCE, "no request is answered");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Lets several clients send requests one after the other until the trouble is over; gives those of each.
    pub async fn send_during(
        &self,
        make: impl Fn(usize, usize) -> Request + Clone + Send + 'static,
        trouble: impl Future<Output = ()>,
    ) -> Vec<Vec<Request>> {
        let clients = (0..CLIENTS).map(|client| {
            let (all, make) = (self.clone(), make.clone());
            tokio::spawn(async move {
                let mut sent = Vec::new();
                while !all.over.load(Ordering::SeqCst) {
                    let request = make(client, sent.len());
                    sent.push(all.until_answered(request).await);
                }
                sent
            })
        });
        let clients: Vec<_> = clients.collect();
        trouble.await;
        self.over.store(true, Ordering::SeqCst);
        let sent = join_all(clients).await.into_iter();
        sent.map(|sent| sent.expect("a client got its answers"))
            .collect()
    }

    /// Sends a request again and again, whatever becomes of it, until it is answered with 200.
    pub async fn until_answered(&self, mut request: Request) -> Request {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "no answer: {request:?}");
            request.attempts += 1;
            match self.send(&request).await {
                Some((200, answer, _)) => {
                    request.answer = answer;
                    self.answered.fetch_add(1, Ordering::SeqCst);
                    return request;
                }
                // Nobody knows what has become of it, or it is still under way.
                None | Some((503 | 504, _, _)) => {}
                Some((409, answer, _)) if answer.contains("is in progress") => {}
                Some(refused) => panic!("{request:?}: {refused:?}"),
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// Sends it once: status, body, and whether it was answered before. None where the connection broke.
    pub async fn send(&self, request: &Request) -> Option<(u16, String, bool)> {
        let url = format!("{}/upload", self.url.read().unwrap());
        let mut sending = self
            .client
            .post(url)
            .header("X-API-Key", &self.key)
            .timeout(Duration::from_secs(20))
            .json(&request.body);
        if let Some(name) = &request.name {
            sending = sending.header("Idempotency-Key", name);
        }
        let answer = sending.send().await.ok()?;
        let status = answer.status().as_u16();
        let replayed = answer.headers().contains_key("idempotency-replayed");
        Some((status, answer.text().await.ok()?, replayed))
    }
}

/// A request with points of its own: no two have the same value. Some make a new series.
pub fn named(name: impl Into<Option<String>>, client: usize, number: usize) -> Request {
    let points = 1 + (client * 7 + number * 11) % 30;
    let rows: Vec<Value> = (0..points)
        .map(|i| {
            let series = match (i + number) % 5 {
                0 => format!("of client {client}, {}", number / 4),
                series => format!("shared {series}"),
            };
            json!({"valid_time": i * 3600, "value_key": series, "value": client * 1_000_000 + number * 100 + i})
        })
        .collect();
    Request {
        name: name.into(),
        body: json!({"time_unit": "s", "batch_start_time": 0, "value_rows": rows}),
        answer: String::new(),
        attempts: 0,
    }
}

/// A request by the id of its batch.
pub fn with_id(client: usize, number: usize) -> Request {
    let mut request = named(None, client, number);
    request.body["batch_id"] = json!(Uuid::new_v4().to_string());
    request
}

/// Every point of every request is there once, in the batch that its client was told; each request sent once
/// more gets the same answer. Gives how many requests had to be sent again.
pub async fn assert_once(db: &Db, clients: &Clients, sent: &[Vec<Request>]) -> usize {
    let reader = db.login(db.a()).await;
    let rows = reader
        .query("SELECT batch_id, value FROM timedb.read_versions()", &[])
        .await
        .unwrap();
    let mut stored: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in &rows {
        let batch = row.get::<_, Uuid>(0).to_string();
        stored.entry(batch).or_default().push(row.get(1));
    }
    let requests: Vec<&Request> = sent.iter().flatten().collect();
    let mut batches = BTreeSet::new();
    for request in &requests {
        let answer: Value = serde_json::from_str(&request.answer).unwrap();
        let batch = answer["batch_id"].as_str().unwrap().to_owned();
        let mut found = stored.remove(&batch).unwrap_or_default();
        found.sort_by(f64::total_cmp);
        let rows = request.body["value_rows"].as_array().unwrap();
        let expected: Vec<f64> = rows.iter().map(|r| r["value"].as_f64().unwrap()).collect();
        assert_eq!(found, expected, "{request:?}");
        if let Some(id) = request.body.get("batch_id") {
            assert_eq!(*id, json!(batch));
        }
        batches.insert(batch);
    }
    assert!(stored.is_empty(), "nobody was told of these: {stored:?}");
    assert_eq!(batches.len(), requests.len(), "a batch for each request");
    let recorded = "SELECT count(*) FROM timedb.batches";
    assert_eq!(count(&reader, recorded, &[]).await, requests.len() as i64);
    let series = "SELECT count(*) - count(DISTINCT name) FROM timedb.series";
    assert_eq!(count(&reader, series, &[]).await, 0, "a series twice");
    for request in &requests {
        let again = clients.send(request).await;
        assert_eq!(
            again,
            Some((200, request.answer.clone(), true)),
            "{request:?}"
        );
    }
    requests
        .iter()
        .filter(|request| request.attempts > 1)
        .count()
}

/// Points of a client's own series, of which some change with each request and all are sent; each request
/// is about an hour later.
pub fn skipping(client: usize, number: usize) -> Request {
    let rows: Vec<Value> = (0..POINTS)
        .map(|i| json!({"valid_time": i * 3600, "value_key": format!("of client {client}"), "value": value_of(number, i)}))
        .collect();
    Request {
        name: None,
        body: json!({"time_unit": "s", "batch_start_time": 0, "known_time": number * 3600, "skip_unchanged": true, "value_rows": rows}),
        answer: String::new(),
        attempts: 0,
    }
}

const POINTS: usize = 20;

fn value_of(number: usize, i: usize) -> usize {
    (number + i) / 4
}

/// As of each request the flat values are the request's, and each one sent once more changes nothing.
pub async fn assert_current(db: &Db, clients: &Clients, sent: &[Vec<Request>]) {
    let reader = db.login(db.a()).await;
    for (client, requests) in sent.iter().enumerate() {
        for (number, request) in requests.iter().enumerate() {
            let query = "SELECT value FROM timedb.read_flat(name => $1, as_of => to_timestamp($2)) ORDER BY valid_time";
            let name = format!("of client {client}");
            let known = number as f64 * 3600.0;
            let rows = reader.query(query, &[&name, &known]).await.unwrap();
            let found: Vec<f64> = rows.iter().map(|row| row.get(0)).collect();
            let expected: Vec<f64> = (0..POINTS).map(|i| value_of(number, i) as f64).collect();
            assert_eq!(found, expected, "{name}, request {number}");
            let (status, answer, _) = clients.send(request).await.expect("an answer");
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(
                (status, &answer["points"], &answer["skipped_unchanged"]),
                (200, &json!(0), &json!(POINTS))
            );
        }
    }
}
