//! A user's key that the browser keeps.

use core::fmt;

use data_encoding::BASE32_NOPAD;
use idb::{ObjectStoreParams, TransactionMode};
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto};

use super::AuthError;
use super::key::{UserKey, UserKeyError};
use super::signer::Signer;
use crate::platform::LocalBoxFuture;
use crate::platform::database::{Database, DatabaseError, commit};

/// The database that keeps the keys of this origin, and its only store.
const DATABASE: &str = "web-wasm";
const STORE: &str = "keys";

/// The page's key: an Ed25519 key that signs but can't be read.
///
/// The browser makes it by WebCrypto, non-extractable, and keeps it in IndexedDB, so that a visitor is
/// the same user after a reload and in every tab of the origin. No script can read the secret part,
/// though one that runs in the page can have it sign. Where a browser lacks something of that the
/// next best is used, which [`custody`](Self::custody) tells.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn core::error::Error>> {
/// use std::rc::Rc;
/// use web_wasm::{ConnectOptions, HttpCredentials, PageKey};
///
/// let key = Rc::new(PageKey::open("visitor").await?);
/// let credentials = Rc::new(HttpCredentials::new("/v1/credentials", key));
/// let grant = credentials.grant().await?;
/// let client = ConnectOptions::new()
///     .custom_inbox_prefix(&grant.inbox_prefix)
///     .credentials(credentials)
///     .connect(grant.servers)
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct PageKey {
    public_key: String,
    secret: Secret,
    custody: Custody,
}

/// Where a key's secret part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// In the browser, which keeps it over reloads. No script can read it.
    Kept,
    /// In the browser, until the page is left. No script can read it.
    Session,
    /// In wasm memory, until the page is left.
    Memory,
}

