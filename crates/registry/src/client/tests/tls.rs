//! A registry whose certificate only an authority of the site's own vouches for.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// Starts a server that ends with the first connection; returns its address and, as PEM, the
/// authority that vouches for it.
fn registry() -> (SocketAddr, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || answer(&listener, config));
    let pem = STANDARD.encode(authority.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n");
    (address, pem)
}

fn answer(listener: &TcpListener, config: ServerConfig) {
    let (stream, _) = listener.accept().unwrap();
    let connection = ServerConnection::new(Arc::new(config)).unwrap();
    let mut stream = StreamOwned::new(connection, stream);
    // A client that does not trust us has hung up.
    if stream.read(&mut [0; 1024]).is_ok() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\":7}";
        stream.write_all(answer).ok();
        std::io::copy(&mut stream, &mut std::io::sink()).ok();
    }
}

async fn id(address: SocketAddr, flags: &[&str]) -> Result<i32, RegistryError> {
    let address = format!("https://localhost:{}", address.port());
    let client = client(&address, flags).unwrap();
    client.id(SUBJECT, access()).await
}

#[tokio::test]
async fn a_registry_is_believed_when_the_given_authority_vouches_for_it() {
    let (address, authority) = registry();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority).unwrap();
    let flags = ["--schema-registry-ca", file.path().to_str().unwrap()];
    assert_eq!(id(address, &flags).await.unwrap(), 7);

    let (of_another, _) = registry();
    for (address, flags) in [(of_another, &flags[..]), (registry().0, &[])] {
        let refused = id(address, flags).await.unwrap_err();
        let told = format!("{:#}", anyhow::Error::new(refused));
        assert!(told.contains("invalid peer certificate"), "{told}");
    }
}
