//! What only a real Kafka can show.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::Duration;

use ::kafka::{Cluster, Config, Producer, Record};
use events::{CanonicalTopic, Provider, RawPosition, Time, schema, wire};
use providers::Raw;
use serde_json::Value;
use testkit::{Isolation, Kafka, create_topic, free_port, grow_topic, read_topic};
use uuid::Uuid;

use crate::{SOURCES, Service, command, stderr, stdout};

const PARTITIONS: &str = "2";
const DEADLINE: Duration = Duration::from_secs(30);

/// The program, told which Kafka and topics are the test's.
pub(crate) fn at(kafka: &Kafka, args: &[&str]) -> Command {
    let mut command = command(args);
    command
        .env("CARDEA_BROKERS", kafka.brokers())
        .env("CARDEA_TOPIC_PREFIX", kafka.prefix())
        .env("CARDEA_PARTITIONS", PARTITIONS);
    command
}

pub(crate) fn run(kafka: &Kafka, args: &[&str]) -> Output {
    at(kafka, args)
        .output()
        .expect("cargo has built the program")
}

/// Returns what `cardea topics` says of each topic: its name without the prefix, and its state.
fn states(kafka: &Kafka, args: &[&str]) -> (Output, Vec<(String, String)>) {
    let output = run(kafka, &[&["topics", "--json"], args].concat());
    let list: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    let list = list.as_array().expect("a list").iter();
    let states = list.map(|topic| {
        let text = |field: &str| topic[field].as_str().expect("a text").to_owned();
        (text("topic").replace(kafka.prefix(), ""), text("state"))
    });
    let states = states.collect();
    (output, states)
}

#[test]
fn topics_are_created_once_and_found_good_after_that() {
    let kafka = Kafka::shared();
    for expected in ["missing", "created", "good"] {
        let args: &[&str] = if expected == "missing" {
            &["--check"]
        } else {
            &[]
        };
        let (output, states) = states(&kafka, args);
        assert_eq!(output.status.success(), expected != "missing");
        let (internal, own): (Vec<_>, Vec<_>) = states
            .iter()
            .partition(|(topic, _)| topic.starts_with("__"));
        assert_eq!(own.len(), events::Topic::all().len());
        assert!(own.iter().all(|(_, state)| state == expected), "{own:?}");
        assert!(
            internal.iter().all(|(_, state)| state == "good"),
            "{internal:?}"
        );
    }
}

#[test]
fn a_topic_with_too_few_partitions_is_named_by_the_tool_and_by_a_service() {
    let kafka = Kafka::shared();
    create_topic(kafka.brokers(), &format!("{}raw.gxp", kafka.prefix()), 1);
    let (output, states) = states(&kafka, &[]);
    assert_eq!(output.status.code(), Some(1));
    let wrong = states.iter().filter(|(_, state)| state == "wrong");
    let wrong: Vec<_> = wrong.map(|(topic, _)| topic.as_str()).collect();
    assert_eq!(wrong, ["raw.gxp"]);

    let service = run(
        &kafka,
        &["ingest", "--sources", SOURCES, "--log-level", "error"],
    );
    assert_eq!(service.status.code(), Some(78), "{}", stderr(&service));
    let said = stderr(&service);
    assert!(
        said.contains("raw.gxp`: it has 1 partitions, 2 are needed"),
        "{said}"
    );
}

#[test]
fn a_topic_that_was_grown_is_refused_by_every_service_that_it_misleads() {
    let kafka = Kafka::shared();
    assert!(run(&kafka, &["topics"]).status.success());
    let grow = |topic: &str| grow_topic(kafka.brokers(), &format!("{}{topic}", kafka.prefix()), 3);
    let refused = |args: &[&str], topic: &str, beside: &str| {
        let service = run(&kafka, &[args, &["--log-level", "error"]].concat());
        assert_eq!(service.status.code(), Some(78), "{}", stderr(&service));
        let said = stderr(&service).replace(kafka.prefix(), "");
        let says = format!("`{topic}`: it has 3 partitions, but `{beside}`");
        assert!(
            said.contains(&says) && said.contains("--topic-prefix"),
            "{said}"
        );
    };
    grow("raw.genea");
    refused(&["normalizer"], "raw.genea", "seen.genea");
    refused(&["ingest", "--sources", SOURCES], "raw.genea", "seen.genea");
    grow("access");
    refused(&["sink"], "access", "retries.access");
    grow("seen.genea");
    refused(&["normalizer"], "access", "retries.access");
}

#[tokio::test]
async fn what_ingest_accepts_of_a_simulation_is_raw_in_kafka() {
    let kafka = Kafka::shared();
    assert!(run(&kafka, &["topics"]).status.success());
    let service = Service::start(at(&kafka, &["ingest"])).await;

    let flags = [
        "simulate",
        "--sources",
        SOURCES,
        "--url",
        &service.url,
        "--json",
    ];
    let bounds = [
        "--count", "300", "--rate", "1000", "--seed", "11", "--forged", "10",
    ];
    let simulated = run(&kafka, &[&flags[..], &bounds].concat());
    assert!(simulated.status.success(), "{}", stdout(&simulated));
    let summary: Value = serde_json::from_slice(&simulated.stdout).unwrap();
    let count = |name: &str| summary["total"][name].as_u64().unwrap();
    assert!(count("refused") > 0 && count("duplicates") > 0 && count("late") > 0);

    let in_kafka: usize = Provider::ALL
        .map(|provider| {
            let topic = format!("{}raw.{provider}", kafka.prefix());
            read_topic(kafka.brokers(), &topic, Isolation::ReadCommitted).len()
        })
        .iter()
        .sum();
    assert_eq!(u64::try_from(in_kafka).unwrap(), count("accepted"));
    assert!(service.terminate());
}

