//! `auth.conf`, read back and changed. All but what is changed stays as it stands.

use std::path::{Path, PathBuf};

use super::{PlannedFile, UpdateError, write::read_if_there};
use crate::{
    claims::{AccountClaims, AccountKey, Claims, Jwt, OperatorClaims, OperatorKey},
    keys::names,
};

const OPERATOR: &str = "operator: ";
const SYSTEM_ACCOUNT: &str = "system_account: ";

/// Whom the servers trust, and the accounts that they start with.
#[derive(Debug)]
pub(super) struct AuthConfFile {
    path: PathBuf,
    text: String,
}

impl AuthConfFile {
    /// Reads it from the keys directory.
    ///
    /// # Errors
    /// * [`UpdateError::NoAuthConf`]: it is not there.
    /// * [`UpdateError::Write`]: it cannot be read.
    pub(super) fn read(dir: &Path) -> Result<Self, UpdateError> {
        let path = dir.join(names::AUTH_CONF);
        match read_if_there(&path)? {
            Some(text) => Ok(Self { path, text }),
            None => Err(UpdateError::NoAuthConf(path)),
        }
    }

    /// The operators, of which there are two only while one takes the place of the other.
    ///
    /// # Errors
    /// [`UpdateError::NoOperator`] if there is none, or one that cannot be read.
    pub(super) fn operators(&self) -> Result<Vec<Claims<OperatorClaims>>, UpdateError> {
        let decode =
            |jwt| Claims::decode(jwt).map_err(|_| UpdateError::NoOperator(self.path.clone()));
        self.operator_tokens()?.map(decode).collect()
    }

    /// The token of an operator, as it stands.
    ///
    /// # Errors
    /// [`UpdateError::NoOperator`] if there is none.
    pub(super) fn operator_token(&self, operator: &OperatorKey) -> Result<Jwt, UpdateError> {
        let is_its = |jwt: &&str| {
            Claims::<OperatorClaims>::decode(jwt).is_ok_and(|claims| claims.sub == *operator)
        };
        let jwt = self.operator_tokens()?.find(is_its);
        jwt.map(|jwt| Jwt::from_trusted(jwt.to_owned()))
            .ok_or_else(|| UpdateError::NoOperator(self.path.clone()))
    }

    fn operator_tokens(&self) -> Result<impl Iterator<Item = &str>, UpdateError> {
        let line =
            self.value(OPERATOR).ok_or_else(|| UpdateError::NoOperator(self.path.clone()))?;
        Ok(line.trim_start_matches('[').trim_end_matches(']').split(',').map(str::trim))
    }

    /// Puts these operators in the place of those that are there.
    pub(super) fn set_operators(&mut self, operators: &[Jwt]) {
        let jwts: Vec<&str> = operators.iter().map(Jwt::as_str).collect();
        let value = match jwts[..] {
            [jwt] => jwt.to_owned(),
            _ => format!("[{}]", jwts.join(", ")),
        };
        let lines = self.text.lines().map(|line| match line.strip_prefix(OPERATOR) {
            Some(_) => format!("{OPERATOR}{value}\n"),
            None => format!("{line}\n"),
        });
        self.text = lines.collect();
    }

    /// The system account.
    ///
    /// # Errors
    /// [`UpdateError::NoSystemAccount`] if there is none.
    pub(super) fn system_account(&self) -> Result<Claims<AccountClaims>, UpdateError> {
        self.value(SYSTEM_ACCOUNT)
            .and_then(|key| AccountKey::parse(key).ok())
            .and_then(|key| self.accounts().find(|account| account.sub == key))
            .ok_or_else(|| UpdateError::NoSystemAccount(self.path.clone()))
    }

    /// Every account that it holds.
    pub(super) fn accounts(&self) -> impl Iterator<Item = Claims<AccountClaims>> {
        self.tokens().filter_map(|(key, jwt)| {
            Claims::<AccountClaims>::decode(jwt).ok().filter(|account| account.sub.as_str() == key)
        })
    }

    /// The token that it holds of an account.
    pub(super) fn token(&self, account: &AccountKey) -> Option<Jwt> {
        let mut tokens = self.tokens();
        let (_, jwt) = tokens.find(|(key, _)| *key == account.as_str())?;
        Some(Jwt::from_trusted(jwt.to_owned()))
    }

