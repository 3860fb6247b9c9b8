//! What the numbers of a stream's messages say of those that did not come.

/// What a message is to a reader, by its number and the time at which it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The one after the last, or the first at all.
    Next,
    /// So many between the last one and this one did not come.
    After(u64),
    /// It has come before: who delivers has begun anew.
    Known,
    /// It is of another stream than the last: the numbers begin anew.
    Anew,
}

/// The last message of a stream that was read.
///
/// ```
/// use web_wasm_page::sequence::{Sequence, Step};
///
/// let mut sequence = Sequence::new();
/// let steps = [(7, 70), (8, 80), (11, 110), (7, 70), (12, 120), (1, 130)];
/// let steps = steps.map(|(number, stored)| sequence.step(number, stored));
/// use Step::{After, Anew, Known, Next};
/// assert_eq!(steps, [Next, Next, After(2), Known, Next, Anew]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sequence<T> {
    last: Option<(u64, T)>,
}

impl<T: PartialOrd + Copy> Sequence<T> {
    /// None was read yet.
    #[expect(clippy::new_without_default, reason = "it would say less")]
    pub fn new() -> Self {
        Self { last: None }
    }

    /// What the next message is that has come.
    pub fn step(&mut self, number: u64, stored: T) -> Step {
        let step = match self.last {
            None => Step::Next,
            Some((last, _)) if number > last => match number - last - 1 {
                0 => Step::Next,
                missing => Step::After(missing),
            },
            Some((_, last)) if stored <= last => return Step::Known,
            Some(_) => Step::Anew,
        };
        self.last = Some((number, stored));
        step
    }
}
