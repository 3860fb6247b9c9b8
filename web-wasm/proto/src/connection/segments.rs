//! Bytes in a row, kept in pieces.

use alloc::vec::Vec;

use bytes::BytesMut;

/// How many bytes a piece has at most, unless one operation alone has more.
const SEGMENT: usize = 256 * 1024;

/// Bytes that are appended at one end and taken at the other.
///
/// In one piece they would be copied whenever it had to grow, megabytes at a time, and its memory
/// would become several times what it ever held.
#[derive(Debug, Default)]
pub(super) struct Segments {
    /// They are few.
    pieces: Vec<BytesMut>,
    len: usize,
}

impl Segments {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends what `write` writes, which is not cut, and says how much that was. That it takes some
    /// `about` bytes keeps it from being moved.
    pub(super) fn append(&mut self, about: usize, write: impl FnOnce(&mut BytesMut)) -> usize {
        let end = self.end(about);
        let before = end.len();
        write(end);
        let len = end.len() - before;
        self.len += len;
        len
    }

    fn end(&mut self, about: usize) -> &mut BytesMut {
        let room = |last: &BytesMut| last.is_empty() || last.len() + about <= SEGMENT;
        if !self.pieces.last().is_some_and(room) {
            self.begin(about);
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    #[cold]
    fn begin(&mut self, about: usize) {
        // What filled one is likely to fill the next.
        let capacity = if self.pieces.is_empty() { 0 } else { SEGMENT.max(about) };
        self.pieces.push(BytesMut::with_capacity(capacity));
    }

    /// How many bytes there are without a break at the end.
    pub(super) fn last_len(&self) -> usize {
        self.pieces.last().map_or(0, BytesMut::len)
    }

    /// How many bytes there are without a break at the beginning.
    pub(super) fn first_len(&mut self) -> usize {
        while self.pieces.len() > 1 && self.pieces[0].is_empty() {
            self.pieces.remove(0);
        }
        self.pieces.first().map_or(0, BytesMut::len)
    }

    /// Takes the first bytes, of those that are without a break at most.
    pub(super) fn take(&mut self, len: usize) -> BytesMut {
        let len = len.min(self.first_len());
        self.len -= len;
        // Once what is taken of the last is gone, its memory is used again.
        self.pieces.first_mut().map_or_else(BytesMut::new, |first| first.split_to(len))
    }

    /// Appends all of another's, which is not joined to what is there.
    pub(super) fn extend(&mut self, mut other: Self) {
        self.pieces.append(&mut other.pieces);
        self.len += other.len;
    }
}

impl From<BytesMut> for Segments {
    fn from(bytes: BytesMut) -> Self {
        Self { len: bytes.len(), pieces: Vec::from([bytes]) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn append(segments: &mut Segments, byte: u8, len: usize) {
        let appended = segments.append(len, |end| end.extend_from_slice(&vec![byte; len]));
        assert_eq!(appended, len);
    }

    fn pieces(segments: &mut Segments) -> Vec<(u8, usize)> {
        let mut pieces = Vec::new();
        while segments.len() > 0 {
            let piece = segments.take(usize::MAX);
            pieces.push((piece[0], piece.len()));
        }
        pieces
    }

    #[test]
    fn pieces_are_full_and_nothing_is_cut() {
        let mut segments = Segments::default();
        for _ in 0..6 {
            append(&mut segments, b'a', 100 * 1024);
        }
        append(&mut segments, b'b', SEGMENT + 1);
        append(&mut segments, b'c', 1);
        assert_eq!(segments.len(), 600 * 1024 + SEGMENT + 2);
        assert_eq!(segments.last_len(), 1);
        let a = (b'a', 200 * 1024);
        assert_eq!(pieces(&mut segments), [a, a, a, (b'b', SEGMENT + 1), (b'c', 1)]);
        assert_eq!(segments.len(), 0);
    }

    #[test]
    fn what_is_taken_in_part_leaves_the_rest() {
        let mut segments = Segments::default();
        append(&mut segments, b'a', SEGMENT);
        append(&mut segments, b'b', 10);
        assert_eq!(segments.take(1).len(), 1);
        assert_eq!(segments.take(usize::MAX).len(), SEGMENT - 1);
        assert_eq!(segments.take(4).len(), 4);
        assert_eq!((segments.len(), segments.first_len(), segments.last_len()), (6, 6, 6));
        assert_eq!(segments.take(usize::MAX).len(), 6);
        assert_eq!(segments.take(usize::MAX).len(), 0);
    }

    #[test]
    fn others_go_behind() {
        let mut segments = Segments::default();
        append(&mut segments, b'a', 3);
        let mut other = Segments::default();
        append(&mut other, b'b', SEGMENT);
        append(&mut other, b'c', 5);
        segments.extend(other);
        append(&mut segments, b'c', 1);
        let mut first = Segments::from(BytesMut::from(&b"z"[..]));
        first.extend(Segments::default());
        first.extend(segments);
        assert_eq!(first.len(), 1 + 3 + SEGMENT + 6);
        assert_eq!(pieces(&mut first), [(b'z', 1), (b'a', 3), (b'b', SEGMENT), (b'c', 6)]);
    }

    #[test]
    fn memory_is_used_again() {
        let mut segments = Segments::default();
        let mut places = Vec::new();
        for _ in 0..100 {
            append(&mut segments, b'a', 60_000);
            places.push(segments.take(usize::MAX).as_ptr());
        }
        places.sort_unstable();
        places.dedup();
        assert!(places.len() <= 2, "{} places for 100 times the same", places.len());
    }
}
