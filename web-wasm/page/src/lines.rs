//! The lines of a list: the newest of them, counted from the first that ever was.

use std::collections::VecDeque;

/// The newest lines, up to a number of them.
///
/// ```
/// let mut lines = web_wasm_page::lines::Lines::new(2);
/// for text in ["a", "b", "c"] {
///     lines.push(text);
/// }
/// assert_eq!((lines.first(), lines.total()), (1, 3));
/// assert_eq!((lines.get(0), lines.get(2)), (None, Some(&"c")));
/// ```
#[derive(Debug)]
pub struct Lines<T> {
    kept: VecDeque<T>,
    first: usize,
    capacity: usize,
}

impl<T> Lines<T> {
    /// No lines yet, and at most `capacity` of them, at least one.
    pub fn new(capacity: usize) -> Self {
        Self { kept: VecDeque::new(), first: 0, capacity: capacity.max(1) }
    }

    /// Adds a line, in the place of the oldest if there is no room.
    pub fn push(&mut self, line: T) {
        if self.kept.len() == self.capacity {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back(line);
    }

    /// Forgets all lines, and begins to count again.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.first = 0;
    }

    /// The line of this number, unless it is no longer, or not yet, there.
    pub fn get(&self, number: usize) -> Option<&T> {
        self.kept.get(number.checked_sub(self.first)?)
    }

    /// The number of the oldest line that is there.
    pub fn first(&self) -> usize {
        self.first
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many lines there ever were.
    pub fn total(&self) -> usize {
        self.first + self.kept.len()
    }
}

/// At most `limit` characters of a text that came as bytes, as one line: what is no UTF-8, and
/// what would break the line, is replaced.
///
/// ```
/// assert_eq!(web_wasm_page::lines::one_line(b"a\nb\xff", 9), "a b\u{fffd}");
/// assert_eq!(web_wasm_page::lines::one_line("äöü".as_bytes(), 2), "äö…");
/// ```
pub fn one_line(bytes: &[u8], limit: usize) -> String {
    // Four bytes are the longest character, so nothing beyond is ever shown.
    let few = &bytes[..bytes.len().min(limit.saturating_add(1).saturating_mul(4))];
    let text = String::from_utf8_lossy(few);
    let mut line: String =
        text.chars().take(limit).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        line.push('…');
    }
    line
}

/// A subject with the public keys in it cut short: what comes after them matters more to the eye.
///
/// ```
/// let key = format!("U{}", "A".repeat(55));
/// let subject = format!("rooms.{key}.chat");
/// assert_eq!(web_wasm_page::lines::short_subject(&subject), "rooms.UAAAAA…AAAA.chat");
/// assert_eq!(web_wasm_page::lines::short_subject("a.Ub.>"), "a.Ub.>");
/// ```
pub fn short_subject(subject: &str) -> String {
    let short = |token: &str| {
        let is_key = token.len() == 56 && token.starts_with('U') && token.is_ascii();
        if is_key { format!("{}…{}", &token[..6], &token[52..]) } else { token.to_owned() }
    };
    subject.split('.').map(short).collect::<Vec<_>>().join(".")
}
