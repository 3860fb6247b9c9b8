use std::net::SocketAddr;

use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::error::Error;

#[derive(Serialize)]
struct Pong {
    message: &'static str,
}

/// Serves `POST /ping` as axum does it at its best: no middleware, no NATS, no log.
pub(crate) async fn serve(address: SocketAddr) -> Result<(), Error> {
    let listener = TcpListener::bind(address).await.map_err(Error::io("listen"))?;
    let app = Router::new().route("/ping", post(async || Json(Pong { message: "pong" })));
    axum::serve(listener, app).await.map_err(Error::io("serve"))
}
