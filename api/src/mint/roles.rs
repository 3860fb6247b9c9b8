//! The roles there are, and which of them a caller may have.

use std::{collections::HashSet, sync::Arc};

use super::{RoleName, RolePolicy};
use crate::auth::Identity;

/// All roles that tokens are minted for, in the order of the roles file. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Roles(Arc<[RolePolicy]>);

/// The caller may not have the role; that a role does not exist is not told apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleDenied {
    /// There is no role for this caller.
    #[error("no role is for this caller")]
    None,
    /// The role asked for is not for this caller, or does not exist.
    #[error("the role {0} is not for this caller")]
    Requested(RoleName),
}

impl Roles {
    /// Roles in order of preference.
    #[must_use]
    pub fn new(policies: Vec<RolePolicy>) -> Self {
        Self(policies.into())
    }

    /// Largest message that any role may publish, in bytes; 0 without roles.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.0.iter().map(|policy| policy.role.max_payload()).max().unwrap_or(0)
    }

    /// The identity with no more claims than the roles look at, so that it gets what the whole one
    /// would get, and tells no more.
    #[must_use]
    pub fn without_idle_claims(&self, identity: &Identity) -> Identity {
        let mut identity = identity.clone();
        if let Identity::User { claims, .. } = &mut identity {
            let needed: HashSet<String> =
                self.0.iter().flat_map(|policy| policy.role.claims()).collect();
            claims.retain(|name, _| needed.contains(name));
        }
        identity
    }

    /// The role a caller gets: the one it asks for, if it may have it; else the first that is for
    /// it.
    ///
    /// # Errors
    /// [`RoleDenied`] if it may not have the role, or none at all.
    pub fn choose(
        &self,
        identity: &Identity,
        requested: Option<&RoleName>,
    ) -> Result<&RolePolicy, RoleDenied> {
        self.0
            .iter()
            .filter(|policy| requested.is_none_or(|name| policy.role.name == *name))
            .find(|policy| policy.role.is_for(identity))
            .ok_or_else(|| requested.cloned().map_or(RoleDenied::None, RoleDenied::Requested))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::mint::{
        AllowedValues, CallerRule, ClaimPath, ClaimRule, ClaimTest, policy::testing::policy,
    };

    fn roles() -> Roles {
        let any_user = CallerRule::User { issuer: None, claim: None };
        Roles::new(vec![
            policy("guest", vec![CallerRule::Guest]),
            policy("member", vec![any_user.clone(), CallerRule::ApiKey("shop".into())]),
            policy("other", vec![any_user]),
        ])
    }

    fn choose(identity: &Identity, requested: Option<&str>) -> Result<String, RoleDenied> {
        let requested = requested.map(|name| RoleName::parse(name).unwrap());
        let roles = roles();
        roles.choose(identity, requested.as_ref()).map(|policy| policy.role.name.to_string())
    }

    #[test]
    fn the_first_role_that_is_for_the_caller_or_the_one_it_names() {
        let user = Identity::User { issuer: "i".into(), subject: "s".into(), claims: Map::new() };
        let shop = Identity::Service { name: "shop".into() };
        assert_eq!(choose(&Identity::Guest, None).unwrap(), "guest");
        assert_eq!(choose(&user, None).unwrap(), "member");
        assert_eq!(choose(&user, Some("other")).unwrap(), "other");
        assert_eq!(choose(&shop, None).unwrap(), "member");
    }

    #[test]
    fn only_the_claims_that_decide_are_kept() {
        let mut of_rooms = policy(
            "member",
            vec![CallerRule::User {
                issuer: None,
                claim: Some(ClaimRule {
                    path: ClaimPath("/realm~1x/roles".into()),
                    test: ClaimTest::Contains("member".into()),
                }),
            }],
        );
        of_rooms.role.channels[0].values = AllowedValues::InClaim(ClaimPath("rooms".into()));
        let roles = Roles::new(vec![of_rooms]);
        let claims = json!({ "realm/x": { "roles": ["member"] }, "rooms": ["7"], "email": "a@b" });
        let Value::Object(claims) = claims else { unreachable!() };
        let user = Identity::User { issuer: "i".into(), subject: "s".into(), claims };
        let kept = roles.without_idle_claims(&user);
        let Identity::User { claims, .. } = &kept else { panic!("{kept:?}") };
        assert_eq!(claims.keys().collect::<Vec<_>>(), ["realm/x", "rooms"]);
        assert_eq!(roles.choose(&kept, None).unwrap().role.name.as_str(), "member");
    }

    #[test]
    fn a_role_of_others_and_one_that_does_not_exist_are_refused_alike() {
        for name in ["member", "nonsense"] {
            let denied = choose(&Identity::Guest, Some(name)).unwrap_err();
            assert_eq!(denied, RoleDenied::Requested(RoleName::parse(name).unwrap()));
        }
        let stranger = Identity::Service { name: "stranger".into() };
        assert_eq!(choose(&stranger, None).unwrap_err(), RoleDenied::None);
    }
}
