//! Which patterns of subjects a role may list.
//!
//! A list of what is allowed is a promise about strangers, so each pattern must say by itself what
//! it opens: it begins with a name, and where it could reach something that belongs to somebody
//! else or to NATS, it is refused.

/// Tokens of a pattern at most; nats-server is configured with the same limit.
const MAX_TOKENS: usize = 16;

/// NATS's own subjects that can be opened to a role. Of JetStream: reading one named stream, pulling
/// from and acknowledging to one named consumer. What makes or changes a consumer or a stream is not
/// among them, since the caller would choose where its messages are delivered. Of services: what those
/// of one name, or one instance, are asked about themselves; who hears the questions to others can
/// answer in their place. `=` stands for one token that is no wildcard, a last `>` for anything.
const OWN: [&str; 12] = [
    "$JS.API.INFO",
    "$JS.API.STREAM.INFO.=",
    "$JS.API.STREAM.MSG.GET.=",
    "$JS.API.DIRECT.GET.=",
    "$JS.API.DIRECT.GET.=.>",
    "$JS.API.CONSUMER.INFO.=.=",
    "$JS.API.CONSUMER.MSG.NEXT.=.=",
    "$JS.ACK.=.=.>",
    "$KV.=.>",
    "$O.=.>",
    "$SRV.=.=",
    "$SRV.=.=.=",
];

/// Where a pattern stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// In a role's own list of what is allowed.
    Role,
    /// In a list of a channel of this kind.
    Channel(&'a str),
    /// In a list of what is denied.
    Deny,
}

/// Checks one pattern.
///
/// # Errors
/// What is wrong, and what to do about it.
pub(super) fn check(pattern: &str, place: Place<'_>) -> Result<(), String> {
    let tokens: Vec<&str> = pattern.split('.').collect();
    form(&tokens)?;
    functions(&tokens, place)?;
    match place {
        Place::Role | Place::Channel(_) => reach(&tokens),
        Place::Deny => Ok(()),
    }
}

/// The widest subscription that an entry of this pattern allows, if that is not the pattern itself:
/// a last `*` stands for the token `>` as for any other.
pub(super) fn widest(pattern: &str) -> Option<String> {
    pattern.strip_suffix(".*").map(|stem| format!("{stem}.>"))
}

/// Whether it is a pattern at all.
fn form(tokens: &[&str]) -> Result<(), String> {
    if tokens.iter().any(|token| token.is_empty()) {
        return Err(
            "it has an empty token: no dot may begin or end it or follow another".to_owned()
        );
    }
    if !tokens.iter().all(|token| token.bytes().all(|b| b.is_ascii_graphic())) {
        return Err("it holds white space or something else than printable ASCII".to_owned());
    }
    if tokens.len() > MAX_TOKENS {
        return Err(format!("it has more than {MAX_TOKENS} tokens, which nats-server refuses"));
    }
    for (at, token) in tokens.iter().enumerate() {
        if *token == ">" && at + 1 < tokens.len() {
            return Err("`>` stands for all that follows and must be the last token".to_owned());
        }
        if token.len() > 1 && token.contains(['*', '>']) {
            return Err(format!(
                "in {token:?} the wildcard is no token of its own and matches only itself"
            ));
        }
    }
    Ok(())
}

