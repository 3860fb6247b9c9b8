//! The keys and the machine's part of the nats-server configuration: made by `api init`, changed by
//! `api roles`.
//!
//! `init`: first a [`plan()`], which is pure: it decides every file and its contents from the
//! request, the time and fresh keys. Then [`write()`], which puts all of it in place in one step or
//! not at all.
//!
//! `roles` and `rotate`: a [`KeysDir`] is opened by one process at a time; [`apply()`](apply::apply) and the steps
//! of [`rotate`] decide on an [`Update`], [`KeysDir::commit`] puts it in place, and [`push`] tells
//! the running servers.
//!
//! `nodes`: [`nodes::add`] makes what the nodes of a cluster need beyond that.
//!
//! `leaf`: [`leaf::add`] makes what a server near users needs that hangs on others.
//!
//! `tls`: [`tls::add`] makes the certificate of a single server's listeners.

mod account;
pub mod apply;
mod auth_conf;
mod authority;
pub mod callout;
mod conf;
pub mod keys;
pub mod keys_dir;
pub mod leaf;
mod leaf_users;
pub mod nodes;
pub mod plan;
pub mod push;
pub mod request;
pub mod revoke;
pub mod rotate;
mod service_user;
mod system_user;
pub mod tls;
mod user_signer;
pub mod write;

use auth_conf::AuthConfFile;
pub use authority::{AuthorityError, CertificateError};
pub use callout::CalloutFreshKeys;
pub use keys::FreshKeys;
pub use keys_dir::{KeysDir, Update, UpdateError};
pub use plan::{Plan, PlanError, PlannedFile, plan};
pub use request::InitRequest;
pub use rotate::{KeyName, RotateError};
use user_signer::UserSigner;
pub use write::{WriteError, write};
