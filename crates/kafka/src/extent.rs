//! What topics hold of a span of time, read from its first to its last record and no further.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::{Cluster, Isolation};
use crate::failure::Failure;
use crate::scan::{away, fatal_only};
use crate::tail::missing;

const ASK: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(100);
/// No record and no end for so long: Kafka is away.
const PATIENCE: Duration = Duration::from_secs(20);

/// Finds extents; all are read by one consumer, one after the other.
pub struct Extents {
    reader: Arc<BaseConsumer>,
    probe: BaseConsumer,
}

/// The offsets of a span of time, fixed when it is asked for, so that it can be read again and is
/// the same. Committed records only; one of a transaction that is open then is waited for.
pub struct Extent {
    reader: Arc<BaseConsumer>,
    /// By topic and partition.
    bounds: BTreeMap<String, BTreeMap<i32, Bounds>>,
}

/// From an offset up to, not with, another.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// The first that there is.
    first: i64,
    start: i64,
    end: i64,
}

impl Extents {
    pub fn new(cluster: &Cluster) -> Result<Self, Failure> {
        let made = |error| Failure::of("create reader", error);
        let reader: BaseConsumer = cluster
            .reader_settings(Isolation::Committed)
            // A topic begins to be read when the last question for the one before is answered.
            .set("fetch.wait.max.ms", "10")
            .create()
            .map_err(made)?;
        // A reader of committed records would be told where the first open transaction begins.
        // Without a group it is closed at once.
        let probe = cluster
            .client()
            .set("isolation.level", Isolation::Uncommitted.name())
            .create()
            .map_err(made)?;
        Ok(Self {
            reader: Arc::new(reader),
            probe,
        })
    }

    /// Finds what the topics, which must exist, hold of records stamped `from_ms` or later and
    /// before `to_ms`, in milliseconds since the epoch; `None` is all that is there.
    pub fn of(
        &self,
        topics: &[String],
        from_ms: Option<i64>,
        to_ms: Option<i64>,
    ) -> Result<Extent, Failure> {
        let all = partitions_of(&self.probe, topics)?;
        let first = offsets(&self.probe, &all, Offset::Beginning)?;
        let last = offsets(&self.probe, &all, Offset::End)?;
        let stamped = |millis: Option<i64>, otherwise: &Offsets| match millis {
            None => Ok(otherwise.clone()),
            Some(millis) => offsets(&self.probe, &all, Offset::Offset(millis)),
        };
        let (from, to) = (stamped(from_ms, &first)?, stamped(to_ms, &last)?);
        let mut bounds: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (place, last) in last {
            // Where no record is stamped so late there is no offset: the end is meant.
            let at = |found: &Offsets| found.get(&place).copied().unwrap_or(last);
            let within = Bounds {
                first: first.get(&place).copied().unwrap_or(last),
                start: at(&from),
                end: at(&to),
            };
            let (topic, number) = place;
            let of_topic = bounds.entry(topic).or_default();
            of_topic.insert(number, within);
        }
        Ok(Extent {
            reader: Arc::clone(&self.reader),
            bounds,
        })
    }
}

impl Extent {
    /// Finds one extent; of several [`Extents`] do it faster.
    pub fn of(
        cluster: &Cluster,
        topics: &[String],
        from_ms: Option<i64>,
        to_ms: Option<i64>,
    ) -> Result<Self, Failure> {
        Extents::new(cluster)?.of(topics, from_ms, to_ms)
    }

    /// Returns how many offsets it spans; transaction markers and removed records count as well.
    pub fn offsets(&self) -> u64 {
        let bounds = self.bounds.values().flat_map(BTreeMap::values);
        let lengths = bounds.map(|bounds| bounds.end - bounds.start);
        lengths
            .filter_map(|length| u64::try_from(length).ok())
            .sum()
    }

    /// Tells whether that offset is one of the span.
    pub fn spans(&self, topic: &str, number: i32, offset: i64) -> bool {
        let bounds = self
            .bounds
            .get(topic)
            .and_then(|of_topic| of_topic.get(&number));
        bounds.is_some_and(|bounds| (bounds.start..bounds.end).contains(&offset))
    }

    /// Lists the topics from which Kafka has removed records because of their age.
    pub fn shortened(&self) -> impl Iterator<Item = &str> {
        let shortened = |of_topic: &BTreeMap<i32, Bounds>| of_topic.values().any(|b| b.first > 0);
        let topics = self
            .bounds
            .iter()
            .filter(move |(_, of_topic)| shortened(of_topic));
        topics.map(|(topic, _)| topic.as_str())
    }

