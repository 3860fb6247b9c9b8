use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tower_http::services::ServeDir;

use crate::{Error, tree};

/// A web server for pages that stand beside the project. It lasts as long as its value and the runtime.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    serving: AbortHandle,
}

impl Site {
    /// The page of `e2e/pages/chaos`, with `e2e-reader` built for it.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`], [`Error::Timeout`] and [`Error::Preparation`] if that cannot be built;
    /// [`Error::Io`] if no port is free.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave files that the next one overwrites.
    pub async fn chaos() -> Result<Self, Error> {
        Self::serve(tree::chaos_page().await?).await
    }

    /// The page of `e2e/pages/outbox`, with `e2e-reader` built for it.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`], [`Error::Timeout`] and [`Error::Preparation`] if that cannot be built;
    /// [`Error::Io`] if no port is free.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave files that the next one overwrites.
    pub async fn outbox() -> Result<Self, Error> {
        Self::serve(tree::outbox_page().await?).await
    }

    async fn serve(folder: &Path) -> Result<Self, Error> {
        let app = Router::new().fallback_service(ServeDir::new(folder));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(Error::io("listen for a browser"))?;
        let address = listener.local_addr().map_err(Error::io("listen for a browser"))?;
        let serving = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Ok(Self { address, serving })
    }

    /// Where its page is.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
