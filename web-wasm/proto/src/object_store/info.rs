//! What is known of an object.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::header::HeaderMap;
use crate::jetstream::DateTime;

/// An object, as its store knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whatever else the application wants to remember.
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub metadata: BTreeMap<String, String>,
    /// Headers, as of a message.
    #[serde(default, with = "headers", skip_serializing_if = "Option::is_none")]
    pub headers: Option<HeaderMap>,
    /// How it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<ObjectOptions>,
    /// The store that it is in.
    pub bucket: String,
    /// What its pieces are filed under.
    #[serde(default)]
    pub nuid: String,
    /// How many bytes it has.
    #[serde(default)]
    pub size: u64,
    /// How many pieces it is in.
    #[serde(default)]
    pub chunks: u64,
    /// When it was put there, as the server says. It is never stored.
    #[serde(default, rename = "mtime", skip_serializing)]
    pub modified: Option<DateTime>,
    /// `SHA-256=` and the digest of its bytes, in base64 as of RFC 4648 §5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Whether it was deleted.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub deleted: bool,
}

/// How an object is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectOptions {
    /// What it stands for, if it is no object itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<ObjectLink>,
    /// How many bytes a piece has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chunk_size: Option<usize>,
}

/// What a link stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLink {
    /// The object; `None` for the whole store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The store that it is in.
    pub bucket: String,
}

/// What an application says of an object that it puts into a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectMetadata {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// How many bytes a piece has at most. Default: 128 KiB.
    pub chunk_size: Option<usize>,
    /// Whatever else the application wants to remember.
    pub metadata: BTreeMap<String, String>,
    /// Headers, as of a message.
    pub headers: Option<HeaderMap>,
}

/// What is to be changed of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateMetadata {
    /// Its name. Another than it has gives it that one.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whatever else the application wants to remember.
    pub metadata: BTreeMap<String, String>,
    /// Headers, as of a message.
    pub headers: Option<HeaderMap>,
}

impl ObjectInfo {
    /// An object that is there.
    pub fn new(metadata: ObjectMetadata, bucket: &str, nuid: String) -> Self {
        Self {
            name: metadata.name,
            description: metadata.description,
            metadata: metadata.metadata,
            headers: metadata.headers,
            options: None,
            bucket: bucket.to_string(),
            nuid,
            size: 0,
            chunks: 0,
            modified: None,
            digest: None,
            deleted: false,
        }
    }

    /// What it stands for, if it is no object itself.
    pub fn link(&self) -> Option<&ObjectLink> {
        self.options.as_ref()?.link.as_ref()
    }
}

impl From<&str> for ObjectMetadata {
    fn from(name: &str) -> Self {
        Self { name: name.to_string(), ..Self::default() }
    }
}

impl From<String> for ObjectMetadata {
    fn from(name: String) -> Self {
        Self { name, ..Self::default() }
    }
}

impl From<ObjectInfo> for ObjectMetadata {
    fn from(info: ObjectInfo) -> Self {
        let ObjectInfo { name, description, metadata, headers, options, .. } = info;
        let chunk_size = options.and_then(|options| options.max_chunk_size);
        Self { name, description, chunk_size, metadata, headers }
    }
}

impl From<ObjectInfo> for UpdateMetadata {
    fn from(info: ObjectInfo) -> Self {
        let ObjectInfo { name, description, metadata, headers, .. } = info;
        Self { name, description, metadata, headers }
    }
}

fn null_as_default<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// Headers as a map from each name to its values.
mod headers {
    use super::{
        BTreeMap, Deserialize, Deserializer, HeaderMap, SerializeMap, Serializer, String, Vec,
    };

    pub(super) fn serialize<S: Serializer>(
        headers: &Option<HeaderMap>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        let mut written: Vec<&str> = Vec::new();
        for (name, _) in headers.iter().flat_map(HeaderMap::iter) {
            if !written.contains(&&**name) {
                written.push(name);
                let values = headers.iter().flat_map(|headers| headers.get_all(name));
                map.serialize_entry(&**name, &values.map(|value| &**value).collect::<Vec<&str>>())?;
            }
        }
        map.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<HeaderMap>, D::Error> {
        let map = Option::<BTreeMap<String, Vec<String>>>::deserialize(input)?;
        let Some(map) = map else { return Ok(None) };
        let mut headers = HeaderMap::new();
        for (name, values) in &map {
            for value in values {
                // Whoever wrote one that is none must not hide the object.
                headers.append(name, value).ok();
            }
        }
        Ok(Some(headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_info_is_written_as_adr_20_has_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("key1", "foo"), ("key2", "bar"), ("key2", "baz")] {
            headers.append(name, value).unwrap();
        }
        let metadata = ObjectMetadata {
            description: Some("object-desc".into()),
            metadata: [("owner".into(), "infra".into())].into(),
            headers: Some(headers),
            ..ObjectMetadata::from("object-name")
        };
        let mut info = ObjectInfo::new(metadata, "object-bucket", "CkuyLEX4z2hbyjj1aWCfiH".into());
        info.options = Some(ObjectOptions {
            link: Some(ObjectLink { name: Some("to-name".into()), bucket: "to-bucket".into() }),
            max_chunk_size: Some(8_196),
        });
        info.size = 344_000;
        info.chunks = 42;
        info.modified = Some(DateTime::UNIX_EPOCH);
        info.digest = Some("SHA-256=abc=".into());
        info.deleted = true;
        let text = json!({
            "name": "object-name", "description": "object-desc", "metadata": {"owner": "infra"},
            "headers": {"key1": ["foo"], "key2": ["bar", "baz"]},
            "options": {"link": {"bucket": "to-bucket", "name": "to-name"}, "max_chunk_size": 8196},
            "bucket": "object-bucket", "nuid": "CkuyLEX4z2hbyjj1aWCfiH", "size": 344000,
            "chunks": 42, "digest": "SHA-256=abc=", "deleted": true
        });
        assert_eq!(serde_json::to_value(&info).unwrap(), text);
        info.modified = None;
        assert_eq!(serde_json::from_value::<ObjectInfo>(text).unwrap(), info);
    }

    #[test]
    fn what_other_clients_write_is_read() {
        let text = r#"{"name":"n","bucket":"b","nuid":"x","size":1,"chunks":1,
            "mtime":"0001-01-01T00:00:00Z","digest":"SHA-256=a","options":{"max_chunk_size":131072},
            "metadata":null,"headers":{"bad name":["x"],"ok":["y"]},"novel":1}"#;
        let info: ObjectInfo = serde_json::from_str(text).unwrap();
        assert_eq!(info.headers.as_ref().map(HeaderMap::len), Some(1));
        assert_eq!((info.link(), info.deleted), (None, false));
        assert!(serde_json::from_str::<ObjectInfo>(r#"{"name":"n"}"#).is_err());
    }
}
