//! An account's JWT, to be changed: the application's, or the system account's.

use super::{KeyName, RotateError, is_of_system};
use crate::{
    claims::{AccountClaims, AccountKey, Claims, DecodeError, OperatorPair, SigningKey},
    keys::{KeyFileError, Problem, names},
    provision::{AuthConfFile, KeysDir, Update, keys_dir::seal},
};

/// The account that a key belongs to.
pub(super) struct OpenAccount {
    /// What its JWT says.
    pub(super) claims: Claims<AccountClaims>,
    operator: OperatorPair,
    /// Where it stands, if that is the only place.
    conf: Option<AuthConfFile>,
}

impl OpenAccount {
    /// The account of this key, signed by the operator whose key is here.
    pub(super) fn of(dir: &KeysDir, key: KeyName) -> Result<Self, RotateError> {
        if !is_of_system(key) {
            let (operator, claims) = dir.account()?;
            return Ok(Self { claims, operator, conf: None });
        }
        let conf = AuthConfFile::read(dir.path())?;
        let claims = conf.system_account()?;
        let operator = dir.operator_of(&claims)?;
        if claims.iss != *operator.public() {
            let path = dir.path().join(names::AUTH_CONF);
            return Err(KeyFileError::new(&path, Problem::Jwt(DecodeError::UnknownIssuer)).into());
        }
        Ok(Self { claims, operator, conf: Some(conf) })
    }

    /// Signs it anew and adds the files that hold it to the update.
    pub(super) fn reissue(
        mut self,
        dir: &KeysDir,
        now: i64,
        update: &mut Update,
    ) -> Result<(), RotateError> {
        let Some(mut conf) = self.conf else {
            return Ok(dir.reissue(self.claims, &self.operator, now, update)?);
        };
        let jwt = seal(&mut self.claims, &self.operator, now)?;
        conf.set_account(&self.claims.sub, &jwt);
        update.files.push(conf.to_file());
        update.is_to_be_pushed = true;
        Ok(())
    }
}

/// Whether an account has this key among those that sign users with rights of their own.
pub(super) fn has_plain(account: &AccountClaims, key: &AccountKey) -> bool {
    account.signing_keys.contains(&SigningKey::Plain(key.clone()))
}
