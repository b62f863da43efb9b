//! Exactly once, proved on a real Kafka.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Duration;

use events::{CanonicalTopic, Provider, Time, Topic, wire};
use kafka::{Cluster, Failure, Producer, Record, Stop};
use normalizer::DedupeWindow;
use normalizer::metrics::Metrics;
use providers::{Delivery, Key, SecretEncoding, raw};
use testkit::{Isolation, Kafka, OwnedRecord, create_topic, read_topic, wait_until};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 3;
const RECEIVED_AT: i64 = 1_767_225_600;

struct Setting {
    kafka: Kafka,
    cluster: Cluster,
    producer: Producer,
}

impl Setting {
    fn new() -> Self {
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
    async fn deliver(&self, provider: Provider, tail: &str, body: &str) {
        let key = Key::new(provider, "1", &"secret".into(), SecretEncoding::Text).unwrap();
        let signed_at = Time::from_seconds(RECEIVED_AT).unwrap();
        let delivery = Delivery {
            provider,
            source: format!("{provider}-test").into(),
            tenant: "acme".into(),
            tail: tail.to_owned(),
            headers: providers::sign(provider, tail, &key, body.as_bytes(), signed_at),
            body: body.to_owned().into(),
        };
        let verified = providers::verify(delivery, &[&key]).unwrap();
        let ordering_key = match providers::ordering_key(&verified) {
            Ok(key) => key,
            Err(_) => format!("{provider}-test/"),
        };
        let headers = raw::headers(&verified, Uuid::now_v7(), signed_at);
        let headers: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .collect();
        let record = Record {
            topic: &self.cluster.topic(Topic::Raw(provider)),
            key: Some(ordering_key.as_bytes()),
            headers: &headers,
            value: Some(body.as_bytes()),
            ..Record::default()
        };
        self.producer.send(&record).await.unwrap();
    }

    async fn scan(&self, door: u32, number: u32) {
        let body = format!(
            r#"{{"uuid":"event-{number}","event_type":"ACCESS","event_action":"SEQUR_ACCESS_GRANTED","event_time":"2026-01-01T00:00:00Z","door":{{"uuid":"door-{door}","name":"Main"}}}}"#
        );
        self.deliver(Provider::Genea, "", &body).await;
    }

    fn worker(&self, instance: &str, stop: &Stop) -> JoinHandle<Result<(), Failure>> {
        let config = normalizer::Config {
            workers: 1,
            dedupe: DedupeWindow {
                dedupe_window: Duration::from_secs(7 * 86_400),
            },
            commit_interval: Duration::from_millis(50),
        };
        let clock = || Time::from_seconds(RECEIVED_AT).unwrap();
        let metrics = Metrics::register(&service::Metrics::new());
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

    fn read(&self, topic: Topic) -> Vec<OwnedRecord> {
        read_topic(
            self.kafka.brokers(),
            &self.cluster.topic(topic),
            Isolation::ReadCommitted,
        )
    }

    fn canonical(&self) -> Vec<OwnedRecord> {
        let topics = CanonicalTopic::ALL.into_iter();
        topics
            .flat_map(|topic| self.read(Topic::Canonical(topic)))
            .collect()
    }

    /// Returns how often each native id came out.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for record in self.read(Topic::Canonical(CanonicalTopic::Access)) {
            let event = wire::decode(&record.value.unwrap()).unwrap();
            *counts.entry(event.envelope.native_id.unwrap()).or_default() += 1;
        }
        counts
    }

    async fn wait_for(&self, count: usize) {
        wait_until("the events", DEADLINE, async || {
            self.canonical().len() >= count
        })
        .await;
    }

