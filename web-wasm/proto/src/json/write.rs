//! A document, written.

use alloc::vec::Vec;

/// An object that is being written, without white space.
///
/// Source: RFC 8259.
pub(crate) struct ObjectWriter {
    out: Vec<u8>,
}

impl ObjectWriter {
    pub(crate) fn new() -> Self {
        Self { out: Vec::new() }
    }

    pub(crate) fn flag(&mut self, name: &str, flag: bool) {
        self.name(name);
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    pub(crate) fn number(&mut self, name: &str, number: u8) {
        self.name(name);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.quoted(text);
    }

    /// Writes a text if there is one.
    pub(crate) fn optional_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// The whole of it.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.out.is_empty() {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        self.out
    }

    fn name(&mut self, name: &str) {
        self.out.push(if self.out.is_empty() { b'{' } else { b',' });
        self.quoted(name);
        self.out.push(b':');
    }

    fn quoted(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.out.push(b'"');
        for &byte in text.as_bytes() {
            match byte {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                0..b' ' => {
                    let low = HEX[usize::from(byte & 0xf)];
                    self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), low]);
                }
                _ => self.out.push(byte),
            }
        }
        self.out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_object_may_be_empty() {
        assert_eq!(ObjectWriter::new().finish(), b"{}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_by_serde_json(name: String, text: String, flag: bool, number: u8) {
            let mut object = ObjectWriter::new();
            object.text(&name, &text);
            object.optional_text("none", None);
            object.flag("\u{0}\u{1f}\"\\\n", flag);
            object.number("n", number);
            let read: serde_json::Value = serde_json::from_slice(&object.finish()).unwrap();
            prop_assert!(read.get("none").is_none());
            prop_assert_eq!(read["\u{0}\u{1f}\"\\\n"].as_bool(), Some(flag));
            if name != "n" {
                prop_assert_eq!(read["n"].as_u64(), Some(number.into()));
                prop_assert_eq!(read[&name].as_str(), Some(&*text));
            }
        }
    }
}
