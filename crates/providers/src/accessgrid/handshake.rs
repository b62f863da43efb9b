//! Requests that only ask whether deliveries are welcome.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use crate::{Answer, Handshake};

const CHALLENGE: &str = "x-accessgrid-webhook-challenge";
const REQUEST_ORIGIN: &str = "webhook-request-origin";
/// Nothing is proven yet: a longer body is not even parsed.
const BODY_BYTES_MAX: usize = 1_024;
const TOKEN_BYTES_MAX: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Challenge {
    challenge: String,
}

pub(crate) fn handshake(request: &Handshake<'_>) -> Option<Answer> {
    match *request.method {
        Method::POST => challenge(request),
        Method::OPTIONS => permission(request),
        _ => None,
    }
}

/// The token stands in the header, in the body, or in both. A body with anything else in it is an
/// event, which must not be answered without being kept.
fn challenge(request: &Handshake<'_>) -> Option<Answer> {
    let in_header = request.headers.only(CHALLENGE);
    let in_body = if request.body.is_empty() {
        None
    } else {
        Some(token_of(request.body)?)
    };
    let token = match (in_header, in_body.as_deref()) {
        (Some(header), Some(body)) => (header == body).then_some(header)?,
        (Some(token), None) | (None, Some(token)) => token,
        (None, None) => return None,
    };
    let answer = || Answer::json(200, &json!({ "challenge": token })).with_header(CHALLENGE, token);
    echoable(token).then(answer)
}

fn token_of(body: &[u8]) -> Option<String> {
    if body.len() > BODY_BYTES_MAX {
        return None;
    }
    let Challenge { challenge } = serde_json::from_slice(body).ok()?;
    Some(challenge)
}

/// CloudEvents "HTTP 1.1 Web Hooks", section 4: both headers mean consent, at any rate.
fn permission(request: &Handshake<'_>) -> Option<Answer> {
    let origin = request.headers.only(REQUEST_ORIGIN)?;
    let answer = || {
        Answer::empty(200)
            .with_header("allow", "POST")
            .with_header("webhook-allowed-origin", origin)
            .with_header("webhook-allowed-rate", "*")
    };
    echoable(origin).then(answer)
}

fn echoable(text: &str) -> bool {
    let printable = |byte: u8| byte.is_ascii_graphic();
    (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(printable)
}