    /// Sends a delivery that is told from all others, and waits until it is through: what came
    /// before it on every partition of its provider is through as well.
    async fn wait_until_drained(&self, number: u32) {
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

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_of_every_provider_comes_out_once() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    let samples = Provider::ALL.into_iter().flat_map(|provider| {
        providers::samples(provider)
            .iter()
            .map(move |sample| (provider, sample))
    });
    for (provider, sample) in samples {
        setting.deliver(provider, sample.tail, sample.body).await;
    }
    wait_until("all raw records to be committed", DEADLINE, async || {
        setting.ledger_covers_raw()
    })
    .await;
    stop.request();
    worker.join().unwrap().unwrap();

    let records = setting.canonical();
    let mut seen = BTreeMap::new();
    for record in &records {
        let event = wire::decode(record.value.as_deref().unwrap()).unwrap();
        assert_eq!(
            record.header("ce_type"),
            Some(event.envelope.event_type.name())
        );
        assert_eq!(
            record.header("ce_id"),
            Some(event.envelope.event_id.to_string().as_str())
        );
        assert_eq!(record.header("content-type"), Some("application/avro"));
        let before = seen.insert(event.envelope.event_id, event.envelope.native_type);
        assert_eq!(before, None, "an event came out twice");
    }
    for provider in Provider::ALL {
        let of_provider = records
            .iter()
            .filter(|record| record.header("ce_provider") == Some(provider.name()));
        assert!(of_provider.count() > 0, "{provider} brought nothing");
    }
}

impl Setting {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_is_dropped_also_after_a_restart() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    for number in 0..50 {
        setting.scan(number % 5, number).await;
        setting.scan(number % 5, number).await;
    }
    setting.wait_for(50).await;
    stop.request();
    worker.join().unwrap().unwrap();

    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    for number in 0..50 {
        setting.scan(number % 5, number).await;
    }
    setting.wait_until_drained(1_000).await;
    stop.request();
    worker.join().unwrap().unwrap();
    let counts = setting.counts();
    assert_eq!(counts.len(), 50 + 24);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_owners_neither_lose_nor_repeat_nor_reorder() {
    let setting = Setting::new();
    let stops = [Stop::default(), Stop::default(), Stop::default()];
    let first = setting.worker("a", &stops[0]);
    for number in 0..400 {
        setting.scan(number % 8, number).await;
    }
    let second = setting.worker("b", &stops[1]);
    for number in 200..800 {
        setting.scan(number % 8, number).await;
    }
    stops[0].request();
    first.join().unwrap().unwrap();
    let third = setting.worker("a", &stops[2]);
    for number in 600..1_200 {
        setting.scan(number % 8, number).await;
    }
    setting.wait_until_drained(10_000).await;
    stops.iter().for_each(Stop::request);
    second.join().unwrap().unwrap();
    third.join().unwrap().unwrap();

    let counts = setting.counts();
    assert_eq!(counts.len(), 1_200 + 24);
    assert!(counts.values().all(|count| *count == 1), "repeated");
    setting.assert_order_by_key();
}

impl Setting {
    /// Per key, events come out in the order in which they were first received.
    fn assert_order_by_key(&self) {
        let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for record in self.read(Topic::Canonical(CanonicalTopic::Access)) {
            let event = wire::decode(&record.value.unwrap()).unwrap();
            let offset = event.envelope.raw.unwrap().offset;
            let before = last.insert(record.key.unwrap(), offset);
            assert!(before.is_none_or(|before| before < offset), "overtaken");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_mapped_is_quarantined_and_the_partition_moves_on() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    setting
        .deliver(Provider::Genea, "", "{\"uuid\": broken")
        .await;
    setting
        .deliver(Provider::Genea, "", "{\"nothing\": \"known\"}")
        .await;
    setting.wait_until_drained(0).await;
    stop.request();
    worker.join().unwrap().unwrap();

    let quarantine = setting.read(Topic::Quarantine(Provider::Genea));
    let mut reasons: Vec<_> = quarantine
        .iter()
        .map(|record| record.header("reason").unwrap())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["not_json", "unknown_envelope"]);
    let broken = quarantine
        .iter()
        .find(|record| record.header("reason") == Some("not_json"))
        .unwrap();
    assert_eq!(
        broken.value.as_deref(),
        Some(b"{\"uuid\": broken".as_slice())
    );
    let position = format!(
        "{}/{}/{}",
        broken.header("raw_topic").unwrap(),
        broken.header("raw_partition").unwrap(),
        broken.header("raw_offset").unwrap()
    );
    assert_eq!(broken.key.as_deref(), Some(position.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_group_offsets_are_resumed_from_the_ledger() {
    let setting = Setting::new();
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    for number in 0..30 {
        setting.scan(number % 5, number).await;
    }
    setting.wait_for(30).await;
    stop.request();
    worker.join().unwrap().unwrap();

    let group = setting.cluster.topic("normalizer");
    let gone = async || testkit::delete_group(setting.kafka.brokers(), &group);
    wait_until("the group to be empty and deleted", DEADLINE, gone).await;
    let stop = Stop::default();
    let worker = setting.worker("a", &stop);
    setting.wait_until_drained(1_000).await;
    stop.request();
    worker.join().unwrap().unwrap();
    let counts = setting.counts();
    assert_eq!(counts.len(), 30 + 24);
    let ledger = setting.read(Topic::Seen(Provider::Genea));
    let read_again = ledger
        .iter()
        .filter(|entry| entry.header("first") == Some("0"))
        .count();
    let partitions = ledger
        .iter()
        .map(|entry| entry.partition)
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(
        read_again,
        partitions.len(),
        "raw was read again from its beginning"
    );
}
