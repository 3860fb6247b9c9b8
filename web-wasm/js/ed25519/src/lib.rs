//! Signs with a user's key where the browser's WebCrypto does not: in older browsers, and on pages
//! that did not come over a secure connection. A module of its own, which nobody else downloads.

#![cfg(target_arch = "wasm32")]

use ed25519_dalek::{Signer, SigningKey};
use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroizing;

/// The public key of a secret one, 32 bytes, and its signature of the message, 64 bytes, one after
/// the other. Nothing if the secret key has not 32 bytes. The key is not kept.
///
/// Source: RFC 8032 §5.1.
#[wasm_bindgen(skip_typescript)]
pub fn sign(secret: Vec<u8>, message: &[u8]) -> Option<Vec<u8>> {
    let secret = Zeroizing::new(secret);
    let key = SigningKey::from_bytes(secret.as_slice().try_into().ok()?);
    let signature = key.try_sign(message).ok()?;
    Some([key.verifying_key().as_bytes().as_slice(), &signature.to_bytes()].concat())
}
