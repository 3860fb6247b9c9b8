//! Names and versions of services.

/// Why a text can't name a service, an instance or an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no text.
    #[error("the name is empty")]
    Empty,
    /// There is a character other than `A-Z`, `a-z`, `0-9`, `-` and `_`.
    #[error("the name has a forbidden character at byte {at}")]
    Character {
        /// Where it stands, in bytes.
        at: usize,
    },
}

/// A text is no version. Source: [Semantic Versioning](https://semver.org) 2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the version is not one of Semantic Versioning, such as 1.0.0")]
pub struct VersionError;

/// Checks the name of a service or an endpoint: `A-Z`, `a-z`, `0-9`, `-` and `_`, so that it is one
/// token of a subject.
///
/// # Errors
/// Any [`NameError`].
pub fn validate_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    match name.bytes().position(|byte| !is_name_byte(byte)) {
        Some(at) => Err(NameError::Character { at }),
        None => Ok(()),
    }
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Checks the version of a service: `major.minor.patch`, with a pre-release and build if need be.
///
/// # Errors
/// [`VersionError`].
pub fn validate_version(version: &str) -> Result<(), VersionError> {
    semver::Version::parse(version).map(drop).map_err(|_| VersionError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_single_tokens_without_surprises() {
        for good in ["a", "Products", "products-2_b", "0"] {
            assert_eq!(validate_name(good), Ok(()), "{good}");
        }
        assert_eq!(validate_name(""), Err(NameError::Empty));
        for (bad, at) in [("a.b", 1), ("a b", 1), ("*", 0), (">", 0), ("aé", 1), ("a\r\n", 1)] {
            assert_eq!(validate_name(bad), Err(NameError::Character { at }), "{bad:?}");
        }
    }

    #[test]
    fn versions_are_semantic() {
        for good in ["0.0.0", "1.2.3", "1.0.0-alpha.1", "1.0.0+build.01", "1.0.0-rc.1+5"] {
            assert_eq!(validate_version(good), Ok(()), "{good}");
        }
        for bad in ["", "1", "1.0", "1.0.0.1", "beta-1.0.0", "v1.0.0", "01.0.0", "1.0.0-", " 1.0.0"]
        {
            assert_eq!(validate_version(bad), Err(VersionError), "{bad:?}");
        }
    }
}
