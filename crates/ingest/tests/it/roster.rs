//! GxP's documented examples, and what scans and syncs are answered from the roster.

use std::sync::Arc;
use std::time::Duration;

use kafka::{Producer, Record};
use providers::roster::{Attendee, Row, RowKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Kafka, create_topic, wait_until};

use crate::given::{self, Answer, Running};

const DEADLINE: Duration = Duration::from_secs(30);
const SOURCES: &str = "sources:
  - id: gxp
    provider: gxp
    tenant: acme
    secrets: [{text: 'a secret of the tests, long enough'}]
    gxp_paths: [mqtt-gateway-status, access-event, cvent, attendee-sync]
  - id: lenient
    provider: gxp
    tenant: acme
    secrets: [{text: 'a secret of the tests, long enough'}]
    unknown_credential: grant
";

/// As the page shows them.
const STATUS: &str = r#"{
"gateway_id": "GW-001",
"status": "online",
"readers": [
{
"reader_id": "READER-001",
"status": "connected",
"last_scan": "2024-01-15T10:30:00Z"
}
],
"timestamp": "2024-01-15T10:31:00Z"
}"#;
const SCAN: &str = r#"{
"reader_id": "READER-001",
"credential_value": "ABC123456",
"scan_type": "barcode",
"timestamp": "2024-01-15T14:30:00Z"
}"#;
const CVENT: &str = r#"{
"event_type": "registration.created",
"event_id": "evt_123",
"data": {
"registration_id": "reg_456",
"attendee": {
"first_name": "John",
"last_name": "Doe",
"email": "john.doe@example.com"
}
},
"timestamp": "2024-01-15T09:00:00Z"
}"#;
const SYNC: &str = r#"{
"project_slug": "my-event",
"team_slug": "my-team",
"sync_mode": "upsert",
"attendees": [
{
"external_id": "EXT-001",
"first_name": "Jane",
"last_name": "Smith",
"email": "jane@example.com",
"attendee_type": "general"
}
]
}"#;

fn folder() -> Arc<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sources.yaml"), SOURCES).unwrap();
    Arc::new(folder)
}

async fn ingest(brokers: &str, prefix: &str) -> Running {
    create_topics(brokers, prefix);
    start(brokers, prefix).await
}

fn create_topics(brokers: &str, prefix: &str) {
    for (topic, partitions) in [("raw.gxp", 3), ("requests", 1), ("rosters", 3)] {
        create_topic(brokers, &format!("{prefix}{topic}"), partitions);
    }
}

/// Starts ingest, and waits until it has read the roster.
async fn start(brokers: &str, prefix: &str) -> Running {
    let ingest = given::ingest_in(&folder(), brokers, prefix, |_| {}).await;
    let whole = async || ingest.metric("cardea_ingest_roster_whole") == 1.0;
    wait_until("the roster", DEADLINE, whole).await;
    ingest
}

async fn post(ingest: &Running, path: &str, body: &str) -> (u16, Value) {
    let path = format!("/webhook/v1/{path}");
    let header = given::gxp(body.as_bytes());
    read(&ingest.post(&path, &header, body.as_bytes()).await)
}

fn read(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.body.parse().unwrap())
}

/// The answer to a scan of that credential.
async fn scan(ingest: &Running, credential: &str) -> Value {
    let body = SCAN.replace("ABC123456", credential);
    let (status, answer) = post(ingest, "access-event", &body).await;
    assert_eq!((status, &answer["success"]), (200, &json!(true)));
    answer
}

fn synced(created: u32, updated: u32, skipped: u32) -> (u16, Value) {
    let results = json!({
        "created": created, "updated": updated, "skipped": skipped, "errors": [],
    });
    (200, json!({ "success": true, "results": results }))
}

fn row(external_id: &str, first_name: &str) -> Row {
    Row {
        key: RowKey {
            tenant: "acme".to_owned(),
            external_id: external_id.to_owned(),
            team_slug: "my-team".to_owned(),
            project_slug: "my-event".to_owned(),
        },
        attendee: Attendee {
            first_name: Some(first_name.to_owned()),
            ..Attendee::default()
        },
    }
}

/// Writes a row as the normalizer would.
async fn write(brokers: &str, prefix: &str, row: &Row) {
    let producer = Producer::new(&given::cluster(brokers, prefix), DEADLINE).unwrap();
    let (key, value) = row.record();
    let record = Record {
        topic: &format!("{prefix}rosters"),
        key: Some(&key),
        value: Some(&value),
        ..Record::default()
    };
    producer.send(&record).await.unwrap();
}

