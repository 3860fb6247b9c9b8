//! Authorities of this installation's own, and the certificates that they sign.
//!
//! Routes and listeners have one each: whoever holds a certificate of the routes' may join the cluster,
//! so it must sign nothing else.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{
    CertificateDer,
    pem::{self, PemObject},
};
use time::{Duration, OffsetDateTime};
use url::Host;

use super::{Plan, PlannedFile, WriteError, write};
use crate::keys::{KeyFileError, Problem, file};

/// The authority's certificate, in its directory and beside what it signed.
pub(super) const CA_CERTIFICATE: &str = "ca.pem";
/// The authority's key.
pub(super) const CA_KEY: &str = "ca.key";

/// How long the authority lasts.
const AUTHORITY_LIFE: Duration = Duration::days(3_650);
/// How long a server's certificate lasts.
const NODE_LIFE: Duration = Duration::days(825);
/// The clocks of two nodes may differ by this much.
const CLOCK_SKEW: Duration = Duration::hours(1);

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The library refused.
    #[error("a certificate could not be made")]
    Refused(#[from] rcgen::Error),
    /// The clock says a time that no certificate can.
    #[error("the clock of this machine is wrong")]
    Time(#[from] time::error::ComponentRange),
    /// It is not one.
    #[error("the certificate beside it can't be read")]
    Unreadable(#[from] pem::Error),
    /// Certificate and key are not of one authority.
    #[error("the certificate beside it is of another key")]
    Mismatch,
}

/// There is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its key can't be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// It could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What an authority's certificates are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Both ends of the routes between nodes.
    Routes,
    /// The listeners for services and browsers.
    Listeners,
}

impl Purpose {
    fn authority_name(self) -> &'static str {
        match self {
            Self::Routes => "scaling-ws routes",
            Self::Listeners => "scaling-ws listeners",
        }
    }

    fn usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        let server = ExtendedKeyUsagePurpose::ServerAuth;
        match self {
            Self::Routes => vec![server, ExtendedKeyUsagePurpose::ClientAuth],
            Self::Listeners => vec![server],
        }
    }
}

/// A key that signs the certificates of servers, and its own certificate.
pub(super) struct Authority {
    purpose: Purpose,
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// The one in this directory.
    ///
    /// # Errors
    /// [`KeyFileError`] if its key or certificate is missing, too open, or not what it should be.
    pub(super) fn read(dir: &Path, purpose: Purpose) -> Result<Self, KeyFileError> {
        let path = dir.join(CA_KEY);
        let key = file::read(&path)?;
        let certificate = file::read(&dir.join(CA_CERTIFICATE))?;
        Self::open(&key, &certificate, purpose)
            .map_err(|source| KeyFileError::new(&path, Problem::Certificate(source)))
    }

    /// The one in this directory; if there is none, it is made. `now` is in Unix seconds.
    ///
    /// # Errors
    /// One variant of [`AuthorityError`] for each step that can fail.
    pub(super) fn read_or_make(
        dir: &Path,
        purpose: Purpose,
        now: i64,
    ) -> Result<Self, AuthorityError> {
        match Self::read(dir, purpose) {
            Err(error) if matches!(error.problem(), Problem::Missing) => {
                let authority = Self::generate(purpose, now)?;
                write(&Plan {
                    dir: dir.to_owned(),
                    data_dirs: Vec::new(),
                    files: vec![
                        PlannedFile::new(CA_CERTIFICATE, authority.certificate().to_owned()),
                        PlannedFile::new(CA_KEY, authority.key()),
                    ],
                })?;
                Ok(authority)
            }
            other => Ok(other?),
        }
    }

    fn generate(purpose: Purpose, now: i64) -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = params(purpose);
        (params.not_before, params.not_after) = validity(now, AUTHORITY_LIFE)?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { purpose, issuer: Issuer::new(params, key), certificate })
    }

    /// The authority whose key and certificate these are.
    fn open(key: &str, certificate: &str, purpose: Purpose) -> Result<Self, CertificateError> {
        let key = KeyPair::from_pem(key)?;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())?;
        let public = key.public_key_raw();
        if !der.windows(public.len()).any(|part| part == public) {
            return Err(CertificateError::Mismatch);
        }
        let issuer = Issuer::new(params(purpose), key);
        Ok(Self { purpose, issuer, certificate: certificate.to_owned() })
    }

    /// PEM.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// PEM, secret.
    fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for a server that is found at these hosts, and its key; both PEM.
    pub(super) fn issue(
        &self,
        name: &str,
        hosts: &[Host],
        now: i64,
    ) -> Result<(String, String), CertificateError> {
        let key = KeyPair::generate()?;
        let hosts: Vec<String> = hosts
            .iter()
            .map(|host| match host {
                Host::Domain(name) => name.clone(),
                Host::Ipv4(address) => address.to_string(),
                // Without the brackets that a URL has.
                Host::Ipv6(address) => address.to_string(),
            })
            .collect();
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = self.purpose.usages();
        (params.not_before, params.not_after) = validity(now, NODE_LIFE)?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok((certificate, key.serialize_pem()))
    }
}

/// What the authority's certificate says, but for its times. All that it signs repeats its name.
fn params(purpose: Purpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, purpose.authority_name());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn validity(
    now: i64,
    life: Duration,
) -> Result<(OffsetDateTime, OffsetDateTime), time::error::ComponentRange> {
    let now = OffsetDateTime::from_unix_timestamp(now)?;
    Ok((now.saturating_sub(CLOCK_SKEW), now.saturating_add(life)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn an_authority_is_opened_by_its_own_key_only() {
        let (one, other) = (
            Authority::generate(Purpose::Routes, NOW).unwrap(),
            Authority::generate(Purpose::Routes, NOW).unwrap(),
        );
        let again = Authority::open(&one.key(), one.certificate(), Purpose::Routes).unwrap();
        assert_eq!((again.key(), again.certificate()), (one.key(), one.certificate()));
        let error = Authority::open(&other.key(), one.certificate(), Purpose::Routes);
        assert!(matches!(error, Err(CertificateError::Mismatch)));
        let error = Authority::open(&one.key(), "no certificate", Purpose::Routes);
        assert!(matches!(error, Err(CertificateError::Unreadable(_))));
        let error = Authority::open("no key", one.certificate(), Purpose::Routes);
        assert!(matches!(error, Err(CertificateError::Refused(_))));
    }
}
