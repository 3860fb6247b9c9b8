//! The digest of an object's bytes.

use data_encoding::BASE64URL;
use sha2::{Digest as _, Sha256};

/// A digest in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Digest(Sha256);

impl Digest {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest as a store writes it: ADR-20 wants the algorithm's name in capitals, and base64 for
    /// URLs.
    pub(super) fn finish(self) -> String {
        format!("SHA-256={}", BASE64URL.encode(&self.0.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_stores_have_it() {
        let empty = "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(Digest::default().finish(), empty);
        let mut digest = Digest::default();
        digest.update(b"ab");
        digest.update(b"c");
        assert_eq!(digest.finish(), "SHA-256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=");
    }
}
