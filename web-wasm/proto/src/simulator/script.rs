//! What a scripted server does.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::Serialize;

use crate::subject;

/// A server of a [`World`](super::World); unique within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub(super) usize);

/// How a server's output is cut into websocket frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each operation has a frame of its own.
    Operations,
    /// A frame has so many bytes, or what there is, whatever operation that cuts.
    Bytes(usize),
    /// A frame has a random number of bytes up to this one.
    Random(usize),
    /// All that waits goes into one frame.
    Joined,
}

/// What a server says of itself and how it behaves. The default is a server that behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The largest message that it takes, headers and payload together, in bytes.
    pub max_payload: usize,
    /// How many subscriptions a connection may have.
    pub max_subscriptions: usize,
    /// Whether it understands headers.
    pub headers: bool,
    /// What is to be signed by who holds a key.
    pub nonce: Option<String>,
    /// The credentials that it lets in; `None` for everybody.
    pub admits: Option<Vec<String>>,
    /// Patterns that nobody may publish to.
    pub denies_publish: Vec<String>,
    /// Subjects and patterns that nobody may subscribe to, to the letter.
    pub denies_subscribe: Vec<String>,
    /// What it lists of its cluster.
    pub connect_urls: Vec<String>,
    /// Whether it says that it is about to stop, and refuses connections.
    pub lame_duck: bool,
    /// Whether it refuses connections.
    pub refuses: bool,
    /// Whether it says INFO to who comes; else it says nothing at all to them.
    pub says_info: bool,
    /// Whether it answers PINGs, the handshake's too; else they wait.
    pub answers_pings: bool,
    /// Whether it reads what it is sent; else that waits.
    pub reads: bool,
    /// Whether it sends what it has to say; else that waits.
    pub writes: bool,
    /// How its output is cut into frames.
    pub framing: Framing,
}

impl Default for Script {
    /// Everybody may do everything; frames as nats-server cuts them for browsers.
    fn default() -> Self {
        Self {
            max_payload: 1 << 20,
            max_subscriptions: usize::MAX,
            headers: true,
            nonce: None,
            admits: None,
            denies_publish: Vec::new(),
            denies_subscribe: Vec::new(),
            connect_urls: Vec::new(),
            lame_duck: false,
            refuses: false,
            says_info: true,
            answers_pings: true,
            reads: true,
            writes: true,
            framing: Framing::Bytes(4_096),
        }
    }
}

/// One server: a name and a script.
#[derive(Clone, Debug)]
pub struct ScriptedServer {
    name: String,
    pub(super) script: Script,
}

/// The document of INFO.
#[derive(Serialize)]
struct Info<'a> {
    server_id: &'a str,
    server_name: &'a str,
    version: &'static str,
    proto: u8,
    headers: bool,
    max_payload: usize,
    auth_required: bool,
    client_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    connect_urls: &'a [String],
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    ldm: bool,
}

impl ScriptedServer {
    pub(super) fn new(name: String, script: Script) -> Self {
        Self { name, script }
    }

    /// The name that it says in INFO, which is also its id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it behaves now.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// INFO as it stands on the wire; the nonce belongs into the first one only.
    pub(super) fn info(&self, client_id: u64, with_nonce: bool) -> Bytes {
        let script = &self.script;
        let info = Info {
            server_id: &self.name,
            server_name: &self.name,
            version: "2.15.1",
            proto: 1,
            headers: script.headers,
            max_payload: script.max_payload,
            auth_required: script.admits.is_some(),
            client_id,
            nonce: script.nonce.as_deref().filter(|_| with_nonce),
            connect_urls: &script.connect_urls,
            ldm: script.lame_duck,
        };
        // Text, numbers and lists of text can always be written as JSON.
        let json = serde_json::to_string(&info).unwrap_or_default();
        Bytes::from(format!("INFO {json}\r\n"))
    }

    pub(super) fn admits(&self, credential: Option<&str>) -> bool {
        self.script.admits.as_ref().is_none_or(|admitted| {
            credential.is_some_and(|credential| admitted.iter().any(|known| known == credential))
        })
    }

    pub(super) fn denies_publish(&self, subject: &str) -> bool {
        self.script.denies_publish.iter().any(|pattern| subject::matches(pattern, subject))
    }

    pub(super) fn denies_subscribe(&self, pattern: &str) -> bool {
        self.script.denies_subscribe.iter().any(|denied| denied == pattern)
    }
}
