use std::time::Instant as Clock;

use testkit::{Answer, Endpoint, free_port};

use super::*;
use crate::signature::Secret;
use crate::subscription::State;

const WITHIN: Duration = Duration::from_millis(500);

/// Makes one attempt; returns how it ended and how long that took.
async fn attempt(url: &str, reach: Reach) -> (Ending, Duration) {
    let subscription = Subscription {
        id: uuid::Uuid::nil().into(),
        name: "test".to_owned(),
        url: url.parse().unwrap(),
        event_types: Vec::new(),
        sources: Vec::new(),
        state: State::Active,
        secret: Secret::of([7; 32]),
        created_at: Time::from_seconds(0).unwrap(),
    };
    let message = Message {
        id: "1".to_owned(),
        body: Bytes::from_static(b"{}"),
        sent_at: Time::from_seconds(1_778_608_800).unwrap(),
    };
    let began = Clock::now();
    let ending = Client::new(reach, WITHIN)
        .send(&subscription, message)
        .await;
    (ending, began.elapsed())
}

async fn answered(answer: Answer) -> (Ending, Duration) {
    let endpoint = Endpoint::start(answer);
    attempt(&endpoint.url(), Reach::Any).await
}

fn status(status: u16) -> Ending {
    Ending::Answered {
        status,
        retry_after: None,
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_given_up() {
    let (ending, took) = answered(Answer::hang()).await;
    assert_eq!(ending, Ending::Failed(Fault::Timeout));
    assert!(took < WITHIN * 4, "{took:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_or_never_comes_is_a_fault() {
    let (ending, _) = answered(Answer::reset()).await;
    assert_eq!(ending, Ending::Failed(Fault::Broken));
    let nobody = format!("http://127.0.0.1:{}/", free_port());
    let (ending, _) = attempt(&nobody, Reach::Any).await;
    assert_eq!(ending, Ending::Failed(Fault::Connect));
}

#[tokio::test]
async fn plain_http_needs_permission() {
    let endpoint = Endpoint::start(Answer::status(200));
    let (ending, _) = attempt(&endpoint.url(), Reach::Public).await;
    assert_eq!(ending, Ending::Failed(Fault::Connect));
    assert_eq!(endpoint.received_count(), 0);
}

#[tokio::test]
async fn a_large_answer_counts_by_its_status() {
    let body = vec![b' '; 4 * ANSWER_BYTES_MAX];
    let (ending, _) = answered(Answer::status(202).body(body)).await;
    assert_eq!(ending, status(202));
}

#[tokio::test]
async fn huge_headers_are_a_fault() {
    let huge = "a".repeat(2 * HEAD_BYTES_MAX);
    let (ending, _) = answered(Answer::status(200).header("x-huge", &huge)).await;
    assert_eq!(ending, Ending::Failed(Fault::Broken));
}

#[tokio::test]
async fn retry_after_is_read() {
    let (ending, _) = answered(Answer::status(503).retry_after(120)).await;
    let patient = Ending::Answered {
        status: 503,
        retry_after: Some(Duration::from_secs(120)),
    };
    assert_eq!(ending, patient);
}
