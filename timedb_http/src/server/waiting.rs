//! Clients that wait for news. A write through this server wakes those of its tenant; of what is written elsewhere
//! nobody tells, so each looks again now and then, at a pace that all of them share. Who waits has nothing but a place
//! here: no connection to the database and no seat. What is news, and for whom, only the database knows.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep, sleep_until},
};

use crate::server::share::{Party, Shares, lock};

/// Nobody looks more often than this, however much is written.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// Without news of its tenant a client looks after this time,
const PACE: Duration = Duration::from_secs(1);
/// or later, so that all that wait together look about a hundred times a second.
const PACE_OF_EACH: Duration = Duration::from_millis(10);

/// All who wait.
pub(crate) struct Waiting {
    most: usize,
    all: Arc<Semaphore>,
    shares: Shares,
    /// Of each party of whom somebody waits.
    news: Mutex<HashMap<Party, watch::Sender<()>>>,
    is_over: watch::Sender<bool>,
}

/// Why a client cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// Too many of its tenant do.
    OfTenant,
    /// Too many in all do.
    OfAll,
}

/// Why waiting has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// It is time to look again.
    Look,
    /// The time is over, or the server stops.
    End,
}

impl Waiting {
    /// So many may wait, a quarter of them of one tenant.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self {
            most,
            all: Arc::new(Semaphore::new(most)),
            shares: Shares::new(most.div_ceil(4)),
            news: Mutex::default(),
            is_over: watch::Sender::new(false),
        }
    }

    /// A place for one more.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn enter(self: &Arc<Self>, party: Party) -> Result<WaitingClient, NoPlace> {
        let share = self.shares.of(party);
        let of_tenant = share.try_acquire_owned().map_err(|_| NoPlace::OfTenant)?;
        let all = Arc::clone(&self.all);
        let of_all = all.try_acquire_owned().map_err(|_| NoPlace::OfAll)?;
        let mut news = lock(&self.news);
        let of_party = news.entry(party).or_insert_with(|| watch::Sender::new(()));
        Ok(WaitingClient {
            news: of_party.subscribe(),
            is_over: self.is_over.subscribe(),
            waiting: Arc::clone(self),
            party,
            _place: [of_tenant, of_all],
        })
    }

    /// Something was written.
    pub(crate) fn wake(&self, party: Party) {
        if let Some(news) = lock(&self.news).get(&party) {
            news.send_replace(());
        }
    }

    /// Ends all waiting, now and later.
    pub(crate) fn end(&self) {
        self.is_over.send_replace(true);
    }

    /// How many wait, and how many may.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let free = self.all.available_permits().min(self.most);
        (self.most - free, self.most)
    }

    fn pace(&self) -> Duration {
        let (waiting, _) = self.counts();
        let shared = PACE_OF_EACH.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX));
        shared.max(PACE)
    }
}

/// A client that waits; its place goes to the next one when the value is dropped.
pub(crate) struct WaitingClient {
    waiting: Arc<Waiting>,
    party: Party,
    news: watch::Receiver<()>,
    is_over: watch::Receiver<bool>,
    _place: [OwnedSemaphorePermit; 2],
}

impl WaitingClient {
    /// Waits until it is worth while to look again. What was written since the last time counts, too.
    pub(crate) async fn until(&mut self, deadline: Instant) -> Woken {
        let Self {
            waiting,
            news,
            is_over,
            ..
        } = self;
        let look = async {
            sleep(SHORTEST_PAUSE).await;
            let told = async {
                if news.changed().await.is_err() {
                    pending::<()>().await;
                }
            };
            tokio::select! {
                () = told => {}
                () = sleep(waiting.pace() - SHORTEST_PAUSE) => {}
            }
        };
        tokio::select! {
            biased;
            _ = is_over.wait_for(|is_over| *is_over) => Woken::End,
            () = sleep_until(deadline) => Woken::End,
            () = look => Woken::Look,
        }
    }
}

impl Drop for WaitingClient {
    fn drop(&mut self) {
        let mut news = lock(&self.waiting.news);
        let is_last = |news: &watch::Sender<()>| news.receiver_count() <= 1;
        if news.get(&self.party).is_some_and(is_last) {
            news.remove(&self.party);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenant(number: u128) -> Party {
        Party::Tenant(Uuid::from_u128(number))
    }

    /// What wakes a client, and after how many milliseconds.
    async fn woken(client: &mut WaitingClient, seconds: u64) -> (Woken, u128) {
        let began = Instant::now();
        let woken = client.until(began + Duration::from_secs(seconds)).await;
        (woken, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_wakes_its_tenant_soon_and_nobody_else() {
        let waiting = Arc::new(Waiting::new(100));
        let mut client = waiting.enter(tenant(1)).unwrap_or_else(|_| panic!());
        assert_eq!(woken(&mut client, 30).await, (Woken::Look, 1000));
        waiting.wake(tenant(1));
        assert_eq!(woken(&mut client, 30).await, (Woken::Look, 100));
        waiting.wake(tenant(2));
        assert_eq!(woken(&mut client, 30).await, (Woken::Look, 1000));
        assert_eq!(woken(&mut client, 0).await, (Woken::End, 0));
        drop(client);
        assert!(lock(&waiting.news).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_has_a_quarter_of_the_places_and_all_share_a_pace() {
        let waiting = Arc::new(Waiting::new(800));
        let mut clients = Vec::new();
        for number in 0..4 {
            for _ in 0..200 {
                clients.extend(waiting.enter(tenant(number)).ok());
            }
            let refused = waiting.enter(tenant(number)).err();
            assert_eq!(refused, Some(NoPlace::OfTenant));
        }
        assert_eq!(waiting.enter(tenant(9)).err(), Some(NoPlace::OfAll));
        let one = clients.last_mut().unwrap();
        assert_eq!(woken(one, 30).await, (Woken::Look, 8000));
        clients.truncate(799);
        assert!(waiting.enter(tenant(9)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn all_waiting_ends_when_the_server_stops() {
        let waiting = Arc::new(Waiting::new(4));
        let mut client = waiting.enter(tenant(1)).unwrap_or_else(|_| panic!());
        waiting.end();
        assert_eq!(woken(&mut client, 30).await, (Woken::End, 0));
        assert_eq!(waiting.counts(), (1, 4));
        let mut later = waiting.enter(tenant(2)).unwrap_or_else(|_| panic!());
        assert_eq!(woken(&mut later, 30).await, (Woken::End, 0));
    }
}
