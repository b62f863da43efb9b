//! Turns a provider's answer into an HTTP response.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use providers::Answer;

pub(crate) fn response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).expect("providers answer with known statuses");
    for (name, value) in answer.headers {
        // A handshake sends back what it was given, which may be no header value.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
