//! Where a server's websocket listener is.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// The address of a websocket listener: `ws://` or `wss://`, a host, and optionally a port,
/// a path and a query, all of which are kept.
///
/// Credentials in the address are refused: addresses end up in logs. Host names and paths are
/// passed on as they are; the browser judges them when it dials. Source: RFC 6455 §3.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerAddr {
    secure: bool,
    /// With the brackets where it is an IPv6 address.
    host: String,
    port: u16,
    /// Path and query; empty or beginning with `/` or `?`.
    tail: String,
}

/// Why a text is no server address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerAddrError {
    /// It begins neither with `ws://` nor with `wss://`.
    #[error("a server address begins with ws:// or wss://")]
    Scheme,
    /// There is no host, or it has a character that no host has.
    #[error("the server address has no valid host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the server address has no valid port")]
    Port,
    /// It holds a user name or password, which do not belong in an address.
    #[error("credentials do not belong in a server address")]
    Credentials,
    /// It holds a fragment, white space or a control character.
    #[error("the server address has a fragment, white space or a control character")]
    ForbiddenCharacter,
}

impl ServerAddr {
    /// Whether the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, in brackets where it is an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 80 or 443 where the address names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same listener on another host: what `host:port` in a server's `connect_urls` means
    /// to a client that came in over this address. Scheme, path and query stay.
    ///
    /// # Errors
    /// [`ServerAddrError`] when the text is no `host:port`.
    pub fn with_authority(&self, authority: &str) -> Result<Self, ServerAddrError> {
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{authority}{}", self.tail).parse()
    }
}

impl FromStr for ServerAddr {
    type Err = ServerAddrError;

    fn from_str(text: &str) -> Result<Self, ServerAddrError> {
        let (scheme, rest) = text.split_once(':').ok_or(ServerAddrError::Scheme)?;
        let rest = rest.strip_prefix("//").ok_or(ServerAddrError::Scheme)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(ServerAddrError::Scheme),
        };
        if rest.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'#') {
            return Err(ServerAddrError::ForbiddenCharacter);
        }
        let authority_len = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) =
            rest.split_at_checked(authority_len).ok_or(ServerAddrError::Host)?;
        if authority.contains('@') {
            return Err(ServerAddrError::Credentials);
        }
        let host_len = match authority.strip_prefix('[') {
            Some(v6) => v6.find(']').ok_or(ServerAddrError::Host)? + 2,
            None => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at_checked(host_len).ok_or(ServerAddrError::Host)?;
        let default = if secure { 443 } else { 80 };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => default,
            None => return Err(ServerAddrError::Host),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|&port| port > 0).ok_or(ServerAddrError::Port)?
            }
            Some(_) => return Err(ServerAddrError::Port),
        };
        if !is_host(host) {
            return Err(ServerAddrError::Host);
        }
        Ok(Self { secure, host: host.to_ascii_lowercase(), port, tail: tail.into() })
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => is_ipv6(v6),
        None => !host.is_empty() && !host.contains(['[', ']', '\\', '"', '<', '>', '^', '|', '%']),
    }
}

/// Whether it is an IPv6 address. The standard library's parser says the same, and is five times as
/// large. Source: RFC 4291 §2.2.
fn is_ipv6(text: &str) -> bool {
    let is_group = |group: &str| {
        (1..=4).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    // A colon that stands at an end is one of two, which then leave one empty group there.
    let inner = match text.strip_prefix(':') {
        Some(rest) if rest.starts_with(':') => rest,
        Some(_) => return false,
        None => text,
    };
    let inner = match inner.strip_suffix(':') {
        Some("") => return text == "::",
        Some(rest) if rest.ends_with(':') => rest,
        Some(_) => return false,
        None => inner,
    };
    let mut groups = inner.split(':').peekable();
    let (mut count, mut empty) = (0, 0);
    while let Some(group) = groups.next() {
        let is_last = groups.peek().is_none();
        match group {
            "" => empty += 1,
            _ if is_group(group) => count += 1,
            _ if is_last && is_ipv4(group) => count += 2,
            _ => return false,
        }
    }
    match empty {
        0 => count == 8,
        1 => count < 8 && !text.is_empty(),
        _ => false,
    }
}

fn is_ipv4(text: &str) -> bool {
    // Digits, no more than are needed, of a number that fits.
    let is_byte = |part: &str| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        digits && (part == "0" || !part.starts_with('0')) && part.parse::<u8>().is_ok()
    };
    text.split('.').count() == 4 && text.split('.').all(is_byte)
}

