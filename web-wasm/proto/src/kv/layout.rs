//! Which subject a key has.

use alloc::format;
use alloc::string::String;

use super::bucket::Bucket;
use super::key::{KeyError, check_key, check_pattern};
use crate::jetstream::{ApiPrefix, stream};
use crate::subject::{MAX_LEN, Subject};

/// The subjects of a bucket's keys.
///
/// They are made of checked keys only. A bucket that mirrors another keeps that one's subjects and
/// is written to by way of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    bucket: Bucket,
    /// What the subjects of stored messages begin with.
    stored: String,
    /// What the subjects of messages to be stored begin with.
    written: String,
}

impl Layout {
    /// The layout of a bucket whose stream is configured so, and reached by this API.
    ///
    /// ```
    /// use nats_proto::jetstream::{ApiPrefix, stream};
    /// use nats_proto::kv::{Bucket, Layout};
    ///
    /// let bucket = Bucket::new("profiles").unwrap();
    /// let layout = Layout::new(bucket, &stream::Config::default(), &ApiPrefix::default());
    /// assert_eq!(layout.write("user.7").unwrap(), "$KV.profiles.user.7");
    /// assert_eq!(layout.key("$KV.profiles.user.7"), Some("user.7"));
    /// ```
    pub fn new(bucket: Bucket, config: &stream::Config, api: &ApiPrefix) -> Self {
        let origin = config.mirror.as_ref();
        let origin_bucket = origin.and_then(|origin| Bucket::of_stream(&origin.name));
        let stored = format!("$KV.{}.", origin_bucket.as_ref().unwrap_or(&bucket));
        let external = origin.and_then(|origin| origin.external.as_ref());
        let external = external.map(|external| &*external.api_prefix);
        let written = match external.filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => format!("{prefix}.{stored}"),
            None if *api == ApiPrefix::default() => stored.clone(),
            None => format!("{}.{stored}", api.as_str()),
        };
        Self { bucket, stored, written }
    }

    /// The bucket.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Where a value of this key is published.
    ///
    /// # Errors
    /// Any [`KeyError`].
    pub fn write(&self, key: &str) -> Result<Subject, KeyError> {
        check_key(key)?;
        joined(&self.written, key)
    }

    /// The subject that the stored values of this key have.
    ///
    /// # Errors
    /// Any [`KeyError`].
    pub fn read(&self, key: &str) -> Result<Subject, KeyError> {
        check_key(key)?;
        joined(&self.stored, key)
    }

    /// The pattern of the subjects that the stored values have of keys that `pattern` matches.
    ///
    /// # Errors
    /// Any [`KeyError`].
    pub fn read_many(&self, pattern: &str) -> Result<Subject, KeyError> {
        check_pattern(pattern)?;
        joined(&self.stored, pattern)
    }

    /// The key of a stored value; `None` where the subject is none of this bucket.
    pub fn key<'a>(&self, subject: &'a str) -> Option<&'a str> {
        subject.strip_prefix(&*self.stored).filter(|key| !key.is_empty())
    }
}

fn joined(prefix: &str, key: &str) -> Result<Subject, KeyError> {
    match prefix.len() + key.len() {
        ..=MAX_LEN => Ok(format!("{prefix}{key}").into()),
        _ => Err(KeyError::TooLong { len: key.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jetstream::stream::{Config, External, Source};
    use crate::subject::{validate_pattern, validate_publish};
    use proptest::prelude::*;

    fn layout(mirror: Option<Source>, api: &ApiPrefix) -> Layout {
        let config = Config { mirror, ..Config::default() };
        Layout::new(Bucket::new("b").unwrap(), &config, api)
    }

    #[test]
    fn a_mirror_has_the_subjects_of_its_origin() {
        let own = ApiPrefix::default();
        let hub = ApiPrefix::custom("JS.hub.API").unwrap();
        let mirror = |api: Option<&str>| {
            let external =
                api.map(|api| External { api_prefix: api.into(), delivery_prefix: None });
            Some(Source { name: "KV_o".into(), external, ..Source::default() })
        };
        for (mirror, api, stored, written) in [
            (None, &own, "$KV.b.k", "$KV.b.k"),
            (None, &hub, "$KV.b.k", "JS.hub.API.$KV.b.k"),
            (mirror(None), &own, "$KV.o.k", "$KV.o.k"),
            (mirror(Some("")), &own, "$KV.o.k", "$KV.o.k"),
            (mirror(None), &hub, "$KV.o.k", "JS.hub.API.$KV.o.k"),
            (mirror(Some("$JS.x.API")), &own, "$KV.o.k", "$JS.x.API.$KV.o.k"),
            (mirror(Some("$JS.x.API")), &hub, "$KV.o.k", "$JS.x.API.$KV.o.k"),
        ] {
            let layout = layout(mirror, api);
            assert_eq!(layout.read("k").unwrap(), stored);
            assert_eq!(layout.write("k").unwrap(), written);
            assert_eq!(layout.key(stored), Some("k"));
        }
    }

    #[test]
    fn foreign_subjects_have_no_key() {
        let layout = layout(None, &ApiPrefix::default());
        for subject in ["", "$KV.b", "$KV.b.", "$KV.bb.k", "$KV.B.k", "k"] {
            assert_eq!(layout.key(subject), None, "{subject:?}");
        }
        assert_eq!(layout.read(&"a".repeat(4_000)), Err(KeyError::TooLong { len: 4_000 }));
    }

    proptest! {
        #[test]
        fn keys_stay_within_their_bucket(key in "\\PC{0,12}|[a*>./ =-]{0,8}") {
            let layout = layout(None, &ApiPrefix::default());
            if let Ok(subject) = layout.write(&key) {
                prop_assert!(validate_publish(&subject).is_ok());
                prop_assert_eq!(layout.key(&subject), Some(&*key));
            }
            if let Ok(pattern) = layout.read_many(&key) {
                prop_assert!(validate_pattern(&pattern).is_ok());
                prop_assert!(pattern.starts_with("$KV.b."));
            }
        }
    }
}
