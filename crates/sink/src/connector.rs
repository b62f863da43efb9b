//! Connects to checked addresses only: the address that was checked is the one connected to.

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use tokio::net::TcpStream;
use tower::Service;

use crate::address;
use crate::endpoint::{Reach, literal};

type BoxError = Box<dyn Error + Send + Sync>;
type Pending<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// An endpoint's address is not one of the open internet.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the endpoint has an address that is not public")]
pub(crate) struct Forbidden;

pub(crate) type Connector = HttpsConnector<Checked<GaiResolver>>;

/// Makes the connector of all attempts. Proxies of the environment are not asked: a proxy would
/// resolve names itself, unchecked.
pub(crate) fn connector(reach: Reach) -> Connector {
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(ring::default_provider())
        .expect("ring has the ciphers of the default protocol versions");
    let schemes = match reach {
        Reach::Public => tls.https_only(),
        Reach::Any => tls.https_or_http(),
    };
    schemes
        .enable_http1()
        .wrap_connector(Checked::new(reach, GaiResolver::new()))
}

/// A TCP connector that checks an address in the URL, every address that a name resolves to, and
/// the address it has connected to in the end.
#[derive(Clone, Debug)]
pub(crate) struct Checked<R> {
    tcp: HttpConnector<CheckedNames<R>>,
    reach: Reach,
}

/// A resolver whose answer is refused if any of its addresses is not public.
#[derive(Clone, Debug)]
pub(crate) struct CheckedNames<R> {
    names: R,
    reach: Reach,
}

impl<R> Checked<R> {
    pub(crate) fn new(reach: Reach, names: R) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(CheckedNames { names, reach });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self { tcp, reach }
    }
}

fn check(reach: Reach, address: SocketAddr) -> Result<(), Forbidden> {
    match reach {
        Reach::Any => Ok(()),
        Reach::Public if address::public(address.ip()) => Ok(()),
        Reach::Public => Err(Forbidden),
    }
}

impl<R> Service<Uri> for Checked<R>
where
    R: Service<Name> + Clone + Send + Sync + 'static,
    R::Response: Iterator<Item = SocketAddr>,
    R::Error: Into<BoxError>,
    R::Future: Send + 'static,
{
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pending<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let reach = self.reach;
        // An address in the URL is never resolved.
        let named = literal(&uri).map_or(Ok(()), |ip| check(reach, (ip, 0).into()));
        let connecting = named.map(|()| self.tcp.call(uri));
        Box::pin(async move {
            let stream = connecting?.await?;
            check(reach, stream.inner().peer_addr()?)?;
            Ok(stream)
        })
    }
}

impl<R> Service<Name> for CheckedNames<R>
where
    R: Service<Name>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Error: Into<BoxError>,
    R::Future: Send + 'static,
{
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pending<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.names.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.reach;
        let resolving = self.names.call(name);
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = resolving.await.map_err(Into::into)?.collect();
            for address in &addresses {
                check(reach, *address)?;
            }
            Ok(addresses.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::IpAddr;

    use tokio::net::TcpListener;

    use super::*;

    /// A resolver that answers every name with the same addresses.
    fn answering(
        addresses: &[&str],
    ) -> impl Service<
        Name,
        Response = std::vec::IntoIter<SocketAddr>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + use<> {
        let addresses: Vec<SocketAddr> = addresses
            .iter()
            .map(|text| (text.parse::<IpAddr>().unwrap(), 0).into())
            .collect();
        tower::service_fn(move |_| {
            let answer = addresses.clone().into_iter();
            async move { Ok(answer) }
        })
    }

    /// Connects to a trap by that host; tells whether that was refused as not public.
    async fn refused(host: &str, answer: &[&str]) -> bool {
        let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = trap.local_addr().unwrap().port();
        let uri = format!("https://{host}:{port}/").parse().unwrap();
        let mut connector = Checked::new(Reach::Public, answering(answer));
        let ended = connector.call(uri).await;
        let error = ended.expect_err("nothing but the trap listens");
        let mut source: Option<&(dyn Error + 'static)> = Some(error.as_ref());
        let mut forbidden = false;
        while let Some(cause) = source {
            forbidden |= cause.is::<Forbidden>();
            source = cause.source();
        }
        let caught = tokio::time::timeout(std::time::Duration::ZERO, trap.accept()).await;
        assert!(caught.is_err(), "the trap at {host} was reached");
        forbidden
    }

    #[tokio::test]
    async fn names_that_resolve_to_private_addresses_are_refused() {
        for address in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"] {
            assert!(refused("example.org", &[address]).await, "{address}");
        }
        assert!(refused("example.org.", &["127.0.0.1"]).await);
        assert!(refused("*.example.org", &["127.0.0.1"]).await);
    }

    #[tokio::test]
    async fn one_bad_address_among_good_ones_is_refused() {
        assert!(refused("example.org", &["1.1.1.1", "127.0.0.1"]).await);
        assert!(refused("example.org", &["2606:4700::1111", "127.0.0.1"]).await);
    }

    #[tokio::test]
    async fn addresses_in_the_url_are_refused() {
        for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(refused(host, &["1.1.1.1"]).await, "{host}");
        }
    }

    /// The system's resolver reads these as 127.0.0.1, as a C program would.
    #[tokio::test]
    async fn odd_spellings_of_an_address_are_refused() {
        for host in [
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "localhost",
        ] {
            let uri: Uri = format!("https://{host}:1/").parse().unwrap();
            let mut connector = Checked::new(Reach::Public, GaiResolver::new());
            let error = connector.call(uri).await.expect_err("port 1 is closed");
            let text = format!("{error:?}");
            assert!(text.contains("Forbidden"), "{host}: {text}");
        }
    }

    #[tokio::test]
    async fn private_addresses_are_connected_to_with_permission() {
        let there = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = there.local_addr().unwrap().port();
        let uri = format!("http://example.org:{port}/").parse().unwrap();
        let mut connector = Checked::new(Reach::Any, answering(&["127.0.0.1"]));
        assert!(connector.call(uri).await.is_ok());
    }
}
