//! What was read.

use core::cell::{Cell, RefCell};
use core::fmt::Display;

use serde_json::{Value, json};
use web_wasm::jetstream::{DateTime, Verdict};

/// Keeps count of what each reader gets. Of two that must miss nothing each next number is known.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    ordered: Cell<u32>,
    recovering: Cell<u32>,
    /// When each number was published, by its place.
    published: RefCell<Vec<DateTime>>,
    /// What the plain subscription got, in its order.
    plain: RefCell<Vec<u32>>,
    gaps: RefCell<Vec<(DateTime, DateTime)>>,
    connects: Cell<u32>,
    recoveries: Cell<u32>,
    missed: Cell<u64>,
    /// What must not be.
    troubles: RefCell<Vec<String>>,
}

fn add(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

impl Tally {
    pub(crate) fn trouble(&self, trouble: &impl Display) {
        self.troubles.borrow_mut().push(trouble.to_string());
    }

    pub(crate) fn ordered(&self, number: Option<u32>, stream_sequence: Option<u64>) {
        let next = self.ordered.get();
        if number != Some(next) || stream_sequence != Some(u64::from(next) + 1) {
            self.trouble(&format!("ordered: {number:?} of {stream_sequence:?} instead of {next}"));
        }
        add(&self.ordered);
    }

    pub(crate) fn recovering(&self, number: Option<u32>, published: Option<DateTime>) {
        let next = self.recovering.get();
        match (number, published) {
            (Some(number), Some(published)) if number == next => {
                self.published.borrow_mut().push(published);
            }
            _ => self.trouble(&format!("recovering: {number:?} instead of {next}")),
        }
        add(&self.recovering);
    }

    pub(crate) fn plain(&self, number: Option<u32>) {
        match number {
            Some(number) => self.plain.borrow_mut().push(number),
            None => self.trouble(&"plain: no number"),
        }
    }

    pub(crate) fn gap(&self, from: DateTime, to: DateTime) {
        self.gaps.borrow_mut().push((from, to));
    }

    pub(crate) fn verdict(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Recovered { missed } => {
                add(&self.recoveries);
                self.missed.set(self.missed.get() + missed);
            }
            verdict => self.trouble(&format!("{verdict:?}")),
        }
    }

    pub(crate) fn connected(&self) {
        add(&self.connects);
    }

    pub(crate) fn progress(&self) -> usize {
        self.ordered.get().min(self.recovering.get()) as usize
    }

    /// All of it, with what the plain subscription has missed, and how much of that was published in
    /// none of the gaps that were told.
    pub(crate) fn told(&self, possible_duplicates: u64) -> Value {
        let published = self.published.borrow();
        let gaps = self.gaps.borrow();
        let mut missing = vec![true; published.len()];
        let mut again = 0;
        for number in self.plain.borrow().iter() {
            match missing.get_mut(*number as usize) {
                Some(missing) if *missing => *missing = false,
                _ => again += 1,
            }
        }
        let missed = || published.iter().zip(&missing).filter(|(_, missing)| **missing);
        let untold = missed()
            .filter(|(at, _)| !gaps.iter().any(|(from, to)| (from..=to).contains(at)))
            .count();
        json!({
            "ordered": self.ordered.get(),
            "recovering": self.recovering.get(),
            "recoveries": self.recoveries.get(),
            "recovered": self.missed.get(),
            "plain": { "missed": missed().count(), "untold": untold, "again": again },
            "gaps": gaps.len(),
            "connects": self.connects.get(),
            "possible_duplicates": possible_duplicates,
            "troubles": *self.troubles.borrow(),
        })
    }
}
