//! Topics of one test, deliveries written as ingest would, workers, and what came out.

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Duration;

use events::{CanonicalTopic, Provider, Time, Topic, wire};
use kafka::{Cluster, Failure, Producer, Record, Stop};
use normalizer::DedupeWindow;
use normalizer::metrics::Metrics;
use providers::roster::Decision;
use providers::{Delivery, Key, SecretEncoding, raw};
use testkit::{Isolation, Kafka, OwnedRecord, create_topic, read_topic, wait_until};
use uuid::Uuid;

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 3;
pub(crate) const RECEIVED_AT: i64 = 1_767_225_600;

pub(crate) struct Setting {
    pub(crate) kafka: Kafka,
    pub(crate) cluster: Cluster,
    producer: Producer,
}

impl Setting {
    pub(crate) fn new() -> Self {
        let kafka = Kafka::shared();
        let config = kafka::Config {
            brokers: kafka.brokers().to_owned(),
            topic_prefix: kafka.prefix().to_owned(),
            kafka_set: Vec::new(),
        };
        let cluster = Cluster::new(&config).unwrap();
        for topic in Topic::all() {
            create_topic(kafka.brokers(), &cluster.topic(topic), PARTITIONS);
        }
        let producer = Producer::new(&cluster, Duration::from_secs(10)).unwrap();
        Self {
            kafka,
            cluster,
            producer,
        }
    }

    /// Writes a delivery as ingest would.
    pub(crate) async fn deliver(&self, provider: Provider, tail: &str, body: &[u8]) {
        self.deliver_with(provider, tail, body, None).await;
    }

    /// Writes a delivery as ingest would that answered so from the roster.
    pub(crate) async fn deliver_with(
        &self,
        provider: Provider,
        tail: &str,
        body: &[u8],
        decision: Option<&Decision>,
    ) {
        let key = Key::new(provider, "1", &"secret".into(), SecretEncoding::Text).unwrap();
        let signed_at = Time::from_seconds(RECEIVED_AT).unwrap();
        let delivery = Delivery {
            provider,
            source: format!("{provider}-test").into(),
            tenant: "acme".into(),
            tail: tail.to_owned(),
            headers: providers::sign(provider, tail, &key, body, signed_at),
            body: body.to_owned().into(),
        };
        let verified = providers::verify(delivery, &[&key]).unwrap();
        let ordering_key = match providers::ordering_key(&verified) {
            Ok(key) => key,
            Err(_) => format!("{provider}-test/"),
        };
        let mut headers = raw::headers(&verified, Uuid::now_v7(), signed_at);
        headers.extend(decision.map(raw::decision_header));
        let headers: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .collect();
        let record = Record {
            topic: &self.cluster.topic(Topic::Raw(provider)),
            key: Some(ordering_key.as_bytes()),
            headers: &headers,
            value: Some(body),
            ..Record::default()
        };
        self.producer.send(&record).await.unwrap();
    }

    pub(crate) async fn scan(&self, door: u32, number: u32) {
        let body = format!(
            r#"{{"uuid":"event-{number}","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{{"uuid":"door-{door}","name":"Main"}}}}"#
        );
        self.deliver(Provider::Genea, "", body.as_bytes()).await;
    }

    pub(crate) fn worker(&self, instance: &str, stop: &Stop) -> JoinHandle<Result<(), Failure>> {
        self.counting_worker(instance, stop, &service::Metrics::new())
    }

    pub(crate) fn counting_worker(
        &self,
        instance: &str,
        stop: &Stop,
        metrics: &service::Metrics,
    ) -> JoinHandle<Result<(), Failure>> {
        let config = normalizer::Config {
            workers: 1,
            dedupe: DedupeWindow {
                dedupe_window: Duration::from_secs(7 * 86_400),
            },
            commit_interval: Duration::from_millis(50),
        };
        let clock = || Time::from_seconds(RECEIVED_AT).unwrap();
        let metrics = Metrics::register(metrics);
        let worker = normalizer::worker(
            &config,
            &self.cluster,
            instance,
            registry::Live::embedded(),
            clock,
            metrics,
            stop.clone(),
        )
        .unwrap();
        std::thread::spawn(move || worker.run(|_| {}))
    }

    pub(crate) fn read(&self, topic: Topic) -> Vec<OwnedRecord> {
        read_topic(
            self.kafka.brokers(),
            &self.cluster.topic(topic),
            Isolation::ReadCommitted,
        )
    }

    pub(crate) fn canonical(&self) -> Vec<OwnedRecord> {
        let topics = CanonicalTopic::ALL.into_iter();
        topics
            .flat_map(|topic| self.read(Topic::Canonical(topic)))
            .collect()
    }

    /// Returns how often each native id came out.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for record in self.read(Topic::Canonical(CanonicalTopic::Access)) {
            let event = wire::decode(&record.value.unwrap()).unwrap();
            *counts.entry(event.envelope.native_id.unwrap()).or_default() += 1;
        }
        counts
    }

    pub(crate) async fn wait_for(&self, count: usize) {
        wait_until("the events", DEADLINE, async || {
            self.canonical().len() >= count
        })
        .await;
    }

    /// Sends a delivery that is told from all others, and waits until it is through: what came
    /// before it on every partition of its provider is through as well.
    pub(crate) async fn wait_until_drained(&self, number: u32) {
        for door in 0..24 {
            self.scan(door, number + door).await;
        }
        let last = async || {
            let counts = self.counts();
            (number..number + 24).all(|number| counts.contains_key(&format!("event-{number}")))
        };
        wait_until("the marks", DEADLINE, last).await;
    }
}

impl Setting {
    /// Waits until all raw records are committed.
    pub(crate) async fn wait_until_covered(&self) {
        let covered = async || self.ledger_covers_raw();
        wait_until("all raw records to be committed", DEADLINE, covered).await;
    }

    fn ledger_covers_raw(&self) -> bool {
        Provider::ALL.into_iter().all(|provider| {
            let raw = self.read(Topic::Raw(provider));
            let seen = self.read(Topic::Seen(provider));
            raw.iter().all(|record| {
                seen.iter().any(|entry| {
                    let next: i64 = entry.header("next").unwrap().parse().unwrap();
                    entry.partition == record.partition && next > record.offset
                })
            })
        })
    }
}
