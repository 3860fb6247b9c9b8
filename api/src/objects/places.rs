//! How much may go on at once, and of it for one caller.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::OpenError;
use crate::limits::Caller;

/// Of all places, one in so many is the share of a single caller.
const CALLERS: usize = 4;

/// Places for work of one kind. Back ends work for many and may have all of them; anybody else has a
/// quarter at most, so that nobody alone can keep the others out.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    share: usize,
    /// How many each has who has any.
    held: Mutex<HashMap<Caller, usize>>,
}

/// Room for one piece of work, until it is dropped.
#[derive(Debug)]
pub struct Place {
    /// Of whom it is counted, and where.
    counted: Option<(Caller, Arc<Places>)>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(places)),
            share: places / CALLERS,
            held: Mutex::default(),
        })
    }

    /// Takes a place for this caller.
    pub(super) fn take(self: &Arc<Self>, caller: Caller) -> Result<Place, OpenError> {
        let free = || Arc::clone(&self.free).try_acquire_owned().map_err(|_| OpenError::Busy);
        if let Caller::Service(_) = caller {
            return Ok(Place { counted: None, _permit: free()? });
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&caller).is_some_and(|held| *held >= self.share) {
            return Err(OpenError::CallerBusy);
        }
        let permit = free()?;
        *held.entry(caller.clone()).or_default() += 1;
        Ok(Place { counted: Some((caller, Arc::clone(self))), _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((caller, places)) = self.counted.take() else { return };
        let mut held = places.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&caller) {
            *count -= 1;
            if *count == 0 {
                held.remove(&caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn guest(last: u8) -> Caller {
        Caller::Guest(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn nobody_has_more_than_a_quarter_and_all_together_what_there_is() {
        let places = Places::new(16);
        let mut taken = Vec::new();
        for last in 0..4 {
            taken.extend((0..4).map(|_| places.take(guest(last)).unwrap()));
            let refused = places.take(guest(last)).unwrap_err();
            assert_eq!(refused, OpenError::CallerBusy);
        }
        assert_eq!(places.take(guest(9)).unwrap_err(), OpenError::Busy);
        let back_end = Caller::Service("backend".to_owned());
        assert_eq!(places.take(back_end).unwrap_err(), OpenError::Busy);

        taken.remove(0);
        let again = places.take(guest(9)).unwrap();
        assert_eq!(places.take(guest(0)).unwrap_err(), OpenError::Busy);
        drop(again);
        taken.push(places.take(guest(0)).unwrap());
        assert_eq!(places.take(guest(0)).unwrap_err(), OpenError::CallerBusy);

        taken.clear();
        assert!(places.held.lock().unwrap().is_empty(), "who has none is not remembered");
        assert_eq!(places.free.available_permits(), 16);
    }

    #[test]
    fn a_back_end_may_have_all() {
        let places = Places::new(8);
        let back_end = Caller::Service("backend".to_owned());
        let taken: Vec<_> = (0..8).map(|_| places.take(back_end.clone()).unwrap()).collect();
        assert_eq!(places.take(back_end).unwrap_err(), OpenError::Busy);
        drop(taken);
        assert_eq!(places.free.available_permits(), 8);
    }

    #[test]
    fn a_place_that_is_not_had_is_not_counted() {
        let places = Places::new(4);
        let back_end = Caller::Service("backend".to_owned());
        let taken: Vec<_> = (0..4).map(|_| places.take(back_end.clone()).unwrap()).collect();
        assert_eq!(places.take(guest(0)).unwrap_err(), OpenError::Busy);
        drop(taken);
        assert!(places.take(guest(0)).is_ok());
    }
}