impl fmt::Display for ServerAddr {
    /// The address as a browser's WebSocket takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.tail)
    }
}

impl fmt::Debug for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerAddr({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use core::net::Ipv6Addr;

    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16_384))]

        #[test]
        fn an_ipv6_address_is_what_the_standard_library_says(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    ":", "::", "1:", ":2", "0:", "ffff:", "00001:", "g:", "1", "f00", "1.2.3.4", "255.255.255.255",
                    "256.1.1.1", "01.1.1.1", "1.2.3", "1.2.3.4.5", "0.0.0.0", "1.2.3.4:", "+1:", "%1", "",
                ]),
                0..12,
            ),
        ) {
            let text = parts.concat();
            prop_assert_eq!(is_ipv6(&text), text.parse::<Ipv6Addr>().is_ok(), "{:?}", text);
        }

        #[test]
        fn every_ipv6_address_is_one(address: u128, zeros in 0u128..) {
            for bits in [address, address & zeros, u128::from(address as u64), address >> 32 << 64] {
                let text = Ipv6Addr::from(bits).to_string();
                prop_assert!(is_ipv6(&text), "{:?}", text);
            }
        }
    }

    #[test]
    fn addresses_keep_scheme_path_and_query() {
        for (text, expected) in [
            ("ws://localhost:5000", "ws://localhost:5000"),
            ("wss://nats.example", "wss://nats.example:443"),
            ("ws://nats.example", "ws://nats.example:80"),
            ("WSS://NATS.example/bus/?a=b", "wss://nats.example:443/bus/?a=b"),
            ("ws://[::1]:5000/x", "ws://[::1]:5000/x"),
            ("ws://[::1]", "ws://[::1]:80"),
            ("ws://h?q", "ws://h:80?q"),
        ] {
            assert_eq!(text.parse::<ServerAddr>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        use ServerAddrError::*;
        for (text, expected) in [
            ("", Scheme),
            ("localhost:5000", Scheme),
            ("nats://localhost:4222", Scheme),
            ("http://localhost", Scheme),
            ("ws://", Host),
            ("ws://:5000", Host),
            ("ws://[::1", Host),
            ("ws://[x]:1", Host),
            ("ws://[::1]x", Host),
            ("ws://a%b", Host),
            ("ws://h:0", Port),
            ("ws://h:", Port),
            ("ws://h:65536", Port),
            ("ws://h:+1", Port),
            ("ws://user:pass@h", Credentials),
            ("ws://token@h:5000", Credentials),
            ("ws://h/#f", ForbiddenCharacter),
            ("ws://h /", ForbiddenCharacter),
            ("ws://h\r\nx", ForbiddenCharacter),
        ] {
            assert_eq!(text.parse::<ServerAddr>(), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn gossip_keeps_the_way_in() {
        let addr: ServerAddr = "wss://edge.example/bus?a=b".parse().unwrap();
        let other = addr.with_authority("10.0.0.2:8443").unwrap();
        assert_eq!(other.to_string(), "wss://10.0.0.2:8443/bus?a=b");
        let other = addr.with_authority("[::2]:8443").unwrap();
        assert_eq!(other.to_string(), "wss://[::2]:8443/bus?a=b");
        assert!(addr.with_authority("user@evil:1").is_err());
        assert!(addr.with_authority("").is_err());
    }
}
