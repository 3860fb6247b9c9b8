//! What an API grants, and for how long that is used.

use core::fmt;
use core::time::Duration;

use serde::Deserialize;

use crate::jetstream::consumer::push::Delivery;

/// What an API grants: a JWT about the page's key, and what goes with it.
///
/// `Debug` does not show the JWT.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Grant {
    pub(super) jwt: String,
    /// When the JWT expires, in seconds since 1970 on the API's clock.
    pub expires_at: u64,
    /// What the API's clock said, in seconds since 1970.
    pub server_time: u64,
    /// For how many seconds the JWT is good.
    pub ttl: u64,
    /// After how many seconds a new one should be asked for.
    pub refresh_after: u64,
    /// What the client's inboxes have to begin with.
    pub inbox_prefix: String,
    /// The websocket listeners that accept the JWT.
    pub servers: Vec<String>,
    /// What consumers deliver that the API has made for the key; see
    /// [`Client::subscribe_delivery`](crate::Client::subscribe_delivery).
    #[serde(default)]
    pub consumers: Vec<Delivery>,
}

impl Grant {
    /// What is delivered of a stream, if anything. That of a bucket begins with `KV_`.
    pub fn consumer(&self, stream: &str) -> Option<&Delivery> {
        self.consumers.iter().find(|delivery| delivery.stream == stream)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("expires_at", &self.expires_at)
            .field("ttl", &self.ttl)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("servers", &self.servers)
            .field("consumers", &self.consumers)
            .finish_non_exhaustive()
    }
}

/// Why an API granted nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpCredentialsError {
    /// The API was not reached, or did not answer in time.
    #[error("the API was not reached: {0}")]
    Unreachable(String),
    /// The API said no (401 or 403): asking again will not help.
    #[error("the API refused ({status}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The API's stable code for the reason.
        code: String,
        /// The API's words.
        detail: String,
    },
    /// The API could not, this time or for this request.
    #[error("the API failed ({status}): {detail}")]
    Failed {
        /// The HTTP status.
        status: u16,
        /// The API's stable code for the reason; empty if it gave none.
        code: String,
        /// The API's words.
        detail: String,
    },
    /// The API's answer is not what it should be.
    #[error("the API's answer is malformed: {0}")]
    Malformed(String),
}

/// How long the API is left alone after its first failure, and at most.
const FIRST_REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How old a grant may be that clients who want a new one share.
const JUST_NOW: Duration = Duration::from_secs(1);

/// How long before its end a grant is renewed at the latest: an API counts whole seconds, so the end
/// may come one sooner than it says, and the new one has to get to the server.
const LATEST_RENEWAL: Duration = Duration::from_secs(2);

/// The grant that is held, and when the API is asked for another.
///
/// Moments are times since 1970 on the machine's wall clock, which goes on while it sleeps. It may
/// well be wrong: the API's clock and this one are never compared. Chances are from 0 to 1.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    held: Option<Held>,
    outage: Option<Outage>,
}

#[derive(Debug)]
struct Held {
    grant: Grant,
    since: Duration,
    renew_after: Duration,
    /// Whether another one is wanted, however new it is.
    outdated: bool,
}

/// A time in which the API is not asked.
#[derive(Debug)]
struct Outage {
    failures: u32,
    until: Duration,
    error: HttpCredentialsError,
}

impl Held {
    /// How old it is; more than any, when the clock was set back.
    fn age(&self, now: Duration) -> Duration {
        now.checked_sub(self.since).unwrap_or(Duration::MAX)
    }
}

impl Keeper {
    /// The grant, as long as no other should be asked for.
    pub(super) fn fresh(&self, now: Duration) -> Option<&Grant> {
        let held = self.held.as_ref()?;
        (held.age(now) < held.renew_after).then_some(&held.grant)
    }

    /// The grant, as long as servers accept it, with a second to get there.
    pub(super) fn good(&self, now: Duration) -> Option<&Grant> {
        let held = self.held.as_ref()?;
        let end = Duration::from_secs(held.grant.ttl.saturating_sub(1));
        (held.age(now) < end).then_some(&held.grant)
    }

    /// The grant, if another who wanted a new one has just got it.
    pub(super) fn just_granted(&self, now: Duration) -> Option<&Grant> {
        let held = self.held.as_ref()?;
        (held.age(now) < JUST_NOW && !held.outdated).then_some(&held.grant)
    }

