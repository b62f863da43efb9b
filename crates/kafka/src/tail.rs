//! Follows topics from a moment on, without a group and without leaving a trace in Kafka.

use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::{Cluster, Isolation};
use crate::failure::Failure;
use crate::scan::fatal_only;

pub(crate) const ASK: Duration = Duration::from_secs(10);
const HEARSAY: Duration = Duration::from_secs(5);
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Where a [`Tail`] begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is still to come.
    Now,
    /// With the first record that retention has left.
    Beginning,
    /// With the first record that is stamped so, in milliseconds since the epoch, or later.
    Stamped { millis: i64 },
}

/// A reader of committed records. The order holds within a partition only.
pub struct Tail {
    reader: BaseConsumer,
}

impl Tail {
    /// Begins to read all partitions of the topics, which must exist.
    pub fn open(cluster: &Cluster, topics: &[String], start: Start) -> Result<Self, Failure> {
        let reader = cluster
            .reader(Isolation::Committed)
            .map_err(|error| Failure::of("create reader", error))?;
        let mut list = TopicPartitionList::new();
        for topic in topics {
            for number in partitions(&reader, topic, ASK)? {
                list.add_partition_offset(topic, number, offset(start))
                    .map_err(|error| Failure::of("name an offset", error))?;
            }
        }
        if let Start::Stamped { .. } = start {
            list = reader
                .offsets_for_times(list, ASK)
                .map_err(|error| Failure::of("find offsets by time", error))?;
        }
        reader
            .assign(&list)
            .map_err(|error| Failure::of("assign reader", error))?;
        Ok(Self { reader })
    }

    /// Waits for the next record. While Kafka is away there is none.
    pub fn poll(&self, timeout: Duration) -> Result<Option<BorrowedMessage<'_>>, Failure> {
        match self.reader.poll(timeout) {
            Some(Ok(record)) => Ok(Some(record)),
            Some(Err(KafkaError::PartitionEOF(_))) | None => Ok(None),
            Some(Err(error)) => fatal_only(error).map(|()| None),
        }
    }
}

/// Asks for the partitions of a topic, which must exist. A broker that has just started may not
/// know of it yet: that there is none is believed when it is said for a while.
pub(crate) fn partitions(
    reader: &BaseConsumer,
    topic: &str,
    ask: Duration,
) -> Result<Vec<i32>, Failure> {
    let deadline = Instant::now() + HEARSAY;
    loop {
        let metadata = reader
            .fetch_metadata(Some(topic), ask)
            .map_err(|error| Failure::of("read metadata", error))?;
        let found = metadata.topics().first();
        let numbers: Vec<i32> = found.map_or(Vec::new(), |found| {
            found.partitions().iter().map(|p| p.id()).collect()
        });
        if !numbers.is_empty() {
            return Ok(numbers);
        }
        if Instant::now() > deadline {
            return Err(missing(topic));
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

pub(crate) fn missing(topic: &str) -> Failure {
    Failure::fatal(format!(
        "topic `{topic}` does not exist; run `cardea topics`"
    ))
}

/// A time stands where the offset does, in the question for offsets by time.
fn offset(start: Start) -> Offset {
    match start {
        Start::Now => Offset::End,
        Start::Beginning => Offset::Beginning,
        Start::Stamped { millis } => Offset::Offset(millis),
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").finish_non_exhaustive()
    }
}
