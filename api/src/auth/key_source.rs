//! An issuer's keys, kept fresh.
//!
//! One task an issuer does all the fetching: when it is time, and when a token names a key that is
//! not there. So there is never more than one fetch at a time, a caller who goes away cancels
//! nothing, and the pause between two fetches is kept whatever tokens come in.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::Algorithm;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{fetch::FetchError, key_set::KeySet};
use crate::{causes::Causes, config::KeySetsConfig};

/// When keys are fetched and how long they are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySourceSettings {
    /// How long one fetch may take.
    pub deadline: Duration,
    /// Time from a fetch that succeeded to the next.
    pub refresh: Duration,
    /// Shortest time from the start of one fetch to the start of the next.
    pub min_interval: Duration,
    /// How long keys are used after they were fetched, if no fetch succeeds.
    pub max_age: Duration,
}

impl From<&KeySetsConfig> for KeySourceSettings {
    fn from(config: &KeySetsConfig) -> Self {
        Self {
            deadline: config.fetch_deadline(),
            refresh: config.refresh(),
            min_interval: config.min_interval(),
            max_age: config.max_age(),
        }
    }
}

/// There is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FindKeyError {
    /// The issuer has no such key, as far as is known.
    #[error("the issuer has no key that fits the token")]
    Unknown,
    /// The issuer's keys could not be fetched, or too long ago.
    #[error("the issuer's keys cannot be had at the moment")]
    Unavailable,
}

/// A handle to the keys of an issuer. Clones share them.
#[derive(Debug, Clone)]
pub struct KeySource {
    settings: KeySourceSettings,
    state: watch::Receiver<State>,
    demand: Arc<Notify>,
}

#[derive(Debug, Clone, Default)]
struct State {
    keys: Option<Fetched>,
    /// When the last fetch was begun.
    begun: Option<Instant>,
    is_fetching: bool,
    /// How many fetches have ended, well or badly.
    ended: u64,
}

#[derive(Debug, Clone)]
struct Fetched {
    keys: Arc<KeySet>,
    at: Instant,
}

impl KeySource {
    /// Starts to fetch in the background and goes on until `stop` is cancelled. `observe` hears how
    /// each fetch ended; `issuer` is for the log.
    pub fn spawn<F>(
        issuer: String,
        settings: KeySourceSettings,
        fetch: impl Fn() -> F + Send + Sync + 'static,
        observe: impl Fn(bool) + Send + Sync + 'static,
        stop: CancellationToken,
    ) -> Self
    where
        F: Future<Output = Result<KeySet, FetchError>> + Send,
    {
        let (sender, state) = watch::channel(State::default());
        let demand = Arc::new(Notify::new());
        let keeper = Keeper { issuer, settings, state: sender, demand: Arc::clone(&demand) };
        tokio::spawn(async move {
            tokio::select! {
                () = keeper.run(fetch, observe) => {}
                () = stop.cancelled() => {}
            }
        });
        Self { settings, state, demand }
    }

    /// The keys among which is one that fits, after one more fetch if there is none yet and the last
    /// fetch was long enough ago.
    ///
    /// # Errors
    /// * [`FindKeyError::Unknown`]: there is no such key.
    /// * [`FindKeyError::Unavailable`]: nobody can tell.
    ///
    /// # Cancel safety
    /// Cancel safe; a fetch under way goes on.
    pub async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<KeySet>, FindKeyError> {
        let found = self.look(id, algorithm);
        if found.is_ok() {
            return found;
        }
        let mut state = self.state.clone();
        let ended = {
            let state = state.borrow();
            if !state.is_fetching && !state.may_fetch(self.settings.min_interval) {
                return found;
            }
            state.ended
        };
        self.demand.notify_one();
        // Each fetch ends by its deadline. Twice that, and the task is not there any more.
        let fetched = state.wait_for(|state| state.ended > ended);
        if timeout(self.settings.deadline * 2, fetched).await.is_err() {
            return found;
        }
        self.look(id, algorithm)
    }

