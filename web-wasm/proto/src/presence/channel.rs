//! Subjects of presence.

use alloc::format;
use alloc::string::String;
use core::fmt;

use bytestring::ByteString;

use crate::Subject;

/// The first token of every subject of presence.
pub const PREFIX: &str = "presence";

/// Longest kind of a channel, in bytes.
const MAX_KIND_BYTES: usize = 16;
/// Longest value of a channel, in bytes.
const MAX_VALUE_BYTES: usize = 64;
/// Longest name of a tab, in bytes: a NUID.
const MAX_TAB_BYTES: usize = 22;
/// Bytes of a public key as text.
const USER_BYTES: usize = 56;

/// A channel as the API names it: `kind:value`, the kind 1 to 16 and the value 1 to 64 of `a-z`,
/// `0-9`, `-` and `_`.
///
/// ```
/// use nats_proto::presence::Channel;
///
/// let channel: Channel = "room:7".parse().unwrap();
/// assert_eq!(channel.pattern().as_str(), "presence.room.7.>");
/// assert!("room:7.>".parse::<Channel>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    kind: ByteString,
    value: ByteString,
}

/// A text is no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a channel is of the form kind:value, with a-z, 0-9, - and _")]
pub struct ChannelError;

/// Why there is no subject for a tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TabError {
    /// The user is none.
    #[error("the user is no public key of a user")]
    User,
    /// The tab is none.
    #[error("a tab has 1 to 22 of A-Z, a-z and 0-9")]
    Tab,
}

impl Channel {
    /// A channel of this kind with this value.
    ///
    /// # Errors
    /// [`ChannelError`] if one of them is not as it must be. Nothing is escaped.
    pub fn new(kind: &str, value: &str) -> Result<Self, ChannelError> {
        let fits = kind.len() <= MAX_KIND_BYTES && value.len() <= MAX_VALUE_BYTES;
        if fits && is_token(kind) && is_token(value) {
            Ok(Self { kind: kind.into(), value: value.into() })
        } else {
            Err(ChannelError)
        }
    }

    /// The pattern of what the tabs on it say.
    pub fn pattern(&self) -> Subject {
        Subject::from(format!("{PREFIX}.{}.{}.>", self.kind, self.value))
    }

    /// The subject on which a user's tab speaks.
    ///
    /// # Errors
    /// [`TabError`] if the user is no public key, or the tab is not as it must be.
    pub fn subject(&self, user: &str, tab: &str) -> Result<Subject, TabError> {
        if !is_user(user) {
            return Err(TabError::User);
        }
        if !is_tab(tab) {
            return Err(TabError::Tab);
        }
        let text: String = format!("{PREFIX}.{}.{}.{user}.{tab}", self.kind, self.value);
        Ok(Subject::from(text))
    }
}

impl core::str::FromStr for Channel {
    type Err = ChannelError;

    fn from_str(text: &str) -> Result<Self, ChannelError> {
        let (kind, value) = text.split_once(':').ok_or(ChannelError)?;
        Self::new(kind, value)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

/// Who speaks on a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// On which channel.
    pub channel: Channel,
    /// Whose tab, by the user's public key.
    pub user: ByteString,
    /// Which tab.
    pub tab: ByteString,
}

impl Address {
    /// Reads a subject; `None` if it is none that [`Channel::subject`] makes.
    ///
    /// Never panics.
    pub fn parse(subject: &str) -> Option<Self> {
        let mut tokens = subject.split('.');
        if tokens.next()? != PREFIX {
            return None;
        }
        let channel = Channel::new(tokens.next()?, tokens.next()?).ok()?;
        let (user, tab) = (tokens.next()?, tokens.next()?);
        (tokens.next().is_none() && is_user(user) && is_tab(tab)).then(|| Self {
            channel,
            user: user.into(),
            tab: tab.into(),
        })
    }
}

fn is_token(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !text.is_empty() && text.bytes().all(allowed)
}

/// Whether a text has the form of a user's public key: 56 characters of base 32 that begin with `U`.
/// Its checksum is not looked at: nats-server lets nobody publish under a key that is none.
pub fn is_user(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b);
    text.len() == USER_BYTES && text.starts_with('U') && text.bytes().all(allowed)
}

/// Whether a text can name a tab: 1 to 22 of `A-Z`, `a-z` and `0-9`, as a [`Nuid`](crate::Nuid) has.
pub fn is_tab(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_TAB_BYTES
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    fn user() -> String {
        format!("U{}", "A".repeat(55))
    }

    #[test]
    fn subjects_are_read_as_they_are_made() {
        let channel: Channel = "room:7".parse().unwrap();
        assert_eq!(channel.to_string(), "room:7");
        let subject = channel.subject(&user(), "t1").unwrap();
        assert_eq!(subject.as_str(), format!("presence.room.7.{}.t1", user()));
        assert!(channel.pattern().matches(&subject));
        let address = Address::parse(&subject).unwrap();
        assert_eq!(address, Address { channel, user: user().into(), tab: "t1".into() });
    }

    #[test]
    fn names_never_become_wildcards_or_more_tokens() {
        for bad in [
            "",
            ":",
            "room",
            "room:",
            "room:*",
            "room:>",
            "room:a.b",
            "a.b:7",
            "ROOM:7",
            "room:é",
            "room:7 ",
            "room:7\r\n",
            "room:{{name()}}",
            "$js:7",
            "room:7:8",
        ] {
            assert_eq!(bad.parse::<Channel>(), Err(ChannelError), "{bad:?}");
        }
        let channel: Channel = "room:7".parse().unwrap();
        for bad in ["", "*", ">", "a.b", "a b", "é", "12345678901234567890123"] {
            assert_eq!(channel.subject(&user(), bad), Err(TabError::Tab), "{bad:?}");
        }
        for bad in ["", "*", ">", "U", &user()[1..], &format!("{}.", &user()[..55])] {
            assert_eq!(channel.subject(bad, "t"), Err(TabError::User), "{bad:?}");
        }
        for bad in ["presence.room.7", "other.room.7.U.t", "", "...."] {
            assert_eq!(Address::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Address::parse(&format!("presence.room.7.{}.t.more", user())), None);
    }

    proptest! {
        #[test]
        fn what_is_read_makes_the_same_subject(
            subject in "(presence\\.)?[a-z.*>]{0,9}\\.(U[A-Z2-7]{55}|.{0,4})\\.[a-zA-Z0-9.]{0,3}",
        ) {
            if let Some(address) = Address::parse(&subject) {
                let again = address.channel.subject(&address.user, &address.tab).unwrap();
                prop_assert_eq!(again.as_str(), subject);
            }
        }
    }
}
