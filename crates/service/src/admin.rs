//! The address for operators and their tools: is it alive, is it ready, what does it count.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::chassis::Context;

pub(crate) fn router(context: Context) -> Router {
    Router::new()
        .route("/live", get(async || "alive\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(context)
}

/// A process that drains says so at once: no new work is to be sent to it.
async fn ready(State(context): State<Context>) -> Response {
    let mut report = context.health.report();
    let draining = context.shutdown.is_requested();
    if draining {
        report["ready"] = false.into();
        report["draining"] = true.into();
    }
    let status = match context.health.is_ready() && !draining {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, axum::Json(report)).into_response()
}

async fn metrics(State(context): State<Context>) -> Response {
    let text = context.metrics.render();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;
    use crate::OnFailure;

    async fn ask(context: &Context, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(context.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing_and_ends_with_a_drain() {
        let context = Context::new(Duration::from_secs(1), OnFailure::EndProcess);
        let part = context.health.component("part");
        let (status, body) = ask(&context, "/ready").await;
        assert_eq!(status, 503);
        assert!(
            body.contains(r#""name":"part","number":0,"ready":false,"reason":"starting""#),
            "{body}"
        );
        part.set_ready();
        assert_eq!(ask(&context, "/ready").await.0, 200);
        context.shutdown.request();
        let (status, body) = ask(&context, "/ready").await;
        assert_eq!(status, 503);
        assert!(body.contains(r#""draining":true"#), "{body}");
        assert_eq!(ask(&context, "/live").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_are_served_as_prometheus_reads_them() {
        let context = Context::new(Duration::from_secs(1), OnFailure::EndProcess);
        context.tasks.spawn("task", async || Ok(()));
        context.tasks.join().await.unwrap();
        assert_eq!(ask(&context, "/metrics").await.0, 200);
    }
}
