//! The envelope around every kind of claims: encode, sign, decode, verify.

use std::fmt;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha512_256};

use super::{
    VERSION,
    key::{KeyPair, PublicKey, Role},
};

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// Largest token that is read. nats-server draws the same line.
const MAX_TOKEN_BYTES: usize = 1 << 20;

/// A signed token. `Debug` hides it and `Display` is missing on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct Jwt(String);

impl Jwt {
    /// The three dot-separated parts, as they go to NATS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a text for a token without looking at it; [`Claims::decode`] looks.
    pub(crate) fn from_trusted(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwt([{} bytes])", self.0.len())
    }
}

/// One kind of claims: the `nats` object, who it is about and who signs it.
pub trait Body: Serialize + DeserializeOwned {
    /// Role of the key the claims are about.
    type Subject: Role;
    /// Role of the key that signs them.
    type Issuer: Role;
    /// The kind as the `type` field spells it.
    const KIND: Kind;
}

/// The `type` of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An operator.
    Operator,
    /// An account.
    Account,
    /// A user.
    User,
    /// nats-server asks whether a client may come in.
    AuthorizationRequest,
    /// The answer to that.
    AuthorizationResponse,
    /// Leave to import from another account.
    Activation,
    /// Anything else.
    Generic,
}

/// Kind and version together, as every `nats` object carries them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// The kind.
    pub kind: Kind,
    /// The version of the claims format.
    pub version: u8,
}

impl Tag {
    /// The tag that claims of this kind are written with.
    #[must_use]
    pub const fn current(kind: Kind) -> Self {
        Self { kind, version: VERSION }
    }
}

/// Claims of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(serialize = "B: Body", deserialize = "B: Body"))]
pub struct Claims<B: Body> {
    /// Whom it is for, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// Unique id: base32 of SHA-512/256 over the claims with this field empty.
    #[serde(default)]
    pub jti: String,
    /// When it was issued, in Unix seconds.
    pub iat: i64,
    /// The key that signed it.
    pub iss: PublicKey<B::Issuer>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The key it is about.
    pub sub: PublicKey<B::Subject>,
    /// When it begins, in Unix seconds; absent means at once. nats-server gives no leeway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// When it ends, in Unix seconds; absent means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// The claims themselves.
    pub nats: B,
}

/// Claims could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claims have no JSON form.
    #[error("the claims cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// The key did not sign.
    #[error("the key cannot sign")]
    Sign(#[source] nkeys::error::Error),
}

/// A text is not a token of the kind expected, or not one to go by.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Longer than any token.
    #[error("it is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not three parts of base64url.
    #[error("it is not a JWT of three base64url parts")]
    NotAJwt,
    /// Another algorithm than Ed25519 over nkeys.
    #[error("its header is not the one of a NATS JWT")]
    Header,
    /// The JSON does not have the fields it should, or has others.
    #[error("its claims do not have the expected form")]
    Claims(#[source] serde_json::Error),
    /// The claims of something else, or of another version.
    #[error("it holds claims of kind {actual:?} version {version}, not {expected:?} version 2")]
    Kind {
        /// The kind it should be.
        expected: Kind,
        /// The kind it is.
        actual: Kind,
        /// The version it has.
        version: u8,
    },
    /// The signature is not by the issuer it names.
    #[error("its signature is not by the key it names as issuer")]
    Signature,
    /// Signed by somebody who has no say here.
    #[error("its issuer is not one that is trusted")]
    UnknownIssuer,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYetValid,
}

impl<B: Body> Claims<B> {
    /// Claims about `subject` that are yet to be signed by `issuer`: without end, beginning at
    /// once, for nobody in particular. [`Claims::seal`] signs them.
    ///
    /// `issued_at` is in Unix seconds.
    #[must_use]
    pub fn new(
        subject: PublicKey<B::Subject>,
        name: &str,
        issued_at: i64,
        body: B,
        issuer: &PublicKey<B::Issuer>,
    ) -> Self {
        Self {
            aud: None,
            jti: String::new(),
            iat: issued_at,
            iss: issuer.clone(),
            name: name.to_owned(),
            sub: subject,
            nbf: None,
            exp: None,
            nats: body,
        }
    }