    fn look(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Arc<KeySet>, FindKeyError> {
        let state = self.state.borrow();
        let fresh = state
            .keys
            .as_ref()
            .filter(|fetched| fetched.at.elapsed() <= self.settings.max_age)
            .ok_or(FindKeyError::Unavailable)?;
        let fits = fresh.keys.candidates(id, algorithm).next().is_some();
        if fits { Ok(Arc::clone(&fresh.keys)) } else { Err(FindKeyError::Unknown) }
    }
}

impl State {
    fn may_fetch(&self, min_interval: Duration) -> bool {
        self.begun.is_none_or(|begun| begun.elapsed() >= min_interval)
    }
}

/// The task behind a [`KeySource`].
struct Keeper {
    issuer: String,
    settings: KeySourceSettings,
    state: watch::Sender<State>,
    demand: Arc<Notify>,
}

impl Keeper {
    async fn run<F>(self, fetch: impl Fn() -> F, observe: impl Fn(bool))
    where
        F: Future<Output = Result<KeySet, FetchError>>,
    {
        let mut next = Instant::now();
        let mut retry = self.settings.min_interval;
        let mut last_failure = None;
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.demand.notified() => {
                    if !self.state.borrow().may_fetch(self.settings.min_interval) {
                        continue;
                    }
                }
            }
            let begun = Instant::now();
            self.state.send_modify(|state| {
                state.begun = Some(begun);
                state.is_fetching = true;
            });
            let fetched =
                timeout(self.settings.deadline, fetch()).await.unwrap_or(Err(FetchError::Deadline));
            observe(fetched.is_ok());
            let failure = fetched.as_ref().err().map(|error| Causes(error).to_string());
            // Before the requests that wait for it are answered, so that the log has the cause first.
            self.log(failure.as_deref(), last_failure.as_deref());
            self.state.send_modify(|state| {
                state.is_fetching = false;
                state.ended += 1;
                if let Ok(keys) = fetched {
                    state.keys = Some(Fetched { keys: Arc::new(keys), at: Instant::now() });
                }
            });
            let wait = match &failure {
                None => {
                    retry = self.settings.min_interval;
                    self.settings.refresh
                }
                Some(_) => {
                    let wait = retry;
                    retry = (retry * 2).min(self.settings.refresh);
                    wait
                }
            };
            last_failure = failure;
            // Up to a tenth sooner, so that many services do not ask in the same instant.
            next =
                begun + wait.mul_f64(1.0 - fastrand::f64() / 10.0).max(self.settings.min_interval);
        }
    }

    /// An outage of an hour is told once, and so is its end.
    fn log(&self, failure: Option<&str>, last_failure: Option<&str>) {
        let issuer = &self.issuer;
        match (failure, last_failure) {
            (None, None) => debug!(issuer, "fetched the issuer's keys"),
            (None, Some(_)) => info!(issuer, "fetched the issuer's keys again"),
            (Some(error), last) if last == Some(error) => {
                debug!(issuer, error, "still cannot fetch the issuer's keys");
            }
            (Some(error), _) => warn!(issuer, error, "cannot fetch the issuer's keys; trying on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use serde_json::json;
    use tokio::time::{advance, sleep};

    use super::*;
    use crate::config::SignatureAlgorithm;

    const SETTINGS: KeySourceSettings = KeySourceSettings {
        deadline: Duration::from_secs(3),
        refresh: Duration::from_secs(300),
        min_interval: Duration::from_secs(10),
        max_age: Duration::from_secs(3600),
    };

    /// What an issuer answers next, and how often it was asked.
    #[derive(Clone)]
    struct Issuer {
        answer: Arc<Mutex<Answer>>,
        asked: Arc<AtomicUsize>,
    }

    #[derive(Clone, Copy)]
    enum Answer {
        Key(&'static str),
        SlowKey(&'static str, Duration),
        Failure,
        Silence,
    }

    impl Issuer {
        fn new(answer: Answer) -> Self {
            Self { answer: Arc::new(Mutex::new(answer)), asked: Arc::default() }
        }

        fn answers(&self, answer: Answer) {
            *self.answer.lock().unwrap() = answer;
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }

        fn source(&self) -> KeySource {
            let issuer = self.clone();
            let fetch = move || {
                issuer.asked.fetch_add(1, Ordering::SeqCst);
                let answer = *issuer.answer.lock().unwrap();
                async move {
                    match answer {
                        Answer::Key(id) => Ok(key_set(id)),
                        Answer::SlowKey(id, time) => {
                            sleep(time).await;
                            Ok(key_set(id))
                        }
                        Answer::Failure => Err(FetchError::Status(500)),
                        Answer::Silence => std::future::pending().await,
                    }
                }
            };
            KeySource::spawn("i".into(), SETTINGS, fetch, |_| {}, CancellationToken::new())
        }
    }

    fn key_set(id: &str) -> KeySet {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x }] });
        KeySet::parse(keys.to_string().as_bytes(), &[SignatureAlgorithm::EdDSA]).unwrap()
    }

    async fn find(source: &KeySource, id: &str) -> Result<(), FindKeyError> {
        source.find(Some(id), Algorithm::EdDSA).await.map(drop)
    }

    #[tokio::test(start_paused = true)]
    async fn known_keys_cost_no_fetch_and_are_refreshed_in_time() {
        let issuer = Issuer::new(Answer::Key("a"));
        let source = issuer.source();
        for _ in 0..1000 {
            assert_eq!(find(&source, "a").await, Ok(()));
        }
        assert_eq!(issuer.asked(), 1);
        sleep(Duration::from_secs(299 * 4)).await;
        // Nobody asked for a key meanwhile.
        assert!((4..=5).contains(&issuer.asked()), "{}", issuer.asked());
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_unknown_keys_makes_one_fetch_an_interval() {
        let issuer = Issuer::new(Answer::Key("a"));
        let source = issuer.source();
        assert_eq!(find(&source, "a").await, Ok(()));
        let begun = Instant::now();
        let mut answered = 0;
        while begun.elapsed() < Duration::from_secs(100) {
            for n in 0..100 {
                assert_eq!(
                    find(&source, &format!("made up {n}")).await,
                    Err(FindKeyError::Unknown)
                );
                answered += 1;
            }
            advance(Duration::from_millis(500)).await;
        }
        assert!(answered >= 19_000);
        assert!((9..=11).contains(&issuer.asked()), "{}", issuer.asked());
        // Those who know their key never noticed.
        assert_eq!(find(&source, "a").await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_key_is_found_as_soon_as_the_interval_allows() {
        let issuer = Issuer::new(Answer::Key("a"));
        let source = issuer.source();
        assert_eq!(find(&source, "a").await, Ok(()));
        issuer.answers(Answer::Key("b"));
        assert_eq!(find(&source, "b").await, Err(FindKeyError::Unknown));
        sleep(SETTINGS.min_interval).await;
        assert_eq!(find(&source, "b").await, Ok(()));
        assert_eq!(issuer.asked(), 2);
        // What the issuer withdrew is gone.
        assert_eq!(find(&source, "a").await, Err(FindKeyError::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_for_one_fetch_and_who_leaves_cancels_nothing() {
        let issuer = Issuer::new(Answer::SlowKey("a", Duration::from_secs(2)));
        let source = issuer.source();
        let leaves = timeout(Duration::from_secs(1), find(&source, "a"));
        assert!(leaves.await.is_err());
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let source = source.clone();
                tokio::spawn(async move { find(&source, "a").await })
            })
            .collect();
        for found in waiting {
            assert_eq!(found.await.unwrap(), Ok(()));
        }
        assert_eq!(issuer.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_issuer_is_away_its_keys_are_used_up_to_their_age() {
        let issuer = Issuer::new(Answer::Key("a"));
        let source = issuer.source();
        assert_eq!(find(&source, "a").await, Ok(()));
        issuer.answers(Answer::Failure);
        sleep(SETTINGS.max_age - Duration::from_secs(1)).await;
        assert_eq!(find(&source, "a").await, Ok(()));
        // It was asked on: often at first, then once a refresh interval.
        assert!((12..=20).contains(&issuer.asked()), "{}", issuer.asked());
        sleep(Duration::from_secs(2)).await;
        assert_eq!(find(&source, "a").await, Err(FindKeyError::Unavailable));

        issuer.answers(Answer::Key("a"));
        sleep(SETTINGS.refresh).await;
        assert_eq!(find(&source, "a").await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_never_answered_makes_nobody_wait_twice() {
        let issuer = Issuer::new(Answer::Silence);
        let source = issuer.source();
        let begun = Instant::now();
        assert_eq!(find(&source, "a").await, Err(FindKeyError::Unavailable));
        assert!(begun.elapsed() <= SETTINGS.deadline * 2, "{:?}", begun.elapsed());
        let begun = Instant::now();
        assert_eq!(find(&source, "a").await, Err(FindKeyError::Unavailable));
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
