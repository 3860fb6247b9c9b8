//! Auth callout: what nats-server asks an authorization service about a client, and the answer.
//!
//! The request is signed by the server's own key, which nobody vouches for: what makes it
//! trustworthy is that it came on a subject that only the system may publish to, or sealed for this
//! service's curve key. It is about the account that the client tried to enter.

use serde::{Deserialize, Serialize};

use super::{
    jwt::{Body, Jwt, Kind, Tag},
    key::{Account, AccountKey, CurveKey, Server, ServerKey, User, UserKey},
};

/// The `nats` object of a request.
///
/// Unlike the claims that are signed here, fields that are not known are passed over: the next
/// nats-server may tell more about a client, and that must not lock everybody out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The server that asks.
    pub server_id: ServerId,
    /// A key made for this login: the user in the answer must have it.
    pub user_nkey: UserKey,
    /// What the server knows about the client.
    pub client_info: ClientInfo,
    /// What the client sent with its CONNECT.
    pub connect_opts: ConnectOpts,
    /// The client's TLS session, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_tls: Option<ClientTls>,
    /// The nonce of the request itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_nonce: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(rename = "type")]
    kind: Kind,
    version: u8,
}

impl AuthorizationRequest {
    /// A request with what is mandatory, as tests make it.
    #[must_use]
    pub fn new(
        server_id: ServerId,
        user_nkey: UserKey,
        client_info: ClientInfo,
        connect_opts: ConnectOpts,
    ) -> Self {
        let Tag { kind, version } = Tag::current(Self::KIND);
        Self {
            server_id,
            user_nkey,
            client_info,
            connect_opts,
            client_tls: None,
            request_nonce: None,
            tags: Vec::new(),
            kind,
            version,
        }
    }
}

impl Body for AuthorizationRequest {
    type Subject = Account;
    type Issuer = Server;
    const KIND: Kind = Kind::AuthorizationRequest;
}

/// Which server asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerId {
    /// Its name.
    pub name: String,
    /// Its address.
    pub host: String,
    /// Its key: the answer's audience.
    pub id: ServerKey,
    /// Its version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Its labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The key to seal the answer for, where the request was sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xkey: Option<CurveKey>,
}

/// What the server knows about a client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientInfo {
    /// Its address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Its number at this server.
    pub id: u64,
    /// The user it names itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The name it gives its connection.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The user's name, from its token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    /// `Client`, `Leafnode` and so on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// `nats`, `websocket` or `mqtt`. Not checked by the server against the answer's connection
    /// types.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub client_type: String,
    /// The id of an MQTT client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mqtt_id: String,
    /// The nonce, where the client signed it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
}

/// What a client sent with its CONNECT. Some of it is secret, so `Debug` shows none.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectOpts {
    /// Its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<String>,
    /// Its public key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nkey: Option<String>,
    /// Its signature of the nonce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sig: Option<String>,
    /// An opaque token; over a websocket, also that of a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_token: Option<String>,
    /// A user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<String>,
    /// The connection's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The client library's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// The client library's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The protocol's version.
    pub protocol: i64,
}

impl std::fmt::Debug for ConnectOpts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOpts").finish_non_exhaustive()
    }
}

/// A client's TLS session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientTls {
    /// The protocol's version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The cipher suite.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cipher: String,
    /// Certificates that were not verified, as PEM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certs: Vec<String>,
    /// Chains that were verified, each certificate as PEM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verified_chains: Vec<Vec<String>>,
}

/// The `nats` object of an answer: a user, or why there is none. The claims' audience must be the
/// server's key, their subject the key of the request's `user_nkey`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationResponse {
    /// The user's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwt: Option<String>,
    /// Why there is none; the server logs it, the client is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The account, where a signing key of it is the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_account: Option<AccountKey>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(rename = "type")]
    kind: Kind,
    version: u8,
}

impl AuthorizationResponse {
    /// Lets the client in as this user.
    #[must_use]
    pub fn admit(user: &Jwt) -> Self {
        Self { jwt: Some(user.as_str().to_owned()), ..Self::empty() }
    }

    /// Turns the client away. An empty reason would read as no answer at all, so it is replaced.
    #[must_use]
    pub fn refuse(reason: &str) -> Self {
        let reason = if reason.is_empty() { "refused" } else { reason };
        Self { error: Some(reason.to_owned()), ..Self::empty() }
    }

    fn empty() -> Self {
        let Tag { kind, version } = Tag::current(Self::KIND);
        Self { jwt: None, error: None, issuer_account: None, tags: Vec::new(), kind, version }
    }

    /// The user that is let in, or why none is.
    ///
    /// # Errors
    /// The reason; it is empty if the answer holds neither or both, which nats-server refuses.
    pub fn outcome(&self) -> Result<Jwt, &str> {
        match (&self.jwt, &self.error) {
            (Some(jwt), None) => Ok(Jwt::from_trusted(jwt.clone())),
            (None, Some(reason)) => Err(reason),
            _ => Err(""),
        }
    }
}

impl Body for AuthorizationResponse {
    type Subject = User;
    type Issuer = Account;
    const KIND: Kind = Kind::AuthorizationResponse;
}
