//! `timedb api`: a listener, a shutdown on signals, and messages to the operator. What is served is up to the library.

use std::path::Path;
use std::sync::Arc;

use timedb_http::{
    Certificates, DatabaseStatus, Listener, MetricsListener, Transport, check_database,
};
use tokio::sync::mpsc;
use tokio_postgres::Config;

use super::place::{Place, bind, bind_metrics, bind_socket};
use super::reload::{self, Reloader};
use super::stop::Stop;
use crate::cli::config::{self, Environment};
use crate::cli::failure::Failure;
use crate::cli::grammar::{ApiArgs, SettingSource};
use crate::cli::{logging, terminal};

/// `timedb api`: serves until SIGINT or SIGTERM, then lets running requests end.
pub async fn serve(arguments: &ApiArgs, environment: &Environment) -> Result<(), Failure> {
    if arguments.print_config {
        return print_settings(arguments, environment);
    }
    let database = environment.database(arguments.dsn.as_ref())?;
    let log = logging::start(&arguments.log, arguments.log_format)?;
    let target = config::describe(&database);
    let config = arguments.server_config(database.clone())?;
    let certificates = match arguments.certificate_files()? {
        Some(files) => Some(
            Certificates::load(files)
                .map_err(|fault| Failure::new(format!("Cannot serve with TLS: {fault}")))?,
        ),
        None => None,
    };
    // Signals count from here on: one that comes during the start must not be lost.
    let mut stop = Stop::listen()?;
    let hangups = reload::hangups()?;
    let (listener, place) = match &arguments.unix_socket {
        Some(path) => bind_socket(Path::new(path))?,
        None => {
            let listener = bind(&arguments.host, arguments.port).await?;
            let at = listener.local_addr()?;
            let is_tls = certificates.is_some();
            (Listener::Tcp(listener), Place::Address { at, is_tls })
        }
    };
    let metrics = match &arguments.metrics_listen {
        Some(place) => Some(MetricsListener {
            listener: bind_metrics(place).await?,
            dropped_lines: Arc::clone(&log.dropped),
        }),
        None => None,
    };
    logging::say(&format!("Starting TimeDB API server on {place}"));
    let status = tokio::select! {
        status = check_database(&config) => status,
        () = stop.next() => return Ok(()),
    };
    let status =
        status.map_err(|error| Failure::new(format!("Cannot serve database {target}: {error}")))?;
    if !status.auth_required && !place.is_local() && !arguments.allow_open {
        return Err(Failure::new(format!(
            "This store is open: without a key anybody who can reach {place} could read and write. Listen on 127.0.0.1 \
             or --unix-socket, have keys required (timedb.set_auth_required(true)), or allow it with --allow-open"
        )));
    }
    if let Some(metrics) = &metrics {
        let address = metrics.listener.local_addr()?;
        logging::say(&format!("Metrics on http://{address}/metrics"));
    }
    announce(&place, &target, &status);
    let (changes, reloads) = mpsc::channel(1);
    if let Some(certificates) = &certificates {
        tokio::spawn(certificates.clone().follow());
    }
    let reloader = Reloader {
        hangups,
        settings: arguments.settings.clone(),
        database,
        log: log.filter,
        certificates: certificates.clone(),
        changes,
    };
    tokio::spawn(reloader.run());
    let transport = Transport {
        listener,
        certificates,
        metrics,
    };
    timedb_http::serve(transport, config, &status, reloads, stop.requested()).await;
    drop(place);
    logging::say("Stopped");
    Ok(())
}

/// The settings as a file of settings has them.
fn print_settings(arguments: &ApiArgs, environment: &Environment) -> Result<(), Failure> {
    // What would not start is not shown as if it did.
    arguments.server_config(Config::new())?;
    let mut lines = String::new();
    for setting in &arguments.settings {
        let mut line = setting.shown();
        if setting.name == "dsn"
            && let Some(dsn) = environment.shown_dsn(arguments.dsn.as_ref())
            && setting.source == SettingSource::Default
        {
            let dsn = dsn.replace('\\', "\\\\").replace('"', "\\\"");
            line = format!("dsn = \"{dsn}\"  # environment");
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    terminal::print(&lines)?;
    Ok(())
}

fn announce(place: &Place, database: &str, status: &DatabaseStatus) {
    logging::say(&format!(
        "Database {database}, timedb {}",
        status.extension_version
    ));
    if let Some(role) = &status.superuser {
        logging::say(&format!(
            "WARNING: the server is connected as \"{role}\", which has the privileges of a superuser, but \
             it needs only those of timedb_user. Give it a role of its own: CREATE ROLE timedb_server LOGIN IN ROLE timedb_user;"
        ));
    }
    if !status.auth_required {
        logging::say("This store is open: requests without an API key are served");
        if !place.is_local() {
            logging::say("WARNING: anybody who can reach this address can read and write");
        }
    }
    logging::say("Press Ctrl-C to stop");
    // Programs wait for this line; one that doesn't read it is served all the same.
    if let Err(error) = terminal::print(&format!("Listening on {place}\n")) {
        tracing::debug!(%error, "stdout cannot be written");
    }
}
