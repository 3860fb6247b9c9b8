//! Telling running servers about the account: a request to the full resolver, checked before and
//! after.
//!
//! nats-server answers 200 to an account JWT that is older than its own and to one of a stranger
//! operator alike, so neither is left to it.

use std::{path::Path, time::Duration};

use async_nats::{
    Auth, AuthError, Client, ConnectError, ConnectOptions, PublishError, RequestError,
    SubscribeError,
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::{sleep, timeout};
use url::Url;

use super::{
    AuthConfFile, KeysDir, UpdateError,
    auth_conf::is_trusted,
    keys::{FreshKeysError, fresh},
};
use crate::{
    claims::{
        AccountClaims, AccountKey, Claims, ConnectionType, DecodeError, Jwt, OperatorClaims,
        OperatorKey, Permission, SignError, UserClaims, UserPair,
    },
    keys::{KeyFileError, Problem, ServiceCredentials, file, names},
    publish::trusting,
};

/// Time for the connection, and for each answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// Life of the system user that is made for one push, in seconds.
const SYSTEM_USER_TTL: i64 = 60;
/// Times that the servers are asked whether the account has arrived, and the wait between.
const LOOK_UPS: u32 = 20;
const LOOK_UP_WAIT: Duration = Duration::from_millis(100);

/// How long a server may be behind the one that answered before it.
const QUIET: Duration = Duration::from_millis(300);

const UPDATE: &str = "$SYS.REQ.CLAIMS.UPDATE";
const PING: &str = "$SYS.REQ.SERVER.PING.VARZ";

/// The servers were not told, or did not take it.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// A file of the keys directory cannot be used.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// There is nobody to be at the servers.
    #[error(
        "nobody may tell the servers: neither is system-account-signing.seed in {0}, nor was \
         --system-creds given"
    )]
    NoSystemUser(std::path::PathBuf),
    /// The account's JWT is not signed by the operator that the servers are to trust.
    #[error("the account's JWT cannot be sent: {0}")]
    Account(#[source] DecodeError),
    /// A server does not trust the key that signed the account: once it starts again, it would not
    /// know the account.
    #[error(
        "the server {server} does not trust the operator's key {key} yet; start it again with the \
         present auth.conf"
    )]
    Untrusted {
        /// The server's name.
        server: String,
        /// The key.
        key: OperatorKey,
    },
    /// The servers could not be asked whom they trust.
    #[error("the servers could not be asked whom they trust")]
    Subscribe(#[source] SubscribeError),
    /// The servers could not be asked whom they trust.
    #[error("the servers could not be asked whom they trust")]
    Publish(#[source] PublishError),
    /// A server did not say whom it trusts.
    #[error("a server did not say whom it trusts")]
    Status(#[source] serde_json::Error),
    /// The connection ended meanwhile.
    #[error("the connection ended before all servers had said whom they trust")]
    Lost,
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
        "the servers have a later JWT of the account {account} (issued at {theirs}, this one at \
         {ours}); somebody else has changed it"
    )]
    Older {
        /// The account.
        account: AccountKey,
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

/// Sends the account's JWT, and those of the other accounts in `auth.conf`, to the servers at these
/// addresses and waits until they have them.
///
/// With `ca_file` the servers must have certificates of that authority. `system` is a user of the system account; without one, a user is made for a minute from the
/// system account's signing key. `now` is in Unix seconds.
///
/// # Errors
/// One variant of [`PushError`] for each step that can fail. Nothing was sent of the account that it
/// is about unless it is [`PushError::Request`], [`PushError::NoAnswer`], [`PushError::Refused`] or
/// [`PushError::NotTaken`].
///
/// # Cancel safety
/// Cancelling leaves it open whether the servers have taken it; pushing again tells.
pub async fn push(
    dir: &KeysDir,
    urls: &[Url],
    ca_file: Option<&Path>,
    system: Option<ServiceCredentials>,
    now: i64,
) -> Result<Pushed, PushError> {
    let text = file::read(&dir.path().join(names::ACCOUNT_JWT))?;
    let conf = AuthConfFile::read(dir.path())?;
    let operators = conf.operators()?;
    let own = Claims::<AccountClaims>::decode_trusted(text.trim_end(), now, |issuer| {
        is_trusted(&operators, issuer)
    })
    .map_err(PushError::Account)?;
    let mut accounts = vec![(own, Jwt::from_trusted(text.trim_end().to_owned()))];
    for account in conf.accounts() {
        let is_new = account.sub != accounts[0].0.sub && is_trusted(&operators, &account.iss);
        if let Some(jwt) = conf.token(&account.sub).filter(|_| is_new) {
            accounts.push((account, jwt));
        }
    }
    let system = match system {
        Some(system) => system,
        None => system_user(dir, &conf, &accounts, now)?,
    };
    let client = connect(urls, ca_file, system).await?;
    let pushed = update_all(&client, &accounts).await;
    // What was to be said has been answered; a connection that fails to end is no failure.
    let _ = client.drain().await;
    pushed
}

/// A user that may tell of these accounts, and ask for them, for a minute.
fn system_user(
    dir: &KeysDir,
    conf: &AuthConfFile,
    accounts: &[(Claims<AccountClaims>, Jwt)],
    now: i64,
) -> Result<ServiceCredentials, PushError> {
    let signer =
        dir.system_signer(&conf.system_account()?).map_err(|error| match error.problem() {
            Problem::Missing => PushError::NoSystemUser(dir.path().to_owned()),
            _ => error.into(),
        })?;
    let user: UserPair = fresh()?;
    let mut publish = vec![UPDATE.to_owned(), PING.to_owned()];
    publish.extend(accounts.iter().map(|(account, _)| look_up_subject(account)));
    let claims = UserClaims::new(
        Permission::only(publish),
        Permission::only([format!("_INBOX.{}.>", user.public())]),
        8,
        crate::claims::NO_LIMIT,
        vec![ConnectionType::Standard],
    );
    Ok(signer.sign(user, "api roles", now, Some(now + SYSTEM_USER_TTL), claims)?)
}

fn look_up_subject(account: &Claims<AccountClaims>) -> String {
    format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", account.sub)
}

async fn connect(
    urls: &[Url],
    ca_file: Option<&Path>,
    user: ServiceCredentials,
) -> Result<Client, PushError> {
    let inbox = format!("_INBOX.{}", user.public());
    let user = std::sync::Arc::new(user);
    let urls: Vec<&str> = urls.iter().map(Url::as_str).collect();
    let options = ConnectOptions::with_auth_callback(move |nonce| {
        let user = std::sync::Arc::clone(&user);
        async move {
            let mut auth = Auth::new();
            auth.jwt = Some(user.jwt().as_str().to_owned());
            let signature = user.pair().sign(&nonce);
            auth.signature = Some(signature.map_err(|_| AuthError::new("cannot sign the nonce"))?);
            Ok(auth)
        }
    });
    trusting(options, ca_file)
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

async fn update_all(
    client: &Client,
    accounts: &[(Claims<AccountClaims>, Jwt)],
) -> Result<Pushed, PushError> {
    let mut pushed = Pushed::AlreadyThere;
    for (account, jwt) in accounts {
        if update(client, account, jwt).await? == Pushed::Taken {
            pushed = Pushed::Taken;
        }
    }
    Ok(pushed)
}

async fn update(
    client: &Client,
    account: &Claims<AccountClaims>,
    jwt: &Jwt,
) -> Result<Pushed, PushError> {
    let mut is_known_issuer = false;
    match look_up(client, account).await? {
        Some(text) if text == jwt.as_str() => return Ok(Pushed::AlreadyThere),
        Some(text) => {
            if let Ok(theirs) = Claims::<AccountClaims>::decode(&text) {
                if theirs.iat >= account.iat {
                    let (ours, theirs) = (account.iat, theirs.iat);
                    return Err(PushError::Older { account: account.sub.clone(), ours, theirs });
                }
                is_known_issuer = theirs.iss == account.iss;
            }
        }
        None => {}
    }
    if !is_known_issuer {
        check_trust(client, &account.iss).await?;
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

/// What a server says of itself, as far as it matters here.
#[derive(Deserialize)]
struct Status {
    server: ServerName,
    data: Trust,
}

#[derive(Deserialize)]
struct ServerName {
    name: String,
}

#[derive(Deserialize)]
struct Trust {
    #[serde(default, rename = "trusted_operators_claim")]
    operators: Vec<Claims<OperatorClaims>>,
}

/// Whether every server trusts a key to sign accounts. They would take an account that it has signed
/// in any case, and not know it any more when they start again.
async fn check_trust(client: &Client, key: &OperatorKey) -> Result<(), PushError> {
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.map_err(PushError::Subscribe)?;
    let asked = client.publish_with_reply(PING, inbox, Bytes::new()).await;
    asked.map_err(PushError::Publish)?;
    let mut wait = DEADLINE;
    loop {
        let Ok(answer) = timeout(wait, answers.next()).await else {
            // How many servers there are is not known: silence means that all have answered.
            return if wait == QUIET { Ok(()) } else { Err(PushError::NoAnswer) };
        };
        let answer = answer.ok_or(PushError::Lost)?;
        let status: Status = serde_json::from_slice(&answer.payload).map_err(PushError::Status)?;
        if !is_trusted(&status.data.operators, key) {
            return Err(PushError::Untrusted { server: status.server.name, key: key.clone() });
        }
        wait = QUIET;
    }
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