enum Secret {
    Browser { subtle: SubtleCrypto, key: CryptoKey },
    Memory(Box<UserKey>),
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageKeyError {
    /// The browser makes no such keys, and has no random bytes for one in memory either.
    #[error(transparent)]
    Memory(#[from] UserKeyError),
}

impl PageKey {
    /// The key of this origin by that name: the one that the browser keeps, or a new one.
    ///
    /// # Errors
    /// [`PageKeyError::Memory`] when there can be no key at all.
    ///
    /// # Cancel safety
    /// If the future is dropped, a new key may have been kept, and is found the next time.
    pub async fn open(name: &str) -> Result<Self, PageKeyError> {
        if let Ok(kept) = Self::keep(name).await {
            return Ok(kept);
        }
        if let Ok(session) = Self::generate().await {
            return Ok(session);
        }
        let key = UserKey::generate()?;
        let public_key = key.public_key();
        Ok(Self { public_key, secret: Secret::Memory(Box::new(key)), custody: Custody::Memory })
    }

    /// Has the browser forget the key of this name, as when the visitor leaves for good. The next
    /// [`open`](Self::open) makes another; a key that is open already goes on signing. Says whether
    /// the browser did.
    ///
    /// # Cancel safety
    /// If the future is dropped, the key may have been forgotten or not.
    pub async fn forget(name: &str) -> bool {
        let forget = async {
            let database = open_database().await?;
            let transaction = database.begin(&[STORE], TransactionMode::ReadWrite)?;
            transaction.object_store(STORE)?.delete(JsValue::from_str(name))?.await?;
            commit(transaction).await?;
            Ok::<_, DatabaseError>(())
        };
        forget.await.is_ok()
    }

    /// Where the secret part is.
    pub fn custody(&self) -> Custody {
        self.custody
    }

    /// The key that the browser keeps; if it keeps none, a new one from now on.
    async fn keep(name: &str) -> Result<Self, JsValue> {
        let fail = |error: DatabaseError| JsValue::from_str(&error.to_string());
        let database = open_database().await.map_err(fail)?;
        let kept = async {
            let transaction = database.begin(&[STORE], TransactionMode::ReadOnly)?;
            Ok::<_, DatabaseError>(
                transaction.object_store(STORE)?.get(JsValue::from_str(name))?.await?,
            )
        };
        if let Some(kept) = kept.await.map_err(fail)? {
            return Self::from_pair(&kept, Custody::Kept).await;
        }
        // The pair is made before the transaction, which ends by itself when it has nothing to do.
        let pair = generate_pair().await?;
        let settle = async {
            let transaction = database.begin(&[STORE], TransactionMode::ReadWrite)?;
            let store = transaction.object_store(STORE)?;
            // Another tab may have been faster; then its key is the one.
            let kept = match store.get(JsValue::from_str(name))?.await? {
                Some(theirs) => theirs,
                None => {
                    store.put(&pair, Some(&JsValue::from_str(name)))?.await?;
                    pair
                }
            };
            commit(transaction).await?;
            Ok(kept)
        };
        let kept = settle.await.map_err(fail)?;
        Self::from_pair(&kept, Custody::Kept).await
    }

    async fn generate() -> Result<Self, JsValue> {
        Self::from_pair(&generate_pair().await?, Custody::Session).await
    }

    async fn from_pair(pair: &JsValue, custody: Custody) -> Result<Self, JsValue> {
        let subtle = subtle()?;
        let key: CryptoKey = Reflect::get(pair, &"privateKey".into())?.dyn_into()?;
        let public: CryptoKey = Reflect::get(pair, &"publicKey".into())?.dyn_into()?;
        let public = JsFuture::from(subtle.export_key("raw", &public)?).await?;
        let public = Uint8Array::new(&public).to_vec();
        let public = <[u8; 32]>::try_from(public).map_err(|_| "not an Ed25519 key")?;
        let secret = Secret::Browser { subtle, key };
        Ok(Self { public_key: user_nkey(&public), secret, custody })
    }
}

impl Signer for PageKey {
    fn public_key(&self) -> String {
        self.public_key.clone()
    }

    fn sign<'a>(&'a self, nonce: &'a [u8]) -> LocalBoxFuture<'a, Result<Vec<u8>, AuthError>> {
        match &self.secret {
            Secret::Memory(key) => key.sign(nonce),
            Secret::Browser { subtle, key } => Box::pin(async move {
                let failed = |_| AuthError::new("the browser did not sign");
                let signed = subtle.sign_with_str_and_u8_array("Ed25519", key, nonce);
                let signature = JsFuture::from(signed.map_err(failed)?).await.map_err(failed)?;
                Ok(Uint8Array::new(&signature).to_vec())
            }),
        }
    }
}

impl fmt::Debug for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageKey")
            .field("public_key", &self.public_key)
            .field("custody", &self.custody)
            .finish_non_exhaustive()
    }
}

/// The browser's keeper of keys; absent where the page did not come over a secure connection.
fn subtle() -> Result<SubtleCrypto, JsValue> {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into())?;
    Reflect::get(&crypto, &"subtle".into())?.dyn_into()
}

async fn generate_pair() -> Result<JsValue, JsValue> {
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &"Ed25519".into())?;
    let usages = Array::of2(&"sign".into(), &"verify".into());
    let extractable = false;
    let pair: Promise = subtle()?.generate_key_with_object(&algorithm, extractable, &usages)?;
    JsFuture::from(pair).await
}

async fn open_database() -> Result<Database, DatabaseError> {
    let make = |database: &idb::Database| {
        database.create_object_store(STORE, ObjectStoreParams::new()).map(drop)
    };
    Database::open(DATABASE, 1, make).await
}

/// A user's public key as NATS writes it: a prefix, the key, and their checksum, in base 32.
/// Source: the nkeys repository's README.
fn user_nkey(public: &[u8; 32]) -> String {
    /// Makes the text begin with U.
    const USER: u8 = 20 << 3;
    let mut raw = vec![USER];
    raw.extend_from_slice(public);
    raw.extend_from_slice(&crc16(&raw).to_le_bytes());
    BASE32_NOPAD.encode(&raw)
}

/// CRC-16/XMODEM: polynomial 0x1021, beginning with zero.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc: u16, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}
