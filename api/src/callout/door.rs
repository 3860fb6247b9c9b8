//! Who gets in, and with what.

use std::time::Instant;

use serde_json::Value;

use super::Denied;
use crate::{
    auth::{Authenticator, Identity},
    claims::{AuthorizationRequest, ConnectionType, authorization::ClientInfo},
    limits::RateLimits,
    mint::{self, Minted, Roles},
    revoke::BanList,
    session::{self, Session, Sessions},
    streams::Streams,
};

/// Decides about clients, with what decides about calls.
#[derive(Debug, Clone)]
pub struct Door {
    /// Kinds of connection that are let in.
    pub connection_types: Vec<ConnectionType>,
    /// Reads sessions.
    pub sessions: Sessions,
    /// Knows everybody else.
    pub authenticator: Authenticator,
    /// What there is to get.
    pub roles: Roles,
    /// Who gets nothing.
    pub bans: BanList,
    /// How often somebody may come.
    pub limits: RateLimits,
    /// What some roles rest on.
    pub streams: Streams,
}

/// Somebody who gets in.
#[derive(Debug)]
pub struct Admitted {
    /// Who.
    pub identity: Identity,
    /// With which role, safe to log.
    pub role: String,
    /// With which channels, separated by spaces.
    pub channels: String,
    /// With which token.
    pub minted: Minted,
}

impl Door {
    /// Decides about a client, at `now` in Unix seconds.
    ///
    /// # Errors
    /// One variant of [`Denied`] for each reason not to let it in.
    ///
    /// # Cancel safety
    /// Cancelling leaves it open whether a ban would find a token that nobody has.
    pub async fn decide(&self, asked: &AuthorizationRequest, now: i64) -> Result<Admitted, Denied> {
        let connection_type = connection_type(&asked.client_info)
            .filter(|kind| self.connection_types.contains(kind))
            .ok_or(Denied::ConnectionType)?;
        let session = self.session(asked, now).await?;
        self.limits.check_caller(&session.identity, Instant::now())?;

        let policy = self.roles.choose(&session.identity, session.role.as_ref())?;
        // nats-server does not hold the client to this part of the role's template.
        if !policy.role.template.allowed_connection_types.contains(&connection_type) {
            return Err(Denied::RoleConnectionType);
        }
        self.streams.admit(&policy.role)?;
        let nkey = asked.user_nkey.clone();
        let grant = policy.grant(&session.identity, nkey, &session.channels)?;
        let minted = mint::mint_for_login(&grant, now, Some(session.expires_at))?;
        // Afterwards, so that no token is younger than a ban that did not find it.
        self.bans.admit(&session.identity, grant.nkey(), minted.expires_at, minted.issued_at)?;
        // No consumers: nobody tells the client the key that its inbox, where they deliver, lies below;
        // and as each login has a key of its own, a few could use up all that the account may have.
        let channels: Vec<String> = grant.channels().iter().map(ToString::to_string).collect();
        Ok(Admitted {
            role: grant.role().name.to_string(),
            channels: channels.join(" "),
            minted,
            identity: session.identity,
        })
    }

    /// Who the client is, what it asks for and how long that holds. Its one credential is the token,
    /// its own or that of its cookie; whatever JWT it may have sent opened nothing.
    async fn session(&self, asked: &AuthorizationRequest, now: i64) -> Result<Session, Denied> {
        let sent = &asked.connect_opts;
        let is_there = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        if is_there(&sent.user) || is_there(&sent.pass) {
            return Err(Denied::Password);
        }
        let credential = sent.auth_token.as_deref().filter(|token| !token.is_empty());
        if let Some(text) = credential.filter(|text| text.starts_with(session::PREFIX)) {
            let session = self.sessions.open(text, now)?;
            return if self.authenticator.still_knows(&session.identity) {
                Ok(session)
            } else {
                Err(Denied::Unknown)
            };
        }
        let identity = self.authenticator.identify(credential).await?;
        let expires_at = end_of(&identity).unwrap_or(i64::MAX);
        Ok(Session { identity, role: None, channels: Vec::new(), expires_at })
    }
}

/// When the token ends that somebody is known by.
fn end_of(identity: &Identity) -> Option<i64> {
    match identity {
        // Whole or not, it is a number, or the token would not have been taken.
        Identity::User { claims, .. } => {
            claims.get("exp").and_then(Value::as_f64).map(|exp| exp as i64)
        }
        Identity::Guest | Identity::Service { .. } => None,
    }
}

/// How a client is connected, by nats-server's words for it.
fn connection_type(client: &ClientInfo) -> Option<ConnectionType> {
    match (client.kind.as_str(), client.client_type.as_str()) {
        ("Client", "websocket") => Some(ConnectionType::Websocket),
        ("Client", "nats") => Some(ConnectionType::Standard),
        _ => None,
    }
}
