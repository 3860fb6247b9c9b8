use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::Error;

/// A web server for the page of the benchmarks. It lasts as long as the program.
#[derive(Debug)]
pub(crate) struct Site {
    address: SocketAddr,
}

impl Site {
    /// Serves a folder.
    pub(crate) async fn serve(folder: &Path) -> Result<Self, Error> {
        let index = folder.join("index.html");
        index.metadata().map_err(Error::io("the page is missing: run tools/bench-page.sh"))?;
        let header = |name, value| {
            let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
            SetResponseHeaderLayer::overriding(name, value)
        };
        let app = Router::new()
            .fallback_service(ServeDir::new(folder))
            // A page that is isolated from others has a clock of 5 instead of 100 microseconds.
            .layer(header("cross-origin-opener-policy", "same-origin"))
            .layer(header("cross-origin-embedder-policy", "require-corp"))
            .layer(header("cache-control", "no-cache"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.await.map_err(Error::io("listen for the browser"))?;
        let address = listener.local_addr().map_err(Error::io("listen for the browser"))?;
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address })
    }

    /// Where the page is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}
