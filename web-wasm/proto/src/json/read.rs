//! A document, read from its beginning to its end.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::{fmt, str};

/// How deeply values may be in one another, lest a document exhaust the stack.
const DEPTH: usize = 64;

/// Why a document can't be read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    expected: &'static str,
    at: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.at)
    }
}

/// What is left of a document. Each function reads one value, and the white space before it.
///
/// Source: RFC 8259. Never panics.
pub(crate) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// An object: `member` is called with each name, and reads the value. A name may come twice.
    pub(crate) fn object(
        &mut self,
        member: &mut dyn FnMut(&mut Self, &str) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.items(b'{', b'}', "an object", &mut |reader| {
            let name = reader.text()?;
            if !reader.skipped(b':') {
                return Err(reader.expected("a colon"));
            }
            member(reader, &name)
        })
    }

    /// A list of texts.
    pub(crate) fn strings(&mut self) -> Result<Vec<String>, JsonError> {
        let mut strings = Vec::new();
        self.items(b'[', b']', "a list", &mut |reader| {
            strings.push(reader.string()?);
            Ok(())
        })?;
        Ok(strings)
    }

    /// A text.
    pub(crate) fn string(&mut self) -> Result<String, JsonError> {
        self.text().map(Cow::into_owned)
    }

    /// A text or `null`.
    pub(crate) fn optional_string(&mut self) -> Result<Option<String>, JsonError> {
        match self.peek() {
            Some(b'n') => self.word(b"null").map(|()| None),
            _ => self.string().map(Some),
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self) -> Result<bool, JsonError> {
        match self.peek() {
            Some(b't') => self.word(b"true").map(|()| true),
            Some(b'f') => self.word(b"false").map(|()| false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// A whole number that is written as one, and fits.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, JsonError> {
        self.peek();
        let before = self.at;
        let error = JsonError { expected: "a whole number that fits", at: before };
        self.any_number()?;
        let digits = str::from_utf8(&self.text[before..self.at]).ok();
        let number = digits.and_then(|digits| digits.parse().ok());
        number.and_then(|number: i64| T::try_from(number).ok()).ok_or(error)
    }

    /// Any value, which is passed over.
    pub(crate) fn skip(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.text().map(drop),
            Some(b'{') => self.object(&mut |reader, _| reader.skip()),
            Some(b'[') => self.items(b'[', b']', "a list", &mut Self::skip),
            Some(b't' | b'f') => self.flag().map(drop),
            Some(b'n') => self.word(b"null"),
            _ => self.any_number(),
        }
    }

    /// Nothing more.
    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end")),
        }
    }

    /// What stands between two brackets, with commas between.
    fn items(
        &mut self,
        open: u8,
        close: u8,
        expected: &'static str,
        item: &mut dyn FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if self.depth == DEPTH || !self.skipped(open) {
            return Err(self.expected(expected));
        }
        self.depth += 1;
        if !self.skipped(close) {
            loop {
                item(self)?;
                if self.skipped(close) {
                    break;
                }
                if !self.skipped(b',') {
                    return Err(self.expected("a comma or the closing bracket"));
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn text(&mut self) -> Result<Cow<'a, str>, JsonError> {
        if !self.skipped(b'"') {
            return Err(self.expected("a text"));
        }
        let mut text = Cow::Borrowed("");
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.iter().position(|&byte| byte < b' ' || matches!(byte, b'"' | b'\\'));
            let plain = &rest[..plain.unwrap_or(rest.len())];
            text += str::from_utf8(plain).map_err(|_| self.expected("UTF-8"))?;
            self.at += plain.len();
            match self.next() {
                Some(b'"') => return Ok(text),
                Some(b'\\') => text.to_mut().push(self.escaped()?),
                _ => return Err(self.expected("a text without control characters, and its end")),
            }
        }
    }

    /// What a backslash has begun.
    fn escaped(&mut self) -> Result<char, JsonError> {
        let escaped = match self.next() {
            Some(byte @ (b'"' | b'\\' | b'/')) => Some(char::from(byte)),
            Some(b'b') => Some('\x08'),
            Some(b'f') => Some('\x0c'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            Some(b'u') => match self.unit() {
                // What is beyond 16 bits is written as two, a high and a low surrogate.
                Some(high @ 0xd800..0xdc00) => self.low_surrogate().and_then(|low| {
                    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                }),
                unit => unit.and_then(char::from_u32),
            },
            _ => None,
        };
        escaped.ok_or_else(|| self.expected("an escaped character"))
    }

    fn low_surrogate(&mut self) -> Option<u32> {
        let escape = self.next() == Some(b'\\') && self.next() == Some(b'u');
        self.unit().filter(|unit| escape && (0xdc00..0xe000).contains(unit))
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let mut digits = || self.next().and_then(|byte| char::from(byte).to_digit(16));
        (0..4).try_fold(0, |unit, _| Some(unit << 4 | digits()?))
    }

    fn any_number(&mut self) -> Result<(), JsonError> {
        let rest = self.rest();
        let digits = |at: usize| {
            rest[at.min(rest.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let byte = |at: usize| rest.get(at).copied();
        let mut at = usize::from(byte(0) == Some(b'-'));
        // A number begins with a zero only if that is all of its whole part.
        let mut whole = if byte(at) == Some(b'0') { 1 } else { digits(at) };
        at += whole;
        if byte(at) == Some(b'.') {
            let fraction = digits(at + 1);
            at += 1 + fraction;
            whole = whole.min(fraction);
        }
        if matches!(byte(at), Some(b'e' | b'E')) {
            at += 1 + usize::from(matches!(byte(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at);
            at += exponent;
            whole = whole.min(exponent);
        }
        if whole == 0 {
            return Err(self.expected("a value"));
        }
        self.at += at;
        Ok(())
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), JsonError> {
        if !self.rest().starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes over white space and then this byte, if it is there.
    fn skipped(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// The next byte that is no white space, which is passed over.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let next = self.text.get(self.at).copied();
        self.at += usize::from(next.is_some());
        next
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    fn expected(&self, expected: &'static str) -> JsonError {
        JsonError { expected, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::{format, vec};

    use proptest::prelude::*;

    use super::*;

    /// Whether the whole of it is JSON.
    fn is_json(text: &[u8]) -> bool {
        let mut reader = Reader::new(text);
        reader.skip().and_then(|()| reader.end()).is_ok()
    }

    fn string(text: &str) -> Result<String, JsonError> {
        let mut reader = Reader::new(text.as_bytes());
        let string = reader.string()?;
        reader.end()?;
        Ok(string)
    }

    fn number<T: TryFrom<i64>>(text: &str) -> Option<T> {
        let mut reader = Reader::new(text.as_bytes());
        let number = reader.number().ok()?;
        reader.end().ok()?;
        Some(number)
    }

    #[test]
    fn numbers_are_whole_and_fit() {
        assert_eq!(number::<u16>(" 65535 "), Some(65_535));
        assert_eq!(number::<u64>("9223372036854775807"), Some(i64::MAX as u64));
        assert_eq!(number::<i32>("-1"), Some(-1));
        for text in ["65536", "-1", "1.0", "1e2", "01", "+1", "0x1", "", "-", "\"1\"", "null"] {
            assert_eq!(number::<u16>(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let error = Reader::new(b"{\"a\" 1}").skip().unwrap_err();
        assert_eq!(error.to_string(), "expected a colon at byte 5");
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(is_json(nested(DEPTH).as_bytes()));
        assert!(!is_json(nested(DEPTH + 1).as_bytes()));
        assert!(!is_json("[".repeat(1_000_000).as_bytes()));
        // It is how deep, not how many.
        assert!(is_json(format!("[{}]", vec!["[]"; 1_000].join(",")).as_bytes()));
    }

    /// Texts that are JSON, or nearly.
    fn nearly_json() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"\"",
            "\\",
            "\\u00e9",
            "\\ud83d\\ude00",
            "\\ud83d",
            "\\udc00",
            "\\u12",
            "\\n",
            "\\/",
            "\\x",
            "0",
            "1",
            "-",
            "-0",
            "12",
            "01",
            ".",
            ".5",
            "e",
            "E+3",
            "e-1",
            "true",
            "false",
            "null",
            "nul",
            " ",
            "\t",
            "\n",
            "\r\n",
            "é",
            "\u{1}",
            "{\"a\":1}",
            "[1,2]",
            "{}",
            "[]",
        ]);
        prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn what_is_json_is_so_for_serde_json_too(text in nearly_json()) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // JSON bounds no number; a floating-point one is bounded.
            prop_assume!(!theirs.as_ref().is_err_and(|e| e.to_string().contains("out of range")));
            prop_assert_eq!(is_json(text.as_bytes()), theirs.is_ok(), "{:?}", text);
        }

        #[test]
        fn texts_are_what_they_are_for_serde_json(text in any::<String>(), inner in nearly_json()) {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(string(&written).unwrap(), text);
            let quoted = format!("\"{inner}\"");
            let theirs = serde_json::from_str::<String>(&quoted).ok();
            prop_assert_eq!(string(&quoted).ok(), theirs, "{:?}", quoted);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
            prop_assert_eq!(is_json(&bytes), theirs.is_ok());
        }
    }
}
