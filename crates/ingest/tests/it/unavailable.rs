//! Kafka is away: never a 2xx, always an answer in time.

use std::time::Duration;

use tokio::time::Instant;

use crate::given::{self, SECRET};

#[tokio::test]
async fn without_kafka_every_delivery_is_told_to_come_again_in_time() {
    let ingest = given::ingest("127.0.0.1:1", "none.").await;
    let began_at = Instant::now();
    let header = given::genea(SECRET, b"{}");
    let scan = br#"{"reader_id":"1","scan_type":"rfid","credential_value":"1","timestamp":"2026-01-02T03:04:05Z"}"#;
    let gxp = given::gxp(scan);
    let (genea, gxp) = tokio::join!(
        ingest.post("/hooks/genea", &header, b"{}"),
        ingest.post("/webhook/v1/access-event", &gxp, scan),
    );
    assert!(began_at.elapsed() < Duration::from_millis(4_500));
    for answer in [genea, gxp] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.head.contains("\r\nretry-after: "), "{answer:?}");
    }
    let metrics = ingest.context.metrics.render();
    let counted = r#"cardea_ingest_requests_total{outcome="unavailable",provider="genea"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_delivery_for_a_topic_that_is_not_there_is_not_accepted() {
    let kafka = testkit::Kafka::shared();
    // Its topic was never made, and brokers for production make none by themselves.
    let ingest = given::ingest_with(&kafka, &[]).await;
    let began_at = Instant::now();
    let header = given::genea(SECRET, b"{}");
    let answer = ingest.post("/hooks/genea", &header, b"{}").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(began_at.elapsed() < Duration::from_millis(4_500));
}
