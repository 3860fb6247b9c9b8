//! The authority for the certificates of routes: whoever holds one of these may join the cluster, and
//! nobody else.

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

/// How long the authority lasts.
const AUTHORITY_LIFE: Duration = Duration::days(3_650);
/// How long a node's certificate lasts.
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

/// A key that signs the certificates of nodes, and its own certificate.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub(super) fn generate(now: i64) -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = params();
        (params.not_before, params.not_after) = validity(now, AUTHORITY_LIFE)?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// The authority whose key and certificate these are.
    pub(super) fn open(key: &str, certificate: &str) -> Result<Self, CertificateError> {
        let key = KeyPair::from_pem(key)?;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())?;
        let public = key.public_key_raw();
        if !der.windows(public.len()).any(|part| part == public) {
            return Err(CertificateError::Mismatch);
        }
        Ok(Self { issuer: Issuer::new(params(), key), certificate: certificate.to_owned() })
    }

    /// PEM.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// PEM, secret.
    pub(super) fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for both ends of a route, and its key; both PEM.
    pub(super) fn issue(
        &self,
        name: &str,
        host: &Host,
        now: i64,
    ) -> Result<(String, String), CertificateError> {
        let key = KeyPair::generate()?;
        let host = match host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            // Without the brackets that a URL has.
            Host::Ipv6(address) => address.to_string(),
        };
        let mut params = CertificateParams::new([host])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = validity(now, NODE_LIFE)?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok((certificate, key.serialize_pem()))
    }
}

/// What the authority's certificate says, but for its times. All that it signs repeats its name.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "scaling-ws routes");
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
        let (one, other) = (Authority::generate(NOW).unwrap(), Authority::generate(NOW).unwrap());
        let again = Authority::open(&one.key(), one.certificate()).unwrap();
        assert_eq!((again.key(), again.certificate()), (one.key(), one.certificate()));
        let error = Authority::open(&other.key(), one.certificate());
        assert!(matches!(error, Err(CertificateError::Mismatch)));
        let error = Authority::open(&one.key(), "no certificate");
        assert!(matches!(error, Err(CertificateError::Unreadable(_))));
        let error = Authority::open("no key", one.certificate());
        assert!(matches!(error, Err(CertificateError::Refused(_))));
    }
}