    /// Hands out every record, topic by topic, in order within a partition. An error of `on_record`
    /// ends it.
    pub fn read(
        &self,
        mut on_record: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for (topic, bounds) in &self.bounds {
            let mut open = bounds.clone();
            open.retain(|_, bounds| bounds.start < bounds.end);
            if open.is_empty() {
                continue;
            }
            let mut starts = TopicPartitionList::with_capacity(open.len());
            for (number, bounds) in &open {
                starts
                    .add_partition_offset(topic, *number, Offset::Offset(bounds.start))
                    .map_err(|error| Failure::of("name an offset", error))?;
            }
            self.wait_until_stable(topic, &starts, &open)?;
            self.reader
                .assign(&starts)
                .map_err(|error| Failure::of("assign reader", error))?;
            let ended = self.read_topic(topic, open, &mut on_record);
            // What was paused would stay so when it is read again.
            self.reader
                .resume(&starts)
                .and_then(|()| self.reader.unassign())
                .map_err(|error| Failure::of("unassign reader", error))?;
            ended?;
        }
        Ok(())
    }

    fn read_topic(
        &self,
        topic: &str,
        mut open: BTreeMap<i32, Bounds>,
        on_record: &mut impl FnMut(&BorrowedMessage<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut deadline = Instant::now() + PATIENCE;
        while !open.is_empty() {
            match self.reader.poll(STEP) {
                Some(Ok(record)) => {
                    deadline = Instant::now() + PATIENCE;
                    let number = record.partition();
                    let Some(end) = open.get(&number).map(|bounds| bounds.end) else {
                        continue;
                    };
                    if record.offset() < end {
                        on_record(&record)?;
                    }
                    if record.offset() + 1 >= end {
                        open.remove(&number);
                        self.pause(topic, number)?;
                    }
                }
                // All to the end was stable before: what is left are aborted records and markers. But
                // a leader that has just taken over may not know all of it yet.
                Some(Err(KafkaError::PartitionEOF(number))) => {
                    if let Some(bounds) = open.remove(&number)
                        && self.stable_end(topic, number)? < bounds.end
                    {
                        return Err(away("read to the end"));
                    }
                }
                Some(Err(error)) => fatal_only(error)?,
                None => {}
            }
            if Instant::now() > deadline {
                return Err(away("read to the end"));
            }
        }
        Ok(())
    }

    fn stable_end(&self, topic: &str, number: i32) -> Result<i64, Failure> {
        let (_, end) = self
            .reader
            .fetch_watermarks(topic, number, ASK)
            .map_err(|error| Failure::of("read watermarks", error))?;
        Ok(end)
    }

    /// Waits until no transaction that is open reaches below the ends.
    fn wait_until_stable(
        &self,
        topic: &str,
        partitions: &TopicPartitionList,
        open: &BTreeMap<i32, Bounds>,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A reader of committed records is told where the first open transaction begins.
            let stable = offsets(&self.reader, partitions, Offset::End)?;
            let reached = |(number, bounds): (&i32, &Bounds)| {
                let stable = stable.get(&(topic.to_owned(), *number));
                stable.is_some_and(|stable| *stable >= bounds.end)
            };
            if open.iter().all(reached) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(away("wait for open transactions"));
            }
            std::thread::sleep(STEP);
        }
    }

    /// What lies past the end is not fetched for nothing.
    fn pause(&self, topic: &str, number: i32) -> Result<(), Failure> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(topic, number);
        self.reader
            .pause(&list)
            .map_err(|error| Failure::of("pause", error))
    }
}

/// Offsets by topic and partition.
pub(crate) type Offsets = BTreeMap<(String, i32), i64>;

/// Asks for one offset of each partition: its first, its last, or that of a time, which stands
/// where the offset does.
pub(crate) fn offsets(
    reader: &BaseConsumer,
    partitions: &TopicPartitionList,
    wanted: Offset,
) -> Result<Offsets, Failure> {
    if partitions.count() == 0 {
        return Ok(Offsets::new());
    }
    let mut asked = partitions.clone();
    asked
        .set_all_offsets(wanted)
        .and_then(|()| reader.offsets_for_times(asked, ASK))
        .map_err(|error| Failure::of("find offsets", error))
        .and_then(|found| known(&found))
}

/// Lists the partitions of topics, which must exist.
pub(crate) fn partitions_of(
    reader: &BaseConsumer,
    topics: &[String],
) -> Result<TopicPartitionList, Failure> {
    let metadata = reader
        .fetch_metadata(None, ASK)
        .map_err(|error| Failure::of("read metadata", error))?;
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let there = metadata.topics().iter().find(|known| known.name() == topic);
        let numbers = there.map_or(&[][..], MetadataTopic::partitions);
        if numbers.is_empty() {
            return Err(missing(topic));
        }
        for number in numbers {
            list.add_partition(topic, number.id());
        }
    }
    Ok(list)
}

/// Reads an answer: an error of a partition is an error, not "none".
pub(crate) fn known(found: &TopicPartitionList) -> Result<Offsets, Failure> {
    let mut offsets = Offsets::new();
    for element in found.elements() {
        element
            .error()
            .map_err(|error| Failure::of("find offsets", error))?;
        if let Offset::Offset(offset) = element.offset() {
            offsets.insert((element.topic().to_owned(), element.partition()), offset);
        }
    }
    Ok(offsets)
}

impl fmt::Debug for Extents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extents").finish_non_exhaustive()
    }
}

impl fmt::Debug for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extent")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
