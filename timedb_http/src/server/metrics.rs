//! What the server counts for Prometheus. No label has a value that a client can choose: routes are those of the
//! router, methods those of HTTP, and neither tenants nor keys are among them.

use std::fmt::Error;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

/// In seconds: from a read of a few rows to the limit of a request.
const SECONDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics, and their names.
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests that have been answered to the end of their bodies, or been left by their clients.
    pub requests: Family<Answered, Counter>,
    pub request_seconds: Histograms<Routed>,
    pub in_progress: Gauge,
    pub authentications: Family<Authenticated, Counter>,
    pub rows: Flows,
    pub bytes: Flows,
    pub pool_wait_seconds: Histogram,
    pub database_seconds: Histograms<Transaction>,
    pub pool_connections: Family<PoolState, Gauge>,
    pub pool_size: Gauge,
    pub pool_waiting: Gauge,
    pub waiting_clients: Gauge,
    pub waiting_clients_max: Gauge,
    pub compactions: Family<Compacted, Counter>,
    pub compaction_backlog: Gauge,
    pub dropped_lines: Counter,
}

/// What goes in and out. Each request has to do with them, so they need no looking up.
pub(crate) struct Flows {
    family: Family<Flow, Counter>,
    pub inward: Counter,
    pub outward: Counter,
}

impl Default for Flows {
    fn default() -> Self {
        let family = Family::<Flow, Counter>::default();
        let of = |direction| family.get_or_create_owned(&Flow { direction });
        Self {
            inward: of(Direction::In),
            outward: of(Direction::Out),
            family,
        }
    }
}

/// A route that answered, and how.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Answered {
    pub method: &'static str,
    pub route: String,
    pub status: u16,
}

/// A route.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Routed {
    pub method: &'static str,
    pub route: String,
}

/// What has become of a request's key.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Authenticated {
    pub outcome: Authentication,
}

/// What has become of a compaction.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Compacted {
    pub outcome: Compaction,
}

/// What has become of a request's key.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Authentication {
    Accepted,
    /// Unknown, revoked, expired, malformed, or two of them.
    Refused,
    /// None was given where one is needed.
    Missing,
    /// None was given, and the store is open.
    Open,
}

/// What has become of a compaction that the server has begun.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Compaction {
    Done,
    Failed,
    TimedOut,
}

/// Which way rows or bytes go, from the server's point of view.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Flow {
    direction: Direction,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// A transaction of a request.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Transaction {
    pub access: TransactionAccess,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum TransactionAccess {
    Read,
    Write,
}

/// What a connection of the pool does.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct PoolState {
    pub state: ConnectionState,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    Idle,
    InUse,
}

/// Gives the variants of an enum the values that labels have.
macro_rules! label_values {
    ($($kind:ident { $($variant:ident = $text:literal),+ })+) => {$(
        impl EncodeLabelValue for $kind {
            fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), Error> {
                let text: &'static str = match self { $(Self::$variant => $text),+ };
                EncodeLabelValue::encode(&text, encoder)
            }
        }
    )+};
}

