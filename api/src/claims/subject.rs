//! Subjects and patterns of subjects, as nats-server compares them.

/// Whether a pattern (with `*` for one token and a last `>` for one or more) matches a subject.
#[must_use]
pub fn matches(pattern: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    let mut pattern = pattern.split('.').peekable();
    while let Some(expected) = pattern.next() {
        let Some(token) = subject.next() else { return false };
        match expected {
            ">" if pattern.peek().is_none() => return true,
            "*" => {}
            _ if expected == token => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

/// Whether a text can be published to: printable ASCII tokens, separated by dots, none of them
/// empty or a wildcard. NATS itself takes more; nothing here needs it.
#[must_use]
pub fn is_literal(subject: &str) -> bool {
    subject.split('.').all(|token| {
        !matches!(token, "" | "*" | ">") && token.bytes().all(|b| b.is_ascii_graphic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_whole_tokens() {
        for (pattern, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a", false),
            ("a", "a.b", false),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("a.*", "a", false),
            ("*.b", "a.b", true),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            ("a*", "ab", false),
        ] {
            assert_eq!(matches(pattern, subject), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn only_plain_subjects_are_literal() {
        assert!(
            is_literal("a") && is_literal("com.scaling-ws.updates") && is_literal("$JS.API.INFO")
        );
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a.*", ">", "a.>", "a\n", "é", "a\0"] {
            assert!(!is_literal(bad), "{bad:?}");
        }
    }
}