    /// Names the claims by their own hash and signs them. Issuer is whoever signs.
    ///
    /// # Errors
    /// * [`SignError::Encode`]: the claims have no JSON form.
    /// * [`SignError::Sign`]: the key holds no seed.
    pub fn seal(&mut self, issuer: &KeyPair<B::Issuer>) -> Result<Jwt, SignError> {
        self.iss = issuer.public().clone();
        self.jti.clear();
        let unnamed = serde_json::to_vec(self).map_err(SignError::Encode)?;
        self.jti = BASE32_NOPAD.encode(&Sha512_256::digest(&unnamed));

        let payload = serde_json::to_vec(self).map_err(SignError::Encode)?;
        let mut token = BASE64URL_NOPAD.encode(HEADER.as_bytes());
        token.push('.');
        token.push_str(&BASE64URL_NOPAD.encode(&payload));
        let signature = issuer.sign(token.as_bytes()).map_err(SignError::Sign)?;
        token.push('.');
        token.push_str(&BASE64URL_NOPAD.encode(&signature));
        Ok(Jwt(token))
    }

    /// Signs claims about `subject` in one go.
    ///
    /// `issued_at` and `expires` are Unix seconds.
    ///
    /// # Errors
    /// Those of [`Claims::seal`].
    pub fn sign(
        subject: &PublicKey<B::Subject>,
        name: &str,
        issued_at: i64,
        expires: Option<i64>,
        body: B,
        issuer: &KeyPair<B::Issuer>,
    ) -> Result<Jwt, SignError> {
        let mut claims = Self::new(subject.clone(), name, issued_at, body, issuer.public());
        claims.exp = expires;
        claims.seal(issuer)
    }

    /// Reads a token, checks its kind and verifies the signature by the issuer it names. Whether
    /// that issuer is to be trusted, and whether the token has expired, is the caller's question;
    /// [`Claims::decode_trusted`] answers it too.
    ///
    /// # Errors
    /// One variant of [`DecodeError`] for each step that can fail.
    pub fn decode(token: &str) -> Result<Self, DecodeError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(DecodeError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(DecodeError::NotAJwt)?;
        let (header, payload) = signed.split_once('.').ok_or(DecodeError::NotAJwt)?;
        let part =
            |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| DecodeError::NotAJwt);

        let header: Header =
            serde_json::from_slice(&part(header)?).map_err(|_| DecodeError::Header)?;
        if header != (Header { typ: "JWT".to_owned(), alg: "ed25519-nkey".to_owned() }) {
            return Err(DecodeError::Header);
        }
        let payload = part(payload)?;
        let Probe { nats } = serde_json::from_slice(&payload).map_err(DecodeError::Claims)?;
        let tag = Tag { kind: nats.kind, version: nats.version };
        if tag != Tag::current(B::KIND) {
            return Err(DecodeError::Kind {
                expected: B::KIND,
                actual: tag.kind,
                version: tag.version,
            });
        }
        let claims: Self = serde_json::from_slice(&payload).map_err(DecodeError::Claims)?;
        nkeys::KeyPair::from_public_key(claims.iss.as_str())
            .and_then(|key| key.verify(signed.as_bytes(), &part(signature).unwrap_or_default()))
            .map_err(|_| DecodeError::Signature)?;
        Ok(claims)
    }

    /// Reads a token to go by: as [`Claims::decode`] does, and then whether its issuer is trusted
    /// and `now` (Unix seconds) lies within its time. As for nats-server, the second of `exp` is
    /// still within, the second of `nbf` already.
    ///
    /// # Errors
    /// Those of [`Claims::decode`]; [`DecodeError::UnknownIssuer`], [`DecodeError::Expired`],
    /// [`DecodeError::NotYetValid`].
    pub fn decode_trusted(
        token: &str,
        now: i64,
        is_trusted: impl FnOnce(&PublicKey<B::Issuer>) -> bool,
    ) -> Result<Self, DecodeError> {
        let claims = Self::decode(token)?;
        if !is_trusted(&claims.iss) {
            return Err(DecodeError::UnknownIssuer);
        }
        if claims.exp.is_some_and(|exp| exp < now) {
            return Err(DecodeError::Expired);
        }
        if claims.nbf.is_some_and(|nbf| nbf > now) {
            return Err(DecodeError::NotYetValid);
        }
        Ok(claims)
    }
}

