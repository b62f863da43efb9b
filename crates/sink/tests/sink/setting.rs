//! Topics, events, subscriptions and sinks of one test.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use events::{
    Access, Body, CanonicalTopic, Envelope, Event, EventType, IdBasis, Origin, Provider,
    RawPosition, Time, TimeBasis, Topic, schema, wire,
};
use hmac::{Hmac, KeyInit, Mac};
use kafka::{Cluster, InstanceConfig, Producer, Record};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, TopicPartitionList};
use serde_json::{Value, json};
use service::OnFailure;
use sha2::Sha256;
use sink::subscriptions::{self, Draft};
use sink::{Reach, ReachConfig, Secret, Subscription};
use testkit::endpoint::Received;
use testkit::{Isolation, Kafka, OwnedRecord, create_topic, read_topic, wait_until};
use uuid::Uuid;

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const KEY: [u8; 32] = [7; 32];
const RETRIES: Topic = Topic::Retries(CanonicalTopic::Access);

pub(crate) struct Setting {
    pub(crate) kafka: Kafka,
    pub(crate) cluster: Cluster,
    producer: Producer,
    partitions: i32,
}

/// A sink that runs in this process.
pub(crate) struct Running(service::Context);

impl Running {
    pub(crate) async fn stop(self) {
        self.0.shutdown.request();
        self.0.tasks.join().await.unwrap();
    }

    /// Returns why the sink ended, when another has taken its name.
    pub(crate) async fn ended(self) -> anyhow::Error {
        self.0.tasks.join().await.unwrap_err()
    }
}

/// Settings for tests: a short schedule, and endpoints of this machine.
pub(crate) fn config(schedule_ms: &[u64]) -> sink::Config {
    sink::Config {
        sink_window: 256,
        sink_requests: 1024,
        sink_owed: 10_000,
        sink_owed_bytes: 256 * 1024 * 1024,
        attempt_timeout: Duration::from_secs(15),
        retry_schedule: schedule_ms
            .iter()
            .copied()
            .map(Duration::from_millis)
            .collect(),
        reach: ReachConfig {
            allow_private_endpoints: true,
        },
    }
}

impl Setting {
    pub(crate) fn new(partitions: i32) -> Self {
        let kafka = Kafka::shared();
        let config = kafka::Config {
            brokers: kafka.brokers().to_owned(),
            topic_prefix: kafka.prefix().to_owned(),
            kafka_set: Vec::new(),
        };
        let cluster = Cluster::new(&config).unwrap();
        let canonical = CanonicalTopic::ALL.into_iter();
        let topics = canonical
            .flat_map(|topic| [Topic::Canonical(topic), Topic::Retries(topic)])
            .chain([Topic::SchemaIds, Topic::Subscriptions])
            .chain([Topic::DeadLetters, Topic::Attempts]);
        for topic in topics {
            create_topic(kafka.brokers(), &cluster.topic(topic), partitions);
        }
        let producer = Producer::new(&cluster, Duration::from_secs(10)).unwrap();
        Self {
            kafka,
            cluster,
            producer,
            partitions,
        }
    }

    pub(crate) async fn subscribe(&self, url: &str, event_types: &[&str]) -> Subscription {
        let draft = Draft {
            name: "test".to_owned(),
            url: url.parse().unwrap(),
            event_types: event_types
                .iter()
                .map(|text| text.parse().unwrap())
                .collect(),
            sources: Vec::new(),
        };
        let id = Uuid::new_v4().into();
        let now = service::clock::now().into();
        let new = draft.build(Reach::Any, id, Secret::of(KEY), now).unwrap();
        let created = subscriptions::create(&self.cluster, &self.producer, &new).await;
        created.unwrap();
        new
    }

    pub(crate) async fn unsubscribe(&self, subscription: &Subscription) {
        let id = subscription.id;
        let deleted = subscriptions::delete(&self.cluster, &self.producer, id).await;
        deleted.unwrap();
    }

    pub(crate) fn start(&self, instance: &str, config: &sink::Config) -> Running {
        let context = service::Context::new(Duration::from_secs(30), OnFailure::EndProcess);
        let instance = InstanceConfig {
            instance: instance.to_owned(),
        };
        sink::start(config, &instance, &self.cluster, &context);
        Running(context)
    }

    /// Writes an event as the normalizer would; returns its value.
    pub(crate) async fn publish(&self, event: &Event) -> Vec<u8> {
        let id = schema::current(event.body.topic()).id;
        self.publish_under(id, event).await
    }

