//! The user this service connects to NATS as.

use std::fmt;

use super::Problem;
use crate::claims::{Claims, DecodeError, Jwt, SignError, UserClaims, UserKey, UserPair};

/// Token and key of the service user. `Debug` shows the public key only.
#[derive(Clone)]
pub struct ServiceCredentials {
    jwt: Jwt,
    pair: UserPair,
}

impl ServiceCredentials {
    /// Puts a token and the key it was issued for together.
    pub(crate) fn new(jwt: Jwt, pair: UserPair) -> Self {
        Self { jwt, pair }
    }

    /// Reads the credentials file format: a JWT and a seed, each between lines of dashes.
    ///
    /// # Errors
    /// * [`Problem::NotCredentials`]: the form is another.
    /// * [`Problem::Jwt`], [`Problem::Key`]: a part is malformed.
    /// * [`Problem::CredentialsMismatch`]: the parts do not belong together.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let jwt = section(text, "NATS USER JWT").ok_or(Problem::NotCredentials)?;
        let seed = section(text, "USER NKEY SEED").ok_or(Problem::NotCredentials)?;
        let claims = Claims::<UserClaims>::decode(jwt).map_err(Problem::Jwt)?;
        let pair = UserPair::from_seed(seed).map_err(Problem::Key)?;
        if claims.sub != *pair.public() {
            return Err(Problem::CredentialsMismatch);
        }
        Ok(Self::new(Jwt::from_trusted(jwt.to_owned()), pair))
    }

    /// Writes the credentials file format, as the NATS tools read it.
    ///
    /// # Errors
    /// [`SignError::Sign`] if the pair held no seed, which construction rules out.
    pub fn format(&self) -> Result<zeroize::Zeroizing<String>, SignError> {
        let seed = self.pair.seed().map_err(SignError::Sign)?;
        Ok(zeroize::Zeroizing::new(format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             The seed below is a secret: whoever has it is this user.\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            self.jwt.as_str(),
            seed.as_str()
        )))
    }

    /// The user's public key.
    #[must_use]
    pub fn public(&self) -> &UserKey {
        self.pair.public()
    }

    /// What the user's token says.
    ///
    /// # Errors
    /// [`DecodeError`] if it says nothing, which construction rules out.
    pub(crate) fn claims(&self) -> Result<UserClaims, DecodeError> {
        Claims::<UserClaims>::decode(self.jwt.as_str()).map(|claims| claims.nats)
    }

    /// The user's token.
    pub(crate) fn jwt(&self) -> &Jwt {
        &self.jwt
    }

    /// The user's key.
    pub(crate) fn pair(&self) -> &UserPair {
        &self.pair
    }
}

impl fmt::Debug for ServiceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceCredentials").field("user", self.public()).finish_non_exhaustive()
    }
}

/// The single line between a BEGIN line and an END line with this title.
fn section<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let is_marker = |line: &str, word: &str| {
        line.starts_with("---") && line.trim_matches('-') == format!("{word} {title}")
    };
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| is_marker(line, "BEGIN"))?;
    let content = lines.next()?;
    is_marker(lines.next()?, "END").then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{AccountPair, ConnectionType, Permission};

    fn credentials(pair: UserPair, subject: &UserKey) -> ServiceCredentials {
        let claims = UserClaims::new(
            Permission::only(["a.>"]),
            Permission::nothing(),
            10,
            1024,
            vec![ConnectionType::Standard],
        );
        let account = AccountPair::from_random([1; 32]).unwrap();
        let jwt = Claims::sign(subject, "service", 0, None, claims, &account).unwrap();
        ServiceCredentials::new(jwt, pair)
    }

    #[test]
    fn what_is_written_is_read_back_by_us_and_by_async_nats() {
        let pair = UserPair::from_random([2; 32]).unwrap();
        let subject = pair.public().clone();
        let text = credentials(pair, &subject).format().unwrap();
        let read = ServiceCredentials::parse(&text).unwrap();
        assert_eq!(*read.public(), subject);
        async_nats::ConnectOptions::with_credentials(&text).unwrap();
    }

    #[test]
    fn rubbish_and_mixed_parts_are_refused() {
        assert!(matches!(ServiceCredentials::parse(""), Err(Problem::NotCredentials)));
        let pair = UserPair::from_random([2; 32]).unwrap();
        let stranger = UserPair::from_random([3; 32]).unwrap();
        let text = credentials(pair, stranger.public()).format().unwrap();
        assert!(matches!(ServiceCredentials::parse(&text), Err(Problem::CredentialsMismatch)));
        let cut = text.replace("-----BEGIN USER NKEY SEED-----", "");
        assert!(matches!(ServiceCredentials::parse(&cut), Err(Problem::NotCredentials)));
    }

    #[test]
    fn debug_shows_neither_token_nor_seed() {
        let pair = UserPair::from_random([2; 32]).unwrap();
        let subject = pair.public().clone();
        let shown = format!("{:?}", credentials(pair, &subject));
        assert!(!shown.contains("eyJ") && !shown.contains("SU"), "{shown}");
    }
}
