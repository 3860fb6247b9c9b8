//! `GET /healthz` and `GET /readyz`: for whoever keeps the process running.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Code, Problem},
    publish::Publisher,
    streams::{Streams, StreamsNotReady},
};

/// A state in one word.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
}

/// The process lives. Always 200: restarting it does not bring NATS back.
#[utoipa::path(
    get,
    path = "/healthz",
    responses((status = 200, description = "It lives", body = Health)),
    security(())
)]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// The service can do its work.
///
/// # Errors
/// * 503 `nats_unavailable` while there is no connection to NATS.
/// * 503 `jetstream_unavailable` while the streams that the roles file declares are not known to be
///   right.
#[utoipa::path(
    get,
    path = "/readyz",
    responses((status = 200, description = "It is ready", body = Health)),
    security(())
)]
pub async fn readyz(
    State(publisher): State<Publisher>,
    State(streams): State<Streams>,
) -> Result<Json<Health>, Problem> {
    if !publisher.is_connected() {
        Err(Problem::new(Code::NatsUnavailable, "There is no connection to NATS."))
    } else if !streams.are_right() {
        Err(StreamsNotReady.into())
    } else {
        Ok(Json(Health { status: "ready" }))
    }
}
