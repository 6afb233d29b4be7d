//! The server's options and their defaults. Flags and the environment belong to the command line.

use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};

use crate::server::peer::TrustedProxy;

/// Everything the server can be told; [`ServerConfig::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where the database is and as whom to connect.
    pub database: tokio_postgres::Config,
    /// The maximum number of connections to the database; `/ready` has one more of its own.
    pub pool_size: usize,
    /// How many of them one tenant may hold at a time; half of them if it is not said.
    pub tenant_connections: Option<usize>,
    /// How many requests a second one key may send; 0 means no limit.
    pub rate_limit: u32,
    /// How many of them at once; 0 means as many as in ten seconds.
    pub rate_burst: u32,
    /// How many requests of one address may fail to authenticate in a minute; 0 means no limit.
    pub auth_failures: u32,
    /// How many clients may wait for news at a time; one tenant may have a quarter of the places. 0 means none.
    pub waiting_clients: usize,
    /// What is between the server and the database.
    pub pooler: Pooler,
    /// Whether stores are compacted after some writes.
    pub compaction: bool,
    /// How long a request waits for a connection before it is answered 503.
    pub acquire_timeout: Duration,
    /// How long a request may take once its body has arrived, before it is answered 504.
    pub request_timeout: Duration,
    /// PostgreSQL's own limit for each statement; shorter than `request_timeout`, so that it speaks first.
    pub statement_timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub idle_timeout: Duration,
    /// How long a client may take to send a request's head, from its first byte on.
    pub header_read_timeout: Duration,
    /// The largest body that is read.
    pub max_body_bytes: usize,
    /// The memory for the bodies of all requests together.
    pub body_memory: usize,
    /// How long a client may read nothing of its answer.
    pub write_timeout: Duration,
    /// How many bytes per second a client has to read of a streamed answer, on average.
    pub stream_min_rate: usize,
    /// How long an answer that is streamed may take.
    pub stream_timeout: Duration,
    /// Whose pages may use the API from a browser.
    pub cors_origins: Vec<CorsOrigin>,
    /// Proxies that are believed when they say whom they speak for.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// How long requests in progress may continue after the signal to stop.
    pub shutdown_grace: Duration,
}

impl ServerConfig {
    /// The defaults for a database.
    pub fn new(database: tokio_postgres::Config) -> Self {
        Self {
            database,
            pool_size: 16,
            tenant_connections: None,
            // What is usual differs by thousands; that nobody takes all is up to the tenants' shares.
            rate_limit: 0,
            rate_burst: 0,
            auth_failures: 100,
            // Each takes a connection of its own, and many systems give a process 1024 open files.
            waiting_clients: 500,
            pooler: Pooler::Auto,
            compaction: true,
            acquire_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            statement_timeout: Duration::from_secs(55),
            // Load balancers close theirs after 60 seconds; who closes first should be they.
            idle_timeout: Duration::from_secs(75),
            header_read_timeout: Duration::from_secs(10),
            max_body_bytes: 256 << 20,
            body_memory: 512 << 20,
            write_timeout: Duration::from_secs(15),
            stream_min_rate: 64 << 10,
            stream_timeout: Duration::from_secs(3600),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

impl ServerConfig {
    /// The same with those limits of another one that can change while the server runs.
    pub(crate) fn with_limits_of(&self, new: &Self) -> Self {
        Self {
            rate_limit: new.rate_limit,
            rate_burst: new.rate_burst,
            auth_failures: new.auth_failures,
            idle_timeout: new.idle_timeout,
            header_read_timeout: new.header_read_timeout,
            max_body_bytes: new.max_body_bytes,
            body_memory: new.body_memory,
            write_timeout: new.write_timeout,
            stream_min_rate: new.stream_min_rate,
            stream_timeout: new.stream_timeout,
            cors_origins: new.cors_origins.clone(),
            trusted_proxies: new.trusted_proxies.clone(),
            shutdown_grace: new.shutdown_grace,
            ..self.clone()
        }
    }
}

/// Whether a connection leads to the same session of the database for as long as it lasts, so that it can prepare
/// statements there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Each connection finds out.
    #[default]
    Auto,
    /// Not behind a pooler in transaction mode: nothing is prepared.
    Transaction,
    /// Directly, and behind a pooler in session mode: everything is prepared.
    None,
}

/// Whose pages may use the API from a browser, as an operator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Everybody's: `*`.
    Any,
    /// Those of one origin, to the letter: `https://app.example`.
    One(HeaderValue),
}

/// A text that is not an origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "an origin is a scheme and a host in lower case, with the port unless it is the scheme's default, and \
     nothing after that, such as https://app.example or http://localhost:3000; or * for all"
)]
pub struct NoOrigin;

impl FromStr for CorsOrigin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        if text == "*" {
            return Ok(Self::Any);
        }
        // As browsers write it: what they never send would be allowed in vain.
        let uri: Uri = text.parse().map_err(|_| NoOrigin)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(NoOrigin);
        };
        let usual_port = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let is_as_sent = text == format!("{scheme}://{authority}")
            && text == text.to_lowercase()
            && !authority.as_str().contains('@')
            && !authority.as_str().ends_with(':')
            && (authority.port_u16().is_none() || authority.port_u16() != usual_port);
        match HeaderValue::from_str(text) {
            Ok(origin) if is_as_sent => Ok(Self::One(origin)),
            _ => Err(NoOrigin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for origin in [
            "*",
            "https://app.example",
            "http://localhost:3000",
            "http://[::1]:3000",
            "https://app.example:80",
            "capacitor://localhost",
            "https://xn--bcher-kva.example",
        ] {
            assert!(origin.parse::<CorsOrigin>().is_ok(), "{origin}");
        }
        for other in [
            "",
            "null",
            "app.example",
            "https://",
            "https://app.example/",
            "https://app.example/page",
            "https://app.example:443",
            "http://app.example:80",
            "https://app.example:",
            "https://App.example",
            "https://user@app.example",
            "https://*.example/*",
            "https://bücher.example",
            "https://a.example https://b.example",
        ] {
            assert!(other.parse::<CorsOrigin>().is_err(), "{other}");
        }
    }
}