label_values! {
    Authentication { Accepted = "accepted", Refused = "refused", Missing = "missing", Open = "open" }
    Compaction { Done = "done", Failed = "failed", TimedOut = "timed_out" }
    Direction { In = "in", Out = "out" }
    TransactionAccess { Read = "read", Write = "write" }
    ConnectionState { Idle = "idle", InUse = "in_use" }
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// All of them at zero; `extension` and `postgres` are the versions of what is served.
    pub(crate) fn new(extension: &str, postgres: &str) -> Self {
        let mut this = Self {
            registry: Registry::with_prefix("timedb"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            in_progress: Gauge::default(),
            authentications: Family::default(),
            rows: Flows::default(),
            bytes: Flows::default(),
            pool_wait_seconds: seconds(),
            database_seconds: Family::new_with_constructor(seconds),
            pool_connections: Family::default(),
            pool_size: Gauge::default(),
            pool_waiting: Gauge::default(),
            waiting_clients: Gauge::default(),
            waiting_clients_max: Gauge::default(),
            compactions: Family::default(),
            compaction_backlog: Gauge::default(),
            dropped_lines: Counter::default(),
        };
        this.register(extension, postgres);
        this
    }

    fn register(&mut self, extension: &str, postgres: &str) {
        let versions = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("extension", extension),
            ("postgres", postgres),
        ];
        let versions = versions.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let Self { registry: r, .. } = self;
        r.register(
            "build",
            "Versions of the server, the extension and PostgreSQL, as the server has found them at its start",
            Info::new(versions.to_vec()),
        );
        let http = r.sub_registry_with_prefix("http");
        http.register(
            "requests",
            "Requests by route, method and status",
            self.requests.clone(),
        );
        http.register_with_unit(
            "request_duration",
            "From the head of a request to the last byte of its answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        http.register(
            "requests_in_progress",
            "Requests that are being answered",
            self.in_progress.clone(),
        );
        http.register(
            "body",
            "Bytes of bodies received and sent, as they are transferred",
            self.bytes.family.clone(),
        );
        r.register(
            "authentications",
            "Requests by what has become of their key",
            self.authentications.clone(),
        );
        r.register(
            "rows",
            "Values written and read through the server",
            self.rows.family.clone(),
        );
        let pool = r.sub_registry_with_prefix("pool");
        pool.register(
            "connections",
            "Connections to the database by what they do",
            self.pool_connections.clone(),
        );
        pool.register(
            "connections_max",
            "The maximum number of connections to the database",
            self.pool_size.clone(),
        );
        pool.register(
            "waiting_requests",
            "Requests that wait for a connection",
            self.pool_waiting.clone(),
        );
        pool.register_with_unit(
            "wait",
            "How long requests have waited for a connection, and for a place among those of their tenant",
            Unit::Seconds,
            self.pool_wait_seconds.clone(),
        );
        r.register_with_unit(
            "database_transaction",
            "How long transactions of requests have taken, from the first message to the last answer",
            Unit::Seconds,
            self.database_seconds.clone(),
        );
        r.register(
            "waiting_clients",
            "Clients that wait for changes: long polls and streams of events",
            self.waiting_clients.clone(),
        );
        r.register(
            "waiting_clients_max",
            "The maximum number of clients that wait for changes",
            self.waiting_clients_max.clone(),
        );
        r.register(
            "compactions",
            "Compactions that the server has begun",
            self.compactions.clone(),
        );
        r.register(
            "compaction_backlog_writes",
            "Writes through this server to stores that it has not compacted since",
            self.compaction_backlog.clone(),
        );
        r.register(
            "log_lines_dropped",
            "Lines that the log had no room for, or that could not be written",
            self.dropped_lines.clone(),
        );
    }

    /// The text that Prometheus reads, in OpenMetrics' form.
    ///
    /// # Errors
    /// Never, as far as one can tell: a text takes all that is written to it.
    pub(crate) fn render(&self) -> Result<String, Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_their_names_and_no_more_labels_than_they_should() {
        let metrics = Metrics::new("1.0", "15.6");
        let answered = Answered {
            method: "GET",
            route: "/values".to_owned(),
            status: 200,
        };
        metrics.requests.get_or_create(&answered).inc();
        let outcome = Authentication::Refused;
        metrics
            .authentications
            .get_or_create(&Authenticated { outcome })
            .inc();
        metrics.rows.outward.inc_by(7);
        let text = metrics.render().unwrap();
        for line in [
            "timedb_http_requests_total{method=\"GET\",route=\"/values\",status=\"200\"} 1",
            "timedb_authentications_total{outcome=\"refused\"} 1",
            "timedb_rows_total{direction=\"out\"} 7",
            "timedb_pool_waiting_requests 0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        assert!(text.contains("extension=\"1.0\""), "{text}");
    }
}
