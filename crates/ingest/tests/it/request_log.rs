//! The webhook log: each request, accepted or refused, and nothing of its content.

use testkit::{Isolation, Kafka};

use crate::given::{self, SECRET};

const CANARY: &str = "canary-5150";

#[tokio::test]
async fn each_request_is_in_the_log_when_ingest_has_ended_and_names_its_raw_record() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["genea"]).await;
    let body = format!(r#"{{"uuid":"{CANARY}"}}"#);
    let header = given::genea(SECRET, body.as_bytes()) + &format!("X-Other: {CANARY}\r\n");
    let forged = format!("X-Sequr-Signature: sha1={CANARY}\r\n");
    let query = format!("/hooks/genea/tail?token={CANARY}");
    for (path, header, status) in [
        (query.as_str(), &header, 200),
        ("/hooks/genea", &forged, 401),
        ("/hooks/walled", &header, 403),
        ("/hooks/nobody", &header, 404),
    ] {
        let answer = ingest.post(path, header, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{path}");
    }
    let handshake = given::request("GET", "/hooks/cvent", "", b"");
    assert_eq!(ingest.send(&handshake).await.status, 200);
    ingest.end().await;

    let log = given::request_log(&kafka);
    let keyed = |(key, entries): &(Option<String>, Vec<_>)| {
        let source = |entry: &ingest::request_log::Entry| entry.source.as_deref() == key.as_deref();
        entries.iter().all(source)
    };
    assert!(log.iter().all(keyed), "{log:?}");
    let mut entries: Vec<_> = log.into_iter().flat_map(|(_, entries)| entries).collect();
    entries.sort_by_key(|entry| entry.received_at);
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                &*entry.endpoint,
                &*entry.method,
                entry.status,
                &*entry.outcome,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("/hooks/genea/tail", "POST", 200, "accepted"),
            ("/hooks/genea", "POST", 401, "unproven"),
            ("/hooks/walled", "POST", 403, "forbidden"),
            ("/hooks/nobody", "POST", 404, "unknown_source"),
            ("/hooks/cvent", "GET", 200, "handshake"),
        ]
    );
    assert!(entries.iter().all(|entry| entry.source_ip.is_loopback()));
    let raw = given::records(&kafka, "genea").remove(0);
    let accepted = entries[0].raw.as_ref().unwrap();
    assert!(accepted.topic.ends_with("raw.genea"));
    assert_eq!(
        (accepted.partition, accepted.offset),
        (raw.partition, Some(raw.offset))
    );
    let id = entries[0].delivery_id.unwrap().to_string();
    assert_eq!(raw.header("delivery_id"), Some(&*id));
    let received_at = entries[0].received_at.micros().to_string();
    assert_eq!(raw.header("received_at"), Some(&*received_at));
    assert!(
        entries[1..]
            .iter()
            .all(|entry| entry.delivery_id.is_none() && entry.raw.is_none())
    );

    let topic = format!("{}requests", kafka.prefix());
    for record in testkit::read_topic(kafka.brokers(), &topic, Isolation::ReadUncommitted) {
        let text = String::from_utf8(record.value.unwrap()).unwrap();
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_written_delays_no_answer_and_no_end() {
    let kafka = Kafka::shared();
    let raw = format!("{}raw.genea", kafka.prefix());
    testkit::create_topic(kafka.brokers(), &raw, 1);
    // The topic of the log is not there.
    let ingest = given::ingest(kafka.brokers(), kafka.prefix()).await;
    for _ in 0..3 {
        let header = given::genea(SECRET, b"{}");
        let answer = ingest.post("/hooks/genea", &header, b"{}").await;
        assert_eq!(answer.status, 200);
    }
    let metrics = ingest.context.metrics.clone();
    ingest.context.shutdown.request();
    ingest.context.tasks.join().await.unwrap();
    let dropped = r#"cardea_ingest_request_log_dropped_total{outcome="accepted"} 3"#;
    assert!(metrics.render().contains(dropped));
}
