use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::{Answer, HttpServer};

/// Somebody whose tokens the API takes for people: a key, and a server to fetch it from.
pub(crate) struct Issuer {
    key: KeyPair,
    server: HttpServer,
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let key = KeyPair::new_user();
        // An nkey is a prefix, an Ed25519 key of 32 bytes and a checksum.
        let bytes = BASE32_NOPAD.decode(key.public_key().as_bytes()).unwrap();
        let jwks = json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "1",
            "x": BASE64URL_NOPAD.encode(&bytes[1..33]),
        }] });
        let server = HttpServer::start(move |_| Answer {
            status: "200 OK",
            headers: "Content-Type: application/json\r\n",
            body: jwks.to_string(),
        });
        Self { key, server }
    }

    /// This issuer as an element of `auth.issuers`.
    pub(crate) fn config(&self) -> String {
        format!(
            "{{ issuer = {:?}, audience = \"scaling-ws\", keys = {{ jwks = {:?} }}, \
             algorithms = [\"EdDSA\"], leeway_seconds = 30, required_claims = [] }}",
            self.server.url(""),
            self.server.url("/jwks")
        )
    }

    /// The claims of a person who may talk in these rooms, for a minute.
    pub(crate) fn claims(&self, person: &str, rooms: &[&str]) -> Value {
        json!({
            "iss": self.server.url(""), "aud": "scaling-ws", "sub": person,
            "iat": now(), "exp": now() + 60, "rooms": rooms,
        })
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_by(&self.key, claims)
    }

    /// A token that says it is this issuer's, signed by another key.
    pub(crate) fn token_by(&self, key: &KeyPair, claims: &Value) -> String {
        let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let header = json!({ "typ": "JWT", "alg": "EdDSA", "kid": "1" });
        let message = format!("{}.{}", encode(&header), encode(claims));
        let signature = key.sign(message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))
    }
}
