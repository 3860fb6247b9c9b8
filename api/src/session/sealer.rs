//! Sessions as text, and back.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    auth::Identity,
    claims::{CurvePair, SealError},
    mint::RoleName,
};

/// What every session begins with, and neither an API key nor a token.
pub const PREFIX: &str = "ss_";
/// Largest session, in bytes: browsers keep cookies of 4,096 bytes, name and attributes included,
/// and nats-server reads it as part of one HTTP head.
const MAX_BYTES: usize = 3_500;
/// The only form that is written or read.
const VERSION: u8 = 1;

/// Whose it is, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub identity: Identity,
    /// The role asked for; `None` means the first that is for them.
    pub role: Option<RoleName>,
    /// The channels asked for.
    pub channels: Vec<String>,
    /// When it ends, in Unix seconds.
    pub expires_at: i64,
}

/// A session could not be given out.
#[derive(Debug, thiserror::Error)]
pub enum SealSessionError {
    /// It is larger than a cookie.
    #[error("the session has {actual} bytes, more than the {MAX_BYTES} that a cookie takes")]
    TooLarge {
        /// Bytes it has.
        actual: usize,
    },
    /// It has no JSON form (no such case is known).
    #[error("the session cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// It could not be sealed.
    #[error("the session could not be sealed")]
    Seal(#[from] SealError),
}

/// A text is no session that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Not sealed by this service's key, or no session at all.
    #[error("the session was not given out here, or was changed")]
    Forged,
    /// Its time is over.
    #[error("the session has expired")]
    Expired,
}

/// Gives sessions out and reads them again. Cheap to clone; `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Sessions(Arc<CurvePair>);

impl Sessions {
    /// Sessions sealed with this key, for nobody but its own holder.
    #[must_use]
    pub fn new(key: CurvePair) -> Self {
        Self(Arc::new(key))
    }

    /// The session as a text of letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// * [`SealSessionError::TooLarge`]: more than a cookie takes.
    /// * [`SealSessionError::Encode`], [`SealSessionError::Seal`]: it could not be sealed.
    pub fn seal(&self, session: &Session) -> Result<String, SealSessionError> {
        let json = serde_json::to_vec(&Sealed::from(session)).map_err(SealSessionError::Encode)?;
        let sealed = self.0.seal(&json, self.0.public())?;
        let text = format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&sealed));
        if text.len() > MAX_BYTES {
            return Err(SealSessionError::TooLarge { actual: text.len() });
        }
        Ok(text)
    }

    /// Reads a session that lasts beyond `now`, in Unix seconds.
    ///
    /// # Errors
    /// One variant of [`SessionError`] for each reason why it does not count.
    pub fn open(&self, text: &str, now: i64) -> Result<Session, SessionError> {
        let sealed = text
            .strip_prefix(PREFIX)
            .filter(|_| text.len() <= MAX_BYTES)
            .and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok())
            .ok_or(SessionError::Forged)?;
        let json = self.0.open(&sealed, self.0.public()).map_err(|_| SessionError::Forged)?;
        let sealed: Sealed = serde_json::from_slice(&json).map_err(|_| SessionError::Forged)?;
        let session = Session::try_from(sealed)?;
        if session.expires_at <= now {
            return Err(SessionError::Expired);
        }
        Ok(session)
    }
}

/// What is in the box.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    v: u8,
    exp: i64,
    who: Who,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    channels: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Who {
    Guest,
    Service { name: String },
    User { issuer: String, subject: String, claims: Map<String, Value> },
}

impl From<&Session> for Sealed {
    fn from(session: &Session) -> Self {
        let who = match session.identity.clone() {
            Identity::Guest => Who::Guest,
            Identity::Service { name } => Who::Service { name },
            Identity::User { issuer, subject, claims } => Who::User { issuer, subject, claims },
        };
        Self {
            v: VERSION,
            exp: session.expires_at,
            who,
            role: session.role.as_ref().map(ToString::to_string),
            channels: session.channels.clone(),
        }
    }
}

impl TryFrom<Sealed> for Session {
    type Error = SessionError;

    fn try_from(sealed: Sealed) -> Result<Self, SessionError> {
        if sealed.v != VERSION {
            return Err(SessionError::Forged);
        }
        let identity = match sealed.who {
            Who::Guest => Identity::Guest,
            Who::Service { name } => Identity::Service { name },
            Who::User { issuer, subject, claims } => Identity::User { issuer, subject, claims },
        };
        let role = sealed.role.as_deref().map(RoleName::parse).transpose();
        Ok(Self {
            identity,
            role: role.map_err(|_| SessionError::Forged)?,
            channels: sealed.channels,
            expires_at: sealed.exp,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn sessions(n: u8) -> Sessions {
        Sessions::new(CurvePair::from_random([n; 32]).unwrap())
    }

    fn of(identity: Identity) -> Session {
        Session {
            identity,
            role: Some(RoleName::parse("member").unwrap()),
            channels: vec!["room:7".to_owned()],
            expires_at: NOW + 60,
        }
    }

    fn ann(claims: Value) -> Identity {
        let Value::Object(claims) = claims else { panic!("not an object") };
        Identity::User { issuer: "https://id.example".into(), subject: "ann".into(), claims }
    }

    #[test]
    fn a_session_is_read_by_whoever_has_the_key_and_says_nothing_to_others() {
        for identity in [
            Identity::Guest,
            Identity::Service { name: "shop".into() },
            ann(json!({ "rooms": ["7"] })),
        ] {
            let session = of(identity);
            let text = sessions(1).seal(&session).unwrap();
            assert_eq!(sessions(1).open(&text, NOW), Ok(session));
            assert_eq!(sessions(2).open(&text, NOW), Err(SessionError::Forged));
            crate::auth::bearer::well_formed(&text).unwrap();
            let bytes = BASE64URL_NOPAD.decode(&text.as_bytes()[PREFIX.len()..]).unwrap();
            assert!(!bytes.windows(3).any(|window| window == b"ann"));
        }
    }

    #[test]
    fn it_ends_when_it_should() {
        let text = sessions(1).seal(&of(Identity::Guest)).unwrap();
        assert!(sessions(1).open(&text, NOW + 59).is_ok());
        assert_eq!(sessions(1).open(&text, NOW + 60), Err(SessionError::Expired));
    }

    #[test]
    fn what_was_made_up_or_changed_does_not_count() {
        let text = sessions(1).seal(&of(Identity::Guest)).unwrap();
        let mut made_up = vec![
            String::new(),
            PREFIX.to_owned(),
            format!("{text}="),
            format!("{PREFIX}{text}"),
            text.replace(PREFIX, ""),
            format!("{PREFIX}{}", "A".repeat(5_000)),
        ];
        for at in PREFIX.len()..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            made_up.push(String::from_utf8(changed).unwrap());
            made_up.push(text[..at].to_owned());
        }
        for text in made_up {
            assert_eq!(sessions(1).open(&text, NOW), Err(SessionError::Forged), "{text}");
        }
    }

    #[test]
    fn one_that_no_browser_would_keep_is_not_given_out() {
        let large = ann(json!({ "rooms": vec!["x".repeat(64); 60] }));
        let error = sessions(1).seal(&of(large)).unwrap_err();
        assert!(matches!(error, SealSessionError::TooLarge { actual } if actual > MAX_BYTES));
    }
}
