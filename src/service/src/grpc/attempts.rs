//! How many wrong activation codes one address may try.
//!
//! Each code also has its own limit, durable and independent of this one; here an address is kept from trying many codes.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(60);
/// Bounds the memory: with so many addresses failing in one minute, no further address may try.
const ADDRESSES: usize = 65_536;

/// Counts failed attempts by address, a minute at a time.
#[derive(Debug)]
pub(super) struct Attempts {
    most: u32,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    failed: HashMap<IpAddr, u32>,
}

impl Attempts {
    pub(super) fn new(most: u32) -> Self {
        Self { most, window: Mutex::new(Window { began: Instant::now(), failed: HashMap::new() }) }
    }

    /// Whether an address may try at `now`.
    pub(super) fn may_try(&self, address: IpAddr, now: Instant) -> bool {
        let window = self.at(now);
        match window.failed.get(&group(address)) {
            Some(failed) => *failed < self.most,
            None => window.failed.len() < ADDRESSES,
        }
    }

    /// An address tried a code that is none.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) {
        let failed = &mut *self.at(now);
        let count = failed.failed.entry(group(address)).or_default();
        *count = count.saturating_add(1);
    }

    fn at(&self, now: Instant) -> std::sync::MutexGuard<'_, Window> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(window.began) >= WINDOW {
            *window = Window { began: now, failed: HashMap::new() };
        }
        window
    }
}

/// One customer has a whole /64 of IPv6 addresses.
fn group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_fails_too_often_waits_a_minute() {
        let attempts = Attempts::new(2);
        let (bad, good): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let now = Instant::now();
        attempts.failed(bad, now);
        assert!(attempts.may_try(bad, now));
        attempts.failed(bad, now);
        assert!(!attempts.may_try(bad, now) && attempts.may_try(good, now));
        assert!(attempts.may_try(bad, now + WINDOW * 2));
    }

    #[test]
    fn the_addresses_of_one_network_count_together() {
        let attempts = Attempts::new(1);
        let now = Instant::now();
        attempts.failed("2001:db8::1".parse().unwrap(), now);
        assert!(!attempts.may_try("2001:db8::2".parse().unwrap(), now));
        assert!(attempts.may_try("2001:db8:0:1::1".parse().unwrap(), now));
    }
}
