//! A Kafka of its own with Cardea's topics, and what is asked of them.

use std::collections::{BTreeMap, HashSet};
use std::process::Command;
use std::time::Duration;

use events::{CanonicalTopic, Provider, Topic};
use indicatif::{ProgressBar, ProgressStyle};
use kafka::{Extent, headers_of};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::mix::{Kinds, Mix, RawRecord};
use crate::process::beside;

const ASK: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(1);

/// How the Kafka is laid out.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Layout {
    /// Nodes of the Kafka: 1 or 3.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    nodes: u8,
    /// Partitions of each topic.
    #[arg(long, default_value_t = 12)]
    partitions: u16,
}

pub(crate) struct Site {
    kafka: testkit::Cluster,
    pub(crate) partitions: u16,
    prefix: String,
    count: u32,
}

impl Site {
    /// Starts Kafka; [`Site::renew`] makes the first topics.
    pub(crate) fn new(layout: Layout) -> Self {
        let kafka = match layout.nodes {
            1 => testkit::Kafka::one_node(),
            _ => testkit::Kafka::three_nodes(),
        };
        Self {
            kafka,
            partitions: layout.partitions,
            prefix: String::new(),
            count: 0,
        }
    }

    pub(crate) fn brokers(&self) -> &str {
        self.kafka.brokers()
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn topic(&self, topic: Topic) -> String {
        format!("{}{topic}", self.prefix())
    }

    fn create_topics(&self) {
        let made = Command::new(beside("cardea"))
            .args(["topics", "--brokers", self.brokers()])
            .args(["--topic-prefix", self.prefix()])
            .args(["--partitions", &self.partitions.to_string()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stdout);
        assert!(made.status.success(), "{said}");
    }

    /// Goes on with topics and a group that nobody has used; the old topics are deleted.
    pub(crate) fn renew(&mut self) {
        if self.count > 0 {
            testkit::delete_topics(self.brokers(), &self.prefix);
        }
        self.count += 1;
        self.prefix = format!("bench-{}.", self.count);
        self.create_topics();
    }

    fn topic_named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// Writes so many raw records; returns how many distinct events they tell of.
    pub(crate) fn fill(&self, records: u64) -> u64 {
        let progress = progress("filling raw", records);
        let mut mix = Mix::new(Kinds::Two, 1);
        let producer = self.producer();
        let received_at = service::clock::now().into();
        for _ in 0..records {
            self.send(&producer, &mix.next(received_at));
            progress.inc(1);
        }
        producer.flush(ASK).unwrap();
        progress.finish_and_clear();
        mix.distinct
    }

    /// Makes a producer as that of ingest.
    pub(crate) fn producer(&self) -> BaseProducer {
        self.client()
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("compression.type", "zstd")
            .set("linger.ms", "0.5")
            .create()
            .unwrap()
    }

    pub(crate) fn send(&self, producer: &BaseProducer, raw: &RawRecord) {
        let topic = self.topic(Topic::Raw(raw.provider));
        let none = OwnedHeaders::new_with_capacity(raw.headers.len());
        let headers = raw.headers.iter().fold(none, |headers, (key, value)| {
            let value = Some(value);
            headers.insert(Header { key, value })
        });
        let mut pending = BaseRecord::to(&topic)
            .key(&raw.key)
            .headers(headers)
            .payload(&raw.body);
        while let Err((error, unsent)) = producer.send(pending) {
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            assert!(full, "{error}");
            producer.poll(STEP);
            pending = unsent;
        }
        producer.poll(Duration::ZERO);
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers());
        config
    }

    /// Checks that every event came out exactly once, or says what is wrong.
    pub(crate) fn check_output(&self, distinct: u64) -> Result<(), String> {
        let config = kafka::Config {
            brokers: self.brokers().to_owned(),
            topic_prefix: self.prefix().to_owned(),
            kafka_set: Vec::new(),
        };
        let cluster = kafka::Cluster::new(&config).unwrap();
        let topics = CanonicalTopic::ALL.map(|topic| self.topic(Topic::Canonical(topic)));
        let all = Extent::of(&cluster, &topics, None, None).unwrap();
        let mut ids = HashSet::new();
        let mut count = 0_u64;
        let progress = progress("checking what came out", all.offsets());
        all.read(|record| {
            let id = headers_of(record).find(|(name, _)| *name == "ce_id");
            let id = uuid::Uuid::try_parse_ascii(id.unwrap().1).unwrap();
            ids.insert(id);
            count += 1;
            progress.inc(1);
            Ok(())
        })
        .unwrap();
        progress.finish_and_clear();
        let found = u64::try_from(ids.len()).unwrap();
        if found == distinct && count == distinct {
            return Ok(());
        }
        Err(format!(
            "{count} records of {found} events came out, not {distinct}"
        ))
    }

    /// Watches how far the normalizer has come.
    pub(crate) fn watch(&self) -> Watch {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", self.topic_named("normalizer"))
            .set("isolation.level", "read_uncommitted")
            .create()
            .unwrap();
        let mut ends = BTreeMap::new();
        let mut list = TopicPartitionList::new();
        for provider in Provider::ALL {
            let topic = self.topic(Topic::Raw(provider));
            for partition in 0..i32::from(self.partitions) {
                let (_, end) = consumer.fetch_watermarks(&topic, partition, ASK).unwrap();
                list.add_partition(&topic, partition);
                ends.insert((topic.clone(), partition), end);
            }
        }
        Watch {
            consumer,
            list,
            records: ends.values().sum(),
        }
    }
}

/// The group's progress through raw.
pub(crate) struct Watch {
    consumer: BaseConsumer,
    list: TopicPartitionList,
    records: i64,
}

impl Watch {
    /// Returns how many raw records are committed, and of how many; none as long as the group's
    /// coordinator does not answer.
    pub(crate) fn committed(&self) -> (i64, i64) {
        let Ok(found) = self.consumer.committed_offsets(self.list.clone(), ASK) else {
            return (0, self.records);
        };
        let at = |offset| match offset {
            Offset::Offset(offset) => offset,
            _ => 0,
        };
        let found = found.elements().into_iter();
        (found.map(|found| at(found.offset())).sum(), self.records)
    }
}

pub(crate) fn progress(what: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:30} {percent}%").unwrap();
    ProgressBar::new(length)
        .with_style(style)
        .with_message(what.to_owned())
}
