//! A stage that copies, a cluster to copy on, and what came out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;
use std::time::Duration;

use kafka::{
    BorrowedMessage, Cluster, Config, Failure, GroupConsumer, Message, Partition, Polled, Reached,
    Rebalance, Record, Scanner, Stage, Stop, Transactor, Worker, WorkerConfig,
};
use testkit::{Isolation, Kafka, Proxy, create_topic, read_topic, wait_until};

/// A worker is back at work within a minute of the last heal, and a busy machine is given half more.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// Copies each record once: remembers offsets in a ledger, like the normalizer its ids.
struct Copy {
    scanner: Scanner,
    to: String,
    ledger: String,
    done: BTreeMap<Partition, i64>,
    batch: BTreeMap<Partition, (i64, i64)>,
    /// Happens once, between the two questions of an assignment.
    meanwhile: Option<Meanwhile>,
}

pub(crate) type Meanwhile = Box<dyn FnOnce() + Send>;

impl Stage for Copy {
    fn assign(
        &mut self,
        partition: &Partition,
        committed: Option<i64>,
        earliest: i64,
    ) -> Result<i64, Failure> {
        let ledger = Partition {
            topic: self.ledger.as_str().into(),
            number: partition.number,
        };
        if let Some(meanwhile) = self.meanwhile.take() {
            meanwhile();
        }
        let mut ended_at = None;
        self.scanner.scan(&ledger, 0, |record| {
            let text = std::str::from_utf8(record.payload().unwrap_or_default()).unwrap();
            ended_at = Some(text.parse::<i64>().unwrap());
            Ok(())
        })?;
        if ended_at != committed {
            return Err(Failure::fatal("ledger and group disagree"));
        }
        self.done
            .insert(partition.clone(), ended_at.unwrap_or(earliest));
        Ok(committed.unwrap_or(earliest))
    }

    fn revoke(&mut self, partition: &Partition) {
        self.done.remove(partition);
        self.batch.remove(partition);
    }

    fn take(&mut self, record: &BorrowedMessage<'_>, out: &Transactor) -> Result<(), Failure> {
        let partition = Partition {
            topic: record.topic().into(),
            number: record.partition(),
        };
        let offset = record.offset();
        let batch = self.batch.entry(partition).or_insert((offset, offset));
        batch.1 = offset + 1;
        out.send(&Record {
            topic: &self.to,
            value: record.payload(),
            ..Record::default()
        })
    }

    fn tend(&mut self, _patience: Duration) {}

    fn full(&self) -> bool {
        false
    }

    fn pending(&self) -> bool {
        !self.batch.is_empty()
    }

    fn conclude(
        &mut self,
        out: &Transactor,
        reached: &Reached,
    ) -> Result<Vec<(Partition, i64)>, Failure> {
        for (partition, (_, next)) in &mut self.batch {
            *next = reached.after(partition, *next);
            out.send(&Record {
                topic: &self.ledger,
                partition: Some(partition.number),
                value: Some(next.to_string().as_bytes()),
                ..Record::default()
            })?;
        }
        let ends = self.batch.iter();
        Ok(ends
            .map(|(partition, (_, next))| (partition.clone(), *next))
            .collect())
    }

    fn committed(&mut self) {
        for (partition, (_, next)) in std::mem::take(&mut self.batch) {
            self.done.insert(partition, next);
        }
    }

    fn refused(&mut self) -> Vec<(Partition, i64)> {
        let batch = std::mem::take(&mut self.batch);
        batch
            .into_iter()
            .map(|(partition, (first, _))| (partition, first))
            .collect()
    }
}

/// `K` keeps the Kafka alive: the shared one, or one of the test's own.
pub(crate) struct Setting<K = Kafka> {
    pub(crate) kafka: K,
    /// Past a proxy, if there is one.
    pub(crate) brokers: String,
    pub(crate) cluster: Cluster,
}

impl Setting {
    pub(crate) fn new(topics: &[(&str, i32)]) -> Self {
        let kafka = Kafka::shared();
        let (brokers, prefix) = (kafka.brokers().to_owned(), kafka.prefix().to_owned());
        Self::with(kafka, brokers, prefix, topics)
    }
}

impl Setting<testkit::Cluster> {
    /// A Kafka of one node with the topics of the copying stage.
    pub(crate) fn own() -> Self {
        let kafka = Kafka::one_node();
        let (brokers, prefix) = (kafka.brokers().to_owned(), kafka.prefix().to_owned());
        Self::with(
            kafka,
            brokers,
            prefix,
            &[("in", 4), ("out", 4), ("ledger", 4)],
        )
    }

    /// Puts a proxy between Kafka and the workers.
    pub(crate) fn proxied() -> (Self, Proxy) {
        let mut setting = Self::own();
        let proxy = setting.kafka.proxy();
        setting.cluster = cluster_at(proxy.brokers(), setting.cluster.topic_prefix());
        (setting, proxy)
    }
}

