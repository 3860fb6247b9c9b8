//! The mint.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use nats_jwt::Token;
use serde::Deserialize;

use super::{Caller, MintError, RolePolicy};
use crate::claims::{Jwt, Permission};

/// Largest token, in bytes. A client logs in with one line of at most 4,096 bytes, which holds the
/// token, a signature, a public key and the client's own fields.
pub const MAX_JWT_BYTES: usize = 3_500;

/// Random bytes a token's name is made of.
pub const NAME_ENTROPY: usize = 16;

/// Share of a token's life after which its holder should ask for the next one, in percent.
const REFRESH_PERCENT: u64 = 80;

/// A token and what its holder should know about it. Times are Unix seconds.
#[derive(Debug)]
pub struct Minted {
    /// The token. `Debug` hides it.
    pub jwt: Jwt,
    /// The token's unique id, safe to log.
    pub jti: String,
    /// The token's name: the role and a random number, safe to log.
    pub name: String,
    /// When the token was made.
    pub issued_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// Its life in seconds.
    pub ttl: u64,
    /// Seconds after which to ask for the next one.
    pub refresh_after: u64,
    /// What its holder may publish to.
    pub publish: Permission,
    /// What its holder may subscribe to.
    pub subscribe: Permission,
}

/// Makes a token for `caller` under `policy`.
///
/// `now` is in Unix seconds and decides when the token ends; `random` makes its name and thereby
/// its id unique. (The `iat` claim is written by the signing library from its own clock; no
/// decision rests on it.)
///
/// # Errors
/// * [`MintError::Clock`]: `now` is before 1970 or too late to add the token's life.
/// * [`MintError::TooLarge`]: the token is larger than [`MAX_JWT_BYTES`].
/// * [`MintError::Malformed`]: the signing library made something else than a JWT.
pub fn mint(
    policy: &RolePolicy,
    caller: &Caller,
    now: i64,
    random: [u8; NAME_ENTROPY],
) -> Result<Minted, MintError> {
    let ttl = policy.ttl.as_secs();
    let expires_at = i64::try_from(ttl)
        .ok()
        .and_then(|ttl| now.checked_add(ttl))
        .filter(|_| now > 0)
        .ok_or(MintError::Clock { now })?;
    let name = format!("{}-{}", policy.role, HEXLOWER.encode(&random));

    // A scoped user must carry no limits of its own: zero is "none", while the library's default of
    // -1 ("unlimited") makes nats-server refuse the token.
    let text = Token::new_user(policy.account.as_str(), caller.nkey.as_str())
        .name(&name)
        .max_subscriptions(0)
        .max_payload(0)
        .max_data(0)
        .expires(expires_at)
        .sign(policy.signing_key.as_nkeys());
    ensure_fits(&text)?;

    Ok(Minted {
        jti: read_jti(&text).ok_or(MintError::Malformed)?,
        jwt: Jwt::from_trusted(text),
        name,
        issued_at: now,
        expires_at,
        ttl,
        refresh_after: ttl * REFRESH_PERCENT / 100,
        publish: caller.resolve(&policy.template.publish),
        subscribe: caller.resolve(&policy.template.subscribe),
    })
}

fn ensure_fits(token: &str) -> Result<(), MintError> {
    if token.len() > MAX_JWT_BYTES {
        return Err(MintError::TooLarge { actual: token.len(), limit: MAX_JWT_BYTES });
    }
    Ok(())
}

fn read_jti(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        jti: String,
    }
    let payload = BASE64URL_NOPAD.decode(token.split('.').nth(1)?.as_bytes()).ok()?;
    serde_json::from_slice::<Id>(&payload).ok().map(|id| id.jti)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        claims::{AccountPair, UserPair},
        mint::{RoleName, template},
    };

    const NOW: i64 = 1_800_000_000;

    fn policy() -> RolePolicy {
        RolePolicy {
            role: RoleName::Guest,
            ttl: Duration::from_secs(900),
            account: AccountPair::from_random([1; 32]).unwrap().public().clone(),
            template: template(RoleName::Guest),
            signing_key: AccountPair::from_random([2; 32]).unwrap(),
        }
    }

    fn caller() -> Caller {
        Caller { nkey: UserPair::from_random([3; 32]).unwrap().public().clone() }
    }

    fn payload(minted: &Minted) -> serde_json::Value {
        let part = minted.jwt.as_str().split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_token_is_scoped_and_carries_no_rights_of_its_own() {
        let (policy, caller) = (policy(), caller());
        let minted = mint(&policy, &caller, NOW, [9; 16]).unwrap();
        let claims = payload(&minted);
        assert_eq!(claims["iss"], policy.signing_key.public().as_str());
        assert_eq!(claims["sub"], caller.nkey.as_str());
        assert_eq!(claims["exp"], NOW + 900);
        assert_eq!(claims["jti"], minted.jti);
        assert_eq!(claims["name"], "guest-09090909090909090909090909090909");
        let nats = &claims["nats"];
        assert_eq!(nats["issuer_account"], policy.account.as_str());
        assert_eq!(nats["bearer_token"], false);
        for limit in ["subs", "data", "payload"] {
            assert_eq!(nats[limit], 0, "{limit}");
        }
        for right in ["pub", "sub", "allowed_connection_types"] {
            assert!(nats.get(right).is_none(), "{right}");
        }
    }

    #[test]
    fn the_holder_is_told_its_own_rights_and_times() {
        let caller = caller();
        let minted = mint(&policy(), &caller, NOW, [0; 16]).unwrap();
        assert_eq!(minted.expires_at, NOW + 900);
        assert_eq!((minted.ttl, minted.refresh_after), (900, 720));
        assert_eq!(minted.publish, Permission::nothing());
        let inbox = format!("{}.>", caller.inbox_prefix());
        assert_eq!(minted.subscribe.allow, ["com.scaling-ws.updates", inbox.as_str()]);
    }

    #[test]
    fn names_and_ids_follow_the_randomness() {
        let (policy, caller) = (policy(), caller());
        let a = mint(&policy, &caller, NOW, [1; 16]).unwrap();
        let b = mint(&policy, &caller, NOW, [2; 16]).unwrap();
        assert_ne!(a.jti, b.jti);
        assert_ne!(a.name, b.name);
    }

    #[test]
    fn a_clock_that_is_off_the_scale_is_an_error() {
        for now in [-1, 0, i64::MAX] {
            let error = mint(&policy(), &caller(), now, [0; 16]).unwrap_err();
            assert!(matches!(error, MintError::Clock { .. }), "{now}");
        }
    }

    #[test]
    fn a_token_that_does_not_fit_a_login_is_refused() {
        assert!(ensure_fits(&"x".repeat(MAX_JWT_BYTES)).is_ok());
        let error = ensure_fits(&"x".repeat(MAX_JWT_BYTES + 1)).unwrap_err();
        assert!(matches!(error, MintError::TooLarge { actual: 3_501, limit: 3_500 }));
    }

    #[test]
    fn debug_hides_the_token() {
        let shown = format!("{:?}", mint(&policy(), &caller(), NOW, [0; 16]).unwrap());
        assert!(!shown.contains("eyJ"), "{shown}");
    }
}
