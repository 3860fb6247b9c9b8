//! The plan of `init`: which files, with which contents. No I/O, no clock, no randomness.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{
    FreshKeys, InitRequest, UserSigner,
    account::{MAX_ACCOUNT_JWT_BYTES, role_key},
    callout,
    conf::{AuthConf, LocalConf, plain_path},
    service_user, system_user,
};
use crate::{
    claims::{
        AccountClaims, AccountLimits, AccountPair, Claims, KeyPair, OperatorClaims, SignError,
        SigningKey,
    },
    keys::names,
};

/// nats-server that is older does not start, nor is it spoken to: it has known holes in what a browser
/// can reach.
pub(crate) const OLDEST_SERVER: &str = "2.14.0";
/// Bytes of memory streams the account may hold; below what `single.conf` gives the server.
const MEMORY_STORAGE: i64 = 128 << 20;
/// Bytes of file streams the account may hold; below what `single.conf` gives the server.
const DISK_STORAGE: i64 = 1 << 30;
/// Streams and consumers of the account.
const STREAMS: i64 = 64;
const CONSUMERS: i64 = 1_024;

/// Everything `init` writes.
#[derive(Debug)]
pub struct Plan {
    /// The directory to make.
    pub dir: PathBuf,
    /// Directories below it for what nats-server writes itself.
    pub data_dirs: Vec<PathBuf>,
    /// The files, all of them private.
    pub files: Vec<PlannedFile>,
}

/// One file of the plan. Its contents may be secret: they are wiped from memory when dropped, and
/// `Debug` hides them.
pub struct PlannedFile {
    /// Name within the directory.
    pub name: String,
    /// What it holds.
    pub contents: Zeroizing<String>,
}

impl PlannedFile {
    /// A file with these contents.
    pub(super) fn new(name: &str, contents: String) -> Self {
        Self { name: name.to_owned(), contents: Zeroizing::new(contents) }
    }

    /// A file that holds one seed.
    ///
    /// # Errors
    /// [`nkeys::error::Error`] if the pair held no seed, which construction rules out.
    pub(super) fn seed<R>(name: &str, pair: &KeyPair<R>) -> Result<Self, nkeys::error::Error> {
        Ok(Self::new(name, format!("{}\n", pair.seed()?.as_str())))
    }
}

