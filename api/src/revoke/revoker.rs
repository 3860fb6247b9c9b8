//! A ban from beginning to end.

use std::sync::Arc;

use tracing::info;

use super::{
    BanList, KickError, Kicker, Signer, Target,
    ban_list::{Ban, BanError},
    signer::SignerError,
};
use crate::clock::unix_now;
use crate::streams::{JetStreamError, Streams};
use crate::{auth::Identity, mint::CallerRule};

/// A ban is not complete. Whatever of it was done, holds; doing it again is harmless.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The ban was not made.
    #[error(transparent)]
    Ban(#[from] BanError),
    /// Nothing is minted any more, and the servers do not know.
    #[error("the account's JWT could not be changed")]
    Signer(#[from] SignerError),
    /// Nothing is minted any more, and connections there are may live on for a time.
    #[error("connections could not be ended")]
    Kick(#[from] KickError),
    /// Their consumers could not be deleted, and go when nobody has listened for a time.
    #[error("consumers could not be deleted")]
    Consumers(#[from] JetStreamError),
    /// The work ended before it was done.
    #[error("the work ended badly")]
    Ended(#[source] tokio::task::JoinError),
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The ban.
    pub ban: Ban,
    /// Whether the account's JWT names the keys.
    pub revoked: bool,
    /// Connections that were ended.
    pub kicked: u64,
}

/// Bans, for those who may. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Revoker {
    allowed_to: Arc<[CallerRule]>,
    bans: BanList,
    means: Option<Means>,
}

/// What bans are brought into effect with.
#[derive(Debug, Clone)]
pub struct Means {
    /// Ends connections.
    pub kicker: Kicker,
    /// Deletes consumers.
    pub streams: Streams,
    /// Changes the account's JWT, where that is wanted.
    pub signer: Option<Signer>,
}

impl Revoker {
    /// One that works for callers who meet one of these rules; without means, for nobody.
    #[must_use]
    pub fn new(allowed_to: &[CallerRule], bans: BanList, means: Option<Means>) -> Self {
        Self { allowed_to: allowed_to.into(), bans, means }
    }

    /// Whether this caller may ban.
    #[must_use]
    pub fn is_for(&self, identity: &Identity) -> bool {
        self.means.is_some() && self.allowed_to.iter().any(|rule| rule.admits(identity))
    }

    /// Who is banned.
    #[must_use]
    pub fn bans(&self) -> &BanList {
        &self.bans
    }

    /// Bans somebody until then, in Unix seconds, or for ever.
    ///
    /// # Errors
    /// One variant of [`RevokeError`] for each step. Later steps are tried all the same, and the
    /// first that failed is told; after [`BanError::Full`] there are none.
    ///
    /// # Cancel safety
    /// Cancelling does not stop it.
    pub async fn revoke(&self, target: Target, until: Option<i64>) -> Result<Revoked, RevokeError> {
        let (bans, means) = (self.bans.clone(), self.means.clone());
        tokio::spawn(revoke(bans, means, target, until)).await.map_err(RevokeError::Ended)?
    }
}

async fn revoke(
    bans: BanList,
    means: Option<Means>,
    target: Target,
    until: Option<i64>,
) -> Result<Revoked, RevokeError> {
    let now = unix_now();
    let banning = {
        let target = target.clone();
        let bans = bans.clone();
        tokio::task::spawn_blocking(move || bans.ban(target, until, now))
    };
    let ban = banning.await.map_err(RevokeError::Ended)??;
    let mut done = Revoked { revoked: false, kicked: 0, ban };
    let Some(Means { kicker, signer, streams }) = means else { return Ok(done) };
    // First the quick part; whoever comes back between the two is put out by the second.
    let kicked = kicker.kick(&done.ban.nkeys).await;
    bans.tell_changed();
    let deleted = streams.delete_consumers(&done.ban.nkeys).await;
    if let Some(signer) = signer {
        signer.revoke(&done.ban).await?;
        done.revoked = true;
    }
    done.kicked = kicked?;
    deleted?;
    info!(?target, ?until, nkeys = done.ban.nkeys.len(), done.revoked, done.kicked, "banned");
    Ok(done)
}
