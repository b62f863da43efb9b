//! Sends one request to an endpoint.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use events::Time;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout};

use crate::connector::{Connector, Forbidden, connector};
use crate::endpoint::Reach;
use crate::schedule::retry_after;
use crate::subscription::Subscription;
use crate::verdict::{Ending, Fault};

/// Answers are read so that their connection can be used again, and no further than this.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const ANSWER_WITHIN: Duration = Duration::from_millis(250);
/// Of the answer's status line and headers.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 64;
const IDLE_PER_HOST_MAX: usize = 64;
const IDLE_FOR: Duration = Duration::from_secs(30);

/// The HTTP client of all attempts. Redirects are never followed.
#[derive(Clone)]
pub(crate) struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    /// For the whole attempt: resolving, connecting, sending, and the head of the answer.
    attempt_within: Duration,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The event's id; the same for every attempt.
    pub(crate) id: String,
    pub(crate) body: Bytes,
    /// Signed with it, so that a receiver can refuse old requests.
    pub(crate) sent_at: Time,
}

impl Client {
    pub(crate) fn new(reach: Reach, attempt_within: Duration) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .pool_idle_timeout(IDLE_FOR)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .http1_max_headers(HEADERS_MAX)
            .build(connector(reach));
        Self {
            http,
            attempt_within,
        }
    }

    /// Makes one attempt.
    pub(crate) async fn send(&self, to: &Subscription, message: Message) -> Ending {
        let began = Instant::now();
        let sent_at = message.sent_at;
        let request = request(to, message);
        let answer = match timeout(self.attempt_within, self.http.request(request)).await {
            Err(_) => return Ending::Failed(Fault::Timeout),
            Ok(Err(error)) => return Ending::Failed(fault(&error)),
            Ok(Ok(answer)) => answer,
        };
        let elapsed = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let ending = read_head(&answer, sent_at.saturating_add_micros(elapsed));
        drain(answer.into_body()).await;
        ending
    }
}

fn request(to: &Subscription, message: Message) -> Request<Full<Bytes>> {
    let Message { id, body, sent_at } = message;
    let timestamp = sent_at.seconds();
    let signature = to.secret.sign(&id, timestamp, &body);
    Request::builder()
        .method(Method::POST)
        .uri(to.url.uri().clone())
        .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
        .header(USER_AGENT, concat!("cardea/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(Full::new(body))
        .expect("a checked URL and ASCII headers make a request")
}

fn read_head(answer: &Response<Incoming>, now: Time) -> Ending {
    let asked = answer.headers().get(RETRY_AFTER);
    Ending::Answered {
        status: answer.status().as_u16(),
        retry_after: asked
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, now)),
    }
}

/// The status has decided; what the body says, and whether it ever ends, changes nothing.
async fn drain(body: Incoming) {
    let read = Limited::new(body, ANSWER_BYTES_MAX).collect();
    if timeout(ANSWER_WITHIN, read).await.is_err() {
        tracing::debug!("answer did not end in time");
    }
}

fn fault(error: &legacy::Error) -> Fault {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<Forbidden>() {
            return Fault::ForbiddenAddress;
        }
        source = cause.source();
    }
    if error.is_connect() {
        Fault::Connect
    } else {
        Fault::Broken
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("attempt_within", &self.attempt_within)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
