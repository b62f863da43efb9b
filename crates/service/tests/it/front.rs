//! What an address needs that the world can reach: TLS, senders told apart, nobody who takes all.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use service::Shutdown;
use service::http::{Arrival, HttpConfig, HttpLimits, HttpMetrics, Tls, TlsFiles};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::http::{HELLO, PATIENCE, echo, read_until, serve};

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

fn files(folder: &Path) -> TlsFiles {
    TlsFiles {
        certificate: folder.join(CERTIFICATE),
        key: folder.join(KEY),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Writes a new certificate for localhost and its key; returns what vouches for it.
fn certify(folder: &Path) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(folder.join(KEY), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    let text = pem("CERTIFICATE", certificate.der());
    fs::write(folder.join(CERTIFICATE), text).unwrap();
    certificate.der().clone()
}

/// Connects as one that trusts this certificate alone.
async fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn over_tls(folder: &Path, shutdown: &Shutdown) -> (SocketAddr, HttpMetrics) {
    let config = HttpConfig {
        limits: HttpLimits {
            read_within: Duration::from_secs(1),
            ..HttpLimits::default()
        },
        tls: Some(Tls::load(files(folder)).unwrap()),
        ..HttpConfig::default()
    };
    let metrics = config.metrics.clone();
    let (address, _) = serve(config, echo(), shutdown).await;
    (address, metrics)
}

fn turned_away(metrics: &HttpMetrics, reason: &str) -> u64 {
    metrics.turned_away.with_label_values(&[reason]).get()
}

#[tokio::test]
async fn both_protocols_are_spoken_over_tls() {
    let folder = TempDir::new().unwrap();
    let trusted = certify(folder.path());
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = over_tls(folder.path(), &shutdown).await;
    let mut stream = connect(address, &trusted, "http/1.1").await.unwrap();
    stream.write_all(HELLO.as_bytes()).await.unwrap();
    assert!(
        read_until(&mut stream, "hello")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let stream = connect(address, &trusted, "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn a_changed_certificate_is_taken_over_and_open_connections_stay() {
    let folder = TempDir::new().unwrap();
    let first = certify(folder.path());
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = over_tls(folder.path(), &shutdown).await;
    let mut open = connect(address, &first, "http/1.1").await.unwrap();
    let second = certify(folder.path());
    let changed = async {
        while connect(address, &second, "http/1.1").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, changed)
        .await
        .expect("the new certificate");
    connect(address, &first, "http/1.1").await.unwrap_err();
    open.write_all(HELLO.as_bytes()).await.unwrap();
    read_until(&mut open, "hello").await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_leaves_the_old_one() {
    let folder = TempDir::new().unwrap();
    let first = certify(folder.path());
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = over_tls(folder.path(), &shutdown).await;
    fs::write(folder.path().join(CERTIFICATE), "half of it").unwrap();
    // Longer than a change needs to be noticed.
    let until = Instant::now() + Duration::from_millis(2_500);
    while Instant::now() < until {
        connect(address, &first, "http/1.1").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn files_that_do_not_make_a_server_are_named() {
    let folder = TempDir::new().unwrap();
    let refusal = || {
        let refused = Tls::load(files(folder.path())).unwrap_err();
        refused
            .to_string()
            .replace(folder.path().to_str().unwrap(), "")
    };
    assert_eq!(refusal(), "/tls.crt: cannot be read");
    certify(folder.path());
    let key = fs::read(folder.path().join(KEY)).unwrap();
    let certificate = fs::read(folder.path().join(CERTIFICATE)).unwrap();
    certify(folder.path());
    fs::write(folder.path().join(KEY), &key).unwrap();
    assert!(refusal().contains("do not make a server"), "{}", refusal());
    fs::write(folder.path().join(KEY), &certificate).unwrap();
    assert_eq!(refusal(), "/tls.key: holds no private key in PEM");
    fs::write(folder.path().join(CERTIFICATE), &key).unwrap();
    assert_eq!(refusal(), "/tls.crt: holds no certificate in PEM");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_closed_in_time() {
    let folder = TempDir::new().unwrap();
    certify(folder.path());
    let shutdown = Shutdown::new(PATIENCE);
    let (address, metrics) = over_tls(folder.path(), &shutdown).await;
    for sent in ["", "\x16\x03\x01", HELLO] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let closed = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{sent:?}");
    }
    assert_eq!(turned_away(&metrics, "tls"), 3);
}

#[tokio::test]
async fn one_sender_cannot_take_all_connections_but_a_trusted_proxy_may() {
    let limits = HttpLimits {
        connections_each_max: 2,
        ..HttpLimits::default()
    };
    for (trusted, kept) in [(None, 2), (Some("127.0.0.0/8"), 3)] {
        let config = HttpConfig {
            limits,
            proxies: trusted
                .map(|network| network.parse().unwrap())
                .into_iter()
                .collect(),
            ..HttpConfig::default()
        };
        let metrics = config.metrics.clone();
        let shutdown = Shutdown::new(PATIENCE);
        let (address, _) = serve(config, echo(), &shutdown).await;
        let mut open = Vec::new();
        for _ in 0..kept {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(HELLO.as_bytes()).await.unwrap();
            read_until(&mut stream, "hello").await;
            open.push(stream);
        }
        assert_eq!(metrics.connections.get(), kept);
        if trusted.is_some() {
            continue;
        }
        let mut third = TcpStream::connect(address).await.unwrap();
        let read = timeout(PATIENCE, third.read(&mut [0; 1])).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)));
        assert_eq!(turned_away(&metrics, "crowd"), 1);
        drop(open.pop());
        let back = async {
            while metrics.connections.get() == kept {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, back)
            .await
            .expect("the place is free again");
        let mut fourth = TcpStream::connect(address).await.unwrap();
        fourth.write_all(HELLO.as_bytes()).await.unwrap();
        read_until(&mut fourth, "hello").await;
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_asked_for_the_sender_and_nobody_else() {
    let client = get(async |Extension(arrival): Extension<Arrival>| {
        let IpAddr::V4(client) = arrival.client else {
            return "another".to_owned();
        };
        format!("from {client}.")
    });
    let router = Router::new().route("/", client);
    for (trusted, from) in [(None, "127.0.0.1"), (Some("127.0.0.1/32"), "198.51.100.7")] {
        let config = HttpConfig {
            proxies: trusted
                .map(|network| network.parse().unwrap())
                .into_iter()
                .collect(),
            ..HttpConfig::default()
        };
        let shutdown = Shutdown::new(PATIENCE);
        let (address, _) = serve(config, router.clone(), &shutdown).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let forged =
            "GET / HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 192.0.2.1, 198.51.100.7\r\n\r\n";
        stream.write_all(forged.as_bytes()).await.unwrap();
        read_until(&mut stream, &format!("from {from}.")).await;
    }
}

#[tokio::test]
async fn beyond_what_can_be_answered_the_answer_is_503_at_once() {
    answered_503(HttpLimits {
        requests_max: 1,
        ..HttpLimits::default()
    })
    .await;
}

#[tokio::test]
async fn one_sender_cannot_take_the_room_of_all_requests() {
    answered_503(HttpLimits {
        requests_each_max: 1,
        ..HttpLimits::default()
    })
    .await;
}

/// Holds one request open; another one is turned away at once.
async fn answered_503(limits: HttpLimits) {
    let config = HttpConfig {
        limits,
        ..HttpConfig::default()
    };
    let metrics = config.metrics.clone();
    let shutdown = Shutdown::new(PATIENCE);
    let (address, _) = serve(config, echo(), &shutdown).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut slow, "HTTP/1.1 100 Continue\r\n\r\n").await;
    let mut other = TcpStream::connect(address).await.unwrap();
    other.write_all(HELLO.as_bytes()).await.unwrap();
    let answer = read_until(&mut other, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1"), "{answer}");
    assert_eq!(turned_away(&metrics, "busy"), 1);
    slow.write_all(b"whole").await.unwrap();
    read_until(&mut slow, "whole").await;
}