/// What is looked at first: a token of another kind is told from one that is malformed.
#[derive(Deserialize)]
struct Probe {
    nats: ProbeTag,
}

#[derive(Deserialize)]
struct ProbeTag {
    #[serde(rename = "type")]
    kind: Kind,
    version: u8,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Header {
    typ: String,
    alg: String,
}

#[cfg(test)]
mod tests {
    use nats_jwt::{NatsClaims, Token};

    use super::*;
    use crate::claims::{
        AccountClaims, AccountLimits, AccountPair, ConnectionType, NO_LIMIT, OperatorClaims,
        OperatorPair, Permission, SigningKey, UserClaims, UserPair,
    };

    const NOW: i64 = 1_800_000_000;

    fn operator() -> OperatorPair {
        OperatorPair::from_random([1; 32]).unwrap()
    }
    fn account() -> AccountPair {
        AccountPair::from_random([2; 32]).unwrap()
    }
    fn user() -> UserPair {
        UserPair::from_random([3; 32]).unwrap()
    }

    fn user_claims() -> UserClaims {
        let mut claims = UserClaims::new(
            Permission::only(["a.>"]),
            Permission::only(["b.*"]),
            7,
            512,
            vec![ConnectionType::Standard],
        );
        claims.issuer_account = Some(account().public().clone());
        claims
    }

    fn sign_user() -> Jwt {
        let user = user();
        Claims::sign(user.public(), "name", NOW, Some(NOW + 9), user_claims(), &account()).unwrap()
    }

