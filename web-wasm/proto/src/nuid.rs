//! NATS unique identifiers.

use alloc::string::String;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The prefix has twice as many, which do not fit a number that is cheap to divide.
const HALF_LEN: u32 = 6;
const SEQUENCE_LEN: u32 = 10;
const HALVES: u64 = 62u64.pow(HALF_LEN);
const SEQUENCES: u64 = 62u64.pow(SEQUENCE_LEN);
const MIN_STEP: u64 = 33;
const STEPS: u64 = 300;

/// A generator of identifiers of 22 base-62 characters, unique per generator and, with good
/// entropy, among all generators.
///
/// Twelve characters are random, ten count upwards from a random start in random steps, which
/// makes the next one cheap. They are unique, not secret: who sees one can guess the next.
/// Source: the NATS [NUID] scheme.
///
/// [NUID]: https://github.com/nats-io/nuid
#[derive(Clone, Debug)]
pub struct Nuid {
    prefix: [u64; 2],
    sequence: u64,
    step: u64,
}

impl Nuid {
    /// A generator seeded by 32 random bytes, which should come from the system's generator.
    pub fn new(entropy: [u8; 32]) -> Self {
        let mut words = entropy
            .chunks_exact(8)
            .map(|chunk| chunk.iter().fold(0u64, |word, &byte| (word << 8) | u64::from(byte)));
        let mut word = move || words.next().unwrap_or_default();
        Self {
            prefix: [word() % HALVES, word() % HALVES],
            sequence: word() % SEQUENCES,
            step: MIN_STEP + word() % STEPS,
        }
    }

    /// The next identifier.
    #[expect(clippy::should_implement_trait, reason = "it never ends, so it is no iterator")]
    pub fn next(&mut self) -> String {
        self.sequence += self.step;
        if self.sequence >= SEQUENCES {
            self.sequence -= SEQUENCES;
            let [high, low] = &mut self.prefix;
            *low = (*low + 1) % HALVES;
            if *low == 0 {
                *high = (*high + 1) % HALVES;
            }
        }
        let mut id = [0u8; (2 * HALF_LEN + SEQUENCE_LEN) as usize];
        let (high, rest) = id.split_at_mut(HALF_LEN as usize);
        let (low, sequence) = rest.split_at_mut(HALF_LEN as usize);
        write_base62(high, self.prefix[0]);
        write_base62(low, self.prefix[1]);
        write_base62(sequence, self.sequence);
        id.iter().map(|&digit| char::from(digit)).collect()
    }
}

/// Writes `value` right-aligned, most significant digit first.
pub(crate) fn write_base62(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(value % 62) as usize];
        value /= 62;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn identifiers_are_22_characters_and_do_not_repeat() {
        let mut nuid = Nuid::new([7; 32]);
        let ids: HashSet<String> = (0..10_000).map(|_| nuid.next()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 22 && id.bytes().all(|b| DIGITS.contains(&b))));
    }

    #[test]
    fn a_full_sequence_carries_into_the_prefix() {
        let mut nuid = Nuid { prefix: [HALVES - 1; 2], sequence: SEQUENCES - 1, step: 1 };
        assert_eq!(nuid.next(), "0".repeat(22));
        assert_eq!(nuid.next(), alloc::format!("{}1", "0".repeat(21)));
        let mut nuid = Nuid { prefix: [0, HALVES - 1], sequence: SEQUENCES - 1, step: 1 };
        assert_eq!(nuid.next(), alloc::format!("000001{}", "0".repeat(16)));
    }

    #[test]
    fn other_entropy_gives_another_prefix() {
        let first = Nuid::new([1; 32]).next();
        let second = Nuid::new([2; 32]).next();
        assert_ne!(first[..12], second[..12]);
    }
}
