//! How often a client may ask: a rate for each key, and a number of failed authentications for each address. Counted
//! here and for this process only; whether a key is good is up to the database.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::HashMapStateStore,
};

use crate::server::share::lock;

/// Failures are counted for so long.
const WINDOW: Duration = Duration::from_secs(60);
/// From this many entries on, those that say nothing any more are forgotten.
const FORGET_FROM: usize = 4096;
/// There are never more addresses than this; one more, and all are forgotten.
const MOST_ADDRESSES: usize = 65_536;

/// How long a client has to wait, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait(pub u16);

impl Wait {
    fn of(left: Duration) -> Self {
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        Self(u16::try_from(seconds.max(1)).unwrap_or(u16::MAX))
    }
}

/// A burst that is not said is what comes in so many seconds.
const BURST_SECONDS: u32 = 10;

/// Requests a second of each key, represented by its hash.
pub(crate) struct Rates {
    /// None means no limit.
    limiter: Option<RateLimiter<[u8; 32], HashMapStateStore<[u8; 32]>, DefaultClock>>,
    /// From so many keys on, those that have been quiet are forgotten.
    forget_from: AtomicUsize,
}

impl Rates {
    /// So many a second, and `burst` at once, or as many as in ten seconds if that is 0. A rate of 0 means no limit.
    pub(crate) fn new(a_second: u32, burst: u32) -> Self {
        let limiter = NonZeroU32::new(a_second).map(|rate| {
            let usual = NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1);
            let burst = NonZeroU32::new(burst).unwrap_or(rate.saturating_mul(usual));
            RateLimiter::hashmap(Quota::per_second(rate).allow_burst(burst))
        });
        Self {
            limiter,
            forget_from: AtomicUsize::new(FORGET_FROM),
        }
    }

    /// Counts a request of a key that has been good before: nobody else can make the table grow.
    ///
    /// # Errors
    /// How long to wait, when the key has had its share; such a request does not count.
    pub(crate) fn take(&self, key: [u8; 32]) -> Result<(), Wait> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        if limiter.len() >= self.forget_from.load(Relaxed) {
            limiter.retain_recent();
            // Not with each request of so many keys that are all busy.
            let next = limiter.len().saturating_mul(2).max(FORGET_FROM);
            self.forget_from.store(next, Relaxed);
        }
        let taken = limiter.check_key(&key);
        taken.map_err(|not_until| Wait::of(not_until.wait_time_from(limiter.clock().now())))
    }
}

/// Requests from one address that were answered 401, apart for those with a key and those without.
pub(crate) struct Failures {
    /// So many within a window; 0 means no limit.
    most: u32,
    counted: Mutex<HashMap<(IpAddr, bool), FailureCount>>,
}

struct FailureCount {
    since: Instant,
    failures: u32,
}

impl Failures {
    pub(crate) fn new(most: u32) -> Self {
        Self {
            most,
            counted: Mutex::default(),
        }
    }

    /// Whether one more may try.
    ///
    /// # Errors
    /// How long to wait, when there were too many failures.
    pub(crate) fn admit(&self, address: IpAddr, with_key: bool, now: Instant) -> Result<(), Wait> {
        if self.most == 0 {
            return Ok(());
        }
        let counted = lock(&self.counted);
        let Some(of_it) = counted.get(&(network(address), with_key)) else {
            return Ok(());
        };
        let left = WINDOW.saturating_sub(now.saturating_duration_since(of_it.since));
        match left.is_zero() || of_it.failures < self.most {
            true => Ok(()),
            false => Err(Wait::of(left)),
        }
    }

    /// Counts a failure.
    pub(crate) fn note(&self, address: IpAddr, with_key: bool, now: Instant) {
        if self.most == 0 {
            return;
        }
        let is_over = |of_it: &FailureCount| now.saturating_duration_since(of_it.since) >= WINDOW;
        let mut counted = lock(&self.counted);
        let place = (network(address), with_key);
        if counted.len() >= MOST_ADDRESSES && !counted.contains_key(&place) {
            counted.retain(|_, of_it| !is_over(of_it));
            if counted.len() >= MOST_ADDRESSES {
                tracing::warn!("failed authentications come from too many addresses to count them");
                counted.clear();
            }
        }
        let of_it = counted.entry(place).or_insert(FailureCount {
            since: now,
            failures: 0,
        });
        if is_over(of_it) {
            *of_it = FailureCount {
                since: now,
                failures: 0,
            };
        }
        of_it.failures = of_it.failures.saturating_add(1);
    }
}

/// What one client has: an address of IPv4, or the 64 bits of IPv6 that networks are given.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let bits = address.to_bits() & (u128::MAX << 64);
            std::net::Ipv6Addr::from_bits(bits).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_burst_and_then_waits_and_another_has_its_own() {
        let rates = Rates::new(1, 3);
        assert!((0..3).all(|_| rates.take([1; 32]).is_ok()));
        assert_eq!(rates.take([1; 32]), Err(Wait(1)));
        assert_eq!(rates.take([2; 32]), Ok(()));
        let off = Rates::new(0, 0);
        assert!((0..10_000).all(|_| off.take([1; 32]).is_ok()));
    }

    #[test]
    fn keys_that_have_been_quiet_take_no_memory() {
        let rates = Rates::new(1_000_000, 1);
        for n in 0..4 * FORGET_FROM as u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_le_bytes());
            assert_eq!(rates.take(key), Ok(()));
        }
        let kept = rates.limiter.as_ref().map(|limiter| limiter.len());
        assert!(kept.unwrap() <= 2 * FORGET_FROM, "{kept:?}");
    }

    #[test]
    fn failures_of_one_address_keep_no_other_out_and_are_forgotten() {
        let failures = Failures::new(2);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = address("192.0.2.1");
        failures.note(one, true, start);
        assert_eq!(failures.admit(one, true, after(1)), Ok(()));
        failures.note(address("::ffff:192.0.2.1"), true, after(2));
        assert_eq!(failures.admit(one, true, after(10)), Err(Wait(50)));
        assert_eq!(failures.admit(one, false, after(10)), Ok(()));
        assert_eq!(
            failures.admit(address("192.0.2.2"), true, after(10)),
            Ok(())
        );
        assert_eq!(failures.admit(one, true, after(60)), Ok(()));
        failures.note(one, true, after(61));
        assert_eq!(failures.admit(one, true, after(62)), Ok(()));
        for host in ["2001:db8::1", "2001:db8::2"] {
            failures.note(address(host), true, start);
        }
        let neighbour = address("2001:db8::3");
        assert!(failures.admit(neighbour, true, start).is_err());
    }

    #[test]
    fn addresses_take_a_bounded_memory() {
        let failures = Failures::new(2);
        let now = Instant::now();
        for n in 0..3 * MOST_ADDRESSES as u32 {
            failures.note(std::net::Ipv4Addr::from_bits(n).into(), true, now);
        }
        assert!(lock(&failures.counted).len() <= MOST_ADDRESSES);
    }
}