/// Whether it holds only what is safe to be replaced.
fn functions(tokens: &[&str], place: Place<'_>) -> Result<(), String> {
    let mut tags = 0;
    for token in tokens {
        if !token.contains("{{") && !token.contains("}}") || *token == "{{subject()}}" {
            continue;
        }
        if token.contains("name()") {
            return Err("`name()` is whatever the token's maker wrote; use {{subject()}}, the \
                        caller's public key"
                .to_owned());
        }
        match place {
            Place::Channel(kind) if *token == format!("{{{{tag({kind})}}}}") => tags += 1,
            Place::Channel(kind) => {
                return Err(format!(
                    "{token:?} is not replaced here; whole tokens {{{{subject()}}}} and \
                     {{{{tag({kind})}}}} are"
                ));
            }
            Place::Deny if token.contains("tag(") => {
                return Err("a tag in a deny list locks out every token without that tag; allow \
                            less instead"
                    .to_owned());
            }
            Place::Role | Place::Deny if token.contains("tag(") => {
                return Err("a tag belongs in the lists of the channel it comes from".to_owned());
            }
            Place::Role | Place::Deny => {
                return Err(format!(
                    "{token:?} is not replaced; a whole token {{{{subject()}}}} is"
                ));
            }
        }
    }
    match place {
        Place::Channel(kind) if tags != 1 => Err(format!(
            "a pattern of a channel holds {{{{tag({kind})}}}} once; what every holder of the role \
             gets belongs in the role's own lists"
        )),
        _ => Ok(()),
    }
}

/// Whether it keeps to what can be given away.
fn reach(tokens: &[&str]) -> Result<(), String> {
    let first = tokens[0];
    if matches!(first, "*" | ">") {
        return Err("it begins with a wildcard and so opens everybody's inboxes, $SYS and $JS; \
                    begin with a name"
            .to_owned());
    }
    if first.starts_with("{{") {
        return Err("it begins with what the caller brings; begin with a name".to_owned());
    }
    if first.starts_with("_INBOX") {
        return match tokens {
            ["_INBOX", "{{subject()}}", _, ..] => Ok(()),
            _ => Err("it reaches other people's inboxes; a caller's own is \
                      _INBOX.{{subject()}}.>"
                .to_owned()),
        };
    }
    if first.starts_with('_') {
        return Err("names that begin with `_` are used by nats-server itself".to_owned());
    }
    if first.starts_with('$') && !OWN.iter().any(|shape| fits(tokens, shape)) {
        return Err(format!(
            "of NATS's own subjects only these can be given away, `=` being one name: {}",
            OWN.join(", ")
        ));
    }
    Ok(())
}

