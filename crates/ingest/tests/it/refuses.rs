//! What is not taken: the answer gives no hint, and nothing stands in Kafka.

use ingest::Config;
use testkit::Kafka;

use crate::given::{self, SECRET};

/// An address where nothing listens: what is refused does not ask Kafka.
const NO_KAFKA: &str = "127.0.0.1:1";

#[tokio::test]
async fn an_unknown_source_is_not_found() {
    let ingest = given::ingest(NO_KAFKA, "none.").await;
    for path in [
        "/hooks/nobody",
        "/hooks/",
        "/",
        "/webhook/v1/cvent",
        "/hooks/GENEA",
    ] {
        let answer = ingest.post(path, &given::genea(SECRET, b"{}"), b"{}").await;
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{path}");
    }
}

#[tokio::test]
async fn only_post_brings_deliveries() {
    let ingest = given::ingest(NO_KAFKA, "none.").await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request = given::request(method, "/hooks/genea", "", b"");
        let answer = ingest.send(&request).await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(
            answer.head.contains("\r\nallow: post"),
            "{method} {}",
            answer.head
        );
    }
}

#[tokio::test]
async fn a_missing_and_a_wrong_proof_are_told_the_same() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["genea", "gxp", "accessgrid"]).await;
    let body = br#"{"uuid":"1"}"#;
    let of_others = given::genea(SECRET, br#"{"uuid":"2"}"#);
    let twice = given::genea(SECRET, body).repeat(2);
    for header in ["", "X-Sequr-Signature: sha1=00\r\n", &of_others, &twice] {
        let answer = ingest.post("/hooks/genea", header, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{header}");
    }
    let answer = ingest.post("/hooks/gxp/access-event", "", body).await;
    assert_eq!(answer.status, 401);
    let documented =
        r#"{"error":"Invalid signature","message":"The request signature does not match"}"#;
    assert_eq!(answer.body, documented);
    let answer = ingest
        .post("/hooks/accessgrid", "Authorization: Bearer no\r\n", body)
        .await;
    assert_eq!(answer.status, 401);
    for provider in ["genea", "gxp", "accessgrid"] {
        assert!(given::records(&kafka, provider).is_empty(), "{provider}");
    }
}

#[tokio::test]
async fn a_signed_time_outside_the_window_is_told_no_more_than_a_wrong_proof() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["alocity"]).await;
    let now = service::clock::now().as_second();
    for (signed_at, status) in [
        (now - 8 * 86_400, 401),
        (now - 6 * 86_400, 200),
        (now + 240, 200),
        (now + 600, 401),
        (i64::MAX, 401),
    ] {
        let header = given::alocity(signed_at, b"{}");
        let answer = ingest.post("/hooks/alocity", &header, b"{}").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, ""),
            "{signed_at}"
        );
    }
    assert_eq!(given::records(&kafka, "alocity").len(), 2);
}

#[tokio::test]
async fn an_encoded_body_is_refused_and_a_strange_content_type_is_not() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["genea"]).await;
    let signed = given::genea(SECRET, b"{}");
    for encoding in ["gzip", "br", "identity, gzip"] {
        let header = format!("{signed}Content-Encoding: {encoding}\r\n");
        let answer = ingest.post("/hooks/genea", &header, b"{}").await;
        assert_eq!(answer.status, 415, "{encoding}");
    }
    let header = format!("{signed}Content-Encoding: identity\r\nContent-Type: image/png\r\n");
    assert_eq!(
        ingest.post("/hooks/genea", &header, b"{}").await.status,
        200
    );
}

#[tokio::test]
async fn broken_json_is_refused_once_it_is_proven() {
    let ingest = given::ingest(NO_KAFKA, "none.").await;
    let broken = b"{\"reader_id\": ";
    let answer = ingest
        .post("/hooks/genea", &given::genea(SECRET, broken), broken)
        .await;
    assert_eq!(answer.status, 400);
    let answer = ingest
        .post("/webhook/v1/access-event", &given::gxp(broken), broken)
        .await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.body.starts_with(r#"{"error":"Validation failed""#),
        "{}",
        answer.body
    );
    // Without a proof it is not even looked at.
    assert_eq!(ingest.post("/hooks/genea", "", broken).await.status, 401);
}

#[tokio::test]
async fn a_peer_that_is_not_allowed_is_refused_before_its_proof_is_looked_at() {
    let ingest = given::ingest(NO_KAFKA, "none.").await;
    let header = given::genea(SECRET, b"{}") + "X-Forwarded-For: 203.0.113.9\r\n";
    let answer = ingest.post("/hooks/walled", &header, b"{}").await;
    assert_eq!((answer.status, answer.body.as_str()), (403, ""));
}

#[tokio::test]
async fn a_trusted_proxy_is_asked_who_sends() {
    let trust = |config: &mut Config| {
        let front = &mut config.front;
        front.ingest_trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    let ingest = given::ingest_in(&given::folder(), NO_KAFKA, "none.", trust).await;
    for (forwarded_for, status) in [("203.0.113.9", 401), ("203.0.113.9, 192.0.2.1", 403)] {
        let header = format!("X-Forwarded-For: {forwarded_for}\r\n");
        let answer = ingest.post("/hooks/walled", &header, b"{}").await;
        assert_eq!(answer.status, status, "{forwarded_for}");
    }
}
