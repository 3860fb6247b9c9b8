//! The account that asks about clients which bring no token of their own (auth callout, ADR-26).
//!
//! nats-server turns to an account's authorization service once a client has entered that account.
//! So that a browser need bring nothing, it is taken for the *sentinel*, a user of this account that
//! may do nothing and whose token is all it takes to be it: the servers' own `default_sentinel`. What
//! the service answers then places the client in the application's account.

use super::{
    PlanError, PlannedFile, UserSigner,
    keys::{FreshKeysError, fresh},
    plan::seed,
};
use crate::{
    callout::QUESTIONS,
    claims::{
        AccountClaims, AccountKey, AccountLimits, AccountPair, AllowedAccounts, Claims,
        ConnectionType, CurvePair, ExternalAuthorization, Jwt, NO_LIMIT, OperatorPair, Permission,
        ResponsePermission, SignError, SigningKey, UserClaims, UserPair, UserScope, UserTemplate,
    },
    keys::{ServiceCredentials, names},
};

/// The name of the account, and of the scope of its one signing key.
const NAME: &str = "AUTH";
const RESPONSE_SCOPE: &str = "callout-response";
/// One answer to each question, while nats-server may still wait for it, in nanoseconds.
const ANSWERS: ResponsePermission = ResponsePermission { max: 1, ttl: 10_000_000_000 };
/// Subscriptions of the service: the questions and its private inbox, with room.
const SUBSCRIPTIONS: i64 = 16;

/// The keys of auth callout.
#[derive(Debug)]
pub struct CalloutFreshKeys {
    /// Identity of the account that asks.
    pub account: AccountPair,
    /// Signs the account's users.
    pub signing: AccountPair,
    /// Signs answers, and users that may do nothing.
    pub response: AccountPair,
    /// Identity of the user that answers.
    pub service: UserPair,
    /// Identity of those who have yet to be asked about.
    pub sentinel: UserPair,
    /// What questions are sealed for.
    pub curve: CurvePair,
    /// What sessions are sealed with.
    pub session: CurvePair,
}

impl CalloutFreshKeys {
    /// Makes all of them from the operating system's randomness.
    ///
    /// # Errors
    /// As [`FreshKeys::generate`](super::FreshKeys::generate).
    pub fn generate() -> Result<Self, FreshKeysError> {
        Ok(Self {
            account: fresh()?,
            signing: fresh()?,
            response: fresh()?,
            service: fresh()?,
            sentinel: fresh()?,
            curve: fresh_curve()?,
            session: fresh_curve()?,
        })
    }
}

fn fresh_curve() -> Result<CurvePair, FreshKeysError> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(FreshKeysError::Random)?;
    CurvePair::from_random(*bytes).map_err(FreshKeysError::Key)
}

/// What auth callout adds to a plan.
pub(super) struct CalloutPlan {
    /// The account's JWT.
    pub(super) account: Jwt,
    /// The token of whoever brings none.
    pub(super) sentinel: Jwt,
    /// Files for the service.
    pub(super) files: Vec<PlannedFile>,
}

/// Decides on the account that asks, for clients that end up in the account `app`.
pub(super) fn plan(
    keys: &CalloutFreshKeys,
    operator: &OperatorPair,
    app: &AccountKey,
    now: i64,
) -> Result<CalloutPlan, PlanError> {
    let account =
        Claims::sign(keys.account.public(), NAME, now, None, claims(keys, app), operator)?;
    let service = service(keys, now)?.format()?;
    let files = vec![
        PlannedFile::new(names::CALLOUT_ACCOUNT_JWT, format!("{}\n", account.as_str())),
        PlannedFile { name: names::CALLOUT_CREDS.to_owned(), contents: service },
        seed(names::CALLOUT_ACCOUNT_SEED, &keys.account)?,
        seed(names::CALLOUT_ACCOUNT_SIGNING_SEED, &keys.signing)?,
        seed(names::CALLOUT_RESPONSE_SEED, &keys.response)?,
        curve_seed(names::CALLOUT_XKEY_SEED, &keys.curve)?,
        curve_seed(names::SESSION_SEED, &keys.session)?,
    ];
    Ok(CalloutPlan { account, sentinel: sentinel(keys, now)?, files })
}

fn claims(keys: &CalloutFreshKeys, app: &AccountKey) -> AccountClaims {
    // Answers need a key that the account knows. One that could sign more than users who may do
    // nothing would let whoever takes it listen to what nats-server asks.
    let template = UserTemplate {
        publish: Permission::nothing(),
        subscribe: Permission::nothing(),
        responses: None,
        subs: 1,
        data: NO_LIMIT,
        payload: 1,
        allowed_connection_types: vec![ConnectionType::Standard],
    };
    let scope = UserScope::new(keys.response.public().clone(), RESPONSE_SCOPE, template);
    // The sentinel has no key, so its token alone must do: in this account, where it opens nothing.
    let limits = AccountLimits { disallow_bearer: false, ..AccountLimits::core() };
    let mut claims = AccountClaims::new(
        limits,
        vec![SigningKey::Scoped(Box::new(scope)), SigningKey::Plain(keys.signing.public().clone())],
    );
    claims.authorization = ExternalAuthorization {
        auth_users: vec![keys.service.public().clone()],
        allowed_accounts: AllowedAccounts::These(vec![app.clone()]),
        xkey: Some(keys.curve.public().clone()),
    };
    claims
}

/// The user that answers: hears the questions, publishes one answer to each and nothing else.
fn service(keys: &CalloutFreshKeys, now: i64) -> Result<ServiceCredentials, SignError> {
    let key = keys.service.public();
    let mut claims = UserClaims::new(
        Permission::nothing(),
        Permission::only([QUESTIONS.to_owned(), format!("_INBOX.{key}.>")]),
        SUBSCRIPTIONS,
        NO_LIMIT,
        vec![ConnectionType::Standard],
    );
    claims.responses = Some(ANSWERS);
    signer(keys).sign(keys.service.clone(), "api callout", now, None, claims)
}

/// The token of whoever brings none. It is no secret, and its seed is written nowhere.
fn sentinel(keys: &CalloutFreshKeys, now: i64) -> Result<Jwt, SignError> {
    // Over which connections somebody may come in, the service decides: it knows who it is.
    let mut claims =
        UserClaims::new(Permission::nothing(), Permission::nothing(), 1, 1, Vec::new());
    claims.bearer_token = true;
    Ok(signer(keys).sign(keys.sentinel.clone(), "sentinel", now, None, claims)?.jwt().clone())
}

fn signer(keys: &CalloutFreshKeys) -> UserSigner {
    UserSigner::new(keys.account.public().clone(), keys.signing.clone())
}

fn curve_seed(name: &str, pair: &CurvePair) -> Result<PlannedFile, PlanError> {
    let seed = pair.seed().map_err(PlanError::Seed)?;
    Ok(PlannedFile::new(name, format!("{}\n", seed.as_str())))
}
