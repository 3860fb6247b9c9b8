//! The mint.

use data_encoding::HEXLOWER;

use super::{Grant, MintError};
use crate::claims::{Claims, Jwt, Permission, UserClaims};

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
    /// The token's name: the role, and a random number or the key it is for; safe to log.
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

/// Makes a token for what was granted.
///
/// `now` is in Unix seconds and decides when the token ends; `random` makes its name and thereby
/// its id unique.
///
/// # Errors
/// * [`MintError::Clock`]: `now` is before 1970 or too late to add the token's life.
/// * [`MintError::TooLarge`]: the token is larger than [`MAX_JWT_BYTES`].
/// * [`MintError::Sign`]: the claims could not be signed (no such case is known).
pub fn mint(grant: &Grant<'_>, now: i64, random: [u8; NAME_ENTROPY]) -> Result<Minted, MintError> {
    let name = format!("{}-{}", grant.policy.role.name, HEXLOWER.encode(&random));
    make(grant, name, now, end(grant, now)?)
}

/// Makes a token for a key that was made for one login, by nats-server itself: it is named after that
/// key, which is all that nats-server shows of such a login later. It ends at `until`, in Unix
/// seconds, if the role would let it live longer.
///
/// # Errors
/// As [`mint`]; [`MintError::Over`] if `until` is not later than `now`.
pub fn mint_for_login(
    grant: &Grant<'_>,
    now: i64,
    until: Option<i64>,
) -> Result<Minted, MintError> {
    let mut expires_at = end(grant, now)?;
    if let Some(until) = until {
        if until <= now {
            return Err(MintError::Over);
        }
        expires_at = expires_at.min(until);
    }
    let name = format!("{}-{}", grant.policy.role.name, grant.nkey);
    make(grant, name, now, expires_at)
}

/// When the role has a token end.
fn end(grant: &Grant<'_>, now: i64) -> Result<i64, MintError> {
    i64::try_from(grant.policy.role.ttl.as_secs())
        .ok()
        .and_then(|ttl| now.checked_add(ttl))
        .filter(|_| now > 0)
        .ok_or(MintError::Clock { now })
}

fn make(grant: &Grant<'_>, name: String, now: i64, expires_at: i64) -> Result<Minted, MintError> {
    let policy = grant.policy;
    let ttl = expires_at.abs_diff(now);
    let tags = grant.channels.iter().map(ToString::to_string).collect();
    let mut claims = Claims::new(
        grant.nkey.clone(),
        &name,
        now,
        UserClaims::scoped(policy.account.clone(), tags),
        policy.signing_key.public(),
    );
    claims.exp = Some(expires_at);
    let jwt = claims.seal(&policy.signing_key)?;
    ensure_fits(jwt.as_str())?;

    Ok(Minted {
        jwt,
        jti: claims.jti,
        name,
        issued_at: now,
        expires_at,
        ttl,
        refresh_after: ttl * REFRESH_PERCENT / 100,
        publish: grant.publish(),
        subscribe: grant.subscribe(),
    })
}

