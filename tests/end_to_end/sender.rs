//! A vendor's cloud: signs samples and posts them.

use std::time::Duration;

use events::{Provider, Time};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use providers::{Key, SecretEncoding};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends deliveries over kept-alive connections.
pub(crate) struct Sender {
    client: Client<HttpConnector, Full<Bytes>>,
    port: u16,
}

impl Sender {
    pub(crate) fn new(port: u16) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, port }
    }

    /// Posts a body as its provider would; returns the status, or `None` without an answer.
    pub(crate) async fn post(&self, provider: Provider, tail: &str, body: &str) -> Option<u16> {
        self.post_signed_for(provider, tail, body, body).await
    }

    /// Posts one body with the proof of another.
    pub(crate) async fn post_signed_for(
        &self,
        provider: Provider,
        tail: &str,
        signed: &str,
        body: &str,
    ) -> Option<u16> {
        let secret = format!("{provider}-demo-secret-0123456789");
        let key = Key::new(provider, "1", &secret.into(), SecretEncoding::Text).unwrap();
        let proof = providers::sign(provider, tail, &key, signed.as_bytes(), now());
        let mut request = Request::post(self.uri(provider, tail));
        for (name, value) in proof.iter() {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let answer = tokio::time::timeout(TIMEOUT, self.client.request(request)).await;
        let answer = answer.ok()?.ok()?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await.ok()?;
        Some(status)
    }

    fn uri(&self, provider: Provider, tail: &str) -> String {
        let slash = if tail.is_empty() { "" } else { "/" };
        format!(
            "http://127.0.0.1:{}/hooks/{provider}-demo{slash}{tail}",
            self.port
        )
    }
}

/// Gets a path of a service; `None` without an answer.
pub(crate) async fn get(port: u16, path: &str) -> Option<(u16, Bytes)> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://127.0.0.1:{port}{path}").parse().unwrap();
    let answer = tokio::time::timeout(TIMEOUT, client.get(uri))
        .await
        .ok()?
        .ok()?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.ok()?;
    Some((status, body.to_bytes()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a vendor signs the time at which it sends"
)]
fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Time::from_seconds(i64::try_from(since.unwrap().as_secs()).unwrap()).unwrap()
}
