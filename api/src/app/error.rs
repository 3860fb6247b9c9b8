//! Why the service could not start.

use std::{io, net::SocketAddr, path::PathBuf};

use rustls::pki_types::pem;

use crate::{
    auth::AuthenticatorError, config::roles::RolesFileError, keys::KeyFileError,
    revoke::BanFileError, streams::StreamsError,
};

/// The service could not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The roles file cannot be used.
    #[error(transparent)]
    Roles(#[from] RolesFileError),
    /// A key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The bans cannot be used.
    #[error(transparent)]
    Bans(#[from] BanFileError),
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The file that tells the address cannot be written.
    #[error("the address file {} cannot be written", path.display())]
    AddressFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The websocket URLs make no header.
    #[error("the websocket URLs make no content security policy")]
    Policy(#[source] axum::http::header::InvalidHeaderValue),
    /// A stream is not as the roles file declares it, and is not to be changed by this program.
    #[error(transparent)]
    Streams(#[from] StreamsError),
    /// A user is from a time when it needed less, and may not do what presence takes.
    #[error("{file} does not allow {subject}, which presence takes; `api roles apply` adds it")]
    PresenceRights {
        /// The user's file.
        file: &'static str,
        /// What it has to be allowed.
        subject: String,
    },
    /// The service's user is from a time before a bucket of objects was declared.
    #[error(
        "service.creds does not allow {subject}, which objects take; `api roles apply` adds it"
    )]
    ObjectRights {
        /// What it has to be allowed.
        subject: String,
    },
    /// The authority of NATS's certificates cannot be read, or the file holds no certificate.
    #[error("nats.ca_file {} cannot be used", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// Callers' authentication cannot be set up.
    #[error(transparent)]
    Authenticator(#[from] AuthenticatorError),
}
