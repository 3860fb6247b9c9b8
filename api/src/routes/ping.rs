//! `POST /ping`: tells everyone who watches that somebody called.

use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    auth::Identity,
    error::Problem,
    publish::{Message, Publisher, Update},
};

/// What it gets.
#[derive(Serialize, ToSchema)]
pub(crate) struct Pong {
    message: &'static str,
}

/// Publishes an update for anybody who is let in. 200 means that the NATS server has it.
///
/// # Errors
/// * 503 `nats_unavailable`: nothing was sent, and nothing will be.
/// * 504 `publish_unconfirmed`: the connection was lost or silent after the message was handed
///   over; it may have arrived.
#[utoipa::path(
    post,
    path = "/ping",
    responses((status = 200, description = "Published", body = Pong))
)]
pub async fn ping(
    _: Identity,
    State(publisher): State<Publisher>,
) -> Result<impl IntoResponse, Problem> {
    let payload =
        Update::sent_at(OffsetDateTime::now_utc()).to_payload().map_err(Problem::internal)?;
    publisher.publish(Message::own(Update::SUBJECT, payload)).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Pong { message: "pong" })))
}
