//! The formats of rows over HTTP, as a client of Python meets them: `formats.py` measures, beside JSON.

use timedb_tests::{Role, Server, python};

use crate::Result;
use crate::report::{less, progress};
use crate::store::Store;

/// All formats, to and from a DataFrame.
///
/// # Errors
/// When the client fails, or says what is no line of three columns.
pub async fn measure(runs: usize) -> Result<()> {
    progress("formats of rows");
    let store = Store::new(runs).await?;
    let server = Server::start_with(&store.db.dsn(Role::User), &[], &[]);
    let output = python(&["-c", include_str!("formats.py")])
        .env("TIMEDB_URL", server.url())
        .env("TIMEDB_KEY", &store.db.a().key)
        .env("PID", server.process_id().to_string())
        .env("RUNS", runs.to_string())
        .run();
    if output.code != 0 {
        return Err(output.stderr.into());
    }
    for line in output.stdout.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [metric, ours, baseline] = columns[..] else {
            return Err(format!("no measurement: {line}").into());
        };
        less(metric, ours.parse()?, baseline.parse()?);
    }
    Ok(())
}
