//! Nobody gets everything: of the connections to the database, and of the memory for request bodies, one tenant has a
//! share, however many keys and requests it has. The database says whose a key is; what is kept here is for counting
//! only and never lets anybody in.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::server::{key::ApiKey, record::Identity};

/// From this many entries on, keys and shares that are not in use are forgotten.
const FORGET_FROM: usize = 4096;

/// Who is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    /// All whose key has not been seen to be valid: the wrong ones, and each valid one until its first answer.
    Strangers,
    /// Who comes without a key.
    Keyless,
    /// All keys of a tenant.
    Tenant(Uuid),
}

/// Whose keys are, as far as they have been good here.
#[derive(Clone, Default)]
pub(crate) struct Parties(Arc<Mutex<HashMap<[u8; 32], Identity>>>);

impl Parties {
    /// Who a key counts as.
    pub(crate) fn of(&self, key: Option<&ApiKey>) -> Party {
        let Some(key) = key else {
            return Party::Keyless;
        };
        match lock(&self.0).get(&key.fingerprint()) {
            Some(known) => Party::Tenant(known.tenant),
            None => Party::Strangers,
        }
    }

    /// What a key is called in the log.
    pub(crate) fn identity(&self, key: Option<&ApiKey>) -> Option<Identity> {
        lock(&self.0).get(&key?.fingerprint()).copied()
    }

    /// A key that is not good any more counts as one that never was.
    pub(crate) fn forget(&self, fingerprint: &[u8; 32]) {
        lock(&self.0).remove(fingerprint);
    }

    /// Takes note of what the database has said of a key.
    pub(crate) fn learn(&self, key: Option<&ApiKey>, identity: Identity) -> Party {
        let Some(key) = key else {
            return Party::Keyless;
        };
        let mut known = lock(&self.0);
        // They are learned again with their next request.
        if known.len() >= FORGET_FROM && !known.contains_key(&key.fingerprint()) {
            known.clear();
        }
        known.insert(key.fingerprint(), identity);
        Party::Tenant(identity.tenant)
    }
}

/// Something of which there is a number, and of which each party may have a part of it at a time.
#[derive(Clone)]
pub(crate) struct Shares {
    each: usize,
    parties: Arc<Mutex<HashMap<Party, Arc<Semaphore>>>>,
}

impl Shares {
    pub(crate) fn new(each: usize) -> Self {
        Self {
            each: each.clamp(1, Semaphore::MAX_PERMITS),
            parties: Arc::default(),
        }
    }

    /// What a party may have, less what it has.
    pub(crate) fn of(&self, party: Party) -> Arc<Semaphore> {
        let mut parties = lock(&self.parties);
        if parties.len() >= FORGET_FROM {
            // Whoever holds or waits for a permit holds its semaphore too.
            parties.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let share = parties
            .entry(party)
            .or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Arc::clone(share)
    }
}

/// Locks, also after a panic of whoever held it: nothing here is left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory for the bodies of all requests together, in bytes, of which each party has a share.
pub(crate) struct BodyMemory {
    all: Arc<Semaphore>,
    shares: Shares,
    patience: Duration,
}

/// One permit represents this many bytes.
const GRAIN: usize = 1 << 10;
/// Permits that a body takes at a time.
const AHEAD: usize = 64;

/// What the memory of one body is waiting for.
#[derive(Debug)]
pub(crate) struct NoRoom;

/// What one body has of the memory; it goes back with it.
#[derive(Default)]
pub(crate) struct Held {
    grains: usize,
    permits: Vec<OwnedSemaphorePermit>,
}

impl BodyMemory {
    /// `largest` is the size of the largest body, for which there is always room in a share that is not used.
    pub(crate) fn new(bytes: usize, largest: usize, patience: Duration) -> Self {
        let grains = bytes.max(largest).div_ceil(GRAIN) + 1;
        let share = (bytes / 2).max(largest).div_ceil(GRAIN) + 1;
        Self {
            all: Arc::new(Semaphore::new(grains.min(Semaphore::MAX_PERMITS))),
            shares: Shares::new(share),
            patience,
        }
    }