#[tokio::test]
async fn the_documented_examples_get_the_documented_answers() {
    let kafka = Kafka::shared();
    let ingest = ingest(kafka.brokers(), kafka.prefix()).await;
    let updated = json!({ "success": true, "message": "Status updated" });
    let bare = r#"{"gateway_id":"GW-001","status":"online"}"#;
    for status in [STATUS, bare] {
        let answer = post(&ingest, "mqtt-gateway-status", status).await;
        assert_eq!(answer, (200, updated.clone()));
    }
    let signature = given::gxp(CVENT.as_bytes()).replace("X-GxP", "X-Cvent");
    let sent = ingest.post("/webhook/v1/cvent", &signature, CVENT.as_bytes());
    let (status, answer) = read(&sent.await);
    assert_eq!((status, &answer["success"]), (200, &json!(true)));

    assert_eq!(post(&ingest, "attendee-sync", SYNC).await, synced(1, 0, 0));
    assert_eq!(post(&ingest, "attendee-sync", SYNC).await, synced(0, 0, 1));
    let granted = scan(&ingest, "EXT-001").await;
    let jane = row("EXT-001", "Jane").key.id();
    let expected = json!({
        "success": true,
        "access_granted": true,
        "attendee": { "id": jane, "first_name": "Jane", "last_name": "Smith" },
    });
    assert_eq!(granted, expected);
    let denied = json!({ "success": true, "access_granted": false, "attendee": null });
    assert_eq!(scan(&ingest, "ABC123456").await, denied);

    let empty = r#"{"project_slug":"my-event","team_slug":"my-team"}"#;
    let invalid = json!({
        "error": "Validation failed",
        "message": "The given data was invalid",
        "errors": { "attendees": ["The attendees field is required"] },
    });
    assert_eq!(post(&ingest, "attendee-sync", empty).await, (400, invalid));
    let forged = given::gxp(b"another body");
    let sent = ingest.post("/webhook/v1/access-event", &forged, SCAN.as_bytes());
    let mismatch = json!({
        "error": "Invalid signature",
        "message": "The request signature does not match",
    });
    assert_eq!(read(&sent.await), (401, mismatch));
    ingest.end().await;

    let records = given::records(&kafka, "gxp");
    let decisions = records
        .iter()
        .filter_map(|record| record.header("decision"));
    let mut decisions: Vec<_> = decisions.collect();
    decisions.sort_unstable();
    assert_eq!(decisions, ["denied", &format!("granted {jane}")]);
}

#[tokio::test]
async fn a_create_and_an_update_write_what_their_mode_lets_them() {
    let kafka = Kafka::shared();
    let ingest = ingest(kafka.brokers(), kafka.prefix()).await;
    let other = SYNC.replace("Jane", "Janet");
    let update = other.replace("upsert", "update");
    let create = other.replace("upsert", "create");
    assert_eq!(
        post(&ingest, "attendee-sync", &update).await,
        synced(0, 0, 1)
    );
    assert_eq!(scan(&ingest, "EXT-001").await["access_granted"], false);
    assert_eq!(
        post(&ingest, "attendee-sync", &create).await,
        synced(1, 0, 0)
    );
    let again = create.replace("Janet", "June");
    assert_eq!(
        post(&ingest, "attendee-sync", &again).await,
        synced(0, 0, 1)
    );
    assert_eq!(
        scan(&ingest, "EXT-001").await["attendee"]["first_name"],
        "Janet"
    );
    let update = update.replace("Janet", "June");
    assert_eq!(
        post(&ingest, "attendee-sync", &update).await,
        synced(0, 1, 0)
    );
    assert_eq!(
        scan(&ingest, "EXT-001").await["attendee"]["first_name"],
        "June"
    );
    ingest.end().await;
    let records = given::records(&kafka, "gxp");
    let rows = |record: &testkit::OwnedRecord| {
        let decision = record.header("decision")?;
        decision.strip_prefix("rows ").map(str::to_owned)
    };
    let rows: Vec<_> = records.iter().filter_map(rows).collect();
    assert_eq!(rows, ["0", "1", "0", "1"]);
}

#[tokio::test]
async fn an_attendee_of_the_topic_is_granted_on_a_copy_that_did_not_accept_the_sync() {
    let kafka = Kafka::shared();
    let (brokers, prefix) = (kafka.brokers(), kafka.prefix());
    let ingest = ingest(brokers, prefix).await;
    assert_eq!(scan(&ingest, "EXT-002").await["access_granted"], false);
    write(brokers, prefix, &row("EXT-002", "Joe")).await;
    let granted = async || scan(&ingest, "EXT-002").await["attendee"]["first_name"] == "Joe";
    wait_until("the grant", DEADLINE, granted).await;
    ingest.end().await;
}

#[tokio::test]
async fn a_source_may_let_in_whom_the_roster_does_not_know() {
    let kafka = Kafka::shared();
    let ingest = ingest(kafka.brokers(), kafka.prefix()).await;
    let header = given::gxp(SCAN.as_bytes());
    let sent = ingest.post("/hooks/lenient/access-event", &header, SCAN.as_bytes());
    let granted = json!({ "success": true, "access_granted": true, "attendee": null });
    assert_eq!(read(&sent.await), (200, granted));
    ingest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_kafka_is_away_the_rows_known_last_serve_and_those_accepted_since() {
    let kafka = Kafka::one_node();
    let (brokers, prefix) = (kafka.brokers(), kafka.prefix());
    create_topics(brokers, prefix);
    write(brokers, prefix, &row("EXT-002", "Joe")).await;
    let ingest = start(brokers, prefix).await;
    kafka.kill_node(1);
    assert_eq!(post(&ingest, "attendee-sync", SYNC).await, synced(1, 0, 0));
    for (credential, name) in [("EXT-001", "Jane"), ("EXT-002", "Joe")] {
        let answer = scan(&ingest, credential).await;
        assert_eq!(answer["attendee"]["first_name"], name);
    }
    assert_eq!(scan(&ingest, "EXT-003").await["access_granted"], false);
    ingest.end().await;
}
