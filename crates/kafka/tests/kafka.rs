//! What only a real broker can prove of the loop.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::thread::JoinHandle;
use std::time::Duration;

use kafka::{
    BorrowedMessage, Cluster, Config, Failure, GroupConsumer, Message, Partition, Polled, Reached,
    Rebalance, Record, Scanner, Stage, Stop, Table, Transactor, Worker, WorkerConfig,
};
use testkit::{Isolation, Kafka, create_topic, read_topic, wait_until};

/// A worker is back at work within a minute of the last heal, and a busy machine is given half more.
const DEADLINE: Duration = Duration::from_secs(90);
/// Fenced sooner after it joined, a worker takes the other for a living rival.
const RIVAL_AFTER: Duration = Duration::from_secs(11);

/// Copies each record once: remembers offsets in a ledger, like the normalizer its ids.
struct Copy {
    scanner: Scanner,
    to: String,
    ledger: String,
    done: BTreeMap<Partition, i64>,
    batch: BTreeMap<Partition, (i64, i64)>,
}

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
        let mut ended_at = None;
        self.scanner.scan(&ledger, 0, |record| {
            let text = std::str::from_utf8(record.payload().unwrap_or_default()).unwrap();
            ended_at = Some(text.parse::<i64>().unwrap());
            Ok(())
        })?;
        assert_eq!(ended_at, committed, "ledger and group disagree");
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
struct Setting<K = Kafka> {
    kafka: K,
    brokers: String,
    cluster: Cluster,
}

impl Setting {
    fn new(topics: &[(&str, i32)]) -> Self {
        let kafka = Kafka::shared();
        let (brokers, prefix) = (kafka.brokers().to_owned(), kafka.prefix().to_owned());
        Self::with(kafka, brokers, prefix, topics)
    }
}

impl<K> Setting<K> {
    fn with(kafka: K, brokers: String, topic_prefix: String, topics: &[(&str, i32)]) -> Self {
        let config = Config {
            brokers: brokers.clone(),
            topic_prefix,
            kafka_set: Vec::new(),
        };
        let cluster = Cluster::new(&config).unwrap();
        for (topic, partitions) in topics {
            create_topic(&brokers, &cluster.topic(topic), *partitions);
        }
        Self {
            kafka,
            brokers,
            cluster,
        }
    }

    fn partition(&self, topic: &str) -> Partition {
        Partition {
            topic: self.cluster.topic(topic).into(),
            number: 0,
        }
    }

    fn produce(&self, range: std::ops::Range<u32>) {
        let mut out = Transactor::new(&self.cluster, &self.cluster.topic("producer"));
        out.init().unwrap();
        let topic = self.cluster.topic("in");
        let mut group = None;
        let member = member(&self.cluster, &mut group);
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

    fn worker(&self, instance: &str, stop: &Stop) -> JoinHandle<Result<(), Failure>> {
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
        };
        let worker = Worker::new(&self.cluster, config, stage, stop.clone()).unwrap();
        std::thread::spawn(move || worker.run(|_| {}))
    }

    fn copied(&self) -> Vec<u32> {
        let records = read_topic(
            &self.brokers,
            &self.cluster.topic("out"),
            Isolation::ReadCommitted,
        );
        let number =
            |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap().parse().unwrap();
        records
            .into_iter()
            .map(|record| number(record.value))
            .collect()
    }

    async fn wait_for_copies(&self, count: usize) {
        let enough = async || self.copied().len() >= count;
        wait_until("all copies", DEADLINE, enough).await;
    }

    fn assert_each_once(&self, count: u32) {
        let copied = self.copied();
        let distinct: BTreeSet<u32> = copied.iter().copied().collect();
        assert_eq!(distinct, (0..count).collect(), "lost");
        assert_eq!(copied.len(), distinct.len(), "repeated");
    }
}

