//! The users of the guarded server, made as they are needed.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nkeys::{KeyPair, KeyPairType};
use serde_json::{Value, json};

use crate::env;

/// The accounts of `operator.conf`, each with the bytes that its key comes from.
#[derive(Clone, Copy)]
pub(super) enum Account {
    /// Limits nothing.
    Open = 3,
    /// Admits one connection.
    Small = 4,
}

/// A JWT of `account` for the user of this public key, good for so many seconds from now on, with
/// these rights and limits in the words of the JWT.
pub(super) fn user_jwt(account: Account, user: &str, seconds: u64, rights: Value) -> String {
    let key = KeyPair::new_from_raw(KeyPairType::Account, [account as u8; 32]).unwrap();
    let now = env::unix_time();
    let mut nats = json!({
        "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2,
    });
    let Value::Object(rights) = rights else { panic!("rights are an object") };
    nats.as_object_mut().unwrap().extend(rights);
    let claims = json!({
        "jti": BASE32_NOPAD.encode(user.as_bytes()),
        "iat": now, "exp": now + seconds, "iss": key.public_key(), "sub": user, "name": "test",
        "nats": nats,
    });
    let header = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let said = [header, BASE64URL_NOPAD.encode(claims.to_string().as_bytes())].join(".");
    let signature = BASE64URL_NOPAD.encode(&key.sign(said.as_bytes()).unwrap());
    [said, signature].join(".")
}
