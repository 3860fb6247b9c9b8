//! What a mint decides on.

use std::fmt;

use super::{
    channel::{self, Channel, ChannelError},
    resolve::resolve,
    role::Role,
};
use crate::{
    auth::Identity,
    claims::{AccountKey, AccountPair, Permission, UserKey},
    objects::{ObjectGrant, Owner},
};

/// How tokens of one role are made.
pub struct RolePolicy {
    /// The role.
    pub role: Role,
    /// The account users of the role belong to.
    pub account: AccountKey,
    /// The scoped signing key of the role.
    pub signing_key: AccountPair,
}

impl RolePolicy {
    /// Decides what the holder of `nkey` gets, who is `identity` and asks for these channels.
    ///
    /// Whether the role is for `identity` at all, [`super::Roles::choose`] decides before.
    ///
    /// # Errors
    /// * [`ChannelError::Malformed`]: a channel is not of the form `kind:value`.
    /// * [`ChannelError::Denied`]: the role has no such kind, or this value is not for the caller.
    /// * [`ChannelError::TooMany`]: more of one kind than the role gives.
    pub fn grant(
        &self,
        identity: &Identity,
        nkey: UserKey,
        channels: &[impl AsRef<str>],
    ) -> Result<Grant<'_>, ChannelError> {
        let channels = channel::grant(&self.role.channels, identity, channels)?;
        Ok(Grant { policy: self, nkey, channels })
    }

    /// What [`RolePolicy::grant`] would give, also while there is no key to give it to: then without
    /// the subjects that a key is part of.
    ///
    /// # Errors
    /// As [`RolePolicy::grant`].
    pub fn rights(
        &self,
        identity: &Identity,
        nkey: Option<&UserKey>,
        channels: &[impl AsRef<str>],
    ) -> Result<Rights, ChannelError> {
        let channels = channel::grant(&self.role.channels, identity, channels)?;
        let template = &self.role.template;
        Ok(Rights {
            publish: resolve(&template.publish, nkey, &channels),
            subscribe: resolve(&template.subscribe, nkey, &channels),
        })
    }

    /// What the caller may do with the objects of a bucket, with these channels. `None` if the role
    /// gives nothing of it, as of a bucket that does not exist.
    ///
    /// # Errors
    /// As [`RolePolicy::grant`].
    pub fn objects(
        &self,
        identity: &Identity,
        bucket: &str,
        channels: &[impl AsRef<str>],
    ) -> Result<Option<ObjectGrant<'_>>, ChannelError> {
        let channels = channel::grant(&self.role.channels, identity, channels)?;
        let rights = self.role.objects.iter().find(|rights| rights.bucket == bucket);
        Ok(rights.map(|rights| ObjectGrant::new(rights, Owner::of(identity), channels)))
    }
}

impl fmt::Debug for RolePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RolePolicy")
            .field("role", &self.role)
            .field("account", &self.account)
            .field("signing_key", &self.signing_key)
            .finish()
    }
}

/// What may be published and subscribed to, with all names put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// What may be published to.
    pub publish: Permission,
    /// What may be subscribed to.
    pub subscribe: Permission,
}

/// What one caller gets: a role, for one key, with channels it may have. Only
/// [`RolePolicy::grant`] makes one.
#[derive(Debug)]
pub struct Grant<'a> {
    pub(super) policy: &'a RolePolicy,
    pub(super) nkey: UserKey,
    pub(super) channels: Vec<Channel>,
}

impl Grant<'_> {
    /// The role.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.policy.role
    }

    /// The public key the holder signs the server's nonce with.
    #[must_use]
    pub fn nkey(&self) -> &UserKey {
        &self.nkey
    }

    /// The channels, each once.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The prefix of every inbox of the holder; nobody else may subscribe below it.
    #[must_use]
    pub fn inbox_prefix(&self) -> String {
        format!("_INBOX.{}", self.nkey)
    }

    /// What the holder may publish to, as nats-server will resolve the role's template.
    #[must_use]
    pub fn publish(&self) -> Permission {
        self.resolve(&self.policy.role.template.publish)
    }

    /// What the holder may subscribe to, as nats-server will resolve the role's template.
    #[must_use]
    pub fn subscribe(&self) -> Permission {
        self.resolve(&self.policy.role.template.subscribe)
    }

    fn resolve(&self, permission: &Permission) -> Permission {
        resolve(permission, Some(&self.nkey), &self.channels)
    }
}

#[cfg(test)]
pub(super) mod testing {
    use std::time::Duration;

    use super::*;
    use crate::{
        claims::{ConnectionType, NO_LIMIT, UserTemplate},
        mint::{AllowedValues, CallerRule, ChannelKind, RoleName},
    };

    /// A role with one subject of its own and rooms.
    pub(crate) fn policy(name: &str, given_to: Vec<CallerRule>) -> RolePolicy {
        let role = Role {
            name: RoleName::parse(name).unwrap(),
            given_to,
            ttl: Duration::from_secs(900),
            channels: vec![ChannelKind { name: "room".into(), values: AllowedValues::Any, max: 4 }],
            consumers: Vec::new(),
            objects: Vec::new(),
            template: UserTemplate {
                publish: Permission::only(["rooms.{{tag(room)}}.chat.{{subject()}}"]),
                subscribe: Permission::only([
                    "news",
                    "_INBOX.{{subject()}}.>",
                    "rooms.{{tag(room)}}.>",
                ]),
                responses: None,
                subs: 32,
                data: NO_LIMIT,
                payload: 1024,
                allowed_connection_types: vec![ConnectionType::Websocket],
            },
        };
        RolePolicy {
            role,
            account: AccountPair::from_random([1; 32]).unwrap().public().clone(),
            signing_key: AccountPair::from_random([2; 32]).unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::policy, *};
    use crate::claims::UserPair;

    fn nkey() -> UserKey {
        UserPair::from_random([3; 32]).unwrap().public().clone()
    }

    #[test]
    fn each_channel_opens_its_own_subjects() {
        let policy = policy("member", Vec::new());
        let nkey = nkey();
        let grant = policy.grant(&Identity::Guest, nkey.clone(), &["room:7", "room:a"]).unwrap();
        assert_eq!(
            grant.publish(),
            Permission::only([format!("rooms.7.chat.{nkey}"), format!("rooms.a.chat.{nkey}")])
        );
        let inbox = format!("_INBOX.{nkey}.>");
        assert_eq!(
            grant.subscribe(),
            Permission::only(["news", inbox.as_str(), "rooms.7.>", "rooms.a.>"])
        );
    }

    #[test]
    fn without_a_channel_what_it_would_open_stays_closed() {
        let policy = policy("member", Vec::new());
        let grant = policy.grant(&Identity::Guest, nkey(), &[] as &[&str]).unwrap();
        assert_eq!(grant.publish(), Permission::nothing());
        assert_eq!(grant.subscribe().allow.len(), 2);
    }
}