    /// Puts a token of an account in the place of the one that is there. False if there is none.
    pub(super) fn set_account(&mut self, account: &AccountKey, jwt: &Jwt) -> bool {
        let Some(former) = self.token(account) else { return false };
        let entry = |jwt: &Jwt| format!("  {account}: {}\n", jwt.as_str());
        self.text = self.text.replace(&entry(&former), &entry(jwt));
        true
    }

    /// As a file to be written.
    pub(super) fn to_file(&self) -> PlannedFile {
        PlannedFile::new(names::AUTH_CONF, self.text.clone())
    }

    /// The lines of `resolver_preload`.
    fn tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": "))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
    }
}

/// Whether one of these operators has this key sign accounts.
pub(super) fn is_trusted(operators: &[Claims<OperatorClaims>], key: &OperatorKey) -> bool {
    operators.iter().any(|operator| {
        let by_itself = operator.sub == *key && !operator.nats.strict_signing_key_usage;
        by_itself || operator.nats.signing_keys.contains(key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        claims::{AccountLimits, AccountPair, OperatorPair},
        provision::conf::AuthConf,
    };

    #[test]
    fn what_was_rendered_is_read_back_and_only_what_is_changed_changes() {
        let operator = OperatorPair::from_random([1; 32]).unwrap();
        let accounts: Vec<AccountPair> =
            (2..4).map(|n| AccountPair::from_random([n; 32]).unwrap()).collect();
        let sign = |account: &AccountPair, iat| {
            let body = AccountClaims::new(AccountLimits::core(), Vec::new());
            Claims::sign(account.public(), "A", iat, None, body, &operator).unwrap()
        };
        let trust = |iat| {
            let body = OperatorClaims::new(accounts[0].public().clone());
            Claims::sign(operator.public(), "o", iat, None, body, &operator).unwrap()
        };
        let jwts = [sign(&accounts[0], 1), sign(&accounts[1], 1)];
        let dir = tempfile::tempdir().unwrap();
        let conf = AuthConf {
            operator: &trust(1),
            system_account: accounts[0].public(),
            accounts: vec![(accounts[0].public(), &jwts[0]), (accounts[1].public(), &jwts[1])],
            sentinel: None,
        };
        let text = conf.render();
        std::fs::write(dir.path().join(names::AUTH_CONF), &text).unwrap();

        let mut file = AuthConfFile::read(dir.path()).unwrap();
        assert_eq!(file.operators().unwrap()[0].sub, *operator.public());
        assert_eq!(file.system_account().unwrap().sub, *accounts[0].public());
        assert_eq!(file.accounts().count(), 2);
        assert_eq!(file.token(accounts[1].public()), Some(jwts[1].clone()));
        let later = sign(&accounts[1], 2);
        assert!(file.set_account(accounts[1].public(), &later));
        assert_eq!(
            file.to_file().contents.as_str(),
            text.replace(jwts[1].as_str(), later.as_str())
        );
        assert!(
            !file.set_account(&AccountPair::from_random([9; 32]).unwrap().public().clone(), &later)
        );

        file.set_operators(&[trust(2), trust(3)]);
        let issued: Vec<i64> = file.operators().unwrap().iter().map(|claims| claims.iat).collect();
        assert_eq!(issued, [2, 3]);
        file.set_operators(&[trust(1)]);
        file.set_account(accounts[1].public(), &jwts[1]);
        assert_eq!(file.to_file().contents.as_str(), text);
    }

    #[test]
    fn an_operator_that_is_strict_does_not_sign_by_itself() {
        let operator = OperatorPair::from_random([1; 32]).unwrap();
        let signing = OperatorPair::from_random([2; 32]).unwrap();
        let account = AccountPair::from_random([3; 32]).unwrap();
        let mut body = OperatorClaims::new(account.public().clone());
        body.signing_keys = vec![signing.public().clone()];
        let mut claims = Claims::new(operator.public().clone(), "o", 1, body, operator.public());
        let trusts = |claims: &Claims<OperatorClaims>, key: &OperatorPair| {
            is_trusted(std::slice::from_ref(claims), key.public())
        };
        assert!(trusts(&claims, &operator) && trusts(&claims, &signing));
        claims.nats.strict_signing_key_usage = true;
        assert!(!trusts(&claims, &operator) && trusts(&claims, &signing));
    }
}
