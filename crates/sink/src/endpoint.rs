//! The subscriber's URL.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;
use serde::{Deserialize, Serialize};

use crate::address;

const URL_BYTES_MAX: usize = 2048;

/// Which endpoints attempts may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// https, and only addresses of the open internet.
    Public,
    /// http as well, and any address: for development, and for receivers in one's own network.
    Any,
}

/// An absolute http or https URL without user information.
///
/// Its `Debug` and errors show no more than the host: a path or a query may be a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(Uri);

/// A URL to which nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    #[error("not an absolute URL, such as https://example.org/hook")]
    Malformed,
    #[error("a URL may have {URL_BYTES_MAX} bytes")]
    TooLong,
    #[error("the scheme must be https")]
    Scheme,
    #[error("user and password do not belong into a URL")]
    UserInfo,
    #[error("the address is not public; --allow-private-endpoints permits it")]
    Private,
}

impl Endpoint {
    /// Checks what can be known before the host is resolved: scheme, and an address in place of a
    /// host. Every attempt checks again, and resolved addresses as well.
    pub fn permit(&self, reach: Reach) -> Result<(), BadUrl> {
        if reach == Reach::Any {
            return Ok(());
        }
        if self.0.scheme() != Some(&Scheme::HTTPS) {
            return Err(BadUrl::Scheme);
        }
        match literal(&self.0) {
            Some(address) if !address::public(address) => Err(BadUrl::Private),
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

/// Returns the address that a URL names in place of a host, with or without brackets.
pub(crate) fn literal(uri: &Uri) -> Option<IpAddr> {
    let host = uri.host()?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

impl FromStr for Endpoint {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        if text.len() > URL_BYTES_MAX {
            return Err(BadUrl::TooLong);
        }
        let uri: Uri = text.parse().map_err(|_| BadUrl::Malformed)?;
        let known = [Scheme::HTTP, Scheme::HTTPS];
        let scheme = uri.scheme().ok_or(BadUrl::Malformed)?;
        if !known.contains(scheme) {
            return Err(BadUrl::Scheme);
        }
        let authority = uri.authority().ok_or(BadUrl::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(BadUrl::UserInfo);
        }
        if authority.host().is_empty() {
            return Err(BadUrl::Malformed);
        }
        Ok(Self(uri))
    }
}

impl TryFrom<String> for Endpoint {
    type Error = BadUrl;

    fn try_from(text: String) -> Result<Self, BadUrl> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.host()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(text: &str, reach: Reach) -> Result<(), BadUrl> {
        text.parse::<Endpoint>()?.permit(reach)
    }

    #[test]
    fn public_https_is_permitted() {
        let urls = [
            "https://example.org",
            "https://example.org:8443/hook?x=1",
            "https://1.1.1.1/hook",
            "https://[2606:4700::1111]/",
        ];
        for url in urls {
            assert_eq!(permitted(url, Reach::Public), Ok(()), "{url}");
        }
    }

    #[test]
    fn private_addresses_and_http_want_permission() {
        let refused = [
            ("http://example.org", BadUrl::Scheme),
            ("https://127.0.0.1/", BadUrl::Private),
            ("https://169.254.169.254/latest", BadUrl::Private),
            ("https://[::1]:8443/", BadUrl::Private),
            ("https://[::ffff:127.0.0.1]/", BadUrl::Private),
        ];
        for (url, reason) in refused {
            assert_eq!(permitted(url, Reach::Public), Err(reason), "{url}");
            assert_eq!(permitted(url, Reach::Any), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_always() {
        let refused = [
            ("", BadUrl::Malformed),
            ("/hook", BadUrl::Malformed),
            ("example.org", BadUrl::Malformed),
            ("ftp://example.org/", BadUrl::Scheme),
            ("https://user:pass@example.org/", BadUrl::UserInfo),
            ("https://user@example.org/", BadUrl::UserInfo),
            ("https://exämple.org/", BadUrl::Malformed),
        ];
        for (url, reason) in refused {
            assert_eq!(permitted(url, Reach::Any), Err(reason), "{url}");
        }
        let long = format!("https://example.org/{}", "a".repeat(URL_BYTES_MAX));
        assert_eq!(permitted(&long, Reach::Any), Err(BadUrl::TooLong));
    }

    #[test]
    fn debug_shows_the_host_only() {
        let endpoint: Endpoint = "https://example.org/token?key=1".parse().unwrap();
        assert_eq!(format!("{endpoint:?}"), r#"Endpoint("example.org")"#);
    }
}
