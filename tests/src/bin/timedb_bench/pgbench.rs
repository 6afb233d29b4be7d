//! `pgbench`: authenticated reads in SQL over as many connections as the HTTP side has.

use std::fs;

use timedb_tests::{Db, Role, pg_tool};
use tokio_postgres::config::Host;

use crate::Result;
use crate::small::Load;

/// How the statements of a transaction go to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// All at once, as our server does.
    Pipelined,
    /// Each after the answer to the one before.
    OneByOne,
}

/// Runs `read` in an authenticated transaction, over and over.
///
/// # Errors
/// When pgbench fails, or does not say what it reached.
pub fn run(
    db: &Db,
    key: &str,
    read: &str,
    sent: Sent,
    connections: usize,
    seconds: u64,
) -> Result<Load> {
    let (begin, end) = match sent {
        Sent::Pipelined => ("\\startpipeline\n", "\\endpipeline\n"),
        Sent::OneByOne => ("", ""),
    };
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("script.sql");
    fs::write(
        &script,
        format!("{begin}BEGIN;\nSELECT timedb.authenticate(:key);\n{read};\nCOMMIT;\n{end}"),
    )?;
    let config: tokio_postgres::Config = db.dsn(Role::User).parse()?;
    let (Some(Host::Tcp(host)), Some(port)) =
        (config.get_hosts().first(), config.get_ports().first())
    else {
        return Err("the cluster has no address".into());
    };
    let (port, connections) = (port.to_string(), connections.to_string());
    let output = pg_tool("pgbench")
        .env("PGPASSWORD", db.password())
        .args(["-n", "-M", "prepared", "-j", "1", "--log", "--log-prefix"])
        .args([folder.path().join("log")])
        .args(["-h", host, "-p", &port, "-U", &db.role_name(Role::User)])
        .args(["-c", &connections, "-T", &seconds.to_string()])
        .args(["-D", &format!("key={key}"), "-f"])
        .args([&script])
        .args([&db.name])
        .run();
    let rate = output.stdout.lines().find_map(|line| {
        let number = line.strip_prefix("tps = ")?.split(' ').next()?;
        number.parse().ok()
    });
    let failed = !output.stdout.contains("number of failed transactions: 0 ");
    let (0, false, Some(rate)) = (output.code, failed, rate) else {
        return Err(format!("pgbench: {output:?}").into());
    };
    // A line is: client, number, microseconds, script, and the end of the transaction.
    let mut latencies = Vec::new();
    for entry in fs::read_dir(folder.path())? {
        let path = entry?.path();
        if path != script {
            let text = fs::read_to_string(path)?;
            let times = text.lines().filter_map(|line| line.split(' ').nth(2));
            let times = times.filter_map(|time| time.parse::<f64>().ok());
            latencies.extend(times.map(|micros| micros / 1e3));
        }
    }
    Ok(Load { rate, latencies })
}
