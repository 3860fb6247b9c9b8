use api::claims::{Claims, UserClaims, UserKey};
use e2e::{Error, NatsServer};
use nats_jwt::{Token, User};
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::issuer::now;
use super::{Site, Wire};

/// Somebody with a key and a credential for it.
pub(crate) struct Person {
    pub(crate) key: KeyPair,
    /// What the API answered.
    pub(crate) credential: Value,
}

impl Person {
    /// Whoever reaches the API.
    pub(crate) async fn guest(site: &Site) -> Result<Self, Error> {
        Self::asking(site, None, &json!({})).await
    }

    /// Somebody who has signed in, in these rooms.
    pub(crate) async fn member(site: &Site, name: &str, rooms: &[&str]) -> Result<Self, Error> {
        let token = site.issuer.token(&site.issuer.claims(name, rooms));
        let channels: Vec<String> = rooms.iter().map(|room| format!("room:{room}")).collect();
        Self::asking(site, Some(&token), &json!({ "channels": channels })).await
    }

    /// A program with the API key of `backend`.
    pub(crate) async fn backend(site: &Site) -> Result<Self, Error> {
        Self::asking(site, Some(&site.backend), &json!({})).await
    }

    async fn asking(site: &Site, bearer: Option<&str>, body: &Value) -> Result<Self, Error> {
        let key = KeyPair::new_user();
        let mut body = body.clone();
        body["nkey"] = key.public_key().into();
        let answer = site.call("/v1/credentials", bearer, &body).await?;
        assert_eq!(answer.status(), 200);
        Ok(Self { key, credential: answer.json().await? })
    }

    /// Somebody with a token by the thief of a role's key, who writes what he likes: a name and tags.
    pub(crate) fn forged(site: &Site, role: &str, name: &str, tags: &[&str]) -> Self {
        let key = KeyPair::new_user();
        let user = UserKey::parse(&key.public_key()).unwrap();
        let tags = tags.iter().map(ToString::to_string).collect();
        let claims = UserClaims::scoped(site.account().sub, tags);
        let signer = site.seed(&format!("role-{role}.seed"));
        let jwt = Claims::sign(&user, name, now(), Some(now() + 60), claims, &signer).unwrap();
        Self { key, credential: json!({ "jwt": jwt.as_str() }) }
    }

    /// Somebody signed by the account itself, of whom it is not written what he may do.
    pub(crate) fn without_permissions(site: &Site) -> Self {
        Self::of_account(site, |token| token)
    }

    /// The same, by a token that says it needs no signature.
    pub(crate) fn bearer(site: &Site) -> Self {
        Self::of_account(site, |token| token.bearer_token(true))
    }

    /// Signed by another hand than this project's, which has no way to say any of it.
    fn of_account(site: &Site, change: impl FnOnce(Token<User>) -> Token<User>) -> Self {
        let (key, account) = (KeyPair::new_user(), site.account().sub);
        let token = change(Token::new_user(account.as_str(), key.public_key()));
        let signer = KeyPair::from_seed(&site.key_file("account-signing.seed")).unwrap();
        Self { key, credential: json!({ "jwt": token.sign(&signer) }) }
    }

    /// The public key, by which everybody knows them.
    pub(crate) fn nkey(&self) -> String {
        self.key.public_key()
    }

    pub(crate) fn jwt(&self) -> &str {
        self.credential["jwt"].as_str().unwrap()
    }

    /// Connects as a browser does.
    pub(crate) async fn connect(&self, nats: &NatsServer) -> Wire {
        let mut wire = Wire::websocket(nats).await;
        assert_eq!(wire.login(self.jwt(), &self.key).await, "PONG");
        wire
    }

    /// What nats-server says to the login over the websocket.
    pub(crate) async fn login(&self, nats: &NatsServer) -> String {
        Wire::websocket(nats).await.login(self.jwt(), &self.key).await
    }
}