impl<K> Setting<K> {
    fn with(kafka: K, brokers: String, topic_prefix: String, topics: &[(&str, i32)]) -> Self {
        let cluster = cluster_at(&brokers, &topic_prefix);
        for (topic, partitions) in topics {
            create_topic(&brokers, &cluster.topic(topic), *partitions);
        }
        Self {
            kafka,
            brokers,
            cluster,
        }
    }

    pub(crate) fn partition(&self, topic: &str) -> Partition {
        Partition {
            topic: self.cluster.topic(topic).into(),
            number: 0,
        }
    }

    pub(crate) fn produce(&self, range: std::ops::Range<u32>) {
        let cluster = cluster_at(&self.brokers, self.cluster.topic_prefix());
        let mut out = Transactor::new(&cluster, &cluster.topic("producer"));
        out.init().unwrap();
        let topic = self.cluster.topic("in");
        let mut group = None;
        let member = member(&cluster, &mut group);
        out.begin(member).unwrap();
        for number in range {
            let text = number.to_string();
            let value = Some(text.as_bytes());
            out.send(&Record {
                topic: &topic,
                key: value,
                value,
                ..Record::default()
            })
            .unwrap();
        }
        out.commit(&[]).unwrap();
    }

    pub(crate) fn worker(&self, instance: &str, stop: &Stop) -> JoinHandle<Result<(), Failure>> {
        self.worker_that_meets(instance, stop, None)
    }

    pub(crate) fn worker_that_meets(
        &self,
        instance: &str,
        stop: &Stop,
        meanwhile: Option<Meanwhile>,
    ) -> JoinHandle<Result<(), Failure>> {
        let config = WorkerConfig {
            group: self.cluster.topic("copy"),
            instance: instance.to_owned(),
            topics: vec![self.cluster.topic("in")],
            commit_interval: Duration::from_millis(50),
            commit_when_dry: Duration::ZERO,
            poll_timeout: Duration::from_millis(20),
        };
        let stage = Copy {
            scanner: Scanner::new(&self.cluster).unwrap(),
            to: self.cluster.topic("out"),
            ledger: self.cluster.topic("ledger"),
            done: BTreeMap::new(),
            batch: BTreeMap::new(),
            meanwhile,
        };
        let worker = Worker::new(&self.cluster, config, stage, stop.clone()).unwrap();
        std::thread::spawn(move || worker.run(|_| {}))
    }

    /// The values that a reader of committed records sees, by partition and offset.
    pub(crate) fn committed_values(&self, topic: &str) -> Vec<Vec<u8>> {
        let topic = self.cluster.topic(topic);
        read_topic(&self.brokers, &topic, Isolation::ReadCommitted)
            .into_iter()
            .filter_map(|record| record.value)
            .collect()
    }

    /// Up to where a reader of committed records sees the topic's first partition now.
    pub(crate) fn stable_end(&self, topic: &str) -> i64 {
        let mut group = None;
        member(&self.cluster, &mut group);
        let (_, end) = group.unwrap().watermarks(&self.partition(topic)).unwrap();
        end
    }

    fn copied(&self) -> Vec<u32> {
        let number = |value| String::from_utf8(value).unwrap().parse().unwrap();
        self.committed_values("out")
            .into_iter()
            .map(number)
            .collect()
    }

    pub(crate) async fn wait_for_copies(&self, count: usize) {
        let enough = async || self.copied().len() >= count;
        wait_until("all copies", DEADLINE, enough).await;
    }

    pub(crate) fn assert_each_once(&self, count: u32) {
        let copied = self.copied();
        let distinct: BTreeSet<u32> = copied.iter().copied().collect();
        assert_eq!(distinct, (0..count).collect(), "lost");
        assert_eq!(copied.len(), distinct.len(), "repeated");
    }
}

pub(crate) fn cluster_at(brokers: &str, topic_prefix: &str) -> Cluster {
    let config = Config {
        brokers: brokers.to_owned(),
        topic_prefix: topic_prefix.to_owned(),
        kafka_set: Vec::new(),
    };
    Cluster::new(&config).unwrap()
}

/// Joins a group only to have a member's metadata; a transaction without offsets never uses it.
pub(crate) fn member(
    cluster: &Cluster,
    keep: &mut Option<GroupConsumer>,
) -> rdkafka::consumer::ConsumerGroupMetadata {
    let joined = GroupConsumer::join(
        cluster,
        &cluster.topic("nobody"),
        "nobody",
        &[cluster.topic("in")],
    )
    .unwrap();
    keep.insert(joined).metadata().unwrap()
}

pub(crate) fn from_the_beginning(partitions: &[Partition]) -> Vec<(Partition, i64)> {
    partitions
        .iter()
        .map(|partition| (partition.clone(), 0))
        .collect()
}

pub(crate) async fn wait_for_assignment(member: &GroupConsumer) {
    let assigned = async || match member.poll(Duration::from_millis(50)).unwrap() {
        Polled::Rebalance(Rebalance::Assigned(partitions)) => {
            member.assign(&from_the_beginning(&partitions)).unwrap();
            !partitions.is_empty()
        }
        Polled::Rebalance(_) | Polled::Record(_) | Polled::Nothing | Polled::OutOfRange => false,
    };
    wait_until("an assignment", DEADLINE, assigned).await;
}
