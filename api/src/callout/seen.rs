//! Questions that were asked before.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;

use crate::claims::UserKey;

/// Questions that are remembered: some hundred times what is worked on within nats-server's time-out
/// for logins, after which a question has expired by itself.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1 << 16).unwrap();

/// The keys that nats-server made for the last logins, one for each. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Seen(Arc<Mutex<LruCache<String, ()>>>);

impl Default for Seen {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(REMEMBERED))))
    }
}

impl Seen {
    /// Notes a key. Whether it is the first time.
    #[must_use]
    pub fn is_new(&self, key: &UserKey) -> bool {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.put(key.to_string(), ()).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::UserPair;

    #[test]
    fn a_question_is_new_once() {
        let seen = Seen::default();
        let key = |n| UserPair::from_random([n; 32]).unwrap().public().clone();
        assert!(seen.is_new(&key(1)));
        assert!(seen.is_new(&key(2)));
        assert!(!seen.clone().is_new(&key(1)));
    }
}