    /// Makes room for a body of so many bytes so far; waits for others to go, but not for long.
    ///
    /// # Errors
    /// When there is none in time; what the body has goes back with `held`.
    pub(crate) async fn grow(
        &self,
        held: &mut Held,
        party: Party,
        bytes: usize,
    ) -> Result<(), NoRoom> {
        let wanted = bytes.div_ceil(GRAIN).saturating_sub(held.grains);
        if wanted == 0 {
            return Ok(());
        }
        // Not for each packet.
        let at_best = u32::try_from(wanted.next_multiple_of(AHEAD)).map_err(|_| NoRoom)?;
        let at_least = u32::try_from(wanted).map_err(|_| NoRoom)?;
        let mut got = at_best;
        for share in [self.shares.of(party), Arc::clone(&self.all)] {
            let permit = match Arc::clone(&share).try_acquire_many_owned(got) {
                Ok(permit) => permit,
                Err(_) => {
                    got = at_least;
                    let room = share.acquire_many_owned(got);
                    let in_time = tokio::time::timeout(self.patience, room).await;
                    in_time.ok().and_then(Result::ok).ok_or(NoRoom)?
                }
            };
            held.permits.push(permit);
        }
        held.grains += got as usize;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: &str) -> ApiKey {
        // A key of the Python project's form needs no checksum.
        ApiKey::parse(&format!("{last:a>43}")).unwrap()
    }

    #[test]
    fn a_key_is_a_stranger_until_the_database_has_said_whose_it_is() {
        let parties = Parties::default();
        let tenant = Uuid::from_u128(1);
        let identity = Identity { tenant, key: None };
        assert_eq!(parties.of(None), Party::Keyless);
        assert_eq!(parties.of(Some(&key("x"))), Party::Strangers);
        parties.learn(Some(&key("x")), identity);
        parties.learn(Some(&key("y")), identity);
        assert_eq!(parties.of(Some(&key("x"))), Party::Tenant(tenant));
        assert_eq!(parties.of(Some(&key("y"))), Party::Tenant(tenant));
        assert_eq!(parties.of(Some(&key("z"))), Party::Strangers);
    }

    #[test]
    fn keys_of_the_past_take_no_memory() {
        let parties = Parties::default();
        for n in 0..3 * FORGET_FROM {
            let tenant = Uuid::from_u128(n as u128);
            let identity = Identity { tenant, key: None };
            parties.learn(Some(&key(&format!("{n}"))), identity);
        }
        assert!(lock(&parties.0).len() <= FORGET_FROM);
        let shares = Shares::new(2);
        for n in 0..3 * FORGET_FROM {
            shares.of(Party::Tenant(Uuid::from_u128(n as u128)));
        }
        assert!(lock(&shares.parties).len() <= FORGET_FROM);
    }

    #[test]
    fn one_party_has_its_share_and_no_more() {
        let shares = Shares::new(2);
        let a = Party::Tenant(Uuid::from_u128(1));
        let b = Party::Tenant(Uuid::from_u128(2));
        let held: Vec<_> = (0..2)
            .map(|_| shares.of(a).try_acquire_owned().unwrap())
            .collect();
        assert!(shares.of(a).try_acquire_owned().is_err());
        assert!(shares.of(b).try_acquire_owned().is_ok());
        drop(held);
        assert!(shares.of(a).try_acquire_owned().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_of_one_party_leave_room_for_another() {
        let memory = BodyMemory::new(1 << 20, 256 << 10, Duration::from_secs(5));
        let (a, b) = (Party::Strangers, Party::Keyless);
        let mut bodies: Vec<Held> = Vec::new();
        // Half of it, in two bodies that grow by turns.
        for _ in 0..2 {
            bodies.push(Held::default());
        }
        for step in 1..=4 {
            for held in &mut bodies {
                memory.grow(held, a, step * (64 << 10)).await.unwrap();
            }
        }
        let mut third = Held::default();
        assert!(memory.grow(&mut third, a, 100 << 10).await.is_err());
        let mut other = Held::default();
        memory.grow(&mut other, b, 256 << 10).await.unwrap();
        drop(third);
        bodies.pop();
        let mut fourth = Held::default();
        memory.grow(&mut fourth, a, 100 << 10).await.unwrap();
    }
}
