//! Who signs a server's challenge.

use data_encoding::BASE64URL_NOPAD;
use nats_proto::connection::{Auth, Challenge};

use super::AuthError;
use crate::platform::LocalBoxFuture;

/// A user's key, wherever its secret part is.
pub trait Signer {
    /// The public part as a user nkey, `U…`, 56 characters.
    fn public_key(&self) -> String;

    /// The Ed25519 signature of `nonce`, 64 bytes.
    ///
    /// # Errors
    /// [`AuthError`] when the key can't sign, now or ever.
    fn sign<'a>(&'a self, nonce: &'a [u8]) -> LocalBoxFuture<'a, Result<Vec<u8>, AuthError>>;
}

/// The answer to a challenge: the nonce signed, with the JWT or else the public key.
pub(crate) async fn answer(
    signer: &dyn Signer,
    challenge: &Challenge,
    jwt: Option<String>,
) -> Result<Auth, AuthError> {
    let Some(nonce) = &challenge.nonce else {
        return Err(AuthError::new("the server knows no keys: it sent nothing to sign"));
    };
    let signature = BASE64URL_NOPAD.encode(&signer.sign(nonce.as_bytes()).await?);
    let nkey = jwt.is_none().then(|| signer.public_key());
    Ok(Auth { jwt, nkey, signature: Some(signature), ..Auth::default() })
}
