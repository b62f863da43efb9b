//! A small HTTP client: one delivery out, one answer back, bounded in time and size.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use providers::Delivery;

/// Longer than any provider waits.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends deliveries to one ingest.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
}

/// What a delivery was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Client {
    /// Takes the address of an ingest, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(base: &str) -> anyhow::Result<Self> {
        let base = base.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().with_context(|| format!("--url: `{base}`"))?;
        let known = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        ensure!(known, "--url: `{base}` is not like http://127.0.0.1:8080");
        let tls = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(tls)
            .context("set up tls")?
            .https_or_http()
            .enable_http1()
            .build();
        let inner = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { inner, base })
    }

    /// Sends a delivery to its source. `Err` if no complete answer came in time.
    pub(crate) async fn send(&self, delivery: &Delivery) -> anyhow::Result<Answered> {
        let request = self.request(delivery)?;
        let answered = tokio::time::timeout(ANSWER_WITHIN, self.answer(request)).await;
        let answered = answered.context("no answer in time").flatten();
        answered.with_context(|| format!("{} gave no complete answer; see --url", self.base))
    }

    fn request(&self, delivery: &Delivery) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut url = format!("{}/hooks/{}", self.base, delivery.source);
        if !delivery.tail.is_empty() {
            url = format!("{url}/{}", delivery.tail);
        }
        let mut request = Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(delivery.body.clone()))
            .context("make the request")?;
        for (name, value) in delivery.headers.iter() {
            let name: HeaderName = name.parse().context("make a header")?;
            let value = HeaderValue::from_bytes(value).context("make a header")?;
            request.headers_mut().append(name, value);
        }
        Ok(request)
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answered> {
        let response = self.inner.request(request).await?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(anyhow::Error::from_boxed);
        let body = body.context("read the answer")?.to_bytes();
        Ok(Answered {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}
