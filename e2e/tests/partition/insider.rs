use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

use api::claims::{
    AccountClaims, Claims, ConnectionType, KeyPair, NO_LIMIT, Permission, UserClaims, UserKey,
};

/// A user of the application's account that may do anything there, on browsers' listeners and on services',
/// signed by the account's own key for such.
#[derive(Clone)]
pub(crate) struct Insider {
    jwt: String,
    seed: String,
}

impl Insider {
    /// One of the installation with this folder of keys.
    pub(crate) fn of(keys: &Path, name: &str) -> Self {
        let file = |name: &str| fs::read_to_string(keys.join(name)).unwrap().trim().to_owned();
        let key = nkeys::KeyPair::new_user();
        let all = || Permission::only([">"]);
        let listeners = vec![ConnectionType::Standard, ConnectionType::Websocket];
        let mut claims = UserClaims::new(all(), all(), NO_LIMIT, NO_LIMIT, listeners);
        let account: Claims<AccountClaims> = Claims::decode(&file("account.jwt")).unwrap();
        claims.issuer_account = Some(account.sub);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let signer = KeyPair::from_seed(&file("account-signing.seed")).unwrap();
        let user = UserKey::parse(&key.public_key()).unwrap();
        let now = i64::try_from(now.as_secs()).unwrap();
        let jwt = Claims::sign(&user, name, now, None, claims, &signer).unwrap();
        Self { jwt: jwt.as_str().to_owned(), seed: key.seed().unwrap() }
    }

    /// For a browser's client.
    pub(crate) fn sign_in(&self, options: web_wasm::ConnectOptions) -> web_wasm::ConnectOptions {
        let key = web_wasm::UserKey::from_seed(&self.seed).unwrap();
        options.jwt(&*self.jwt, Rc::new(key))
    }

    /// For a service's.
    pub(crate) fn service(&self) -> async_nats::ConnectOptions {
        let seed = self.seed.clone();
        async_nats::ConnectOptions::with_jwt(self.jwt.clone(), move |nonce| {
            let key = nkeys::KeyPair::from_seed(&seed).unwrap();
            async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
        })
    }
}