impl std::fmt::Debug for PlannedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlannedFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// There is no plan for this request.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The path cannot stand in nats-server's configuration.
    #[error("the directory {} has a name that is not plain text", .0.display())]
    Path(PathBuf),
    /// The directory is given relative to the working directory.
    #[error("the directory {} is not an absolute path", .0.display())]
    Relative(PathBuf),
    /// Monitoring would be reachable from other machines.
    #[error("the monitoring address {0} is not on loopback; it would show every user's JWT")]
    MonitorNotLoopback(std::net::SocketAddr),
    /// No page could connect.
    #[error("at least one allowed origin is needed")]
    NoOrigin,
    /// The roles are more than one token can tell.
    #[error(
        "the account's JWT would have {actual} bytes, more than the {MAX_ACCOUNT_JWT_BYTES} that \
         can be sent to a running server: fewer roles or fewer subjects are needed"
    )]
    TooManyRoles {
        /// Bytes it would have.
        actual: usize,
    },
    /// There is not one key for each role.
    #[error("there are {keys} keys for {roles} roles")]
    KeyCount {
        /// Keys given.
        keys: usize,
        /// Roles given.
        roles: usize,
    },
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Sign(#[from] SignError),
    /// A key could not be written out.
    #[error("a key could not be written out")]
    Seed(#[source] nkeys::error::Error),
}

/// Decides what `init` writes.
///
/// `now` is in Unix seconds and becomes the tokens' time of issue.
///
/// # Errors
/// [`PlanError::Path`], [`PlanError::Relative`], [`PlanError::MonitorNotLoopback`] and
/// [`PlanError::NoOrigin`], [`PlanError::TooManyRoles`] and [`PlanError::KeyCount`] for a request
/// that cannot be met; [`PlanError::Sign`] and [`PlanError::Seed`] for keys that do not sign.
pub fn plan(request: &InitRequest, keys: &FreshKeys, now: i64) -> Result<Plan, PlanError> {
    if !request.dir.is_absolute() {
        return Err(PlanError::Relative(request.dir.clone()));
    }
    if !request.monitor_listen.ip().is_loopback() {
        return Err(PlanError::MonitorNotLoopback(request.monitor_listen));
    }
    if request.allowed_origins.is_empty() {
        return Err(PlanError::NoOrigin);
    }
    if keys.roles.len() != request.roles.len() {
        return Err(PlanError::KeyCount { keys: keys.roles.len(), roles: request.roles.len() });
    }
    let jetstream_dir = PathBuf::from("data").join("jetstream");
    let resolver_dir = PathBuf::from("data").join("accounts");

    let local = LocalConf {
        client_listen: request.client_listen,
        websocket_listen: request.websocket_listen,
        monitor_listen: request.monitor_listen,
        allowed_origins: request
            .allowed_origins
            .iter()
            .map(crate::config::Origin::as_str)
            .collect(),
        jetstream_dir: &plain(&request.dir.join(&jetstream_dir))?,
        resolver_dir: &plain(&request.dir.join(&resolver_dir))?,
    }
    .render();

    let mut operator = OperatorClaims::new(keys.system_account.public().clone());
    operator.assert_server_version = Some(OLDEST_SERVER.to_owned());
    // So that whoever has an identity's seed, which can't be replaced, has nothing.
    operator.signing_keys = vec![keys.operator_signing.public().clone()];
    operator.strict_signing_key_usage = true;
    let operator =
        Claims::sign(keys.operator.public(), "scaling-ws", now, None, operator, &keys.operator)?;
    let system_account = Claims::sign(
        keys.system_account.public(),
        "SYS",
        now,
        None,
        AccountClaims::new(AccountLimits::core(), vec![plain_key(&keys.system_account_signing)]),
        &keys.operator_signing,
    )?;
    let role_keys = request.roles.iter().zip(&keys.roles).map(|(r, key)| role_key(r, key.public()));
    let account = Claims::sign(
        keys.account.public(),
        "APP",
        now,
        None,
        AccountClaims::new(
            app_limits(),
            role_keys.chain([plain_key(&keys.account_signing)]).collect(),
        ),
        &keys.operator_signing,
    )?;
    if account.as_str().len() > MAX_ACCOUNT_JWT_BYTES {
        return Err(PlanError::TooManyRoles { actual: account.as_str().len() });
    }
    let callout = keys.callout.as_ref();
    let callout = callout
        .map(|callout| {
            let plan = callout::plan(callout, &keys.operator_signing, keys.account.public(), now)?;
            Ok::<_, PlanError>((callout.account.public(), plan))
        })
        .transpose()?;
    let mut accounts =
        vec![(keys.system_account.public(), &system_account), (keys.account.public(), &account)];
    accounts.extend(callout.as_ref().map(|(key, plan)| (*key, &plan.account)));
    let auth = AuthConf {
        operator: &operator,
        system_account: keys.system_account.public(),
        accounts,
        sentinel: callout.as_ref().map(|(_, plan)| &plan.sentinel),
    }
    .render();

    let signer = UserSigner::new(keys.account.public().clone(), keys.account_signing.clone());
    let system_signer =
        UserSigner::new(keys.system_account.public().clone(), keys.system_account_signing.clone());
    let mut files = vec![
        // First, so that no secret is ever in a repository unignored.
        PlannedFile::new(".gitignore", "*\n".to_owned()),
        PlannedFile::new(names::LOCAL_CONF, local),
        PlannedFile::new(names::AUTH_CONF, auth),
        PlannedFile::new(names::ACCOUNT_JWT, format!("{}\n", account.as_str())),
        seed(names::OPERATOR_SEED, &keys.operator)?,
        seed(names::OPERATOR_SIGNING_SEED, &keys.operator_signing)?,
        seed(names::SYSTEM_ACCOUNT_SEED, &keys.system_account)?,
        seed(names::SYSTEM_ACCOUNT_SIGNING_SEED, &keys.system_account_signing)?,
        seed(names::ACCOUNT_SEED, &keys.account)?,
        seed(names::ACCOUNT_SIGNING_SEED, &keys.account_signing)?,
        PlannedFile {
            name: names::SERVICE_CREDS.to_owned(),
            contents: service_user::credentials(
                &keys.service,
                service_user::publish(&request.roles, &request.streams),
                now,
                &signer,
            )?
            .format()?,
        },
        PlannedFile {
            name: names::SYSTEM_CREDS.to_owned(),
            contents: system_user::credentials(
                &keys.system,
                keys.account.public(),
                now,
                &system_signer,
            )?
            .format()?,
        },
    ];
    for (role, key) in request.roles.iter().zip(&keys.roles) {
        files.push(seed(&names::role_seed(&role.name), key)?);
    }
    files.extend(callout.into_iter().flat_map(|(_, plan)| plan.files));

    Ok(Plan { dir: request.dir.clone(), data_dirs: vec![jetstream_dir, resolver_dir], files })
}

fn plain_key(pair: &AccountPair) -> SigningKey {
    SigningKey::Plain(pair.public().clone())
}

fn app_limits() -> AccountLimits {
    AccountLimits {
        mem_storage: MEMORY_STORAGE,
        disk_storage: DISK_STORAGE,
        streams: STREAMS,
        consumer: CONSUMERS,
        ..AccountLimits::core()
    }
}

pub(super) fn seed<R>(name: &str, pair: &KeyPair<R>) -> Result<PlannedFile, PlanError> {
    PlannedFile::seed(name, pair).map_err(PlanError::Seed)
}

fn plain(path: &Path) -> Result<String, PlanError> {
    plain_path(path).ok_or_else(|| PlanError::Path(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        claims::{ConnectionType, Permission, UserClaims},
        keys::ServiceCredentials,
        mint::Role,
    };

    const ROLES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/roles.toml"));

    fn roles() -> Vec<Role> {
        crate::config::roles::parse(ROLES).unwrap().roles
    }

    const NOW: i64 = 1_800_000_000;

    fn request() -> InitRequest {
        InitRequest {
            dir: "/srv/nats/generated".into(),
            client_listen: "127.0.0.1:4222".parse().unwrap(),
            websocket_listen: "0.0.0.0:5000".parse().unwrap(),
            monitor_listen: "127.0.0.1:8222".parse().unwrap(),
            allowed_origins: vec!["http://localhost:3000".parse().unwrap()],
            roles: roles(),
            streams: Vec::new(),
        }
    }

    fn keys() -> FreshKeys {
        FreshKeys {
            operator: KeyPair::from_random([1; 32]).unwrap(),
            operator_signing: KeyPair::from_random([11; 32]).unwrap(),
            system_account: KeyPair::from_random([2; 32]).unwrap(),
            system_account_signing: KeyPair::from_random([12; 32]).unwrap(),
            account: KeyPair::from_random([3; 32]).unwrap(),
            account_signing: KeyPair::from_random([13; 32]).unwrap(),
            service: KeyPair::from_random([5; 32]).unwrap(),
            system: KeyPair::from_random([4; 32]).unwrap(),
            roles: (0..5).map(|n| KeyPair::from_random([6 + n; 32]).unwrap()).collect(),
            callout: None,
        }
    }

    fn contents(plan: &Plan, name: &str) -> String {
        let file = plan.files.iter().find(|file| file.name == name);
        file.unwrap_or_else(|| panic!("no file {name}")).contents.to_string()
    }

    #[test]
    fn the_same_request_gives_the_same_plan() {
        let (a, b) = (plan(&request(), &keys(), NOW), plan(&request(), &keys(), NOW));
        for (a, b) in a.unwrap().files.iter().zip(&b.unwrap().files) {
            assert_eq!((&a.name, &*a.contents), (&b.name, &*b.contents));
        }
    }

    #[test]
    fn the_account_grants_guests_updates_a_playground_and_their_own_inbox() {
        let plan = plan(&request(), &keys(), NOW).unwrap();
        let account =
            Claims::<AccountClaims>::decode(contents(&plan, names::ACCOUNT_JWT).trim()).unwrap();
        assert_eq!(account.iss, *keys().operator_signing.public());
        assert_eq!(account.sub, *keys().account.public());
        assert!(account.nats.limits.disallow_bearer);
        assert!(account.nats.limits.disk_storage > 0);
        assert!(!account.nats.default_permissions.publish.is_unrestricted());
        let scope = account.nats.scope_of(keys().roles[0].public()).unwrap();
        assert_eq!(scope.role, "guest");
        let (own, inbox) = ("com.scaling-ws.playground.{{subject()}}.>", "_INBOX.{{subject()}}.>");
        let here = "presence.demo.lobby.{{subject()}}.*";
        assert_eq!(scope.template.publish, Permission::only([own, here, inbox]));
        assert_eq!(
            scope.template.subscribe.allow,
            [
                "com.scaling-ws.updates",
                "com.scaling-ws.playground.>",
                "presence.demo.lobby.>",
                inbox
            ]
        );
        assert_eq!(scope.template.allowed_connection_types, [ConnectionType::Websocket]);
    }

    #[test]
    fn the_service_user_has_the_least_it_needs() {
        let plan = plan(&request(), &keys(), NOW).unwrap();
        let credentials =
            ServiceCredentials::parse(&contents(&plan, names::SERVICE_CREDS)).unwrap();
        let claims = Claims::<UserClaims>::decode(credentials.jwt().as_str()).unwrap();
        assert_eq!(claims.iss, *keys().account_signing.public());
        assert_eq!(claims.nats.issuer_account, Some(keys().account.public().clone()));
        let publishes = [
            "com.scaling-ws.>",
            "presence.*.*.*.*",
            "rooms.*.announce",
            "$JS.API.CONSUMER.CREATE.KV_board.*",
            "$JS.API.CONSUMER.DELETE.KV_board.*",
            "$JS.API.CONSUMER.CREATE.SAID.*",
            "$JS.API.CONSUMER.DELETE.SAID.*",
        ];
        assert_eq!(claims.nats.publish, Some(Permission::only(publishes)));
        let inbox = format!("_INBOX.{}.>", keys().service.public());
        let reads = Permission::only([inbox, "presence.*.*.*.*".to_owned()]);
        assert_eq!(claims.nats.subscribe, Some(reads));
        assert_eq!(claims.nats.allowed_connection_types, [ConnectionType::Standard]);
        assert!(!claims.nats.bearer_token);
    }

    #[test]
    fn seeds_go_only_into_their_own_files() {
        let plan = plan(&request(), &keys(), NOW).unwrap();
        let operator = keys().operator.seed().unwrap();
        for file in &plan.files {
            let holds = file.contents.contains(operator.as_str());
            assert_eq!(holds, file.name == names::OPERATOR_SEED, "{}", file.name);
        }
        assert!(!format!("{plan:?}").contains(operator.as_str()));
    }

    #[test]
    fn paths_and_addresses_are_written_as_variables() {
        let local = contents(&plan(&request(), &keys(), NOW).unwrap(), names::LOCAL_CONF);
        for line in [
            r#"CLIENT_LISTEN: "127.0.0.1:4222""#,
            r#"WEBSOCKET_LISTEN: "0.0.0.0:5000""#,
            r#"MONITOR_LISTEN: "127.0.0.1:8222""#,
            r#"ALLOWED_ORIGINS: ["http://localhost:3000"]"#,
            r#"JETSTREAM_DIR: "/srv/nats/generated/data/jetstream""#,
            r#"RESOLVER_DIR: "/srv/nats/generated/data/accounts""#,
        ] {
            assert!(local.contains(line), "{line} is not in\n{local}");
        }
    }

    #[test]
    fn requests_that_cannot_be_met_are_refused() {
        let refuse = |change: fn(&mut InitRequest)| {
            let mut request = request();
            change(&mut request);
            plan(&request, &keys(), NOW).unwrap_err()
        };
        let error = refuse(|r| r.monitor_listen = "0.0.0.0:8222".parse().unwrap());
        assert!(matches!(error, PlanError::MonitorNotLoopback(_)));
        assert!(matches!(refuse(|r| r.allowed_origins.clear()), PlanError::NoOrigin));
        let error = refuse(|r| r.roles.truncate(1));
        assert!(matches!(error, PlanError::KeyCount { keys: 5, roles: 1 }));
        let error = refuse(|r| r.roles[0].template.publish.deny = vec!["a".repeat(1 << 16)]);
        assert!(matches!(error, PlanError::TooManyRoles { .. }));
        assert!(matches!(refuse(|r| r.dir = "generated".into()), PlanError::Relative(_)));
        assert!(matches!(refuse(|r| r.dir = "/a\nb".into()), PlanError::Path(_)));
    }
}
