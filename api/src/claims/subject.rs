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

/// Whether there is a subject that both patterns match.
#[must_use]
pub fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.').peekable(), other.split('.').peekable());
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(_), None) | (None, Some(_)) => return false,
            (Some(a), Some(b)) => {
                let ends =
                    (a == ">" && one.peek().is_none()) || (b == ">" && other.peek().is_none());
                if ends {
                    return true;
                }
                if a != b && a != "*" && b != "*" {
                    return false;
                }
            }
        }
    }
}

/// Whether a text can be subscribed to: as [`is_literal`], but tokens may be `*`, and the last `>`.
#[must_use]
pub fn is_pattern(pattern: &str) -> bool {
    let mut tokens = pattern.split('.').peekable();
    while let Some(token) = tokens.next() {
        let fits = match token {
            "*" => true,
            ">" => tokens.peek().is_none(),
            _ => !token.contains(['*', '>']) && is_literal(token),
        };
        if !fits {
            return false;
        }
    }
    true
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
    fn patterns_overlap_where_one_subject_is_in_both() {
        for (one, other, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.*", "a.b", true),
            ("a.*", "*.b", true),
            ("a.*.c", "a.>", true),
            ("a.*.c", "*.b.d", false),
            ("a.>", "a", false),
            ("a.>", "b.>", false),
            (">", "a.b.c", true),
            ("a.*", "a.b.c", false),
            ("*.*", "a.>", true),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_pattern_has_wildcards_as_whole_tokens_only() {
        for good in ["a", "*", ">", "a.*", "*.a", "a.>", "*.*.>", "$SYS.>"] {
            assert!(is_pattern(good), "{good}");
        }
        for bad in ["", ".", "a.", ">.a", "a*", "a.b>", "a b", "a..>", "a.\r\n", "é", "a.\0"] {
            assert!(!is_pattern(bad), "{bad:?}");
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
