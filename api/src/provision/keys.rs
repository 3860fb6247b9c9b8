//! Fresh keys, the only randomness of `init`.

use super::callout::CalloutFreshKeys;
use crate::claims::{AccountPair, KeyError, KeyPair, OperatorPair, UserPair, key::Role};

/// Keys could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FreshKeysError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// The bytes made no key.
    #[error("random bytes made no key")]
    Key(#[source] KeyError),
}

/// One key pair for each part of the trust chain.
#[derive(Debug)]
pub struct FreshKeys {
    /// Identity of the operator.
    pub operator: OperatorPair,
    /// Signs the accounts.
    pub operator_signing: OperatorPair,
    /// Identity of the system account.
    pub system_account: AccountPair,
    /// Signs users of the system account.
    pub system_account_signing: AccountPair,
    /// Identity of the application's account.
    pub account: AccountPair,
    /// Signs users of the application's account that have no role.
    pub account_signing: AccountPair,
    /// One for each role, in the order of the roles: signs users of that role only.
    pub roles: Vec<AccountPair>,
    /// Identity of the service user.
    pub service: UserPair,
    /// Identity of the user that ends connections.
    pub system: UserPair,
    /// The keys of auth callout, where that is wanted.
    pub callout: Option<CalloutFreshKeys>,
}

impl FreshKeys {
    /// Makes all keys but those of auth callout, for so many roles, from the operating system's randomness.
    ///
    /// # Errors
    /// * [`FreshKeysError::Random`]: there is none.
    /// * [`FreshKeysError::Key`]: bytes made no key (none such are known).
    pub fn generate(roles: usize) -> Result<Self, FreshKeysError> {
        Ok(Self {
            operator: fresh()?,
            operator_signing: fresh()?,
            system_account: fresh()?,
            system_account_signing: fresh()?,
            account: fresh()?,
            account_signing: fresh()?,
            roles: (0..roles).map(|_| fresh()).collect::<Result<_, _>>()?,
            service: fresh()?,
            system: fresh()?,
            callout: None,
        })
    }
}

/// Makes one key from the operating system's randomness.
///
/// # Errors
/// As [`FreshKeys::generate`].
pub fn fresh<R: Role>() -> Result<KeyPair<R>, FreshKeysError> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(FreshKeysError::Random)?;
    KeyPair::from_random(*bytes).map_err(FreshKeysError::Key)
}