    fn payload(jwt: &Jwt) -> Vec<u8> {
        let part = jwt.as_str().split('.').nth(1).unwrap();
        BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_signed_reads_back_the_same() {
        let claims = Claims::<UserClaims>::decode(sign_user().as_str()).unwrap();
        assert_eq!(claims.nats, user_claims());
        assert_eq!(claims.iss, *account().public());
        assert_eq!(claims.sub, *user().public());
        assert_eq!((claims.iat, claims.exp), (NOW, Some(NOW + 9)));
        assert_eq!(claims.jti.len(), 52);
    }

    #[test]
    fn nats_jwt_reads_our_user_as_we_meant_it() {
        let theirs: nats_jwt::Claims = serde_json::from_slice(&payload(&sign_user())).unwrap();
        assert_eq!(theirs.issuer, account().public().as_str());
        assert_eq!(theirs.sub, user().public().as_str());
        assert_eq!((theirs.issued_at, theirs.expires), (NOW, Some(NOW + 9)));
        let NatsClaims::User { permissions, subs, data, payload, bearer_token, version, .. } =
            theirs.nats
        else {
            panic!("not a user")
        };
        assert_eq!(permissions.publish.allow, ["a.>"]);
        assert_eq!(permissions.subscribe.allow, ["b.*"]);
        assert!(permissions.publish.deny.is_empty() && permissions.subscribe.deny.is_empty());
        assert_eq!((subs, data, payload), (7, NO_LIMIT, 512));
        assert!(!bearer_token);
        assert_eq!(version, 2);
    }

    #[test]
    fn nats_jwt_reads_our_account_as_we_meant_it() {
        let signing_key = AccountPair::from_random([4; 32]).unwrap();
        let limits = AccountLimits { conn: 5, exports: 6, imports: 7, ..AccountLimits::core() };
        let body =
            AccountClaims::new(limits, vec![SigningKey::Plain(signing_key.public().clone())]);
        let jwt = Claims::sign(account().public(), "APP", NOW, None, body, &operator()).unwrap();
        let theirs: nats_jwt::Claims = serde_json::from_slice(&payload(&jwt)).unwrap();
        assert_eq!(theirs.expires, None);
        let NatsClaims::Account { limits, signing_keys, default_permissions, version } =
            theirs.nats
        else {
            panic!("not an account")
        };
        assert_eq!((limits.conn, limits.exports, limits.imports, limits.leaf), (5, 6, 7, 0));
        assert_eq!((limits.subs, limits.payload, limits.data), (-1, -1, -1));
        assert_eq!(signing_keys, [signing_key.public().as_str()]);
        assert_eq!(default_permissions.publish.deny, [">"]);
        assert_eq!(default_permissions.subscribe.deny, [">"]);
        assert_eq!(version, 2);
    }

    #[test]
    fn we_read_a_user_of_nats_jwt_as_it_was_meant() {
        let token = Token::new_user(account().public().as_str(), user().public().as_str())
            .name("theirs")
            .max_subscriptions(3)
            .max_payload(64)
            .allow_publish("a")
            .deny_publish("a.b")
            .allow_subscribe("c")
            .expires(NOW)
            .sign(account().as_nkeys());
        let claims = Claims::<UserClaims>::decode(&token).unwrap();
        assert_eq!(claims.name, "theirs");
        assert_eq!(claims.exp, Some(NOW));
        let publish = Permission { allow: vec!["a".to_owned()], deny: vec!["a.b".to_owned()] };
        assert_eq!(claims.nats.publish, Some(publish));
        assert_eq!(claims.nats.subscribe, Some(Permission::only(["c"])));
        assert_eq!((claims.nats.subs, claims.nats.payload), (3, 64));
        assert_eq!(claims.nats.issuer_account.as_ref(), Some(account().public()));
    }

    #[test]
    fn a_change_anywhere_is_noticed() {
        let jwt = sign_user();
        let parts: Vec<&str> = jwt.as_str().split('.').collect();
        let forged = String::from_utf8(payload(&jwt)).unwrap().replace("\"a.>\"", "\"x.>\"");
        let forged = BASE64URL_NOPAD.encode(forged.as_bytes());
        let cases = [
            (format!("{}.{forged}.{}", parts[0], parts[2]), "signature"),
            (format!("{}.{}.AAAA", parts[0], parts[1]), "signature"),
            (format!("{}.{}.", parts[0], parts[1]), "signature"),
            (format!("e30.{}.{}", parts[1], parts[2]), "header"),
            (format!("{}.e30.{}", parts[0], parts[2]), "form"),
            (format!("{}.{}", parts[0], parts[1]), "three"),
            (format!("{}.{}.{}.x", parts[0], parts[1], parts[2]), "three"),
            ("rubbish".to_owned(), "three"),
            (String::new(), "three"),
        ];
        for (token, expected) in cases {
            let error = Claims::<UserClaims>::decode(&token).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} for {token}");
        }
    }

    #[test]
    fn one_kind_is_not_taken_for_another() {
        let body = OperatorClaims::new(account().public().clone());
        let jwt = Claims::sign(operator().public(), "op", NOW, None, body, &operator()).unwrap();
        assert!(Claims::<OperatorClaims>::decode(jwt.as_str()).is_ok());
        assert!(Claims::<AccountClaims>::decode(jwt.as_str()).is_err());
        assert!(Claims::<UserClaims>::decode(jwt.as_str()).is_err());
    }

    #[test]
    fn debug_hides_the_token() {
        assert!(!format!("{:?}", sign_user()).contains("eyJ"));
    }
}
