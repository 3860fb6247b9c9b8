//! Names and other texts of outside in sentences for people.

use core::fmt::{self, Write};

/// A text between quotation marks, as errors name what came from outside: as `{:?}` writes it, without the
/// tables of Unicode for that, which a page would have to load.
///
/// Quotation marks and backslashes are escaped by a backslash. So that a text neither ends its line nor
/// shows as another than it is, control characters, line and paragraph separators, and what is invisible
/// or changes the direction of writing become `\u{…}`. Any other character stays as it is.
///
/// ```
/// # use nats_proto::Quoted;
/// assert_eq!(Quoted("orders.\"new\"\n").to_string(), r#""orders.\"new\"\u{a}""#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => {
                    f.write_char('\\')?;
                    f.write_char(character)?;
                }
                _ if is_unseen(character) => {
                    character.escape_unicode().try_for_each(|part| f.write_char(part))?;
                }
                _ => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

/// Whether a character has no form of its own, but one that others take from it. Source: Unicode's
/// general categories Cc, Zl and Zp, and of Cf those that no script needs for its words.
const fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_be_mistaken_is_escaped() {
        assert_eq!(Quoted("").to_string(), r#""""#);
        assert_eq!(Quoted(r#"a"b\c"#).to_string(), r#""a\"b\\c""#);
        assert_eq!(Quoted("a\r\n\0\x1b[1m").to_string(), r#""a\u{d}\u{a}\u{0}\u{1b}[1m""#);
        assert_eq!(Quoted("a\u{202e}b\u{2028}").to_string(), r#""a\u{202e}b\u{2028}""#);
        assert_eq!(Quoted("naïve 日本 🦀").to_string(), "\"naïve 日本 🦀\"");
    }

    proptest! {
        #[test]
        fn a_text_of_printable_ascii_is_as_debug_writes_it(text in "[ -~]*") {
            prop_assert_eq!(Quoted(&text).to_string(), format!("{text:?}"));
        }

        /// What is between the marks ends nowhere before the last, on one line.
        #[test]
        fn a_text_is_one_line_and_ends_where_it_says(text in any::<String>()) {
            let quoted = Quoted(&text).to_string();
            prop_assert!(!quoted.chars().any(is_unseen));
            let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            let mut characters = inner.chars();
            while let Some(character) = characters.next() {
                prop_assert!(character != '"');
                if character == '\\' {
                    let escaped = characters.next();
                    prop_assert!(matches!(escaped, Some('"' | '\\' | 'u')), "{quoted}");
                }
            }
        }
    }
}
