//! Sessions: who somebody is, for as long as a browser keeps a cookie.
//!
//! A page that cannot, or is not to, hold a credential asks for a session once; its browser keeps it
//! in a cookie that no script can read, and nats-server passes it on with each connection. The session
//! says whose it is and which role and channels it is for, and is sealed with a key of this service:
//! whoever holds it can neither read nor change it.
//!
//! Nothing is kept here. Each process that has the key understands every session, whichever of them
//! gave it out, and a restart ends none. What a session opens is decided anew at each login, by the
//! roles and bans of that moment; that it cannot be taken back by itself is what bounds its life.

pub mod cookie;
mod sealer;

pub use sealer::{PREFIX, SealSessionError, Session, SessionError, Sessions};
