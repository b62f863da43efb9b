//! One request, from its head to its answer. Cheap checks come first, and nothing is parsed before
//! it is proven.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::EXPECT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use events::Time;
use providers::{Answer, Delivery, Handshake, Headers, Outcome, Verified};
use service::http::Arrival;
use tracing::debug;
use uuid::{NoContext, Timestamp, Uuid};

use crate::Ingest;
use crate::admission;
use crate::body;
use crate::keep::{Kept, NotKept};
use crate::refusal::{Effect, Refused};
use crate::reply;
use crate::route::{self, Target};
use crate::sources::Source;

/// How a request ended that was not refused.
enum Taken {
    /// The delivery is durable.
    Delivery,
    /// The request asked for an answer and brought no event.
    Handshake(Answer),
}

pub(crate) async fn handle(
    State(ingest): State<Arc<Ingest>>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    let _in_flight = ingest.metrics.begin();
    let (head, mut body) = request.into_parts();
    let sources = Arc::clone(&ingest.sources);
    let target = route::find(&sources, head.uri.path());
    let ended = match &target {
        Some(target) => ingest.take(target, &head, &mut body, arrival).await,
        None => Err(Refused::UnknownSource),
    };
    if ended.is_err() && !head.headers.contains_key(EXPECT) {
        body::discard(body).await;
    }
    let (outcome, answer) = settle(target.as_ref(), ended);
    let provider = target.map(|target| target.source.provider);
    ingest.metrics.answered(provider, outcome);
    let seconds = arrival.at.elapsed().as_secs_f64();
    ingest.metrics.request_seconds.observe(seconds);
    reply::response(answer)
}

impl Ingest {
    async fn take(
        &self,
        target: &Target<'_>,
        head: &Parts,
        body: &mut Body,
        arrival: Arrival,
    ) -> Result<Taken, Refused> {
        let source = target.source;
        if !matches!(head.method, Method::POST | Method::GET | Method::OPTIONS) {
            return Err(Refused::Method);
        }
        let body_bytes_max = source.body_bytes_max.unwrap_or(self.limits.body_bytes_max);
        admission::admit(source, &head.headers, arrival.peer.ip(), body_bytes_max)?;
        let whole = body::read(body, body_bytes_max, &self.room).await?;
        let received_at = Time::from(service::clock::now());
        let headers = headers(&head.headers);
        let handshake = Handshake {
            method: &head.method,
            headers: &headers,
            body: &whole.bytes,
        };
        if let Some(answer) = providers::handshake(source.provider, &handshake) {
            return Ok(Taken::Handshake(answer));
        }
        if head.method != Method::POST {
            return Err(Refused::Method);
        }
        let delivery = Delivery {
            provider: source.provider,
            source: Arc::clone(&source.id),
            tenant: Arc::clone(&source.tenant),
            tail: target.tail.to_owned(),
            headers,
            body: whole.bytes.clone(),
        };
        let verified = self.prove(source, delivery, received_at)?;
        let ordering_key = providers::ordering_key(&verified)?;
        let kept = Kept {
            verified: &verified,
            ordering_key: &ordering_key,
            delivery_id: delivery_id(received_at),
            received_at,
        };
        let deadline = arrival.at + self.limits.keep_within;
        self.keeper.keep(kept, deadline).await?;
        debug!(
            provider = source.provider.name(),
            source = &*source.id,
            delivery.id = %kept.delivery_id,
            "delivery accepted"
        );
        Ok(Taken::Delivery)
    }

    fn prove(
        &self,
        source: &Source,
        delivery: Delivery,
        received_at: Time,
    ) -> Result<Verified, Refused> {
        let verified = providers::verify(delivery, &source.live_keys(received_at))?;
        let window = self.limits.replay_window;
        match verified.signed_at() {
            Some(at) if !admission::is_timely(at, received_at, window) => Err(Refused::Stale),
            Some(_) | None => Ok(verified),
        }
    }
}

/// Turns the end of a request into what is counted and answered: the one place that decides it.
fn settle(target: Option<&Target<'_>>, ended: Result<Taken, Refused>) -> (&'static str, Answer) {
    let in_own_words = |outcome: &Outcome| match target {
        Some(target) => providers::answer(target.source.provider, target.tail, outcome),
        None => outcome.plain(),
    };
    match ended {
        Ok(Taken::Delivery) => ("accepted", in_own_words(&Outcome::Accepted)),
        Ok(Taken::Handshake(answer)) => ("handshake", answer),
        Err(refused) => {
            debug!(
                provider = target.map(|target| target.source.provider.name()),
                source = target.map(|target| &*target.source.id),
                reason = refused.label(),
                "request refused"
            );
            let answer = match refused.effect() {
                Effect::Provider(outcome) => in_own_words(&outcome),
                Effect::Plain(answer) => answer,
            };
            (refused.label(), answer)
        }
    }
}

fn headers(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

/// Deliveries are told apart by time first, as a reader of the topic expects.
fn delivery_id(received_at: Time) -> Uuid {
    let micros = received_at.micros().max(0).unsigned_abs();
    let nanos = u32::try_from(micros % 1_000_000 * 1_000).expect("less than a second");
    Uuid::new_v7(Timestamp::from_unix(NoContext, micros / 1_000_000, nanos))
}

impl From<NotKept> for Refused {
    fn from(failure: NotKept) -> Self {
        match failure {
            NotKept::Unavailable => Self::Unavailable,
            NotKept::TooLarge => Self::TooLarge,
        }
    }
}