#[tokio::test]
async fn all_takes_a_webhook_of_every_provider_to_an_event() {
    let kafka = Kafka::shared();
    assert!(run(&kafka, &["topics"]).status.success());
    let console = format!("127.0.0.1:{}", free_port());
    let all = at(&kafka, &["all", "--console-address", &console]);
    let service = Service::start(all).await;
    for (source, sample) in [
        ("glofox-demo", "booking-created"),
        ("alocity-demo", "accesslog-granted"),
        ("gxp-demo", "access.granted"),
        ("genea-demo", "access-granted"),
        ("accessgrid-demo", "ag.access_pass.issued"),
        ("cvent-demo", "registered-for-event"),
    ] {
        let flags = ["send", "--sources", SOURCES, "--url", &service.url];
        let sample = ["--source", source, "--event", sample, "--fresh"];
        let sent = run(&kafka, &[&flags[..], &sample].concat());
        assert!(sent.status.success(), "{source}: {}", stdout(&sent));
    }
    let tail = run(&kafka, &["tail", "--from", "beginning", "--count", "6"]);
    let events = stdout(&tail).lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["provider"].as_str().unwrap().to_owned()
    });
    let providers: BTreeSet<String> = events.collect();
    assert_eq!(providers.len(), Provider::ALL.len(), "{providers:?}");
    assert!(service.terminate());
}

#[test]
fn a_subscription_is_listed_until_it_is_deleted_and_its_secret_is_shown_once() {
    let kafka = Kafka::shared();
    assert!(run(&kafka, &["topics"]).status.success());
    let subscriptions = |args: &[&str]| {
        let output = run(&kafka, &[&["subscriptions"], args].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).to_owned()
    };
    let wanted = [
        "--url",
        "https://example.org/hook",
        "--event-types",
        "access.*",
    ];
    let created = subscriptions(&[&["create", "--json"], &wanted[..]].concat());
    let created: Value = serde_json::from_str(&created).unwrap();
    let text = |field: &str| created[field].as_str().unwrap().to_owned();
    let (id, secret) = (text("id"), text("secret"));

    for list in [subscriptions(&["list"]), subscriptions(&["list", "--json"])] {
        assert!(
            list.contains(&id) && list.contains("https://example.org/hook"),
            "{list}"
        );
        assert!(!list.contains(&secret), "{list}");
    }
    subscriptions(&["delete", &id]);
    assert_eq!(subscriptions(&["list", "--json"]), "[]\n");
    let again = run(&kafka, &["subscriptions", "delete", &id]);
    assert_eq!((again.status.code(), stdout(&again)), (Some(1), ""));
    let expected = format!("there is no subscription {id}");
    assert!(stderr(&again).contains(&expected), "{}", stderr(&again));
}

#[tokio::test]
async fn tail_shows_the_events_that_fit_from_the_beginning() {
    let kafka = Kafka::shared();
    assert!(run(&kafka, &["topics"]).status.success());
    write_event(&kafka, "access.denied").await;
    write_event(&kafka, "access.granted").await;
    let flags = ["tail", "--from", "beginning", "--count", "1"];
    let filter = ["--type", "access.granted", "--source", "gxp-demo"];
    let output = run(&kafka, &[&flags[..], &filter].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let event: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(event["type"], "access.granted");
    assert_eq!(event["data"]["source"], "gxp-demo");
}

/// Writes what a sample of GxP becomes, as the normalizer would.
async fn write_event(kafka: &Kafka, sample: &str) {
    let samples = providers::samples(Provider::Gxp).iter();
    let sample = samples.into_iter().find(|known| known.name == sample);
    let sample = sample.expect("such a sample ships");
    let at = Time::from_seconds(1_767_225_600).expect("a time");
    let mapped = providers::map(&Raw {
        provider: Provider::Gxp,
        source: "gxp-demo",
        tenant: "demo",
        delivery_id: Uuid::nil(),
        received_at: at,
        signed_at: None,
        tail: sample.tail,
        decision: None,
        position: RawPosition {
            topic: String::new(),
            partition: 0,
            offset: 0,
            index: 0,
        },
        body: sample.body.as_bytes(),
    });
    let mapped = &mapped.expect("the sample is mapped")[0];
    let id = schema::current(CanonicalTopic::Access).id;
    let value = wire::encode(&mapped.event, id).expect("the event fits its schema");
    let cluster = Cluster::new(&Config {
        brokers: kafka.brokers().to_owned(),
        topic_prefix: kafka.prefix().to_owned(),
        kafka_set: Vec::new(),
    });
    let cluster = cluster.expect("the settings are good");
    let producer = Producer::new(&cluster, DEADLINE).expect("the settings are good");
    let topic = cluster.topic(CanonicalTopic::Access);
    let record = Record {
        topic: &topic,
        key: Some(mapped.key.as_bytes()),
        value: Some(&value),
        ..Record::default()
    };
    producer.send(&record).await.expect("kafka serves");
}
