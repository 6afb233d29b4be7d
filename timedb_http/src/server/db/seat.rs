//! A request's place among those of its tenant: it exists before a connection is requested, and as long as the request
//! has one.

use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tokio_postgres::Row;

use super::database::Database;
use crate::server::{error::ApiError, key::ApiKey, share::Party};

/// A place; it goes to the next one when it is dropped.
pub(super) struct Seat {
    party: Party,
    _permit: OwnedSemaphorePermit,
}

impl Database {
    /// Waits for a place, as long as for a connection.
    ///
    /// # Errors
    /// 503 when the tenant's other requests do not end in time.
    pub(super) async fn seat(&self, key: Option<&ApiKey>) -> Result<Seat, ApiError> {
        let deadline = Instant::now() + self.acquire_timeout;
        loop {
            let party = self.parties.of(key);
            let share = self.seats.of(party);
            let Ok(Ok(permit)) = tokio::time::timeout_at(deadline, share.acquire_owned()).await
            else {
                return Err(full(party));
            };
            // Another request may have told meanwhile whose key it is.
            if self.parties.of(key) == party {
                return Ok(Seat {
                    party,
                    _permit: permit,
                });
            }
        }
    }

    /// Takes note of whose key it is, as `authenticate` has answered, and goes over to the places of its tenant if one is
    /// free there. The request is as good as over: where none is, it keeps the one that it has.
    pub(super) fn change_seat(&self, seat: &mut Seat, key: Option<&ApiKey>, authenticated: &[Row]) {
        let tenant = authenticated.first().map(|row| row.try_get(0));
        let (Party::Strangers, Some(Ok(tenant))) = (seat.party, tenant) else {
            return;
        };
        let party = self.parties.learn(key, tenant);
        if let Ok(permit) = self.seats.of(party).try_acquire_owned() {
            *seat = Seat {
                party,
                _permit: permit,
            };
        }
    }
}

fn full(party: Party) -> ApiError {
    tracing::warn!(?party, "a tenant has too many requests in progress");
    ApiError::unavailable(match party {
        Party::Strangers => "The server is busy; please try again.",
        _ => "Too many of your requests are in progress; please try again.",
    })
}
