//! Schema ids of a registry, from the first start to those who read the events.

use std::collections::BTreeSet;
use std::time::Duration;

use events::{CanonicalTopic, Topic};
use serde_json::{Value, json};
use testkit::{Answer, Endpoint, Isolation, Kafka, free_port, read_topic, wait_until};

use crate::kafka::{at, run};
use crate::{SOURCES, Service, command, stderr, stdout};

const DEADLINE: Duration = Duration::from_secs(60);
const ACCESS_ID: i32 = 101;

/// A registry's answers to the four questions for an id.
fn ids() -> [Answer; 4] {
    let ids = [ACCESS_ID, 102, 103, 104];
    ids.map(|id| Answer::status(200).body(json!({"id": id}).to_string()))
}

fn send(kafka: &Kafka, service: &Service) {
    let flags = ["send", "--sources", SOURCES, "--url", &service.url];
    let sample = ["--source", "genea-demo", "--event", "access-granted"];
    let sent = run(kafka, &[&flags[..], &sample, &["--fresh"]].concat());
    assert!(sent.status.success(), "{}", stderr(&sent));
}

/// Returns the schema ids in the topic `access`, one for each event.
fn written(kafka: &Kafka) -> Vec<i32> {
    let topic = format!("{}{}", kafka.prefix(), CanonicalTopic::Access);
    let records = read_topic(kafka.brokers(), &topic, Isolation::ReadCommitted);
    let id = |value: &[u8]| match value {
        [0, a, b, c, d, ..] => i32::from_be_bytes([*a, *b, *c, *d]),
        _ => panic!("not in the wire format"),
    };
    let values = records.iter().filter_map(|record| record.value.as_deref());
    values.map(id).collect()
}

fn assert_all_are_read(kafka: &Kafka, count: usize) {
    let many = count.to_string();
    let tail = run(kafka, &["tail", "--from", "beginning", "--count", &many]);
    assert!(tail.status.success(), "{}", stderr(&tail));
    let events = stdout(&tail).lines().map(|line| {
        let event: Value = serde_json::from_str(line).expect("a line is JSON");
        assert_eq!(event["type"], "access.granted");
        event["id"].to_string()
    });
    assert_eq!(events.collect::<BTreeSet<_>>().len(), count);
}

async fn wait_for_readiness(service: &Service, says: &str) {
    wait_until(says, DEADLINE, async || {
        let answer = service.readiness().await;
        answer.is_ok_and(|answer| answer.contains(says))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_before_the_registry_gives_its_ids_and_those_outlive_it() {
    let kafka = Kafka::shared();
    assert!(run(&kafka, &["topics"]).status.success());
    let subscriber = Endpoint::start(Answer::status(204));
    let url = subscriber.url();
    let wanted = [
        "--url",
        &url,
        "--event-types",
        "*",
        "--allow-private-endpoints",
    ];
    let created = run(
        &kafka,
        &[&["subscriptions", "create"], &wanted[..]].concat(),
    );
    assert!(created.status.success(), "{}", stderr(&created));
    let registry = Endpoint::start(Answer::reset());
    let console = format!("127.0.0.1:{}", free_port());
    let address = registry.url();
    let flags = [
        "all",
        "--allow-private-endpoints",
        "--console-address",
        &console,
        "--schema-registry",
        &address,
    ];

    let service = Service::start(at(&kafka, &flags)).await;
    send(&kafka, &service);
    wait_for_readiness(&service, "no schema ids yet: the schema registry").await;
    assert!(written(&kafka).is_empty());

    registry.answer(ids());
    wait_for_readiness(&service, "200 OK").await;
    assert_all_are_read(&kafka, 1);
    assert_eq!(written(&kafka), [ACCESS_ID]);
    assert!(service.terminate());

    // Neither a registry that is away nor one that does not know us any more stops the kept ids.
    registry.answer([Answer::reset(), Answer::status(401)]);
    let asked = registry.received_count();
    let service = Service::start(at(&kafka, &flags)).await;
    wait_for_readiness(&service, "200 OK").await;
    wait_until("both questions", DEADLINE, async || {
        registry.received_count() >= asked + 2
    })
    .await;
    send(&kafka, &service);
    assert_all_are_read(&kafka, 2);
    assert_eq!(written(&kafka), [ACCESS_ID; 2]);
    wait_until("both events at the subscriber", DEADLINE, async || {
        subscriber.received_count() == 2
    })
    .await;
    wait_for_readiness(&service, "200 OK").await;
    assert!(service.terminate());
    let audit = run(&kafka, &["audit"]);
    assert!(audit.status.success(), "{}", stdout(&audit));
}

#[test]
fn a_registry_that_refuses_ends_the_normalizer_with_the_way_out() {
    let kafka = Kafka::shared();
    assert!(run(&kafka, &["topics"]).status.success());
    let message = r#"{"error_code": 409, "message": "of somebody"}"#;
    let registry = Endpoint::start(Answer::status(409).body(message));
    let admin = format!("127.0.0.1:{}", free_port());
    let normalizer = at(&kafka, &["normalizer", "--admin-address", &admin])
        .env("CARDEA_SCHEMA_REGISTRY", registry.url())
        .env("CARDEA_SCHEMA_REGISTRY_SECRET", "sesame")
        .output()
        .expect("cargo has built the program");
    assert_eq!(normalizer.status.code(), Some(1));
    let said = format!("{}{}", stdout(&normalizer), stderr(&normalizer));
    let subject = format!("`{}access-value`", kafka.prefix());
    assert!(
        said.contains(&subject) && said.contains("compatibility"),
        "{said}"
    );
    assert!(
        !said.contains("sesame") && !said.contains("somebody"),
        "{said}"
    );
    let asked = &registry.received()[0];
    assert_eq!(asked.header("authorization"), "Bearer sesame");
    let kept = format!("{}{}", kafka.prefix(), Topic::SchemaIds);
    assert!(read_topic(kafka.brokers(), &kept, Isolation::ReadCommitted).is_empty());
}

#[test]
fn every_released_schema_is_registered_by_hand_as_well() {
    let registry = Endpoint::start(Answer::status(200));
    registry.answer(ids());
    let args = ["schemas", "register", "--schema-registry", &registry.url()];
    let output = command(&[&args[..], &["--json"]].concat())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let first = json!({"subject": "cardea.access-value", "version": 1, "id": ACCESS_ID});
    assert_eq!(listed[0], first);
    assert_eq!(
        listed.as_array().unwrap().len(),
        events::schema::all().len()
    );

    registry.answer([Answer::status(503)]);
    let output = command(&args).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    assert!(stderr(&output).contains("503"), "{}", stderr(&output));
}