/// Joins a group only to have a member's metadata; a transaction without offsets never uses it.
fn member(
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

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_copied_once_by_changing_workers() {
    let setting = Setting::new(&[("in", 4), ("out", 4), ("ledger", 4)]);
    let stops = [Stop::default(), Stop::default(), Stop::default()];
    setting.produce(0..3_000);
    let first = setting.worker("a", &stops[0]);
    setting.wait_for_copies(500).await;
    let second = setting.worker("b", &stops[1]);
    setting.produce(3_000..6_000);
    setting.wait_for_copies(4_000).await;
    stops[0].request();
    first.join().unwrap().unwrap();
    let third = setting.worker("a", &stops[2]);
    setting.produce(6_000..8_000);
    setting.wait_for_copies(8_000).await;
    stops.iter().for_each(Stop::request);
    second.join().unwrap().unwrap();
    third.join().unwrap().unwrap();
    setting.assert_each_once(8_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_of_the_same_name_one_ends() {
    let setting = Setting::new(&[("in", 2), ("out", 2), ("ledger", 2)]);
    setting.produce(0..100);
    let stop = Stop::default();
    let first = setting.worker("same", &stop);
    setting.wait_for_copies(100).await;
    let second = setting.worker("same", &stop);
    setting.produce(100..200);
    setting.wait_for_copies(200).await;
    let one_ended = async || first.is_finished() || second.is_finished();
    wait_until("one of them to end", DEADLINE, one_ended).await;
    stop.request();
    let ends = [first, second].map(|worker| worker.join().unwrap());
    let fenced = ends.into_iter().find_map(Result::err).unwrap();
    assert!(fenced.to_string().contains("same --instance"), "{fenced}");
    setting.assert_each_once(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_fenced_by_a_member_that_is_gone_joins_anew() {
    let setting = Setting::new(&[("in", 2), ("out", 2), ("ledger", 2)]);
    setting.produce(0..100);
    let stop = Stop::default();
    let worker = setting.worker("same", &stop);
    setting.wait_for_copies(100).await;
    tokio::time::sleep(RIVAL_AFTER).await;
    let group = setting.cluster.topic("copy");
    let topics = [setting.cluster.topic("in")];
    let rival = GroupConsumer::join(&setting.cluster, &group, "same", &topics).unwrap();
    wait_for_assignment(&rival).await;
    drop(rival);
    setting.produce(100..200);
    setting.wait_for_copies(200).await;
    stop.request();
    worker.join().unwrap().unwrap();
    setting.assert_each_once(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_waits_for_an_open_transaction_and_sees_its_records() {
    let setting = Setting::new(&[("in", 1)]);
    let mut out = Transactor::new(&setting.cluster, &setting.cluster.topic("slow"));
    out.init().unwrap();
    let mut group = None;
    out.begin(member(&setting.cluster, &mut group)).unwrap();
    let topic = setting.cluster.topic("in");
    out.send(&Record {
        topic: &topic,
        value: Some(b"late"),
        ..Record::default()
    })
    .unwrap();
    let written =
        async || !read_topic(&setting.brokers, &topic, Isolation::ReadUncommitted).is_empty();
    wait_until("the record to be written", DEADLINE, written).await;

    let scanner = Scanner::new(&setting.cluster).unwrap();
    let partition = setting.partition("in");
    let scan = std::thread::spawn(move || {
        let mut found = Vec::new();
        let ended = scanner.scan(&partition, 0, |record| {
            found.push(record.payload().unwrap_or_default().to_vec());
            Ok(())
        });
        ended.map(|()| found)
    });
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        !scan.is_finished(),
        "the scan did not wait for the open transaction"
    );
    out.commit(&[]).unwrap();
    assert_eq!(scan.join().unwrap().unwrap(), [b"late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_record_is_not_scanned() {
    let setting = Setting::new(&[("in", 1)]);
    let topic = setting.cluster.topic("in");
    let mut out = Transactor::new(&setting.cluster, &setting.cluster.topic("aborting"));
    out.init().unwrap();
    let mut group = None;
    out.begin(member(&setting.cluster, &mut group)).unwrap();
    out.send(&Record {
        topic: &topic,
        value: Some(b"never"),
        ..Record::default()
    })
    .unwrap();
    let written =
        async || !read_topic(&setting.brokers, &topic, Isolation::ReadUncommitted).is_empty();
    wait_until("the record to be written", DEADLINE, written).await;
    out.init().unwrap();

    let scanner = Scanner::new(&setting.cluster).unwrap();
    let mut count = 0;
    let ended = scanner.scan(&setting.partition("in"), 0, |_| {
        count += 1;
        Ok(())
    });
    ended.unwrap();
    assert_eq!(count, 0);
}

/// Kafka-rules 4: the offsets of a member of an older generation are refused.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_a_member_that_was_replaced_are_refused() {
    let setting = Setting::new(&[("in", 2)]);
    setting.produce(0..10);
    let group = setting.cluster.topic("group");
    let topics = [setting.cluster.topic("in")];
    let old = GroupConsumer::join(&setting.cluster, &group, "old", &topics).unwrap();
    wait_for_assignment(&old).await;
    let stale = old.metadata().unwrap();

    let new = GroupConsumer::join(&setting.cluster, &group, "new", &topics).unwrap();
    wait_for_generation(&old, &new).await;
    let mut out = Transactor::new(&setting.cluster, &setting.cluster.topic("zombie"));
    out.init().unwrap();
    out.begin(stale).unwrap();
    let refused = out.commit(&[(setting.partition("in"), 5)]);
    assert!(
        matches!(refused, Err(Failure::Unclear { .. })),
        "{refused:?}"
    );
    assert_eq!(new.committed(&[setting.partition("in")]).unwrap(), [None]);
}

fn from_the_beginning(partitions: &[Partition]) -> Vec<(Partition, Option<i64>)> {
    partitions
        .iter()
        .map(|partition| (partition.clone(), Some(0)))
        .collect()
}

async fn wait_for_assignment(member: &GroupConsumer) {
    let assigned = async || match member.poll(Duration::from_millis(50)).unwrap() {
        Polled::Rebalance(Rebalance::Assigned(partitions)) => {
            member.assign(&from_the_beginning(&partitions)).unwrap();
            !partitions.is_empty()
        }
        Polled::Rebalance(_) | Polled::Record(_) | Polled::Nothing | Polled::OutOfRange => false,
    };
    wait_until("an assignment", DEADLINE, assigned).await;
}

/// Polls both until the group has made room for the new member: the old one is of a generation
/// that is over.
async fn wait_for_generation(old: &GroupConsumer, new: &GroupConsumer) {
    let joined = async || {
        for member in [old, new] {
            if let Polled::Rebalance(event) = member.poll(Duration::from_millis(20)).unwrap() {
                match event {
                    Rebalance::Assigned(partitions) => {
                        member.assign(&from_the_beginning(&partitions)).unwrap();
                        if std::ptr::eq(member, new) {
                            return true;
                        }
                    }
                    Rebalance::Revoked(partitions) | Rebalance::Lost(partitions) => {
                        member.release(&partitions).unwrap();
                    }
                }
            }
        }
        false
    };
    wait_until("the second member", DEADLINE, joined).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_holds_what_the_topic_holds_and_then_follows_it() {
    let setting = Setting::new(&[("rows", 3)]);
    let topic = setting.cluster.topic("rows");
    let producer = kafka::Producer::new(&setting.cluster, Duration::from_secs(10)).unwrap();
    let put = async |key: &'static str, value: Option<&'static str>| {
        let record = Record {
            topic: &topic,
            key: Some(key.as_bytes()),
            value: value.map(str::as_bytes),
            ..Record::default()
        };
        producer.send(&record).await.unwrap();
    };
    put("a", Some("1")).await;
    put("b", Some("2")).await;
    put("a", None).await;

    let mut table = Table::open(&setting.cluster, &topic).unwrap();
    let mut rows = BTreeMap::new();
    table
        .load(|update| drop(rows.insert(update.key, update.value)))
        .unwrap();
    assert_eq!(rows[b"a".as_slice()], None);
    assert_eq!(rows[b"b".as_slice()].as_deref(), Some(b"2".as_slice()));

    put("c", Some("3")).await;
    let mut followed = None;
    let arrived = async || {
        followed = followed
            .take()
            .or(table.poll(Duration::from_millis(50)).unwrap());
        followed.is_some()
    };
    wait_until("the change", DEADLINE, arrived).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_wrong_is_described() {
    let setting = Setting::new(&[("good", 1)]);
    let spec = kafka::TopicSpec {
        name: setting.cluster.topic("good"),
        partitions: 2,
        replication: 1,
        cleanup: kafka::Cleanup::Compact,
        retention_ms: 1_000,
        timestamps: kafka::Timestamps::Writer,
    };
    let other = kafka::TopicSpec {
        name: setting.cluster.topic("new"),
        ..spec.clone()
    };
    let findings = kafka::create(&setting.cluster, &[spec, other.clone()])
        .await
        .unwrap();
    let kafka::Verdict::Wrong(faults) = &findings[0].verdict else {
        panic!("{findings:?}");
    };
    let faults = faults.join("; ");
    assert!(
        faults.contains("it has 1 partitions, 2 are needed"),
        "{faults}"
    );
    assert!(
        faults.contains("its `cleanup.policy` is `delete`, `compact` is needed"),
        "{faults}"
    );
    assert_eq!(findings[1].verdict, kafka::Verdict::Created);
    let again = kafka::check(&setting.cluster, &[other]).await.unwrap();
    assert_eq!(again[0].verdict, kafka::Verdict::Good);
}

mod own_kafka {
    use super::*;

    /// Longer than the transaction timeout and the group's session together.
    const OUTAGE: Duration = Duration::from_secs(18);

    #[tokio::test(flavor = "multi_thread")]
    async fn an_outage_ends_no_worker_and_loses_and_repeats_nothing() {
        let kafka = Kafka::one_node();
        let (brokers, prefix) = (kafka.brokers().to_owned(), kafka.prefix().to_owned());
        let topics = [("in", 4), ("out", 4), ("ledger", 4)];
        let setting = Setting::with(kafka, brokers, prefix, &topics);
        let stop = Stop::default();
        let worker = setting.worker("a", &stop);
        setting.produce(0..20_000);
        setting.wait_for_copies(1_000).await;
        setting.kafka.freeze_node(1);
        tokio::time::sleep(OUTAGE).await;
        setting.kafka.thaw_node(1);
        setting.produce(20_000..21_000);
        setting.wait_for_copies(5_000).await;
        setting.kafka.kill_node(1);
        setting.kafka.start_node(1);
        setting.produce(21_000..22_000);
        setting.wait_for_copies(22_000).await;
        stop.request();
        worker.join().unwrap().unwrap();
        setting.assert_each_once(22_000);
    }
}
