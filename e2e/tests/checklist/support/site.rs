use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Weak};

use api::claims::key::Role;
use api::claims::{AccountClaims, Claims, KeyPair};
use e2e::{Api, Error, Setup, Stack};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::sync::Mutex;

use super::Issuer;

/// An installation with callers of every kind: guests, people with a token of `issuer`, the back end
/// `backend`, and `admin`, who may ban.
pub(crate) struct Site {
    stack: Stack,
    pub(crate) issuer: Issuer,
    /// The API key of `backend`.
    pub(crate) backend: String,
    /// The API key of `admin`.
    pub(crate) admin: String,
    http: Client,
}

impl Deref for Site {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.stack
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut Stack {
        &mut self.stack
    }
}

impl Site {
    /// One for all tests that change nothing of it. It ends with the last of those that hold it.
    pub(crate) async fn shared() -> Result<Arc<Self>, Error> {
        static SHARED: Mutex<Weak<Site>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(site) = shared.upgrade() {
            return Ok(site);
        }
        let site = Arc::new(Self::start(Setup::new()).await?);
        *shared = Arc::downgrade(&site);
        Ok(site)
    }

    /// One of a test's own.
    pub(crate) async fn start(setup: Setup) -> Result<Self, Error> {
        let mut site = Self::prepare(setup).await?;
        site.begin().await?;
        Ok(site)
    }

    /// One of a test's own, with keys and configuration and nothing that runs.
    pub(crate) async fn prepare(setup: Setup) -> Result<Self, Error> {
        let issuer = Issuer::start();
        let (backend, of_backend) = Api::new_key("backend").await?;
        let (admin, of_admin) = Api::new_key("admin").await?;
        let setup = setup
            .config("issuers = []", format!("issuers = [{}]", issuer.config()))
            .config("api_keys = []", format!("api_keys = [{of_backend} {of_admin}]"))
            .config("allowed_to = []", "allowed_to = [{ api_key = \"admin\" }]");
        let stack = Stack::prepare(&setup).await?;
        // Each test has a runtime of its own, which takes its connections along.
        let http = Client::builder().pool_max_idle_per_host(0).build()?;
        Ok(Self { stack, issuer, backend, admin, http })
    }

    /// Starts both parts and waits until they are connected.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        self.nats.start().await?;
        self.api.start().await?;
        self.api.ready(true).await
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.api.url(path))
    }

    /// A call with a body, as a guest or with a bearer credential.
    pub(crate) async fn call(
        &self,
        path: &str,
        bearer: Option<&str>,
        body: &Value,
    ) -> Result<Response, Error> {
        let mut request = self.post(path).json(body);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        Ok(request.send().await?)
    }

    /// A file of the keys' folder, without its line end.
    pub(crate) fn key_file(&self, name: &str) -> String {
        std::fs::read_to_string(self.api.keys().join(name)).unwrap().trim().to_owned()
    }

    /// A key that `api init` has made.
    pub(crate) fn seed<R: Role>(&self, name: &str) -> KeyPair<R> {
        KeyPair::from_seed(&self.key_file(name)).unwrap()
    }

    /// The account as the keys' folder has it.
    pub(crate) fn account(&self) -> Claims<AccountClaims> {
        Claims::decode(&self.key_file("account.jwt")).unwrap()
    }

    /// Changes the account behind the back of the API, before nats-server's first start.
    pub(crate) fn change_account(&self, change: impl FnOnce(&mut AccountClaims)) {
        let (mut account, before) = (self.account(), self.key_file("account.jwt"));
        change(&mut account.nats);
        let jwt = account.seal(&self.seed("operator-signing.seed")).unwrap();
        for name in ["account.jwt", "auth.conf"] {
            let text = self.key_file(name).replace(&before, jwt.as_str());
            std::fs::write(self.api.keys().join(name), text).unwrap();
        }
    }

    /// The user that the API connects as: its token and its key.
    pub(crate) fn service_user(&self) -> (String, nkeys::KeyPair) {
        let creds = self.key_file("service.creds");
        let line = |prefix| creds.lines().find(|line: &&str| line.starts_with(prefix)).unwrap();
        (line("eyJ").to_owned(), nkeys::KeyPair::from_seed(line("SU")).unwrap())
    }
}

/// Checks that an answer is a problem with this status and code, and returns what it says.
pub(crate) async fn assert_problem(
    answer: Response,
    status: u16,
    code: &str,
) -> Result<Value, Error> {
    let (actual, text) = (answer.status(), answer.text().await?);
    assert_eq!(actual, status, "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["code"], code, "{text}");
    Ok(body)
}
