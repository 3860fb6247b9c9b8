//! Telling running servers about the account: a request to the full resolver, checked before and
//! after.
//!
//! nats-server answers 200 to an account JWT that is older than its own and to one of a stranger
//! operator alike, so neither is left to it.

use std::{path::Path, time::Duration};

use async_nats::{Auth, AuthError, Client, ConnectError, ConnectOptions, RequestError};
use tokio::time::{sleep, timeout};
use url::Url;

use super::{
    KeysDir, UpdateError,
    keys::{FreshKeysError, fresh},
    write::read_if_there,
};
use crate::{
    claims::{
        AccountClaims, AccountPair, Claims, ConnectionType, DecodeError, Jwt, OperatorClaims,
        Permission, SignError, UserClaims, UserPair,
    },
    keys::{KeyFileError, ServiceCredentials, file, names},
};

/// Time for the connection, and for each answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// Life of the system user that is made for one push, in seconds.
const SYSTEM_USER_TTL: i64 = 60;
/// Times that the servers are asked whether the account has arrived, and the wait between.
const LOOK_UPS: u32 = 20;
const LOOK_UP_WAIT: Duration = Duration::from_millis(100);

const UPDATE: &str = "$SYS.REQ.CLAIMS.UPDATE";

/// The servers were not told, or did not take it.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// A file of the keys directory cannot be used.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// There is nobody to be at the servers.
    #[error(
        "nobody may tell the servers: neither is system-account.seed in {0}, nor was \
         --system-creds given"
    )]
    NoSystemUser(std::path::PathBuf),
    /// The operator that the servers trust is not to be found.
    #[error("auth.conf does not say which operator the servers trust")]
    NoOperator,
    /// The account's JWT is not signed by that operator.
    #[error("the account's JWT cannot be sent: {0}")]
    Account(#[source] DecodeError),
    /// No connection.
    #[error("the servers cannot be reached")]
    Connect(#[source] ConnectError),
    /// No answer.
    #[error("the servers did not answer; is their resolver of type full?")]
    Request(#[source] RequestError),
    /// No answer in time.
    #[error("the servers did not answer in time")]
    NoAnswer,
    /// They have a later one.
    #[error(
        "the servers have a later JWT of this account (issued at {theirs}, this one at {ours}); \
         somebody else has changed it"
    )]
    Older {
        /// When this one was issued, in Unix seconds.
        ours: i64,
        /// When theirs was.
        theirs: i64,
    },
    /// They said no.
    #[error("the servers refused the account's JWT: {0}")]
    Refused(String),
    /// They said yes and did not take it.
    #[error("the servers said that they have taken the account's JWT, and still have another")]
    NotTaken,
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Sign(#[from] SignError),
    /// A key could not be made.
    #[error(transparent)]
    FreshKeys(#[from] FreshKeysError),
}

impl From<KeyFileError> for PushError {
    fn from(error: KeyFileError) -> Self {
        Self::Update(error.into())
    }
}

/// How a push ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// The servers have it now.
    Taken,
    /// They had it before.
    AlreadyThere,
}

/// Sends the account's JWT to the servers at these addresses and waits until they have it.
///
/// `system` is a user of the system account; without one, a user is made for a minute from the
/// system account's seed. `now` is in Unix seconds.
///
/// # Errors
/// One variant of [`PushError`] for each step that can fail. Nothing was sent unless it is
/// [`PushError::Request`], [`PushError::NoAnswer`], [`PushError::Refused`] or [`PushError::NotTaken`].
///
/// # Cancel safety
/// Cancelling leaves it open whether the servers have taken it; pushing again tells.
pub async fn push(
    dir: &KeysDir,
    urls: &[Url],
    system: Option<ServiceCredentials>,
    now: i64,
) -> Result<Pushed, PushError> {
    let text = file::read(&dir.path().join(names::ACCOUNT_JWT))?;
    let operator = operator(dir.path())?;
    let account = Claims::<AccountClaims>::decode_trusted(text.trim_end(), now, |issuer| {
        *issuer == operator.sub || operator.nats.signing_keys.contains(issuer)
    })
    .map_err(PushError::Account)?;
    let jwt = Jwt::from_trusted(text.trim_end().to_owned());
    let system = match system {
        Some(system) => system,
        None => system_user(dir, &account, now)?,
    };
    let client = connect(urls, system).await?;
    let pushed = update(&client, &account, &jwt).await;
    // What was to be said has been answered; a connection that fails to end is no failure.
    let _ = client.drain().await;
    pushed
}

/// The operator in `auth.conf`.
fn operator(dir: &Path) -> Result<Claims<OperatorClaims>, PushError> {
    let text = read_if_there(&dir.join(names::AUTH_CONF))
        .map_err(UpdateError::from)?
        .ok_or(PushError::NoOperator)?;
    text.lines()
        .find_map(|line| line.strip_prefix("operator: "))
        .and_then(|jwt| Claims::decode(jwt.trim()).ok())
        .ok_or(PushError::NoOperator)
}

/// A user that may tell of this account, and ask for it, for a minute.
fn system_user(
    dir: &KeysDir,
    account: &Claims<AccountClaims>,
    now: i64,
) -> Result<ServiceCredentials, PushError> {
    let issuer: AccountPair = dir
        .pair_if_there(names::SYSTEM_ACCOUNT_SEED)?
        .ok_or_else(|| PushError::NoSystemUser(dir.path().to_owned()))?;
    let user: UserPair = fresh()?;
    let claims = UserClaims::new(
        Permission::only([UPDATE.to_owned(), look_up_subject(account)]),
        Permission::only([format!("_INBOX.{}.>", user.public())]),
        8,
        crate::claims::NO_LIMIT,
        vec![ConnectionType::Standard],
    );
    let expires = Some(now + SYSTEM_USER_TTL);
    let jwt = Claims::sign(user.public(), "api roles", now, expires, claims, &issuer)?;
    Ok(ServiceCredentials::new(jwt, user))
}

fn look_up_subject(account: &Claims<AccountClaims>) -> String {
    format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", account.sub)
}

async fn connect(urls: &[Url], user: ServiceCredentials) -> Result<Client, PushError> {
    let inbox = format!("_INBOX.{}", user.public());
    let user = std::sync::Arc::new(user);
    let urls: Vec<&str> = urls.iter().map(Url::as_str).collect();
    ConnectOptions::with_auth_callback(move |nonce| {
        let user = std::sync::Arc::clone(&user);
        async move {
            let mut auth = Auth::new();
            auth.jwt = Some(user.jwt().as_str().to_owned());
            let signature = user.pair().sign(&nonce);
            auth.signature = Some(signature.map_err(|_| AuthError::new("cannot sign the nonce"))?);
            Ok(auth)
        }
    })
    .name("api roles")
    .custom_inbox_prefix(inbox)
    .connection_timeout(DEADLINE)
    .request_timeout(Some(DEADLINE))
    .max_reconnects(1)
    .ignore_discovered_servers()
    .connect(urls)
    .await
    .map_err(PushError::Connect)
}

async fn update(
    client: &Client,
    account: &Claims<AccountClaims>,
    jwt: &Jwt,
) -> Result<Pushed, PushError> {
    match look_up(client, account).await? {
        Some(text) if text == jwt.as_str() => return Ok(Pushed::AlreadyThere),
        Some(text) => {
            if let Ok(theirs) = Claims::<AccountClaims>::decode(&text)
                && theirs.iat >= account.iat
            {
                return Err(PushError::Older { ours: account.iat, theirs: theirs.iat });
            }
        }
        None => {}
    }
    let answer = request(client, UPDATE.to_owned(), jwt.as_str().to_owned()).await?;
    if let Some(reason) = refusal(&answer) {
        return Err(PushError::Refused(reason));
    }
    // Another server of the cluster may answer, to which the news is still on the way.
    for _ in 0..LOOK_UPS {
        if look_up(client, account).await?.as_deref() == Some(jwt.as_str()) {
            return Ok(Pushed::Taken);
        }
        sleep(LOOK_UP_WAIT).await;
    }
    Err(PushError::NotTaken)
}

/// Why the servers did not take it, if they say so.
fn refusal(answer: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap_or_default();
    if answer["data"]["code"] == 200 {
        return None;
    }
    let reason = answer["error"]["description"].as_str();
    Some(reason.unwrap_or("the answer is not understood").to_owned())
}

/// The servers' JWT of the account, if they have one.
async fn look_up(
    client: &Client,
    account: &Claims<AccountClaims>,
) -> Result<Option<String>, PushError> {
    let text = request(client, look_up_subject(account), String::new()).await?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

async fn request(client: &Client, subject: String, body: String) -> Result<String, PushError> {
    // The library's own time-out does not cover a connection that is being made again.
    let answer = timeout(DEADLINE * 2, client.request(subject, body.into()))
        .await
        .map_err(|_| PushError::NoAnswer)?
        .map_err(PushError::Request)?;
    Ok(String::from_utf8_lossy(&answer.payload).into_owned())
}
