//! What is taken, and how it stands in Kafka.

use futures::future::join_all;
use serde_json::json;
use testkit::Kafka;

use crate::given::{self, SECRET};

#[tokio::test]
async fn a_delivery_stands_in_its_raw_topic_byte_for_byte() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["genea"]).await;
    let body = "{ \"uuid\" : \"1\",\t\"name\": \"Zoë \\u00e9\" }\n".as_bytes();
    let headers = given::genea(SECRET, body)
        + "Content-Type: text/plain\r\nUser-Agent: sender/1\r\nX-Other: dropped\r\n\
           traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    let answer = ingest.post("/hooks/genea/some/tail", &headers, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    let records = given::records(&kafka, "genea");
    let [record] = records.as_slice() else {
        panic!("one record, not {}", records.len());
    };
    assert_eq!(record.value.as_deref(), Some(body));
    assert!(record.key.as_deref().unwrap().starts_with(b"genea/"));
    assert_eq!(record.header("source"), Some("genea"));
    assert_eq!(record.header("tenant"), Some("acme"));
    assert_eq!(record.header("tail"), Some("some/tail"));
    assert_eq!(record.header("key_id"), Some("text-0"));
    assert_eq!(record.header("http.content-type"), Some("text/plain"));
    assert_eq!(record.header("http.user-agent"), Some("sender/1"));
    assert!(record.header("http.traceparent").is_some());
    assert!(record.header("http.x-sequr-signature").is_some());
    assert_eq!(record.header("http.x-other"), None);
    let id: uuid::Uuid = record.header("delivery_id").unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
}

#[tokio::test]
async fn each_provider_is_answered_as_it_counts_success() {
    let kafka = Kafka::shared();
    let providers = ["glofox", "alocity", "gxp", "genea", "accessgrid", "cvent"];
    let ingest = given::ingest_with(&kafka, &providers).await;
    let scan = json!({
        "reader_id": "READER-001", "scan_type": "barcode", "credential_value": "1",
        "timestamp": "2026-01-02T03:04:05Z",
    });
    let scan = scan.to_string();
    let now = service::clock::now().as_second();
    for (path, header, body) in [
        ("/hooks/glofox", given::glofox(b"{}"), "{}"),
        ("/hooks/alocity", given::alocity(now, b"{}"), "{}"),
        (
            "/hooks/gxp/access-event",
            given::gxp(scan.as_bytes()),
            &scan,
        ),
        (
            "/webhook/v1/access-event",
            given::gxp(scan.as_bytes()),
            &scan,
        ),
        ("/hooks/genea", given::genea(SECRET, b"{}"), "{}"),
        ("/hooks/accessgrid", given::bearer(), "{}"),
        (
            "/hooks/cvent/Type/stub",
            format!("Authorization: {SECRET}\r\n"),
            "{}",
        ),
    ] {
        let answer = ingest.post(path, &header, body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        let wants = match path {
            "/hooks/gxp/access-event" | "/webhook/v1/access-event" => {
                r#"{"access_granted":false,"attendee":null,"success":true}"#
            }
            "/hooks/accessgrid" => r#"{"received":true}"#,
            "/hooks/glofox" => r#"{"status":"accepted"}"#,
            _ => "",
        };
        assert_eq!(answer.body, wants, "{path}");
    }
    for provider in providers {
        let wants = if provider == "gxp" { 2 } else { 1 };
        assert_eq!(given::records(&kafka, provider).len(), wants, "{provider}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_kept_as_they_came() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["glofox", "accessgrid"]).await;
    let with_nul = b"{\"type\":\"SERVICE_UPDATED\",\0\"payload\":{\"id\":\"1\0\"}}\0";
    let answer = ingest
        .post("/hooks/glofox", &given::glofox(with_nul), with_nul)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // AccessGrid would repeat a refused body for hours: it is taken, and quarantined later.
    let no_text: Vec<u8> = (0..=255).collect();
    let answer = ingest
        .post("/hooks/accessgrid", &given::bearer(), &no_text)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let value = |provider| given::records(&kafka, provider).remove(0).value.unwrap();
    assert_eq!(value("glofox"), with_nul);
    assert_eq!(value("accessgrid"), no_text);
}

#[tokio::test]
async fn many_at_once_are_each_taken_once() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["genea"]).await;
    let bodies: Vec<_> = (0..20).map(|n| format!(r#"{{"uuid":"{n}"}}"#)).collect();
    let answers = join_all(bodies.iter().map(async |body| {
        let header = given::genea(SECRET, body.as_bytes());
        ingest.post("/hooks/genea", &header, body.as_bytes()).await
    }));
    assert!(answers.await.iter().all(|answer| answer.status == 200));
    let records = given::records(&kafka, "genea");
    let mut kept: Vec<_> = records.iter().map(|it| it.value.clone().unwrap()).collect();
    kept.sort();
    let mut sent: Vec<_> = bodies.into_iter().map(String::into_bytes).collect();
    sent.sort();
    assert_eq!(kept, sent);
    let mut ids: Vec<_> = records.iter().map(|it| it.header("delivery_id")).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn every_live_secret_is_taken_and_no_other() {
    let kafka = Kafka::shared();
    let ingest = given::ingest_with(&kafka, &["genea"]).await;
    for (secret, status) in [("old", 200), ("new", 200), ("expired", 401), (SECRET, 401)] {
        let header = given::genea(secret, b"{}");
        let answer = ingest.post("/hooks/rotating", &header, b"{}").await;
        assert_eq!(answer.status, status, "{secret}");
    }
}
