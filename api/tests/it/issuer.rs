//! An issuer of tokens: real keys, real signatures, and a real HTTP server to fetch the keys from.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
    serve::Listener,
};
use data_encoding::{BASE64_MIME, BASE64URL_NOPAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring::default_provider, pki_types::PrivatePkcs8KeyDer},
    server::TlsStream,
};

/// What our configuration asks for.
pub(crate) const AUDIENCE: &str = "scaling-ws";

/// A signing key.
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Key {
    pub(crate) fn ed25519(id: &'static str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { id, pair: Pair::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()) }
    }

    pub(crate) fn p256(id: &'static str) -> Self {
        let (method, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(method, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(method, pkcs8.as_ref(), &random).unwrap();
        Self { id, pair: Pair::P256(pair) }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
        }
    }

    pub(crate) fn public(&self) -> &[u8] {
        match &self.pair {
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
            Pair::P256(pair) => pair.public_key().as_ref(),
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let public = self.public();
        match self.pair {
            Pair::Ed25519(_) => json!({
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.id, "x": encode(public),
            }),
            Pair::P256(_) => json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id,
                "x": encode(&public[1..33]), "y": encode(&public[33..]),
            }),
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::P256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
        }
    }

    /// A token with the header that goes with this key.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "typ": "JWT", "alg": self.algorithm(), "kid": self.id }), claims)
    }

    /// A token with a header of the test's choice.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, |message| self.sign(message))
    }
}

/// A token by whatever signs.
pub(crate) fn signed(
    header: &Value,
    claims: &Value,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = BASE64URL_NOPAD.encode(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// What somebody signs who takes a public key for a shared secret.
pub(crate) fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// Claims with one changed, or taken away by `null`.
pub(crate) fn with(claims: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims.clone();
    match value.into() {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

pub(crate) struct Issuer {
    address: SocketAddr,
    scheme: &'static str,
    pub(crate) serves: Arc<Serves>,
    server: JoinHandle<()>,
}

/// What an issuer serves, and how often it was asked.
#[derive(Default)]
pub(crate) struct Serves {
    keys: Mutex<String>,
    discovery: Mutex<String>,
    status: Mutex<Option<(StatusCode, String)>>,
    delay: Mutex<Duration>,
    asked: AtomicUsize,
}

impl Serves {
    /// How often the keys were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn keys(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.document(json!({ "keys": keys }).to_string());
    }

    pub(crate) fn document(&self, text: String) {
        *self.keys.lock().unwrap() = text;
    }

    pub(crate) fn discovery(&self, document: &Value) {
        *self.discovery.lock().unwrap() = document.to_string();
    }

    /// Answers with this status and `Location` instead.
    pub(crate) fn redirects(&self, location: String) {
        *self.status.lock().unwrap() = Some((StatusCode::FOUND, location));
    }

    pub(crate) fn is_slow(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }
}

async fn jwks(State(serves): State<Arc<Serves>>) -> Response {
    serves.asked.fetch_add(1, Ordering::SeqCst);
    let delay = *serves.delay.lock().unwrap();
    tokio::time::sleep(delay).await;
    if let Some((status, location)) = serves.status.lock().unwrap().clone() {
        return (status, [("location", location)]).into_response();
    }
    // Connections that outlive the listener would go on being served when the issuer is gone.
    ([("connection", "close")], serves.keys.lock().unwrap().clone()).into_response()
}

async fn discovery(State(serves): State<Arc<Serves>>) -> impl IntoResponse {
    ([("connection", "close")], serves.discovery.lock().unwrap().clone())
}

/// Speaks TLS with whoever connects.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.tcp.accept().await.unwrap();
            // Who does not trust the certificate hangs up.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

impl Issuer {
    pub(crate) async fn start(keys: &[&Key]) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let issuer = Self::serving(tcp, address, "http", Arc::default());
        issuer.serve_keys(keys);
        issuer
    }

    /// An issuer with TLS, and its certificate as PEM.
    pub(crate) async fn start_with_tls(keys: &[&Key]) -> (Self, String) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let private = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], private)
            .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listener = TlsListener { tcp, acceptor: Arc::new(config).into() };
        let issuer = Self::serving(listener, address, "https", Arc::default());
        issuer.serve_keys(keys);
        let body = BASE64_MIME.encode(cert.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n");
        (issuer, pem)
    }

    fn serving<L>(
        listener: L,
        address: SocketAddr,
        scheme: &'static str,
        serves: Arc<Serves>,
    ) -> Self
    where
        L: Listener<Addr = SocketAddr>,
    {
        let router = Router::new()
            .route("/jwks", get(jwks))
            .route("/.well-known/openid-configuration", get(discovery))
            .with_state(Arc::clone(&serves));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, scheme, serves, server }
    }

    fn serve_keys(&self, keys: &[&Key]) {
        self.serves.keys(keys);
        self.serves.discovery(&json!({
            "issuer": self.name(),
            "jwks_uri": format!("{}/jwks", self.name()),
        }));
    }

    /// What stands in `iss`.
    pub(crate) fn name(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Goes away: nobody listens there any more.
    pub(crate) async fn stop(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
    }

    /// Comes back at the same address.
    pub(crate) async fn start_again(&mut self) {
        let tcp = TcpListener::bind(self.address).await.unwrap();
        *self = Self::serving(tcp, self.address, self.scheme, Arc::clone(&self.serves));
    }

    /// The claims of a token that is good for a minute.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.name(), "aud": AUDIENCE, "sub": "alice",
            "iat": now(), "nbf": now(), "exp": now() + 60,
        })
    }

    /// This issuer as an element of `auth.issuers`.
    pub(crate) fn config(&self) -> String {
        self.config_with(&format!("{{ jwks = \"{}/jwks\" }}", self.name()))
    }

    /// The same, with the keys from another place.
    pub(crate) fn config_with(&self, keys: &str) -> String {
        format!(
            "{{ issuer = \"{}\", audience = \"{AUDIENCE}\", keys = {keys}, \
             algorithms = [\"EdDSA\", \"ES256\"], leeway_seconds = 30, required_claims = [] }}",
            self.name()
        )
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}
