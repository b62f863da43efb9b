//! Reads a partition once, to its end, committed records only.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};

use crate::config::{Cluster, Isolation};
use crate::extent::offsets;
use crate::failure::Failure;
use crate::group::{Partition, list_at};

const ASK: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(5);
/// How many offsets are looked through for a last record at first: a record, and its marker.
const LOOK_BACK: i64 = 64;
/// No record and no end for so long: Kafka is away. Longer than the transaction timeout.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rebuilds state from topics, by the steps that make sure nothing committed is missed
/// (kafka-rules 2): the high watermark on a handle that sees uncommitted records, then the last
/// stable offset past it, then reading to the end.
pub struct Scanner {
    reader: BaseConsumer,
    probe: BaseConsumer,
}

/// Why a reading stopped.
enum Stopped {
    /// Past where it was to end.
    Passed,
    /// At the end of the partition, whose last records are aborted or lie before where it was to end.
    AtEnd,
}

impl Scanner {
    pub fn new(cluster: &Cluster) -> Result<Self, Failure> {
        let make = |isolation| {
            let made = cluster.reader(isolation);
            made.map_err(|error| Failure::of("create reader", error))
        };
        Ok(Self {
            reader: make(Isolation::Committed)?,
            probe: make(Isolation::Uncommitted)?,
        })
    }

    /// Hands every committed record of the partition to `on_record`, from the offset on (or from
    /// the first that is left) up to what was there when the scan began. An error of `on_record`
    /// ends the scan.
    pub fn scan(
        &self,
        partition: &Partition,
        from: i64,
        on_record: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let span = self.span(partition)?;
        self.read(partition, from.max(span.start)..span.end, on_record)
    }

    /// Returns the offsets that the partition holds now, once no transaction that is open reaches
    /// into them.
    pub fn span(&self, partition: &Partition) -> Result<Range<i64>, Failure> {
        let (low, high) = watermarks(&self.probe, partition)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A read_committed handle answers with the last stable offset.
            if low >= high || watermarks(&self.reader, partition)?.1 >= high {
                return Ok(low..high);
            }
            if Instant::now() > deadline {
                return Err(away("wait for open transactions"));
            }
            std::thread::sleep(STEP);
        }
    }

    /// Returns the first offset of a record that is stamped so, in milliseconds since the epoch, or
    /// later; `None` if there is none.
    pub fn since(&self, partition: &Partition, millis: i64) -> Result<Option<i64>, Failure> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&partition.topic, partition.number);
        let found = offsets(&self.probe, &list, Offset::Offset(millis))?;
        Ok(found.into_values().next())
    }

    /// Reads the last committed record of a part of a span that `read` understands. Offsets may be
    /// those of transaction markers or of aborted records, so it looks back further and further.
    pub fn last<T>(
        &self,
        partition: &Partition,
        within: Range<i64>,
        mut read: impl FnMut(&BorrowedMessage<'_>) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let (mut end, mut back) = (within.end, LOOK_BACK);
        while end > within.start {
            let start = end.saturating_sub(back).max(within.start);
            let mut last = None;
            self.read(partition, start..end, |record| {
                last = read(record).or(last.take());
                Ok(())
            })?;
            if last.is_some() {
                return Ok(last);
            }
            (end, back) = (start, back * 2);
        }
        Ok(None)
    }

    /// Hands every committed record of a part of a span to `on_record`, whose error ends it.
    pub fn read(
        &self,
        partition: &Partition,
        within: Range<i64>,
        mut on_record: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (mut next, mut told_at) = (within.start, None);
        while next < within.end {
            let start = list_at(&[(partition.clone(), next)])?;
            self.reader
                .assign(&start)
                .map_err(|error| Failure::of("assign reader", error))?;
            let ended = self.read_to(partition, within.end, &mut next, &mut on_record);
            self.reader
                .unassign()
                .map_err(|error| Failure::of("unassign reader", error))?;
            // The end may be that of a leader which did not know all yet: it is believed when it is
            // told of in the same place again, asked after the true end.
            if let Stopped::AtEnd = ended? {
                if told_at == Some(next) {
                    break;
                }
                told_at = Some(next);
            }
        }
        Ok(())
    }

    fn read_to(
        &self,
        partition: &Partition,
        end: i64,
        next: &mut i64,
        on_record: &mut impl FnMut(&BorrowedMessage<'_>) -> Result<(), Failure>,
    ) -> Result<Stopped, Failure> {
        let mut deadline = Instant::now() + PATIENCE;
        let mut begun = false;
        loop {
            match self.reader.poll(STEP) {
                Some(Ok(record)) => {
                    begun = true;
                    *next = record.offset() + 1;
                    if record.offset() < end {
                        on_record(&record)?;
                    }
                    if *next >= end {
                        return Ok(Stopped::Passed);
                    }
                    deadline = Instant::now() + PATIENCE;
                }
                // Aborted records at the end move no position, so the end itself is asked for.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    let (_, stable) = watermarks(&self.reader, partition)?;
                    return if stable >= end {
                        Ok(Stopped::AtEnd)
                    } else {
                        Err(away("read to the end"))
                    };
                }
                Some(Err(error)) => fatal_only(error)?,
                // Before the first record the position may be that of an earlier read.
                None if begun && self.passed(partition, end) => {
                    *next = end;
                    return Ok(Stopped::Passed);
                }
                None => {}
            }
            if Instant::now() > deadline {
                return Err(away("read to the end"));
            }
        }
    }

    /// Tells whether all before that offset was read. The marker that ends a transaction is no
    /// record, and to be told of the end that follows it takes a fetch that waits for more.
    fn passed(&self, partition: &Partition, end: i64) -> bool {
        let positions = self.reader.position().ok();
        let position = positions
            .as_ref()
            .and_then(|positions| positions.find_partition(&partition.topic, partition.number));
        matches!(position.map(|at| at.offset()), Some(Offset::Offset(at)) if at >= end)
    }
}

/// A broker that has just started may know no topic yet. One that knows the topic without the
/// partition has an answer for a person.
fn watermarks(consumer: &BaseConsumer, partition: &Partition) -> Result<(i64, i64), Failure> {
    let asked = consumer.fetch_watermarks(&partition.topic, partition.number, ASK);
    asked.map_err(|error| match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnknownPartition) if is_too_short(consumer, partition) => {
            Failure::fatal(format!(
                "{partition} does not exist: give its topic as many partitions as the one it is kept for"
            ))
        }
        _ => Failure::of("read watermarks", error),
    })
}

fn is_too_short(consumer: &BaseConsumer, partition: &Partition) -> bool {
    let Ok(metadata) = consumer.fetch_metadata(Some(&partition.topic), ASK) else {
        return false;
    };
    let topics = metadata.topics().iter();
    let mut counts = topics.map(|topic| topic.partitions().len());
    counts.any(|count| count > 0 && !usize::try_from(partition.number).is_ok_and(|n| n < count))
}

/// Errors of polling that only say that Kafka is away are waited out; a position outside of its
/// topic does not come back, so its reader must begin anew.
pub(crate) fn fatal_only(error: KafkaError) -> Result<(), Failure> {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
        return Err(Failure::of("poll", error));
    }
    match Failure::of("poll", error) {
        Failure::Unclear { .. } => Ok(()),
        fatal @ Failure::Fatal { .. } => Err(fatal),
    }
}

pub(crate) fn away(step: &'static str) -> Failure {
    Failure::Unclear {
        step,
        source: KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut),
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").finish_non_exhaustive()
    }
}
