//! One request, from its head to its answer. Cheap checks come first, and nothing is parsed before
//! it is proven.

use std::sync::Arc;
use std::time::Instant;

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
use crate::keep::{Kept, NotKept, RawRecord};
use crate::refusal::{Effect, Refused};
use crate::reply;
use crate::request_log::{self, Entry};
use crate::roster::Reply;
use crate::route::{self, Target};
use crate::sources::Source;

/// A request as its head has come.
struct Begun<'a> {
    /// Becomes the id of the delivery that it brings.
    id: Uuid,
    head: &'a Parts,
    arrival: Arrival,
    received_at: Time,
}

/// How a request ended that was not refused.
enum Taken {
    /// The delivery is durable; the answer is there if it came from the roster.
    Delivery(RawRecord, Option<Answer>),
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
    let received_at = Time::from(service::clock::now());
    let begun = Begun {
        id: id_at(received_at),
        head: &head,
        arrival,
        received_at,
    };
    let sources = ingest.sources.now();
    let target = route::find(&sources, head.uri.path());
    let ended = match &target {
        Some(target) => ingest.take(target, &begun, &mut body).await,
        None => Err(Refused::UnknownSource),
    };
    if ended.is_err() && !head.headers.contains_key(EXPECT) {
        body::discard(body).await;
    }
    let (outcome, answer, raw) = settle(target.as_ref(), ended);
    let took = arrival.at.elapsed();
    let provider = target.as_ref().map(|target| target.source.provider);
    ingest.metrics.answered(provider, outcome);
    ingest.metrics.request_seconds.observe(took.as_secs_f64());
    ingest.request_log.note(Entry {
        id: begun.id,
        endpoint: request_log::endpoint(&head.uri),
        method: request_log::method(&head.method),
        status: answer.status,
        source_ip: arrival.client,
        received_at,
        response_time_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        source: target.map(|target| Arc::clone(&target.source.id)),
        outcome: outcome.into(),
        delivery_id: raw.is_some().then_some(begun.id),
        raw,
    });
    reply::response(answer)
}

impl Ingest {
    async fn take(
        &self,
        target: &Target<'_>,
        begun: &Begun<'_>,
        body: &mut Body,
    ) -> Result<Taken, Refused> {
        let source = target.source;
        let &Begun {
            id,
            head,
            arrival,
            received_at,
        } = begun;
        if !matches!(head.method, Method::POST | Method::GET | Method::OPTIONS) {
            return Err(Refused::Method);
        }
        let body_bytes_max = source.body_bytes_max.unwrap_or(self.limits.body_bytes_max);
        admission::admit(
            source,
            &head.headers,
            arrival.client,
            body_bytes_max,
            Instant::now(),
        )?;
        let whole = body::read(body, body_bytes_max, &self.room).await?;
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
        let asked = providers::roster::asked(&verified);
        let reply = asked.map(|asked| self.roster.ask(asked, source.doors));
        let kept = Kept {
            verified: &verified,
            ordering_key: &ordering_key,
            delivery_id: id,
            received_at,
            decision: reply.as_ref().and_then(Reply::decision),
        };
        let deadline = arrival.at + self.limits.keep_within;
        let raw = self.keeper.keep(kept, deadline).await?;
        debug!(
            provider = source.provider.name(),
            source = &*source.id,
            delivery.id = %kept.delivery_id,
            "delivery accepted"
        );
        let now = arrival.at.into_std();
        let answer = reply.map(|reply| self.roster.settle(reply, now));
        Ok(Taken::Delivery(raw, answer))
    }

    fn prove(
        &self,
        source: &Source,
        delivery: Delivery,
        received_at: Time,
    ) -> Result<Verified, Refused> {
        let verified = providers::verify(delivery, &source.live_keys(received_at))?;
        let window = source.replay_window.unwrap_or(self.limits.replay_window);
        match verified.signed_at() {
            Some(at) if !admission::is_timely(at, received_at, window) => Err(Refused::Stale),
            Some(_) | None => Ok(verified),
        }
    }
}

/// Turns the end of a request into what is counted and answered: the one place that decides it.
fn settle(
    target: Option<&Target<'_>>,
    ended: Result<Taken, Refused>,
) -> (&'static str, Answer, Option<RawRecord>) {
    let in_own_words = |outcome: &Outcome| match target {
        Some(target) => providers::answer(target.source.provider, target.tail, outcome),
        None => outcome.plain(),
    };
    match ended {
        Ok(Taken::Delivery(raw, answer)) => {
            let answer = answer.unwrap_or_else(|| in_own_words(&Outcome::Accepted));
            ("accepted", answer, Some(raw))
        }
        Ok(Taken::Handshake(answer)) => ("handshake", answer, None),
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
            (refused.label(), answer, None)
        }
    }
}

fn headers(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

/// Requests are told apart by time first, as a reader of the topics expects.
fn id_at(received_at: Time) -> Uuid {
    let micros = received_at.micros().max(0).unsigned_abs();
    let nanos = u32::try_from(micros % 1_000_000 * 1_000).expect("less than a second");
    Uuid::new_v7(Timestamp::from_unix(NoContext, micros / 1_000_000, nanos))
}

impl From<NotKept> for Refused {
    fn from(failure: NotKept) -> Self {
        match failure {
            NotKept::Unavailable => Self::Unavailable,
            NotKept::SpoolFull => Self::SpoolFull,
            NotKept::TooLarge => Self::TooLarge,
        }
    }
}
