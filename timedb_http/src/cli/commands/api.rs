//! `timedb api`: a listener, a shutdown on signals, and messages to the operator. What is served is up to the library.

use std::io;
use std::net::SocketAddr;

use timedb_http::{DatabaseStatus, check_database};
use tokio::net::TcpListener;

use super::stop::Stop;
use crate::cli::config::{self, Environment};
use crate::cli::failure::Failure;
use crate::cli::grammar::ApiArgs;
use crate::cli::{logging, terminal};

/// `timedb api`: serves until SIGINT or SIGTERM, then lets running requests end.
pub async fn serve(arguments: &ApiArgs, environment: &Environment) -> Result<(), Failure> {
    let database = environment.database(arguments.dsn.as_ref())?;
    logging::start(&arguments.log)?;
    let place = config::describe(&database);
    let config = arguments.server_config(database)?;
    // Signals count from here on: one that comes during the start must not be lost.
    let mut stop = Stop::listen()?;
    let listener = bind(&arguments.host, arguments.port).await?;
    let address = listener.local_addr()?;
    terminal::complain(&format!("Starting TimeDB API server on http://{address}"));
    let status = tokio::select! {
        status = check_database(&config) => status,
        () = stop.next() => return Ok(()),
    };
    let status =
        status.map_err(|error| Failure::new(format!("Cannot serve database {place}: {error}")))?;
    announce(address, &place, &status);
    timedb_http::serve(listener, config, &status, stop.requested()).await;
    terminal::complain("Stopped");
    Ok(())
}

fn announce(address: SocketAddr, place: &str, status: &DatabaseStatus) {
    terminal::complain(&format!(
        "Database {place}, timedb {}",
        status.extension_version
    ));
    if let Some(role) = &status.superuser {
        terminal::complain(&format!(
            "WARNING: the server is connected as \"{role}\", which has the privileges of a superuser, but \
             it needs only those of timedb_user. Give it a role of its own: CREATE ROLE timedb_server LOGIN IN ROLE timedb_user;"
        ));
    }
    if !status.auth_required {
        terminal::complain("This store is open: requests without an API key are served");
        if !address.ip().is_loopback() {
            terminal::complain("WARNING: anybody who can reach this address can read and write");
        }
    }
    terminal::complain("Press Ctrl-C to stop");
    // Programs wait for this line; one that doesn't read it is served all the same.
    if let Err(error) = terminal::print(&format!("Listening on http://{address}\n")) {
        tracing::debug!(%error, "stdout cannot be written");
    }
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, Failure> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    TcpListener::bind((name, port)).await.map_err(|error| {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program is listening there; stop it or choose another --port".to_owned()
            }
            io::ErrorKind::PermissionDenied => {
                "that port requires more privileges; choose a --port of at least 1024".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            _ => error.to_string(),
        };
        Failure::new(format!("Cannot listen on {host}:{port}: {reason}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn address_in_use_is_a_sentence() {
        let first = bind("127.0.0.1", 0).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let failure = bind("127.0.0.1", port).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!(
                "Cannot listen on 127.0.0.1:{port}: another program is listening there; stop \
                 it or choose another --port"
            )
        );
    }
}
