//! Users over TCP, as whoever has their token and their seed.

use std::fs;

use api::claims::{
    AccountKey, AccountPair, Claims, ConnectionType, NO_LIMIT, Permission, UserClaims, UserPair,
};
use nkeys::KeyPair;

use crate::{client::Client, issuer::now, nats::Nats};

const REFUSED: &str = "-ERR 'Authorization Violation'";

/// A user over TCP, as whoever has its token and its seed.
pub(crate) struct User {
    pub(crate) jwt: String,
    key: KeyPair,
}

impl User {
    /// A copy of a credentials file.
    pub(crate) fn of(nats: &Nats, file: &str) -> Self {
        let text = fs::read_to_string(nats.keys_dir().join(file)).unwrap();
        let line = |start| text.lines().find(|line: &&str| line.starts_with(start)).unwrap();
        Self { jwt: line("eyJ").to_owned(), key: KeyPair::from_seed(line("SU")).unwrap() }
    }

    /// A user with all rights, signed for an account by whoever has this key.
    pub(crate) fn forged(account: &AccountKey, key: &AccountPair) -> Self {
        let pair = UserPair::from_random(std::array::from_fn(|_| fastrand::u8(..))).unwrap();
        let all = || Permission::only([">"]);
        let types = vec![ConnectionType::Standard];
        let mut body = UserClaims::new(all(), all(), NO_LIMIT, NO_LIMIT, types);
        body.issuer_account = (account != key.public()).then(|| account.clone());
        let jwt = Claims::sign(pair.public(), "forged", now(), None, body, key).unwrap();
        let key = KeyPair::from_seed(&pair.seed().unwrap()).unwrap();
        Self { jwt: jwt.as_str().to_owned(), key }
    }

    /// A connection of a user that may publish to these subjects, and nothing else.
    pub(crate) async fn limited_to(nats: &Nats, publish: &[&str]) -> Client {
        let account = nats.account().sub;
        let signer: AccountPair = nats.seed("account-signing.seed");
        let pair = UserPair::from_random(std::array::from_fn(|_| fastrand::u8(..))).unwrap();
        let mut body = UserClaims::new(
            Permission::only(publish.iter().copied()),
            Permission::nothing(),
            NO_LIMIT,
            NO_LIMIT,
            vec![ConnectionType::Standard],
        );
        body.issuer_account = Some(account);
        let jwt = Claims::sign(pair.public(), "limited", now(), None, body, &signer).unwrap();
        let key = KeyPair::from_seed(&pair.seed().unwrap()).unwrap();
        Self { jwt: jwt.as_str().to_owned(), key }.connect(nats).await
    }

    async fn log_in(&self, nats: &Nats) -> (Client, String) {
        let mut client = Client::tcp(nats).await;
        let answer = client.log_in(&self.jwt, &self.key).await;
        (client, answer)
    }

    pub(crate) async fn connect(&self, nats: &Nats) -> Client {
        let (client, answer) = self.log_in(nats).await;
        assert_eq!(answer, "PONG");
        client
    }

    pub(crate) async fn assert_refused(&self, nats: &Nats) {
        assert_eq!(self.log_in(nats).await.1, REFUSED);
    }
}
