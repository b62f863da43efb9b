//! Whose word is taken on where a request came from.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies in front of an address; nobody else is believed when he names another sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl TrustedProxies {
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns who sent a request: the peer, or the one that the trusted proxies name, the last in
    /// `X-Forwarded-For` that is none of them. What stands before that anybody may have written.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let named = headers.get_all(FORWARDED_FOR).iter();
        let lines: Vec<&str> = named
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        let mut nearest_first = lines.iter().rev().flat_map(|line| line.rsplit(','));
        while self.contains(client)
            && let Some(before) = nearest_first.next().and_then(address)
        {
            client = before;
        }
        client
    }
}

/// Reads an address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let found = text.parse().ok().or_else(with_port)?;
    Some(IpAddr::to_canonical(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who a request is said to come from, where 10.0.0.0/8 and one IPv6 network are trusted.
    fn client(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8::/64"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted = TrustedProxies::from_iter(trusted);
        trusted.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(client("203.0.113.9", &["198.51.100.7"]), "203.0.113.9");
        let none = TrustedProxies::default();
        assert!(!none.contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_trusted_proxy_names_the_sender() {
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(client("2001:db8::1", &["[2001:db9::7]:443"]), "2001:db9::7");
        assert_eq!(
            client("::ffff:10.0.0.1", &["::ffff:198.51.100.7"]),
            "198.51.100.7"
        );
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_a_sender_wrote_himself_does_not_count() {
        let forged = "192.0.2.1, 198.51.100.7, 10.0.0.2";
        assert_eq!(client("10.0.0.1", &[forged]), "198.51.100.7");
        assert_eq!(
            client("10.0.0.1", &["192.0.2.1", "198.51.100.7"]),
            "198.51.100.7"
        );
    }

    #[test]
    fn what_is_no_address_leaves_the_proxy_that_wrote_it() {
        for garbage in ["", "unknown", "198.51.100.7;", "198.51.100.7, ,", "_hidden"] {
            assert_eq!(client("10.0.0.1", &[garbage]), "10.0.0.1", "{garbage}");
        }
        assert_eq!(client("10.0.0.1", &["unknown, 10.0.0.2"]), "10.0.0.2");
    }
}
