//! The signals that ask a command to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::logging;

/// SIGINT and SIGTERM.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Listens from here on.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Ends with the first signal. A second one ends the program, whatever still runs.
    pub async fn requested(mut self) {
        self.next().await;
        logging::say(
            "Stopping: requests in progress may finish; a second signal stops immediately",
        );
        tokio::spawn(async move {
            self.next().await;
            logging::flush();
            std::process::exit(1);
        });
    }

    /// Ends with the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