    /// Writes an event under an id that a registry gave its schema.
    pub(crate) async fn publish_under(&self, id: i32, event: &Event) -> Vec<u8> {
        let value = wire::encode(event, id).unwrap();
        let key = format!("hq/door/{}", event.envelope.event_id.as_u128() % 16);
        let headers = wire::ce_headers(event, &key);
        let headers: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let record = Record {
            topic: &self.cluster.topic(Topic::Canonical(CanonicalTopic::Access)),
            key: Some(key.as_bytes()),
            headers: &headers,
            value: Some(&value),
            ..Record::default()
        };
        self.producer.send(&record).await.unwrap();
        value
    }

    /// Keeps such an id, as the normalizer does before it writes an event under it.
    pub(crate) async fn keep_id(&self, id: i32, of: CanonicalTopic) {
        let subject = registry::subject(&self.cluster, of);
        let schema = schema::current(of).text;
        let row =
            json!({"registry": "http://there", "subject": subject, "id": id, "schema": schema});
        let (key, row) = (format!("{subject}/{id}"), row.to_string());
        let record = Record {
            topic: &self.cluster.topic(Topic::SchemaIds),
            partition: Some(0),
            key: Some(key.as_bytes()),
            value: Some(row.as_bytes()),
            ..Record::default()
        };
        self.producer.send(&record).await.unwrap();
    }

    pub(crate) fn read(&self, topic: Topic) -> Vec<OwnedRecord> {
        let topic = self.cluster.topic(topic);
        read_topic(self.kafka.brokers(), &topic, Isolation::ReadCommitted)
    }

    /// Returns the rows of `retries`, as compaction would leave them.
    pub(crate) fn retries(&self) -> Vec<OwnedRecord> {
        let mut rows = BTreeMap::new();
        for record in self.read(RETRIES) {
            rows.insert(record.key.clone(), record);
        }
        rows.into_values()
            .filter(|row| row.value.is_some())
            .collect()
    }

    /// Returns the delivery log.
    pub(crate) fn attempts(&self) -> Vec<Value> {
        let records = self.read(Topic::Attempts).into_iter();
        records
            .map(|record| serde_json::from_slice(&record.value.unwrap()).unwrap())
            .collect()
    }

    /// Counts the records of `access` that the group has not committed.
    pub(crate) fn lag(&self) -> i64 {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.kafka.brokers())
            .set("group.id", self.cluster.topic("sink"))
            .create()
            .unwrap();
        let topic = self.cluster.topic(CanonicalTopic::Access);
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&topic, 0, self.partitions - 1);
        let committed = consumer.committed_offsets(list, DEADLINE).unwrap();
        let lag_of = |number| {
            let found = committed.find_partition(&topic, number).unwrap();
            let committed = found.offset().to_raw().unwrap().max(0);
            let (_, end) = consumer.fetch_watermarks(&topic, number, DEADLINE).unwrap();
            end - committed
        };
        (0..self.partitions).map(lag_of).sum()
    }

    pub(crate) async fn wait_until_drained(&self) {
        wait_until("the sink to have passed all", DEADLINE, async || {
            self.lag() == 0
        })
        .await;
    }
}

/// Returns an event that is told from others by its number.
pub(crate) fn event(number: u128, event_type: EventType) -> Event {
    let at: Time = "2026-05-12T18:00:00Z".parse().unwrap();
    Event {
        envelope: Envelope {
            event_id: Uuid::from_u128(number),
            event_type,
            provider: Provider::Genea,
            source: "hq-doors".to_owned(),
            tenant: "acme".to_owned(),
            native_id: None,
            id_basis: IdBasis::Derived,
            native_type: "SEQUR_ACCESS_GRANTED".to_owned(),
            occurred_at: at,
            occurred_at_basis: TimeBasis::Payload,
            received_at: at,
            origin: Origin::Live,
            raw: Some(RawPosition {
                topic: "raw.genea".to_owned(),
                partition: 0,
                offset: 0,
                index: 0,
            }),
            attributes: BTreeMap::new(),
        },
        body: Body::Access(Access::default()),
    }
}

/// Checks a request as a receiver would, by the words of the specification.
pub(crate) fn assert_signed(request: &Received) {
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    let (id, timestamp) = (
        request.header("webhook-id"),
        request.header("webhook-timestamp"),
    );
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&request.body);
    let expected = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(
        request.header("webhook-signature"),
        format!("v1,{expected}")
    );
    let age = service::clock::now().as_second() - timestamp.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "signed {age} s ago");
}
