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
