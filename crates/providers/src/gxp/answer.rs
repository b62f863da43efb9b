//! GxP's documented answers: success by path, errors in one shape.

use serde_json::{Value, json};

use super::Endpoint;
use crate::{Answer, Outcome};

pub(crate) fn answer(tail: &str, outcome: &Outcome) -> Answer {
    let status = outcome.status();
    match outcome {
        Outcome::Accepted => Answer::json(status, &accepted(Endpoint::of(tail))),
        Outcome::Malformed { field, reason } => Answer::json(
            status,
            &json!({
                "error": "Validation failed",
                "message": "The given data was invalid",
                "errors": { *field: [format!("The {field} field {reason}")] },
            }),
        ),
        Outcome::Unauthenticated => error(
            status,
            "Invalid signature",
            "The request signature does not match",
        ),
        Outcome::TooLarge => error(status, "Payload Too Large", "The request body is too large"),
        Outcome::UnsupportedEncoding => error(
            status,
            "Unsupported Media Type",
            "The content encoding is not supported",
        ),
        Outcome::RateLimited { retry_after_s } => later(
            status,
            "Too Many Requests",
            "Rate limit exceeded",
            *retry_after_s,
        ),
        Outcome::Unavailable { retry_after_s } => later(
            status,
            "Service Unavailable",
            "The request could not be stored",
            *retry_after_s,
        ),
    }
}

/// A scan and a sync are answered from the roster; here are those alone that are kept though they
/// cannot be read, and what cannot be read opens no door.
fn accepted(endpoint: Endpoint) -> Value {
    match endpoint {
        Endpoint::GatewayStatus => json!({ "success": true, "message": "Status updated" }),
        Endpoint::Cvent => json!({ "success": true, "message": "Event received" }),
        Endpoint::AccessEvent => {
            json!({ "success": true, "access_granted": false, "attendee": null })
        }
        Endpoint::AttendeeSync | Endpoint::Outgoing => json!({ "success": true }),
    }
}

fn error(status: u16, error: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "message": message }))
}

/// The page puts `retry_after` into the body only; callers of HTTP look for the header.
fn later(status: u16, error: &str, message: &str, retry_after_s: u32) -> Answer {
    let body = json!({ "error": error, "message": message, "retry_after": retry_after_s });
    Answer::json(status, &body).with_header("retry-after", retry_after_s.to_string())
}
