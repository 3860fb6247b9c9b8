//! A role's patterns with names put in.

use super::Channel;
use crate::claims::{Permission, UserKey};

/// Where the holder's public key goes.
const SUBJECT: &str = "{{subject()}}";

/// A template's permission as nats-server will resolve it for the holder of `nkey`.
///
/// Without a key, whatever it would be part of is not allowed, and is denied whatever key it is.
pub(super) fn resolve(
    permission: &Permission,
    nkey: Option<&UserKey>,
    channels: &[Channel],
) -> Permission {
    let with_key = |patterns: &[String], otherwise: Option<&str>| -> Vec<String> {
        patterns
            .iter()
            .filter_map(|pattern| match nkey.map(UserKey::as_str).or(otherwise) {
                Some(key) => Some(pattern.replace(SUBJECT, key)),
                None => (!pattern.contains(SUBJECT)).then(|| pattern.clone()),
            })
            .flat_map(|pattern| with_channels(pattern, channels))
            .collect()
    };
    let mut resolved = Permission {
        allow: with_key(&permission.allow, None),
        deny: with_key(&permission.deny, Some("*")),
    };
    // As nats-server does: a list that only names would have filled allows nothing.
    if resolved.allow.is_empty() && !permission.allow.is_empty() {
        resolved.deny.push(">".to_owned());
    }
    resolved
}

/// All that a pattern may become, by some key or channel.
pub(crate) fn with_wildcards(pattern: &str) -> String {
    let put_in = |token| if str::contains(token, "{{") { "*" } else { token };
    pattern.split('.').map(put_in).collect::<Vec<_>>().join(".")
}

/// One subject for each channel of the kind the pattern is for; none if there is none.
fn with_channels(pattern: String, channels: &[Channel]) -> Vec<String> {
    let Some((_, rest)) = pattern.split_once("{{tag(") else { return vec![pattern] };
    let Some((kind, _)) = rest.split_once(")}}") else { return Vec::new() };
    let tag = format!("{{{{tag({kind})}}}}");
    channels
        .iter()
        .filter(|channel| channel.kind() == kind)
        .map(|channel| pattern.replace(&tag, channel.value()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::UserPair;

    fn permission(allow: &[&str], deny: &[&str]) -> Permission {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Permission { allow: texts(allow), deny: texts(deny) }
    }

    #[test]
    fn without_a_key_nothing_is_open_that_a_key_would_open() {
        let template =
            permission(&["news", "from.{{subject()}}"], &["news.{{subject()}}.x", "rooms.x"]);
        assert_eq!(resolve(&template, None, &[]), permission(&["news"], &["news.*.x", "rooms.x"]));
        let own = permission(&["from.{{subject()}}", "rooms.{{tag(room)}}.>"], &[]);
        assert_eq!(resolve(&own, None, &[]), permission(&[], &[">"]));
        assert!(!resolve(&own, None, &[]).verdict("from.{{subject()}}").is_allowed());
    }

    #[test]
    fn with_a_key_and_channels_each_name_is_put_in() {
        let key = UserPair::from_random([3; 32]).unwrap().public().clone();
        let rooms = ["room:7", "room:a", "hall:b"].map(|text| Channel::parse(text).unwrap());
        let template = permission(&["rooms.{{tag(room)}}.{{subject()}}"], &["x.{{subject()}}"]);
        let (in_7, in_a) = (format!("rooms.7.{key}"), format!("rooms.a.{key}"));
        assert_eq!(
            resolve(&template, Some(&key), &rooms),
            permission(&[&in_7, &in_a], &[&format!("x.{key}")])
        );
    }
}