    /// In how long another grant should be asked for.
    pub(super) fn renew_after(&self, now: Duration) -> Option<Duration> {
        let held = self.held.as_ref()?;
        Some(held.renew_after.saturating_sub(held.age(now)))
    }

    /// Whether the API may be asked; if not, what it said last.
    pub(super) fn may_ask(&self, now: Duration) -> Result<(), HttpCredentialsError> {
        match &self.outage {
            Some(outage) if now < outage.until => Err(outage.error.clone()),
            _ => Ok(()),
        }
    }

    /// The API granted what it was asked for at `asked_at`: the time that the answer took counts.
    pub(super) fn granted(&mut self, grant: Grant, asked_at: Duration, chance: f64) {
        let ttl = Duration::from_secs(grant.ttl);
        let wanted = Duration::from_secs(grant.refresh_after).saturating_sub(ttl / 10)
            + (ttl / 5).mul_f64(chance.clamp(0.0, 1.0));
        let renew_after = wanted.min(ttl - LATEST_RENEWAL.min(ttl / 2));
        self.held = Some(Held { grant, since: asked_at, renew_after, outdated: false });
        self.outage = None;
    }

    /// The API did not grant it, and may have said for how long it wants to be left alone.
    pub(super) fn failed(
        &mut self,
        error: HttpCredentialsError,
        retry_after: Option<Duration>,
        now: Duration,
        chance: f64,
    ) {
        if let HttpCredentialsError::Refused { .. } = error {
            self.forget();
        }
        let failures = self.outage.as_ref().map_or(0, |outage| outage.failures).saturating_add(1);
        let full = FIRST_REST.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST_REST);
        let rest = full / 2 + (full / 2).mul_f64(chance.clamp(0.0, 1.0));
        let until = now.saturating_add(rest.max(retry_after.unwrap_or_default()));
        self.outage = Some(Outage { failures, until, error });
    }

    /// Another grant is wanted. The one that is held is good until that is there.
    pub(super) fn outdate(&mut self) {
        self.outage = None;
        if let Some(held) = &mut self.held {
            held.renew_after = Duration::ZERO;
            held.outdated = true;
        }
    }

    /// The grant is of no use any more.
    pub(super) fn forget(&mut self) {
        self.held = None;
    }

    /// There is reason to think that the API answers differently now.
    pub(super) fn hope(&mut self) {
        self.outage = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            jwt: "s3cret".into(),
            expires_at: 1_000_100,
            server_time: 1_000_000,
            ttl: 100,
            refresh_after: 80,
            inbox_prefix: "_INBOX.U".into(),
            servers: Vec::new(),
            consumers: Vec::new(),
        }
    }

    #[test]
    fn an_answer_is_read_with_its_consumers_or_without() {
        let answer = serde_json::json!({
            "jwt": "s3cret", "expires_at": 1_000_100, "server_time": 1_000_000, "ttl": 100,
            "refresh_after": 80, "inbox_prefix": "_INBOX.U", "servers": [], "role": "demo",
        });
        let read = |answer| serde_json::from_value::<Grant>(answer).unwrap();
        assert_eq!(read(answer.clone()), grant());
        let mut more = answer;
        more["consumers"] = serde_json::json!([
            { "stream": "SAID", "deliver_subject": "_INBOX.U.stream.SAID", "filter": ["said.*"] },
            { "stream": "KV_board", "deliver_subject": "_INBOX.U.stream.KV_board", "newer": 1 },
        ]);
        let grant = read(more);
        let said = grant.consumer("SAID").unwrap();
        assert_eq!(
            (&*said.deliver_subject, &*said.filter),
            ("_INBOX.U.stream.SAID", &["said.*".into()][..])
        );
        assert_eq!(
            grant.consumer("KV_board"),
            Some(&Delivery::new("KV_board", "_INBOX.U.stream.KV_board"))
        );
        assert_eq!(grant.consumer("KV_other"), None);
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(5_000_000 + seconds)
    }

    fn away() -> HttpCredentialsError {
        HttpCredentialsError::Unreachable("no".into())
    }

    #[test]
    fn a_grant_is_renewed_about_when_the_api_says() {
        for (chance, renewed) in [(0.0, 70), (0.5, 80), (1.0, 90)] {
            let mut keeper = Keeper::default();
            assert_eq!((keeper.fresh(at(0)), keeper.renew_after(at(0))), (None, None));
            keeper.granted(grant(), at(0), chance);
            assert_eq!(keeper.renew_after(at(10)), Some(Duration::from_secs(renewed - 10)));
            assert_eq!(keeper.fresh(at(renewed - 1)), Some(&grant()));
            assert_eq!(keeper.fresh(at(renewed)), None);
            assert_eq!(keeper.renew_after(at(200)), Some(Duration::ZERO), "overslept");
            assert_eq!(keeper.good(at(98)), Some(&grant()));
            assert_eq!(keeper.good(at(99)), None);
        }
    }

    #[test]
    fn a_short_grant_is_renewed_while_it_is_good_for_certain() {
        for (ttl, refresh_after, renewed) in
            [(5, 4, 3_000), (2, 1, 1_000), (1, 0, 200), (5, 9, 3_000)]
        {
            let mut keeper = Keeper::default();
            keeper.granted(Grant { ttl, refresh_after, ..grant() }, at(0), 1.0);
            assert_eq!(keeper.renew_after(at(0)), Some(Duration::from_millis(renewed)), "{ttl} s");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_makes_a_grant_old() {
        let mut keeper = Keeper::default();
        keeper.granted(grant(), at(1_000), 0.5);
        assert_eq!((keeper.fresh(at(0)), keeper.good(at(0))), (None, None));
        assert_eq!(keeper.renew_after(at(0)), Some(Duration::ZERO));
    }

    #[test]
    fn clients_that_renew_at_once_share_what_the_first_got() {
        let mut keeper = Keeper::default();
        keeper.granted(grant(), at(0), 0.5);
        assert_eq!(keeper.just_granted(at(0)), Some(&grant()));
        assert_eq!(keeper.just_granted(at(1)), None);
    }

    #[test]
    fn a_grant_that_is_outdated_is_only_good() {
        let mut keeper = Keeper::default();
        keeper.granted(grant(), at(0), 0.5);
        keeper.outdate();
        assert_eq!((keeper.fresh(at(0)), keeper.just_granted(at(0))), (None, None));
        assert_eq!(keeper.renew_after(at(0)), Some(Duration::ZERO));
        assert_eq!(keeper.good(at(0)), Some(&grant()));
    }

    #[test]
    fn an_api_that_fails_is_asked_less_and_less() {
        let mut keeper = Keeper::default();
        keeper.granted(grant(), at(0), 0.5);
        let mut now = at(90);
        for rest in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert_eq!(keeper.may_ask(now), Ok(()));
            keeper.failed(away(), None, now, 1.0);
            now += Duration::from_millis(rest - 1);
            assert_eq!(keeper.may_ask(now), Err(away()));
            now += Duration::from_millis(1);
        }
        keeper.failed(away(), None, now, 0.0);
        assert_eq!(keeper.may_ask(now + Duration::from_secs(15)), Ok(()), "half of it is chance");
        assert_eq!(keeper.good(at(98)), Some(&grant()), "what is held is good meanwhile");
        keeper.granted(grant(), now, 0.5);
        keeper.failed(away(), None, now, 1.0);
        assert_eq!(keeper.may_ask(now + FIRST_REST), Ok(()), "a success is a new beginning");
    }

    #[test]
    fn the_api_may_say_when_it_wants_to_be_asked_again() {
        let mut keeper = Keeper::default();
        keeper.failed(away(), Some(Duration::from_secs(60)), at(0), 0.5);
        assert!(keeper.may_ask(at(59)).is_err());
        assert_eq!(keeper.may_ask(at(60)), Ok(()));
        keeper.failed(away(), Some(Duration::MAX), at(60), 0.5);
        keeper.hope();
        assert_eq!(keeper.may_ask(at(60)), Ok(()));
    }

    #[test]
    fn a_refusal_ends_what_is_held() {
        let mut keeper = Keeper::default();
        keeper.granted(grant(), at(0), 0.5);
        let refused = HttpCredentialsError::Refused {
            status: 403,
            code: String::new(),
            detail: String::new(),
        };
        keeper.failed(refused, None, at(1), 0.5);
        assert_eq!((keeper.good(at(1)), keeper.renew_after(at(1))), (None, None));
    }

    #[test]
    fn debug_shows_no_jwt() {
        assert!(!format!("{:?}", grant()).contains("s3cret"));
    }
}
