//! Asks a schema registry with Confluent's API over HTTP.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::schema::Versioned;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::answer;
use crate::config::{Config, ConfigError, Mode};
use crate::credentials::Credentials;
use crate::error::{Outage, RegistryError};

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// Of one request as a whole: connecting, sending, and all of the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A client of one registry. Redirects are not followed.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: Arc<str>,
    mode: Mode,
    credentials: Option<Credentials>,
    answer_within: Duration,
}

impl Client {
    /// Checks the settings without opening a connection; `None` where no registry is configured.
    pub fn new(config: &Config) -> Result<Option<Self>, ConfigError> {
        let Some(address) = &config.schema_registry else {
            return Ok(None);
        };
        Ok(Some(Self {
            http: legacy::Client::builder(TokioExecutor::new())
                .build(connector(config.schema_registry_ca.as_deref())?),
            address: checked(address.expose_secret())?.into(),
            mode: config.schema_registry_mode,
            credentials: Credentials::new(config)?,
            answer_within: ANSWER_WITHIN,
        }))
    }

    /// Returns the registry's address, which has no secret in it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the id of a schema, by the way that the settings permit. To register one that is
    /// there already changes nothing.
    pub async fn id(&self, subject: &str, schema: &Versioned) -> Result<i32, RegistryError> {
        let path = match self.mode {
            Mode::Register => format!("/subjects/{subject}/versions"),
            Mode::Lookup => format!("/subjects/{subject}"),
        };
        // The type is left out: Avro is meant then, and older registries know no types.
        let question = json!({"schema": schema.compact()}).to_string();
        let (status, body) = self.ask(Method::POST, &path, question.into()).await?;
        answer::id(status, &body, subject)
    }

    /// Returns what the registry has under an id.
    pub async fn schema(&self, id: i32) -> Result<Option<Value>, RegistryError> {
        let path = format!("/schemas/ids/{id}");
        let (status, body) = self.ask(Method::GET, &path, Bytes::new()).await?;
        answer::schema(status, &body)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        question: Bytes,
    ) -> Result<(StatusCode, Bytes), RegistryError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            .header(ACCEPT, format!("{MEDIA_TYPE}, application/json"))
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .body(Full::new(question))
            .expect("the address is checked, and topic names need no escape");
        if let Some(credentials) = &self.credentials {
            let header = credentials.header()?;
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        let answered = tokio::time::timeout(self.answer_within, self.answer(request));
        Ok(answered.await.map_err(|_| Outage::Timeout)??)
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Outage> {
        let answer = self.http.request(request).await;
        let answer = answer.map_err(Outage::Unreachable)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|_| Outage::Cut)?;
        Ok((status, body.to_bytes()))
    }
}

/// Returns the address without a slash at its end.
fn checked(address: &str) -> Result<String, ConfigError> {
    let uri: Uri = address.parse().map_err(|_| ConfigError::Address)?;
    let authority = uri.authority().ok_or(ConfigError::Address)?;
    if authority.as_str().contains('@') {
        return Err(ConfigError::SecretInAddress);
    }
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if !known || uri.query().is_some() || address.contains('#') {
        return Err(ConfigError::Address);
    }
    Ok(address.trim_end_matches('/').to_owned())
}

fn connector(ca: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, ConfigError> {
    let provider = ring::default_provider();
    let tls = HttpsConnectorBuilder::new();
    let tls = match ca {
        None => tls
            .with_provider_and_webpki_roots(provider)
            .expect("ring has the ciphers of the default protocol versions"),
        Some(file) => tls.with_tls_config(
            ClientConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()
                .expect("ring has the ciphers of the default protocol versions")
                .with_root_certificates(authorities(file)?)
                .with_no_client_auth(),
        ),
    };
    Ok(tls.https_or_http().enable_http1().build())
}

fn authorities(file: &Path) -> Result<RootCertStore, ConfigError> {
    let name = || file.display().to_string();
    let unreadable = |source| ConfigError::CaFile {
        file: name(),
        source,
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable)?;
    let mut roots = RootCertStore::empty();
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(ConfigError::NoCa { file: name() }),
        (_, _) => Ok(roots),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.address)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