fn ensure_fits(token: &str) -> Result<(), MintError> {
    if token.len() > MAX_JWT_BYTES {
        return Err(MintError::TooLarge { actual: token.len(), limit: MAX_JWT_BYTES });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;

    use super::*;
    use crate::{
        auth::Identity,
        claims::UserPair,
        mint::{RolePolicy, policy::testing::policy},
    };

    const NOW: i64 = 1_800_000_000;

    fn grant<'a>(policy: &'a RolePolicy, channels: &[&str]) -> Grant<'a> {
        let nkey = UserPair::from_random([3; 32]).unwrap().public().clone();
        policy.grant(&Identity::Guest, nkey, channels).unwrap()
    }

    fn payload(jwt: &str) -> serde_json::Value {
        let part = jwt.split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_token_is_scoped_and_carries_no_rights_of_its_own() {
        let policy = policy("guest", Vec::new());
        let grant = grant(&policy, &[]);
        let minted = mint(&grant, NOW, [9; 16]).unwrap();
        let claims = payload(minted.jwt.as_str());
        assert_eq!(claims["iss"], policy.signing_key.public().as_str());
        assert_eq!(claims["sub"], grant.nkey().as_str());
        assert_eq!((&claims["iat"], &claims["exp"]), (&NOW.into(), &(NOW + 900).into()));
        assert_eq!(claims["jti"], minted.jti);
        assert_eq!(claims["name"], "guest-09090909090909090909090909090909");
        assert_eq!(
            claims["nats"],
            serde_json::json!({
                "bearer_token": false, "issuer_account": policy.account.as_str(),
                "type": "user", "version": 2,
            })
        );
    }

    #[test]
    fn channels_become_tags() {
        let policy = policy("guest", Vec::new());
        let minted = mint(&grant(&policy, &["room:7", "room:b"]), NOW, [9; 16]).unwrap();
        let claims = payload(minted.jwt.as_str());
        assert_eq!(claims["nats"]["tags"], serde_json::json!(["room:7", "room:b"]));
    }

    #[test]
    fn it_says_what_nats_jwt_says() {
        let policy = policy("guest", Vec::new());
        let grant = grant(&policy, &[]);
        let minted = mint(&grant, NOW, [9; 16]).unwrap();
        let theirs = nats_jwt::Token::new_user(policy.account.as_str(), grant.nkey().as_str())
            .name(&minted.name)
            .max_subscriptions(0)
            .max_payload(0)
            .max_data(0)
            .expires(NOW + 900)
            .sign(policy.signing_key.as_nkeys());
        let (ours, mut theirs) = (payload(minted.jwt.as_str()), payload(&theirs));
        // Named by another hash, stamped by another clock; zero is how it writes "none".
        for differs in ["jti", "iat"] {
            theirs[differs] = ours[differs].clone();
        }
        for limit in ["subs", "data", "payload"] {
            let removed = theirs["nats"].as_object_mut().unwrap().remove(limit);
            assert_eq!(removed, Some(0.into()));
        }
        assert_eq!(ours, theirs);
    }

    #[test]
    fn the_holder_is_told_its_own_rights_and_times() {
        let policy = policy("guest", Vec::new());
        let grant = grant(&policy, &["room:7"]);
        let minted = mint(&grant, NOW, [0; 16]).unwrap();
        assert_eq!(minted.expires_at, NOW + 900);
        assert_eq!((minted.ttl, minted.refresh_after), (900, 720));
        let nkey = grant.nkey();
        assert_eq!(minted.publish, Permission::only([format!("rooms.7.chat.{nkey}")]));
        assert_eq!(minted.subscribe, grant.subscribe());
    }

    #[test]
    fn a_login_ends_with_what_it_rests_on_and_is_named_after_its_key() {
        let policy = policy("guest", Vec::new());
        let grant = grant(&policy, &[]);
        for (until, end) in [(None, 900), (Some(NOW + 10), 10), (Some(NOW + 1000), 900)] {
            let minted = mint_for_login(&grant, NOW, until).unwrap();
            assert_eq!(minted.expires_at, NOW + end);
            assert_eq!(payload(minted.jwt.as_str())["exp"], NOW + end);
            assert_eq!(minted.name, format!("guest-{}", grant.nkey()));
        }
        for until in [NOW, NOW - 1, i64::MIN] {
            let error = mint_for_login(&grant, NOW, Some(until)).unwrap_err();
            assert!(matches!(error, MintError::Over), "{until}: {error}");
        }
    }

    #[test]
    fn names_and_ids_follow_the_randomness() {
        let policy = policy("guest", Vec::new());
        let grant = grant(&policy, &[]);
        let a = mint(&grant, NOW, [1; 16]).unwrap();
        let b = mint(&grant, NOW, [2; 16]).unwrap();
        assert_ne!(a.jti, b.jti);
        assert_ne!(a.name, b.name);
    }

    #[test]
    fn a_clock_that_is_off_the_scale_is_an_error() {
        let policy = policy("guest", Vec::new());
        for now in [-1, 0, i64::MAX] {
            let error = mint(&grant(&policy, &[]), now, [0; 16]).unwrap_err();
            assert!(matches!(error, MintError::Clock { .. }), "{now}");
        }
    }

    #[test]
    fn a_token_that_does_not_fit_a_login_is_refused() {
        assert!(ensure_fits(&"x".repeat(MAX_JWT_BYTES)).is_ok());
        let error = ensure_fits(&"x".repeat(MAX_JWT_BYTES + 1)).unwrap_err();
        assert!(matches!(error, MintError::TooLarge { actual: 3_501, limit: 3_500 }));

        let mut policy = policy("guest", Vec::new());
        policy.role.channels[0].max = 64;
        let channels: Vec<String> = (0..64).map(|n| format!("room:{n:064}")).collect();
        let channels: Vec<&str> = channels.iter().map(String::as_str).collect();
        let error = mint(&grant(&policy, &channels), NOW, [0; 16]).unwrap_err();
        assert!(matches!(error, MintError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn debug_hides_the_token() {
        let policy = policy("guest", Vec::new());
        let shown = format!("{:?}", mint(&grant(&policy, &[]), NOW, [0; 16]).unwrap());
        assert!(!shown.contains("eyJ"), "{shown}");
    }
}
