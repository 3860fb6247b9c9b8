//! The bearer credential of a request.

use axum::http::{HeaderMap, header};

/// Longest credential that is looked at, in bytes. Issuers' tokens are a third of it.
pub const MAX_CREDENTIAL_BYTES: usize = 8192;

/// A request's header `Authorization` holds no bearer credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// There are several such headers.
    #[error("there are several Authorization headers")]
    Several,
    /// Another scheme, or a text that is none.
    #[error("the Authorization header is not of the scheme Bearer")]
    OtherScheme,
    /// Longer than any credential.
    #[error("the credential is longer than {MAX_CREDENTIAL_BYTES} bytes")]
    TooLong,
    /// Characters that no credential has.
    #[error("the credential has characters that no bearer credential has")]
    Characters,
}

/// The bearer credential, if the request has one (RFC 6750 §2.1).
///
/// The other two places that the RFC names, the body and the query, are not looked at: what is there
/// ends up in logs and in the browser's history.
///
/// # Errors
/// One variant of [`BearerError`] for each way the header can be wrong.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, BearerError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(BearerError::Several);
    }
    if value.len() > MAX_CREDENTIAL_BYTES {
        return Err(BearerError::TooLong);
    }
    let (scheme, credential) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or(BearerError::OtherScheme)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(BearerError::OtherScheme);
    }
    well_formed(credential.trim_matches(' ')).map(Some)
}

/// A credential that came without a header, looked at as strictly.
///
/// # Errors
/// [`BearerError::TooLong`] and [`BearerError::Characters`].
pub fn well_formed(credential: &str) -> Result<&str, BearerError> {
    if credential.len() > MAX_CREDENTIAL_BYTES {
        return Err(BearerError::TooLong);
    }
    if credential.is_empty() || !credential.bytes().all(is_token68) {
        return Err(BearerError::Characters);
    }
    Ok(credential)
}

/// `b64token` of RFC 6750 §2.1.
fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(values: &[&[u8]]) -> Result<Option<String>, BearerError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer(&headers).map(|found| found.map(str::to_owned))
    }

    #[test]
    fn a_bearer_credential_is_found_in_any_spelling_of_the_scheme() {
        assert_eq!(of(&[]), Ok(None));
        for good in
            [&b"Bearer a.b-c_d~e+f/g="[..], b"bearer a.b-c_d~e+f/g=", b"BEARER  a.b-c_d~e+f/g="]
        {
            assert_eq!(of(&[good]).unwrap().unwrap(), "a.b-c_d~e+f/g=");
        }
    }

    #[test]
    fn everything_else_is_an_error_and_never_no_credential() {
        assert_eq!(of(&[b"Bearer a", b"Bearer a"]), Err(BearerError::Several));
        for bad in [&b""[..], b"Bearer", b"Basic dTpw", b"a", b"Bearer\xff a", b"Bearer\ta"] {
            assert_eq!(of(&[bad]), Err(BearerError::OtherScheme), "{bad:?}");
        }
        for bad in [&b"Bearer "[..], b"Bearer a b", b"Bearer a,b", b"Bearer \"a\"", b"Bearer {}"] {
            assert_eq!(of(&[bad]), Err(BearerError::Characters), "{bad:?}");
        }
        let long = [b"Bearer ".as_slice(), &[b'a'; MAX_CREDENTIAL_BYTES]].concat();
        assert_eq!(of(&[&long]), Err(BearerError::TooLong));
    }
}
