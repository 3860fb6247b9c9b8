//! The subjects on which services are asked about themselves.

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::name::{NameError, validate_name};
use crate::subject::{SubjectError, validate_publish};

/// What the subjects begin with, unless an account imports them under another prefix.
pub const API_PREFIX: &str = "$SRV";

/// What a service is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Whether it is there.
    Ping,
    /// What it has done.
    Stats,
    /// What it is.
    Info,
    /// What its endpoints take and give. A part of ADR-32 until its fourth revision: services of
    /// today's other clients do not answer it.
    Schema,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 4] = [Self::Ping, Self::Stats, Self::Info, Self::Schema];

    /// The verb as a token of a subject.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Stats => "STATS",
            Self::Info => "INFO",
            Self::Schema => "SCHEMA",
        }
    }

    /// The subject on which those that are selected are asked this.
    ///
    /// ```
    /// use nats_proto::service::{API_PREFIX, Selector, Verb};
    ///
    /// let subject = Verb::Ping.subject(API_PREFIX, &Selector::from("products"))?;
    /// assert_eq!(subject, "$SRV.PING.products");
    /// # Ok::<(), nats_proto::service::SelectorError>(())
    /// ```
    ///
    /// # Errors
    /// Any [`SelectorError`].
    pub fn subject(self, prefix: &str, selector: &Selector) -> Result<String, SelectorError> {
        validate_publish(prefix).map_err(SelectorError::InvalidPrefix)?;
        Ok(match selector {
            Selector::All => format!("{prefix}.{self}"),
            Selector::Name(name) => {
                validate_name(name).map_err(SelectorError::InvalidName)?;
                format!("{prefix}.{self}.{name}")
            }
            Selector::Instance { name, id } => {
                validate_name(name).map_err(SelectorError::InvalidName)?;
                validate_name(id).map_err(SelectorError::InvalidId)?;
                format!("{prefix}.{self}.{name}.{id}")
            }
        })
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which services are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Selector {
    /// Every one.
    #[default]
    All,
    /// Those of this name.
    Name(String),
    /// One instance.
    Instance {
        /// The service's name.
        name: String,
        /// The instance's id.
        id: String,
    },
}

impl From<&str> for Selector {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl From<(&str, &str)> for Selector {
    /// The instance of a name and an id.
    fn from((name, id): (&str, &str)) -> Self {
        Self::Instance { name: name.into(), id: id.into() }
    }
}

/// Why nobody could be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// The caller's prefix is no subject.
    #[error("invalid prefix: {0}")]
    InvalidPrefix(#[source] SubjectError),
    /// The caller's name is no name of a service.
    #[error("invalid service name: {0}")]
    InvalidName(#[source] NameError),
    /// The caller's id is no id of an instance.
    #[error("invalid service id: {0}")]
    InvalidId(#[source] NameError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_name_verb_service_and_instance() {
        let subject = |verb: Verb, selector| verb.subject(API_PREFIX, &selector).unwrap();
        assert_eq!(subject(Verb::Ping, Selector::All), "$SRV.PING");
        assert_eq!(subject(Verb::Stats, "a-b".into()), "$SRV.STATS.a-b");
        assert_eq!(subject(Verb::Info, ("a", "I1").into()), "$SRV.INFO.a.I1");
        let elsewhere = Verb::Schema.subject("from.acme.SRV", &Selector::All);
        assert_eq!(elsewhere.unwrap(), "from.acme.SRV.SCHEMA");
    }

    #[test]
    fn nothing_slips_into_a_subject() {
        let refused = |prefix, selector| Verb::Ping.subject(prefix, &selector).unwrap_err();
        assert_eq!(
            refused("a.*", Selector::All),
            SelectorError::InvalidPrefix(SubjectError::Wildcard { at: 2 })
        );
        assert_eq!(
            refused(API_PREFIX, "a.>".into()),
            SelectorError::InvalidName(NameError::Character { at: 1 })
        );
        assert_eq!(
            refused(API_PREFIX, ("a", "*").into()),
            SelectorError::InvalidId(NameError::Character { at: 0 })
        );
        assert_eq!(
            refused(API_PREFIX, ("a", "").into()),
            SelectorError::InvalidId(NameError::Empty)
        );
    }
}
