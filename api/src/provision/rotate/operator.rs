//! The operator's signing key, and the operator itself.
//!
//! Servers read whom they trust when they start, so they have to be started again between the first
//! step and the second, and after the third.

use super::{KeyName, RotateError, signing_key::issuer};
use crate::{
    claims::{
        AccountClaims, Claims, KeyPair, Operator, OperatorClaims, OperatorKey, OperatorPair,
        key::Role as KeyRole,
    },
    keys::names,
    provision::{
        AuthConfFile, KeysDir, PlannedFile, Update, UpdateError, auth_conf::is_trusted,
        keys::fresh, keys_dir::seal,
    },
};

const KEY: KeyName = KeyName::Operator;
const RESTART: &str = "start each nats-server again with this auth.conf, one after the other";
const AUTH_CONF: &str = "auth.conf";

pub(super) fn new_key(dir: &KeysDir, new_identity: bool, now: i64) -> Result<Update, RotateError> {
    let mut conf = AuthConfFile::read(dir.path())?;
    let mut operators = conf.operators()?;
    let mut update = Update::default();
    let file = names::next(names::OPERATOR_SIGNING_SEED);
    if let Some(next) = dir.pair_if_there::<Operator>(&file)?
        && is_trusted(&operators, next.public())
    {
        return Err(RotateError::HasNext(KEY));
    }
    let next = next_pair(dir, &file, &mut update)?;
    let account = crate::keys::load_account(dir.path())?;
    let present = position(&operators, &account.iss).ok_or_else(|| RotateError::InUse {
        what: names::ACCOUNT_JWT.to_owned(),
        remedy: format!("the operator in {AUTH_CONF} must have signed it"),
    })?;
    let mut claims = operators[present].clone();
    let identity = if new_identity {
        let file = names::next(names::OPERATOR_SEED);
        let identity = next_pair(dir, &file, &mut update)?;
        update.changes.push(format!("{file}: a second operator, {}", identity.public()));
        claims.sub = identity.public().clone();
        claims.nats.signing_keys.clear();
        operators.push(claims.clone());
        identity
    } else {
        identity(dir, &claims)?
    };
    claims.nats.signing_keys.push(next.public().clone());
    trust(&mut conf, &operators, claims, &identity, now, &mut update)?;
    update.changes.push(format!("{file}: a second key, {}; {RESTART}", next.public()));
    Ok(update)
}

pub(super) fn switch_key(dir: &KeysDir, now: i64) -> Result<Update, RotateError> {
    let file = names::next(names::OPERATOR_SIGNING_SEED);
    let next: OperatorPair = dir.pair_if_there(&file)?.ok_or(RotateError::NoNext(KEY))?;
    let mut conf = AuthConfFile::read(dir.path())?;
    let operators = conf.operators()?;
    let Some(at) = position(&operators, next.public()) else {
        return Err(RotateError::Unknown { file, by: AUTH_CONF });
    };
    let mut update = Update::default();
    let own = crate::keys::load_account(dir.path())?;
    let callout = crate::keys::callout_account_if_there(dir.path())?;
    let accounts: Vec<Claims<AccountClaims>> = conf.accounts().collect();
    for mut account in accounts {
        let is_own = account.sub == own.sub;
        if is_own && own.iat > account.iat {
            // A former attempt got no further.
            account = own.clone();
        }
        if !is_trusted(&operators, &account.iss) {
            return Err(RotateError::InUse {
                what: format!("the account {}", account.sub),
                remedy: format!("take it out of {AUTH_CONF} if nobody needs it"),
            });
        }
        let jwt = seal(&mut account, &next, now)?;
        conf.set_account(&account.sub, &jwt);
        let own_file = match &account.sub {
            sub if *sub == own.sub => Some(names::ACCOUNT_JWT),
            sub if callout.as_ref() == Some(sub) => Some(names::CALLOUT_ACCOUNT_JWT),
            _ => None,
        };
        if let Some(name) = own_file {
            update.files.push(PlannedFile::new(name, format!("{}\n", jwt.as_str())));
        }
        update.changes.push(format!(
            "account {} ({}): signed by the key {}",
            account.name,
            account.sub,
            next.public()
        ));
    }
    update.files.push(conf.to_file());
    update.is_to_be_pushed = true;
    let identity_file = names::next(names::OPERATOR_SEED);
    if let Some(identity) = dir.pair_if_there::<Operator>(&identity_file)?
        && operators[at].sub == *identity.public()
    {
        update.files.push(seed_file(names::OPERATOR_SEED, &identity)?);
        update.removed.push(identity_file);
    }
    update.files.push(seed_file(names::OPERATOR_SIGNING_SEED, &next)?);
    // Last: as long as it is there, this step can be done again.
    update.removed.push(file);
    Ok(update)
}

