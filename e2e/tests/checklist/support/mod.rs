//! What the tests of the checklist are made with: a [`Site`] under attack, the [`Wire`] that the
//! attacks go over, and those who make them.

mod http_server;
mod insider;
mod issuer;
mod person;
mod shipped;
mod site;
mod wire;

pub(crate) use http_server::{Answer, HttpServer};
pub(crate) use insider::Insider;
pub(crate) use issuer::{Issuer, now};
pub(crate) use person::Person;
pub(crate) use shipped::{Shipped, shipped};
pub(crate) use site::{Site, assert_problem};
pub(crate) use wire::Wire;

pub(crate) type TestResult = Result<(), e2e::Error>;

/// What nats-server says to whom it does not let in.
pub(crate) const REFUSED: &str = "-ERR 'Authorization Violation'";