fn fits(tokens: &[&str], shape: &str) -> bool {
    let mut tokens = tokens.iter();
    for expected in shape.split('.') {
        match (expected, tokens.next()) {
            (">", Some(_)) => return true,
            (_, None) => return false,
            ("=", Some(token)) if !matches!(*token, "*" | ">") => {}
            (_, Some(token)) if *token == expected => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pattern: &str, place: Place<'_>) -> String {
        check(pattern, place).err().unwrap_or_else(|| panic!("{pattern:?} passes as {place:?}"))
    }

    #[test]
    fn what_says_by_itself_what_it_opens_passes() {
        for good in [
            "com.scaling-ws.updates",
            "rooms.>",
            "rooms.*.chat",
            "users.{{subject()}}.>",
            "_INBOX.{{subject()}}.>",
            "_INBOX.{{subject()}}.*",
            "$JS.API.CONSUMER.MSG.NEXT.CHAT.page",
            "$JS.API.CONSUMER.INFO.CHAT.{{subject()}}",
            "$JS.API.DIRECT.GET.CHAT.rooms.>",
            "$JS.ACK.CHAT.page.>",
            "$KV.settings.>",
            "$SRV.PING.drawing",
            "$SRV.INFO.drawing.{{subject()}}",
        ] {
            assert_eq!(check(good, Place::Role), Ok(()), "{good}");
        }
        for good in ["rooms.{{tag(room)}}.>", "rooms.{{tag(room)}}.chat.{{subject()}}"] {
            assert_eq!(check(good, Place::Channel("room")), Ok(()), "{good}");
        }
        for good in [">", "*.>", "rooms.*.secret", "$SYS.>", "a.{{subject()}}"] {
            assert_eq!(check(good, Place::Deny), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_reaches_for_others_or_for_nats_is_refused() {
        for (pattern, word) in [
            (">", "begins with a wildcard"),
            ("*", "begins with a wildcard"),
            ("*.>", "begins with a wildcard"),
            ("*.updates", "begins with a wildcard"),
            ("{{subject()}}.>", "begin with a name"),
            ("_INBOX.>", "other people's inboxes"),
            ("_INBOX", "other people's inboxes"),
            ("_INBOX.*.>", "other people's inboxes"),
            ("_INBOX.*", "other people's inboxes"),
            ("_INBOX.{{subject()}}", "other people's inboxes"),
            ("_INBOX_x.>", "other people's inboxes"),
            ("_GR_.>", "nats-server itself"),
            ("_R_.>", "nats-server itself"),
            ("$SYS.>", "NATS's own"),
            ("$SYS.REQ.USER.AUTH", "NATS's own"),
            ("$JS.>", "NATS's own"),
            ("$JS.API.>", "NATS's own"),
            ("$JS.*.CONSUMER.CREATE.CHAT", "NATS's own"),
            ("$JS.API.CONSUMER.CREATE.CHAT.page.rooms.7", "NATS's own"),
            ("$JS.API.CONSUMER.DURABLE.CREATE.CHAT.page", "NATS's own"),
            ("$JS.API.CONSUMER.>", "NATS's own"),
            ("$JS.API.*.CREATE.CHAT", "NATS's own"),
            ("$JS.API.STREAM.CREATE.CHAT", "NATS's own"),
            ("$JS.API.STREAM.INFO.*", "NATS's own"),
            ("$JS.API.STREAM.INFO.>", "NATS's own"),
            ("$JS.API.CONSUMER.MSG.NEXT.CHAT.*", "NATS's own"),
            ("$JS.API.CONSUMER.MSG.NEXT.CHAT.page.x", "NATS's own"),
            ("$JS.ACK.>", "NATS's own"),
            ("$KV.>", "NATS's own"),
            ("$KV.*.a", "NATS's own"),
            ("$SRV.>", "NATS's own"),
            ("$SRV.PING", "NATS's own"),
            ("$SRV.*.drawing", "NATS's own"),
            ("$SRV.PING.*", "NATS's own"),
            ("$SRV.PING.drawing.*", "NATS's own"),
            ("$SRV.PING.drawing.>", "NATS's own"),
            ("$G.x", "NATS's own"),
        ] {
            let said = said(pattern, Place::Role);
            assert!(said.contains(word), "{pattern}: {said}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_everywhere() {
        for place in [Place::Role, Place::Channel("room"), Place::Deny] {
            for (pattern, word) in [
                ("", "empty token"),
                ("a..b", "empty token"),
                ("a.", "empty token"),
                (".a", "empty token"),
                ("a b", "white space"),
                ("a\t", "white space"),
                ("a\r\n", "white space"),
                ("a\0", "printable"),
                ("é", "printable"),
                ("a.>.b", "last token"),
                ("a.b*", "no token of its own"),
                ("a.>x", "no token of its own"),
                ("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", "more than 16"),
                ("a.{{name()}}", "name()"),
                ("a.{{account-name()}}", "name()"),
                ("a.{{account-subject()}}", "not replaced"),
                ("a.x{{subject()}}", "not replaced"),
                ("a.{{Subject()}}", "not replaced"),
                ("a.{{", "not replaced"),
                ("a.{{tag(team)}}", "tag"),
            ] {
                let said = said(pattern, place);
                assert!(said.contains(word), "{pattern:?} as {place:?}: {said}");
            }
        }
    }

    #[test]
    fn tags_stand_only_where_their_channel_is_and_as_a_whole_token() {
        assert!(said("a.{{tag(room)}}", Place::Role).contains("belongs in the lists"));
        assert!(said("a.{{tag(room)}}", Place::Deny).contains("locks out"));
        for pattern in ["a.b", "a.{{tag(room)}}.{{tag(room)}}"] {
            assert!(said(pattern, Place::Channel("room")).contains("once"), "{pattern}");
        }
        for pattern in ["a.x{{tag(room)}}", "a.{{tag(Room)}}", "a.{{ tag(room) }}"] {
            check(pattern, Place::Channel("room")).unwrap_err();
        }
        assert!(said("{{tag(room)}}.>", Place::Channel("room")).contains("begin with a name"));
    }
}
