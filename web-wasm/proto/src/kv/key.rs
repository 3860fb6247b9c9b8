//! The keys of a bucket.

/// The pattern that matches every key.
pub const ALL_KEYS: &str = ">";

/// Why a text is no key, or no pattern of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no text.
    #[error("the key is empty")]
    Empty,
    /// A token is empty: a dot at the start, at the end, or two dots in a row.
    #[error("the key has an empty token at byte {at}")]
    EmptyToken {
        /// Where the empty token would begin, in bytes.
        at: usize,
    },
    /// There is something else than ASCII letters, digits, `-`, `/`, `_`, `=` and `.`; in a pattern,
    /// also a `*` that is not a token, or a `>` that is not the last one.
    #[error("the key has a forbidden character at byte {at}")]
    ForbiddenCharacter {
        /// Where it stands, in bytes.
        at: usize,
    },
    /// The key makes a subject longer than [`MAX_LEN`](crate::subject::MAX_LEN).
    #[error("the key has {len} bytes, which is too long")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

/// Checks a key.
pub(super) fn check_key(key: &str) -> Result<(), KeyError> {
    check(key, false)
}

/// Checks a pattern of keys, in which `*` stands for one token and a last `>` for one or more.
pub(super) fn check_pattern(pattern: &str) -> Result<(), KeyError> {
    check(pattern, true)
}

fn check(key: &str, wildcards: bool) -> Result<(), KeyError> {
    if key.is_empty() {
        return Err(KeyError::Empty);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_=".contains(&byte);
    let mut at = 0;
    for token in key.split('.') {
        let next = at + token.len() + 1;
        match token {
            "" => return Err(KeyError::EmptyToken { at }),
            "*" if wildcards => {}
            ">" if wildcards && next > key.len() => {}
            _ => {
                if let Some(within) = token.bytes().position(|byte| !allowed(byte)) {
                    return Err(KeyError::ForbiddenCharacter { at: at + within });
                }
            }
        }
        at = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_patterns_are_checked() {
        use KeyError::*;
        for (key, as_key, as_pattern) in [
            ("a", Ok(()), Ok(())),
            ("a.b-c/d_e=F9", Ok(()), Ok(())),
            ("", Err(Empty), Err(Empty)),
            (".a", Err(EmptyToken { at: 0 }), Err(EmptyToken { at: 0 })),
            ("a.", Err(EmptyToken { at: 2 }), Err(EmptyToken { at: 2 })),
            ("a..b", Err(EmptyToken { at: 2 }), Err(EmptyToken { at: 2 })),
            ("*", Err(ForbiddenCharacter { at: 0 }), Ok(())),
            ("a.*.b", Err(ForbiddenCharacter { at: 2 }), Ok(())),
            ("a.>", Err(ForbiddenCharacter { at: 2 }), Ok(())),
            (">.a", Err(ForbiddenCharacter { at: 0 }), Err(ForbiddenCharacter { at: 0 })),
            ("a*", Err(ForbiddenCharacter { at: 1 }), Err(ForbiddenCharacter { at: 1 })),
            ("a b", Err(ForbiddenCharacter { at: 1 }), Err(ForbiddenCharacter { at: 1 })),
            ("a\r\nb", Err(ForbiddenCharacter { at: 1 }), Err(ForbiddenCharacter { at: 1 })),
            ("b.é", Err(ForbiddenCharacter { at: 2 }), Err(ForbiddenCharacter { at: 2 })),
            ("a\0", Err(ForbiddenCharacter { at: 1 }), Err(ForbiddenCharacter { at: 1 })),
        ] {
            assert_eq!(check_key(key), as_key, "key {key:?}");
            assert_eq!(check_pattern(key), as_pattern, "pattern {key:?}");
        }
    }
}
