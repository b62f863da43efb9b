//! Topics as a test sees them: made, read to their end, deleted.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const DEADLINE: Duration = Duration::from_secs(30);

/// Which records a reader sees: those of committed transactions, or also of open and aborted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    ReadCommitted,
    ReadUncommitted,
}

/// A record with its place; `Debug` shows bytes, so only for test data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRecord {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub value: Option<Vec<u8>>,
}

impl OwnedRecord {
    /// The first header of that name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// Makes a topic with the broker's default replication.
pub fn create_topic(brokers: &str, topic: &str, partitions: i32) {
    let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
    with_admin(brokers, async |admin| {
        let made = admin
            .create_topics([&topic], &admin_options())
            .await
            .expect("create topic");
        for result in made {
            result.expect("create topic");
        }
    });
}

/// Gives a topic more partitions, as an operator might; returns once they are seen.
pub fn grow_topic(brokers: &str, topic: &str, partitions: usize) {
    let grown = NewPartitions::new(topic, partitions);
    with_admin(brokers, async |admin| {
        let options = admin_options();
        let made = admin.create_partitions([&grown], &options).await;
        for result in made.expect("grow topic") {
            result.expect("grow topic");
        }
        let started = Instant::now();
        let seen = || {
            let metadata = admin.inner().fetch_metadata(Some(topic), DEADLINE);
            metadata.expect("ask for the topic").topics()[0]
                .partitions()
                .len()
        };
        while seen() < partitions {
            assert!(started.elapsed() < DEADLINE, "{topic} is not grown");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

/// Deletes every topic whose name begins so; what is gone already is fine, and so is a Kafka that is gone.
pub fn delete_topics(brokers: &str, prefix: &str) {
    let Ok(metadata) = reader(brokers, Isolation::ReadUncommitted).fetch_metadata(None, DEADLINE)
    else {
        return;
    };
    let names: Vec<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
    let own: Vec<&str> = names
        .into_iter()
        .filter(|name| name.starts_with(prefix))
        .collect();
    if !own.is_empty() {
        with_admin(brokers, async |admin| {
            admin.delete_topics(&own, &admin_options()).await.ok();
        });
    }
}

/// Deletes the records of a partition before an offset, as retention does.
pub fn delete_records(brokers: &str, topic: &str, partition: i32, before: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(before))
        .expect("the offset is one");
    with_admin(brokers, async |admin| {
        let deleted = admin.delete_records(&list, &admin_options()).await;
        deleted.expect("delete records");
    });
}

/// Deletes a consumer group with its offsets; `false` while it still has members.
pub fn delete_group(brokers: &str, group: &str) -> bool {
    let mut deleted = false;
    with_admin(brokers, async |admin| {
        let results = admin.delete_groups(&[group], &admin_options()).await;
        deleted = results.expect("delete group").iter().all(Result::is_ok);
    });
    deleted
}

/// Writes a record to its partition, outside of any transaction; returns its offset.
pub fn write_record(brokers: &str, topic: &str, record: &OwnedRecord) -> i64 {
    let headers = OwnedHeaders::new_with_capacity(record.headers.len());
    let headers = record
        .headers
        .iter()
        .fold(headers, |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        });
    let mut written = FutureRecord::<Vec<u8>, Vec<u8>>::to(topic)
        .partition(record.partition)
        .headers(headers);
    written.key = record.key.as_ref();
    written.payload = record.value.as_ref();
    let producer: FutureProducer = client(brokers)
        .create()
        .expect("the producer's settings are valid");
    let sent = on_own_thread(async || producer.send(written, DEADLINE).await);
    sent.expect("write the record").offset
}

/// Moves a group's offset from outside; `false` while it still has members.
pub fn commit_offset(brokers: &str, group: &str, topic: &str, partition: i32, next: i64) -> bool {
    let consumer: BaseConsumer = client(brokers)
        .set("group.id", group)
        .create()
        .expect("the consumer's settings are valid");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(next))
        .expect("the offset is one");
    consumer.commit(&list, CommitMode::Sync).is_ok()
}

/// Reads a topic to the end that it has now; empty when there is no such topic. Records are in order of
/// partition and offset.
///
/// # Panics
/// When the end is not reached in 30 s, as with a transaction left open.
pub fn read_topic(brokers: &str, topic: &str, isolation: Isolation) -> Vec<OwnedRecord> {
    let consumer = reader(brokers, isolation);
    let mut ends = ends(brokers, topic);
    let mut start = TopicPartitionList::new();
    for (partition, _) in &ends {
        start
            .add_partition_offset(topic, *partition, Offset::Beginning)
            .expect("a partition has a beginning");
    }
    consumer.assign(&start).expect("assign");

    let started = Instant::now();
    let mut records = Vec::new();
    while !ends.is_empty() {
        assert!(
            started.elapsed() < DEADLINE,
            "{topic}: the ends {ends:?} are not reached"
        );
        if let Some(message) = consumer.poll(Duration::from_millis(50)) {
            records.push(owned(&message.expect("read topic")));
        }
        // The position passes transaction markers and aborted records, which are never seen as messages.
        let position = consumer.position().expect("ask the position");
        ends.retain(|(partition, end)| {
            let at = position
                .find_partition(topic, *partition)
                .and_then(|found| found.offset().to_raw());
            at.is_none_or(|at| at < *end)
        });
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

/// The partitions that hold something, with the offset after their last record.
fn ends(brokers: &str, topic: &str) -> Vec<(i32, i64)> {
    // A read_committed handle would answer with the last stable offset.
    let consumer = reader(brokers, Isolation::ReadUncommitted);
    let metadata = consumer
        .fetch_metadata(Some(topic), DEADLINE)
        .expect("ask for the topic");
    let partitions = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions());
    partitions
        .map(|partition| {
            let (low, high) = consumer
                .fetch_watermarks(topic, partition.id(), DEADLINE)
                .expect("ask for the watermarks");
            (partition.id(), low, high)
        })
        .filter(|(_, low, high)| low < high)
        .map(|(partition, _, high)| (partition, high))
        .collect()
}

fn reader(brokers: &str, isolation: Isolation) -> BaseConsumer {
    let level = match isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    };
    client(brokers)
        .set("group.id", "testkit")
        .set("enable.auto.commit", "false")
        .set("isolation.level", level)
        .set("fetch.wait.max.ms", "20")
        .create()
        .expect("the reader's settings are valid")
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

fn owned(message: &impl Message) -> OwnedRecord {
    let headers = message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    OwnedRecord {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        headers: headers
            .map(|header| {
                (
                    header.key.to_owned(),
                    header.value.unwrap_or_default().to_vec(),
                )
            })
            .collect(),
        value: message.payload().map(<[u8]>::to_vec),
    }
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(DEADLINE))
}

fn with_admin(brokers: &str, work: impl AsyncFnOnce(&AdminClient<DefaultClientContext>) + Send) {
    let admin = client(brokers)
        .create()
        .expect("the admin client's settings are valid");
    on_own_thread(async || work(&admin).await);
}

/// For a test that calls this inside its runtime.
fn on_own_thread<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("start a runtime");
            runtime.block_on(work())
        });
        working.join().expect("the work does not panic")
    })
}
