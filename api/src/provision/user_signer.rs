//! Who signs users of an account.

use crate::{
    claims::{AccountKey, AccountPair, Claims, SignError, UserClaims, UserPair},
    keys::ServiceCredentials,
};

/// A signing key of an account or, where `init` made none yet, the account's own.
#[derive(Debug)]
pub(super) struct UserSigner {
    account: AccountKey,
    pair: AccountPair,
}

impl UserSigner {
    /// One that signs for this account.
    pub(super) fn new(account: AccountKey, pair: AccountPair) -> Self {
        Self { account, pair }
    }

    /// Signs a user with rights of its own. `now` and `expires` are Unix seconds.
    pub(super) fn sign(
        &self,
        user: UserPair,
        name: &str,
        now: i64,
        expires: Option<i64>,
        mut claims: UserClaims,
    ) -> Result<ServiceCredentials, SignError> {
        claims.issuer_account = (self.account != *self.pair.public()).then(|| self.account.clone());
        let jwt = Claims::sign(user.public(), name, now, expires, claims, &self.pair)?;
        Ok(ServiceCredentials::new(jwt, user))
    }
}
