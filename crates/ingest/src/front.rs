//! Settings of the address that the world reaches.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use service::http::{HttpConfig, HttpLimits, HttpMetrics, Tls, TlsError, TlsFiles};

/// Where and from whom requests are taken.
#[derive(Clone, Debug, clap::Args)]
pub struct FrontConfig {
    /// Where webhooks are taken.
    #[arg(long, env = "CARDEA_INGEST_ADDRESS", default_value = "127.0.0.1:8080")]
    pub ingest_address: SocketAddr,
    /// Certificate chain (PEM). With it webhooks are taken over TLS only, and it is read again when
    /// it changes; without it TLS is for a proxy in front.
    #[arg(
        long,
        env = "CARDEA_INGEST_TLS_CERT",
        value_name = "FILE",
        requires = "ingest_tls_key"
    )]
    pub ingest_tls_cert: Option<PathBuf>,
    /// Private key of that certificate (PEM).
    #[arg(
        long,
        env = "CARDEA_INGEST_TLS_KEY",
        value_name = "FILE",
        requires = "ingest_tls_cert"
    )]
    pub ingest_tls_key: Option<PathBuf>,
    /// Proxies whose `X-Forwarded-For` says who sent a request, such as 10.0.0.0/8,192.0.2.7;
    /// allow-lists then judge that sender.
    #[arg(long, env = "CARDEA_INGEST_TRUSTED_PROXIES", value_name = "NETWORKS",
          value_delimiter = ',', value_parser = network)]
    pub ingest_trusted_proxies: Vec<IpNet>,
    /// Open connections; more wait until one ends.
    #[arg(long, env = "CARDEA_INGEST_CONNECTIONS_MAX", default_value_t = 20_000,
          value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub ingest_connections_max: u32,
    /// Open connections of one address, or one IPv6 /64; more are closed. Trusted proxies may have
    /// any number.
    #[arg(long, env = "CARDEA_INGEST_CONNECTIONS_EACH_MAX", default_value_t = 1_000,
          value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub ingest_connections_each_max: u32,
    /// Requests that are worked on at a time; more are answered 503 at once.
    #[arg(long, env = "CARDEA_INGEST_REQUESTS_MAX", default_value_t = 10_000,
          value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub ingest_requests_max: u32,
    /// Of these, requests of one address, or one IPv6 /64; a sender that a trusted proxy names
    /// counts for itself.
    #[arg(long, env = "CARDEA_INGEST_REQUESTS_EACH_MAX", default_value_t = 1_000,
          value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub ingest_requests_each_max: u32,
}

impl FrontConfig {
    /// Reads the certificate, if there is one.
    pub(crate) fn http(&self, metrics: HttpMetrics) -> Result<HttpConfig, TlsError> {
        let files = self
            .ingest_tls_cert
            .clone()
            .zip(self.ingest_tls_key.clone());
        let tls = files.map(|(certificate, key)| Tls::load(TlsFiles { certificate, key }));
        Ok(HttpConfig {
            limits: HttpLimits {
                connections_max: self.ingest_connections_max as usize,
                connections_each_max: self.ingest_connections_each_max as usize,
                requests_max: self.ingest_requests_max as usize,
                requests_each_max: self.ingest_requests_each_max as usize,
                ..HttpLimits::default()
            },
            tls: tls.transpose()?,
            proxies: self.ingest_trusted_proxies.iter().copied().collect(),
            metrics,
        })
    }
}

/// Reads a network, or the network of one address alone.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
    let parsed = text.parse().ok().or_else(address);
    parsed.ok_or_else(|| format!("`{text}` is no network such as 203.0.113.0/24"))
}
