//! An object cut into pieces.

use bytes::{Bytes, BytesMut};

/// How many bytes a piece has at most, unless it is said otherwise.
pub const DEFAULT_CHUNK_SIZE: usize = 128 * 1024;

/// Cuts what is pushed into pieces of one size, of which only the last may be smaller.
///
/// It holds less than one piece beside what was pushed last.
///
/// ```
/// use nats_proto::object_store::Chunker;
///
/// let mut chunker = Chunker::new(3);
/// chunker.push("ab".into());
/// assert_eq!(chunker.next_chunk(), None);
/// chunker.push("cdefg".into());
/// assert_eq!(chunker.next_chunk().unwrap(), "abc");
/// assert_eq!(chunker.next_chunk().unwrap(), "def");
/// assert_eq!(chunker.next_chunk(), None);
/// assert_eq!(chunker.finish().unwrap(), "g");
/// ```
#[derive(Debug)]
pub struct Chunker {
    size: usize,
    /// The beginning of a piece.
    begun: BytesMut,
    /// What was pushed and is not cut.
    rest: Bytes,
}

impl Chunker {
    /// One that makes pieces of so many bytes; one at least.
    pub fn new(size: usize) -> Self {
        Self { size: size.max(1), begun: BytesMut::new(), rest: Bytes::new() }
    }

    /// Adds bytes. What was pushed before must have been cut, until
    /// [`next_chunk`](Self::next_chunk) had no more.
    pub fn push(&mut self, bytes: Bytes) {
        self.begun.extend_from_slice(&self.rest);
        self.rest = bytes;
    }

    /// The next whole piece, without copying where it was pushed whole.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        if self.begun.is_empty() {
            return (self.rest.len() >= self.size).then(|| self.rest.split_to(self.size));
        }
        if self.begun.len() < self.size {
            let missing = (self.size - self.begun.len()).min(self.rest.len());
            let missing = self.rest.split_to(missing);
            self.begun.extend_from_slice(&missing);
        }
        (self.begun.len() >= self.size).then(|| self.begun.split_to(self.size).freeze())
    }

    /// The last piece, if anything is left.
    pub fn finish(mut self) -> Option<Bytes> {
        self.begun.extend_from_slice(&self.rest);
        (!self.begun.is_empty()).then(|| self.begun.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_make_up_the_whole_however_it_is_pushed(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..12),
            size in 1..17usize,
        ) {
            let mut chunker = Chunker::new(size);
            let mut chunks: Vec<Bytes> = Vec::new();
            for part in &parts {
                chunker.push(Bytes::copy_from_slice(part));
                while let Some(chunk) = chunker.next_chunk() {
                    prop_assert_eq!(chunk.len(), size);
                    chunks.push(chunk);
                }
            }
            let last = chunker.finish();
            prop_assert!(last.as_ref().is_none_or(|last| (1..size).contains(&last.len())));
            chunks.extend(last);
            prop_assert_eq!(chunks.concat(), parts.concat());
        }
    }
}
