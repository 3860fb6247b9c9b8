//! What an account shares with other accounts, and how it renames its own subjects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::key::AccountKey;

/// Users of another account (by key, or `*` for all) whose older activations no longer count, with
/// the time until which they do not, in Unix seconds.
pub type Revocations = BTreeMap<String, i64>;

/// Subjects that are renamed, each with where to and in which proportions.
pub type Mappings = BTreeMap<String, Vec<WeightedMapping>>;

/// Whether messages or requests are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShareType {
    /// Messages.
    Stream,
    /// Requests and their answers.
    Service,
}

/// How many messages an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseType {
    /// One.
    Singleton,
    /// Any number.
    Stream,
    /// One, in parts.
    Chunked,
}

/// Something other accounts may import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// A name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The subject.
    pub subject: String,
    /// Messages or requests.
    #[serde(rename = "type")]
    pub share: ShareType,
    /// Whether an importer needs an activation token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub token_req: bool,
    /// Activations that no longer count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: Revocations,
    /// How many messages an answer has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_type: Option<ResponseType>,
    /// Longest wait for an answer, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_threshold: Option<i64>,
    /// Where latencies are reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_latency: Option<ServiceLatency>,
    /// Which token of the subject is the importing account's key, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_token_position: Option<u32>,
    /// Whether tools may show it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub advertise: bool,
    /// Whether message traces cross it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_trace: bool,
    /// A note for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A page about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub info_url: String,
}

/// Which requests are measured, and where the results go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceLatency {
    /// Which.
    pub sampling: Sampling,
    /// Subject of the results.
    pub results: String,
}

/// Which requests are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sampling {
    /// So many in a hundred.
    Percent(u8),
    /// Those whose headers ask for it.
    Headers(ByHeaders),
}

/// The word `headers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ByHeaders {
    /// It.
    #[serde(rename = "headers")]
    Headers,
}

/// Something of another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// A name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The subject, as the first publisher sees it.
    pub subject: String,
    /// Whose it is.
    pub account: AccountKey,
    /// The activation token, where one is needed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// The subject on the other side; older than `local_subject`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// The subject within this account, if it differs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub local_subject: String,
    /// Messages or requests.
    #[serde(rename = "type")]
    pub share: ShareType,
    /// Whether the service is told who asks.
    #[serde(default, rename = "share", skip_serializing_if = "std::ops::Not::not")]
    pub share_client_info: bool,
    /// Whether message traces cross it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_trace: bool,
}

/// One destination of a renamed subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedMapping {
    /// The new subject.
    pub subject: String,
    /// Its share in percent; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    /// Only within this cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
}
