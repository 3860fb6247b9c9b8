//! How often a caller may call.
//!
//! Three counts bound it, since each alone can be got around: by address (whoever it is), by caller
//! (wherever it comes from), by session (a client that asks again and again for the same key).

mod caller;
mod client_address;
mod rate_limiter;

use std::{net::IpAddr, sync::Arc, time::Instant};

pub use caller::Caller;
pub use client_address::{AddressSource, ClientAddress};
pub use rate_limiter::{RateLimiter, TooSoon};

use crate::{auth::Identity, claims::UserKey, config::LimitsConfig};

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// Calls from an address.
    Address,
    /// Calls by a user or with a back end's keys.
    Caller,
    /// Calls for one public key.
    Session,
}

impl LimitKind {
    /// One word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Caller => "caller",
            Self::Session => "session",
        }
    }
}

/// A call came too soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many calls by {}", kind.as_str())]
pub struct Limited {
    /// Of what there were too many.
    pub kind: LimitKind,
    /// When to try again.
    pub too_soon: TooSoon,
}

/// The limits of the whole service. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct RateLimits(Option<Arc<Limiters>>);

#[derive(Debug)]
struct Limiters {
    address: RateLimiter,
    caller: RateLimiter,
    session: RateLimiter,
}

impl RateLimits {
    /// The limits of the configuration.
    #[must_use]
    pub fn new(config: &LimitsConfig) -> Self {
        let limiter = |rate| RateLimiter::new(rate, config.max_keys);
        Self(config.enabled.then(|| {
            Arc::new(Limiters {
                address: limiter(config.address),
                caller: limiter(config.caller),
                session: limiter(config.session),
            })
        }))
    }

    /// Counts a call from an address. An IPv6 address counts as its /64, which is what one
    /// subscriber has at least.
    ///
    /// # Errors
    /// [`Limited`] if it came too soon.
    pub fn check_address(&self, address: ClientAddress, now: Instant) -> Result<(), Limited> {
        let limit = |limiters: &Limiters| limiters.address.check(&network(address.0), now);
        self.check(LimitKind::Address, limit)
    }

    /// Counts a call by somebody who is known. Guests are nobody, and are counted by address alone.
    ///
    /// # Errors
    /// [`Limited`] if it came too soon.
    pub fn check_caller(&self, identity: &Identity, now: Instant) -> Result<(), Limited> {
        if *identity == Identity::Guest {
            return Ok(());
        }
        let limit = |limiters: &Limiters| limiters.caller.check(&key_of(identity), now);
        self.check(LimitKind::Caller, limit)
    }

    /// Counts a call for a public key. Each caller, and each address of guests, has a count of its
    /// own: public keys are no secret, and a stranger must not use up somebody else's.
    ///
    /// # Errors
    /// [`Limited`] if it came too soon.
    pub fn check_session(
        &self,
        nkey: &UserKey,
        caller: &Caller,
        now: Instant,
    ) -> Result<(), Limited> {
        let key = (nkey.as_str(), caller);
        self.check(LimitKind::Session, |limiters| limiters.session.check(&key, now))
    }

    fn check(
        &self,
        kind: LimitKind,
        limit: impl Fn(&Limiters) -> Result<(), TooSoon>,
    ) -> Result<(), Limited> {
        match &self.0 {
            Some(limiters) => limit(limiters).map_err(|too_soon| Limited { kind, too_soon }),
            None => Ok(()),
        }
    }
}

/// What tells callers apart: all keys of one name are one caller.
fn key_of(identity: &Identity) -> (&str, &str) {
    match identity {
        Identity::Guest => ("", ""),
        Identity::Service { name } => ("", name),
        Identity::User { issuer, subject, .. } => (issuer, subject),
    }
}

/// The network that an address is counted as.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => IpAddr::from((address.to_bits() & (!0 << 64)).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use serde_json::Map;

    use super::*;
    use crate::config::Rate;

    fn limits() -> RateLimits {
        let rate = |burst| Rate {
            burst: NonZeroU32::new(burst).unwrap(),
            per_minute: NonZeroU32::new(60).unwrap(),
        };
        RateLimits::new(&LimitsConfig {
            enabled: true,
            max_keys: 1000,
            address: rate(3),
            caller: rate(2),
            session: rate(1),
        })
    }

    fn at(text: &str) -> ClientAddress {
        ClientAddress(text.parse().unwrap())
    }

    fn user(issuer: &str, subject: &str) -> Identity {
        Identity::User { issuer: issuer.into(), subject: subject.into(), claims: Map::new() }
    }

    #[test]
    fn an_ipv6_address_counts_as_its_64_and_an_ipv4_one_alone() {
        let (limits, now) = (limits(), Instant::now());
        for address in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:1"] {
            assert_eq!(limits.check_address(at(address), now), Ok(()));
        }
        let limited = limits.check_address(at("2001:db8:0:0:1::"), now).unwrap_err();
        assert_eq!(limited.kind, LimitKind::Address);
        assert_eq!(limits.check_address(at("2001:db8:0:1::1"), now), Ok(()));

        for _ in 0..3 {
            assert_eq!(limits.check_address(at("192.0.2.1"), now), Ok(()));
        }
        // The same machine, as a socket for both families sees it.
        assert!(limits.check_address(at("::ffff:192.0.2.1"), now).is_err());
        assert_eq!(limits.check_address(at("192.0.2.2"), now), Ok(()));
    }

    #[test]
    fn callers_are_told_apart_by_issuer_and_subject_or_by_the_name_of_their_key() {
        let (limits, now) = (limits(), Instant::now());
        let service = |name: &str| Identity::Service { name: name.into() };
        for identity in [user("i", "a"), user("j", "a"), user("i", "b"), service("a"), service("b")]
        {
            assert_eq!(limits.check_caller(&identity, now), Ok(()));
            assert_eq!(limits.check_caller(&identity, now), Ok(()));
            let limited = limits.check_caller(&identity, now).unwrap_err();
            assert_eq!(limited.kind, LimitKind::Caller);
        }
        for _ in 0..100 {
            assert_eq!(limits.check_caller(&Identity::Guest, now), Ok(()));
        }
    }

    #[test]
    fn nobody_uses_up_the_sessions_of_others() {
        let (limits, now) = (limits(), Instant::now());
        let nkey = UserKey::parse(&nkeys::KeyPair::new_user().public_key()).unwrap();
        let (here, there) = (at("192.0.2.1"), at("192.0.2.2"));
        for (identity, address) in
            [(Identity::Guest, here), (Identity::Guest, there), (user("i", "a"), here)]
        {
            let caller = Caller::new(identity, address);
            assert_eq!(limits.check_session(&nkey, &caller, now), Ok(()));
            assert!(limits.check_session(&nkey, &caller, now).is_err());
        }
        // A user moves on and stays the same.
        let moved = Caller::new(user("i", "a"), there);
        assert!(limits.check_session(&nkey, &moved, now).is_err());
    }

    #[test]
    fn switched_off_there_are_none() {
        let limits = RateLimits(None);
        for _ in 0..1000 {
            assert_eq!(limits.check_address(at("192.0.2.1"), Instant::now()), Ok(()));
        }
    }
}
