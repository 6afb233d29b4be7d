//! The log of `timedb api` on stderr. `TIMEDB_LOG` filters it, within limits: other crates' debug lines contain
//! statement parameters and request heads, and those contain API keys.

mod queue;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::panic;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

use crate::cli::failure::Failure;
use crate::cli::terminal;
use queue::LogQueue;

/// How long the end of the program waits for a reader to take the last lines.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(1);

/// There is one log, and who ends the program at once has no value to find it by.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Changes what is logged, while the program runs.
pub struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// From here on this filter counts.
    ///
    /// # Errors
    /// A usage error for what is no filter; the one before goes on.
    pub fn change(&self, filter: &str) -> Result<(), Failure> {
        let changed = self.0.reload(parse(filter)?);
        changed.map_err(|error| Failure::new(format!("The log's filter cannot change: {error}")))
    }
}

/// The log that has been started.
pub struct Log {
    /// Of what is logged.
    pub filter: LogFilter,
    /// How many lines could not be written.
    pub dropped: Arc<AtomicU64>,
}

/// With the end of the value the lines so far are written, also when it ends with a panic.
pub struct FlushAtEnd;

impl Drop for FlushAtEnd {
    fn drop(&mut self) {
        flush();
    }
}

/// Starts logging for the rest of the program.
pub fn start(filter: &str, format: LogFormat) -> Result<Log, Failure> {
    let cannot =
        |error: &dyn std::error::Error| Failure::new(format!("Logging cannot start: {error}"));
    let queue = LogQueue::start(io::stderr()).map_err(|error| cannot(&error))?;
    let (logger, filter) = logger(filter, format, queue.clone(), terminal::is_fancy(true))?;
    // Not `init()`: that would also bring in what crates write through `log`, parameters included.
    tracing::subscriber::set_global_default(logger).map_err(|error| cannot(&error))?;
    let queue = QUEUE.get_or_init(|| queue);
    // What std writes itself would wait for a reader of stderr that is slow.
    panic::set_hook(Box::new(|panic| {
        let trace = Backtrace::capture();
        let trace = (trace.status() == BacktraceStatus::Captured).then_some(trace);
        tracing::error!(backtrace = trace.map(tracing::field::display), "{panic}");
    }));
    let dropped = queue.dropped();
    Ok(Log { filter, dropped })
}

/// Writes a line to stderr as it is, in its turn among those of the log.
pub fn say(line: &str) {
    match QUEUE.get() {
        Some(queue) => queue.push(format!("{line}\n").as_bytes()),
        None => terminal::complain(line),
    }
}

/// Waits for the lines so far to be written, but not for long.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(LAST_LINES_LIMIT);
    }
}

fn parse(filter: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(filter)
        .map_err(|error| {
            Failure::usage(format!(
                "TIMEDB_LOG is not a log filter such as `info` or `timedb_http=debug`: {error}"
            ))
        })
}

fn logger<W>(
    filter: &str,
    format: LogFormat,
    writer: W,
    colour: bool,
) -> Result<(impl Subscriber + Send + Sync, LogFilter), Failure>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(colour).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    };
    let lines = lines.with_filter(filter.and(filter_fn(is_safe)));
    Ok((Registry::default().with(lines), LogFilter(handle)))
}

/// Only this product's own lines are known to hold no key at every level.
fn is_safe(line: &Metadata<'_>) -> bool {
    line.target().starts_with("timedb") || *line.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let (logger, _filter) =
            logger(filter, LogFormat::Text, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(logger, || {
            tracing::debug!(target: "timedb_http::db", "own line");
            tracing::debug!(target: "tokio_postgres::query", "parameters: [\"tdb_key\"]");
            tracing::warn!(target: "hyper::server", "somebody else's warning");
        });
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn debug_lines_of_other_crates_never_appear() {
        for filter in ["trace", "debug", "tokio_postgres=trace,timedb_http=debug"] {
            let text = logged(filter);
            assert!(text.contains("own line"), "{filter}: {text}");
            assert!(!text.contains("tdb_key"), "{filter}: {text}");
        }
    }

    #[test]
    fn info_is_the_default_and_quiet_is_possible() {
        let text = logged("");
        assert!(!text.contains("own line"), "{text}");
        assert!(text.contains("somebody else's warning"), "{text}");
        assert_eq!(logged("off"), "");
    }

    #[test]
    fn bad_filter_is_a_usage_error() {
        let outcome = logger("timedb_http=loud", LogFormat::Text, io::sink, false);
        assert_eq!(outcome.err().unwrap().code(), 2);
    }
}
