//! What names servers.

use nats_proto::{ServerAddr, ServerAddrError};

use crate::error::ConnectError;

/// What names servers: one address or several.
pub trait ToServerAddrs {
    /// The addresses.
    ///
    /// # Errors
    /// [`ConnectError::InvalidServerAddr`] for the first that is malformed.
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError>;
}

impl ToServerAddrs for str {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        let parsed = self.parse().map_err(|source: ServerAddrError| {
            let address = self.rsplit('@').next().unwrap_or_default().to_owned();
            ConnectError::InvalidServerAddr { address, source }
        });
        Ok(vec![parsed?])
    }
}

impl ToServerAddrs for String {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        self.as_str().to_server_addrs()
    }
}

impl ToServerAddrs for ServerAddr {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        Ok(vec![self.clone()])
    }
}

impl<T: ToServerAddrs> ToServerAddrs for [T] {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        let mut addrs = Vec::with_capacity(self.len());
        for item in self {
            addrs.extend(item.to_server_addrs()?);
        }
        Ok(addrs)
    }
}

impl<T: ToServerAddrs, const N: usize> ToServerAddrs for [T; N] {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        self.as_slice().to_server_addrs()
    }
}

impl<T: ToServerAddrs> ToServerAddrs for Vec<T> {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        self.as_slice().to_server_addrs()
    }
}

impl<T: ToServerAddrs + ?Sized> ToServerAddrs for &T {
    fn to_server_addrs(&self) -> Result<Vec<ServerAddr>, ConnectError> {
        (**self).to_server_addrs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_one_or_many() {
        let one = "ws://a:1".to_server_addrs().unwrap();
        assert_eq!(["ws://a:1"].to_server_addrs().unwrap(), one);
        assert_eq!(vec![String::from("ws://a:1")].to_server_addrs().unwrap(), one);
        assert_eq!(one.to_server_addrs().unwrap(), one);
        assert_eq!(["ws://a:1", "ws://b:1"].to_server_addrs().unwrap().len(), 2);
    }

    #[test]
    fn an_error_repeats_no_secret() {
        let error = "ws://user:s3cret@host".to_server_addrs().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        assert_eq!(
            error,
            ConnectError::InvalidServerAddr {
                address: "host".into(),
                source: ServerAddrError::Credentials
            }
        );
    }
}