pub(super) fn retire_key(dir: &KeysDir, now: i64) -> Result<Update, RotateError> {
    if dir.pair_if_there::<Operator>(&names::next(names::OPERATOR_SIGNING_SEED))?.is_some() {
        return Err(RotateError::HasNext(KEY));
    }
    let Some(present) = dir.pair_if_there::<Operator>(names::OPERATOR_SIGNING_SEED)? else {
        return Err(RotateError::NothingToRetire(KEY));
    };
    let mut conf = AuthConfFile::read(dir.path())?;
    let operators = conf.operators()?;
    let Some(at) = position(&operators, present.public()) else {
        let file = names::OPERATOR_SIGNING_SEED.to_owned();
        return Err(RotateError::Unknown { file, by: AUTH_CONF });
    };
    check_use(dir, &conf, &present)?;
    let mut claims = operators[at].clone();
    let mut update = Update::default();
    for other in operators.iter().filter(|other| other.sub != claims.sub) {
        update.changes.push(format!("without the operator {}", other.sub));
    }
    for key in claims.nats.signing_keys.iter().filter(|key| *key != present.public()) {
        update.changes.push(format!("operator: without the key {key}"));
    }
    if !claims.nats.strict_signing_key_usage {
        update.changes.push("operator: only signing keys sign from now on".to_owned());
    }
    let Some(last) = update.changes.last_mut() else {
        return Err(RotateError::NothingToRetire(KEY));
    };
    last.push_str("; ");
    last.push_str(RESTART);
    claims.nats.signing_keys = vec![present.public().clone()];
    claims.nats.strict_signing_key_usage = true;
    let identity = identity(dir, &claims)?;
    let remaining = [claims.clone()];
    trust(&mut conf, &remaining, claims, &identity, now, &mut update)?;
    Ok(update)
}

/// Seals an operator's claims and puts them in the place of those it had.
fn trust(
    conf: &mut AuthConfFile,
    operators: &[Claims<OperatorClaims>],
    mut changed: Claims<OperatorClaims>,
    identity: &OperatorPair,
    now: i64,
    update: &mut Update,
) -> Result<(), RotateError> {
    changed.iat = now.max(changed.iat.saturating_add(1));
    let changed_jwt = changed.seal(identity)?;
    let mut jwts = Vec::new();
    for operator in operators {
        jwts.push(if operator.sub == changed.sub {
            changed_jwt.clone()
        } else {
            conf.operator_token(&operator.sub)?
        });
    }
    conf.set_operators(&jwts);
    update.files.push(conf.to_file());
    Ok(())
}

/// Refuses to have an account or a user locked out that is in use.
fn check_use(
    dir: &KeysDir,
    conf: &AuthConfFile,
    present: &OperatorPair,
) -> Result<(), RotateError> {
    for account in conf.accounts() {
        if account.iss != *present.public() {
            return Err(RotateError::InUse {
                what: format!("the account {}", account.sub),
                remedy: format!("`api rotate switch-key {KEY}` signs it anew"),
            });
        }
        if account.nats.signing_keys.is_empty() {
            return Err(RotateError::InUse {
                what: format!("whatever belongs to the account {}", account.sub),
                remedy: "it needs a signing key first".to_owned(),
            });
        }
    }
    let own = crate::keys::load_account(dir.path())?;
    let system = conf.system_account()?;
    for (creds, account, key) in [
        (names::SERVICE_CREDS, own, KeyName::Account),
        (names::SYSTEM_CREDS, system, KeyName::SystemAccount),
    ] {
        let rotate = || format!("replace the key {key} first");
        if !account.nats.has_plain_key() {
            let what = format!("what belongs to the account {}", account.sub);
            return Err(RotateError::InUse { what, remedy: rotate() });
        }
        if let Some(user) = dir.user_if_there(creds)?
            && issuer(dir, creds, &user)? == account.sub
        {
            return Err(RotateError::InUse { what: creds.to_owned(), remedy: rotate() });
        }
    }
    Ok(())
}

/// The operator that has this key sign accounts.
fn position(operators: &[Claims<OperatorClaims>], key: &OperatorKey) -> Option<usize> {
    operators.iter().position(|operator| is_trusted(std::slice::from_ref(operator), key))
}

/// The operator's own key.
fn identity(dir: &KeysDir, operator: &Claims<OperatorClaims>) -> Result<OperatorPair, RotateError> {
    let identity: OperatorPair = dir.pair(names::OPERATOR_SEED)?;
    if *identity.public() == operator.sub {
        Ok(identity)
    } else {
        Err(RotateError::Unknown { file: names::OPERATOR_SEED.to_owned(), by: AUTH_CONF })
    }
}

/// The next key in this file: the one that a former attempt left behind, or a fresh one.
fn next_pair<R: KeyRole>(
    dir: &KeysDir,
    file: &str,
    update: &mut Update,
) -> Result<KeyPair<R>, RotateError> {
    if let Some(left_behind) = dir.pair_if_there(file)? {
        return Ok(left_behind);
    }
    let pair = fresh()?;
    update.files.push(seed_file(file, &pair)?);
    Ok(pair)
}

fn seed_file<R>(name: &str, pair: &KeyPair<R>) -> Result<PlannedFile, RotateError> {
    Ok(PlannedFile::seed(name, pair).map_err(UpdateError::Seed)?)
}
