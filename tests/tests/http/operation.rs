//! The server as its operator meets it: metrics, the log, settings, signals and transport.

mod log;
mod metrics;
mod settings;
mod transport;
mod usage;
