//! Requests that ask for an answer and bring no event.

use testkit::Kafka;

use crate::given;

#[tokio::test]
async fn cvent_is_activated_by_an_answered_get() {
    let ingest = given::ingest("127.0.0.1:1", "none.").await;
    let answer = ingest
        .send(&given::request("GET", "/hooks/cvent", "", b""))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn accessgrid_gets_its_challenge_back_and_no_record_is_written() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["accessgrid"]).await;
    let header = "X-AccessGrid-Webhook-Challenge: once\r\nContent-Type: application/json\r\n";
    let body = br#"{"challenge":"once"}"#;
    let answer = ingest.post("/hooks/accessgrid", header, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body, r#"{"challenge":"once"}"#);
    assert!(given::records(&kafka, "accessgrid").is_empty());
}
