//! Reads a partition once, to its end, committed records only.

use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};

use crate::config::{Cluster, Isolation};
use crate::failure::Failure;
use crate::group::Partition;

const ASK: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(100);
/// No record and no end for so long: Kafka is away. Longer than the transaction timeout.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rebuilds state from topics, by the steps that make sure nothing committed is missed
/// (kafka-rules 2): the high watermark on a handle that sees uncommitted records, then the last
/// stable offset past it, then reading to the end.
pub struct Scanner {
    reader: BaseConsumer,
    probe: BaseConsumer,
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
        mut on_record: impl FnMut(&BorrowedMessage<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (low, high) = watermarks(&self.probe, partition)?;
        let from = from.max(low);
        if from >= high {
            return Ok(());
        }
        self.wait_until_stable(partition, high)?;
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&partition.topic, partition.number, Offset::Offset(from))
            .and_then(|()| self.reader.assign(&list))
            .map_err(|error| Failure::of("assign reader", error))?;
        let ended = self.read_to(partition, high, &mut on_record);
        self.reader
            .unassign()
            .map_err(|error| Failure::of("unassign reader", error))?;
        ended
    }

    /// Waits until no open transaction reaches below `high`.
    fn wait_until_stable(&self, partition: &Partition, high: i64) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A read_committed handle answers with the last stable offset.
            let (_, stable) = watermarks(&self.reader, partition)?;
            if stable >= high {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(away("wait for open transactions"));
            }
            std::thread::sleep(STEP);
        }
    }

    fn read_to(
        &self,
        partition: &Partition,
        high: i64,
        on_record: &mut impl FnMut(&BorrowedMessage<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut deadline = Instant::now() + PATIENCE;
        loop {
            match self.reader.poll(STEP) {
                Some(Ok(record)) => {
                    on_record(&record)?;
                    if record.offset() + 1 >= high {
                        return Ok(());
                    }
                    deadline = Instant::now() + PATIENCE;
                }
                // Aborted records at the end move no position, so the end itself is asked for; a
                // leader that has just taken over may not know all of `high` yet.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    let (_, stable) = watermarks(&self.reader, partition)?;
                    return if stable >= high {
                        Ok(())
                    } else {
                        Err(away("read to the end"))
                    };
                }
                Some(Err(error)) => fatal_only(error)?,
                None => {}
            }
            if Instant::now() > deadline {
                return Err(away("read to the end"));
            }
        }
    }
}

/// A broker that has just started may not know the partition yet, so that a missing one is no
/// reason to end; a number of partitions that differs is found at start.
fn watermarks(consumer: &BaseConsumer, partition: &Partition) -> Result<(i64, i64), Failure> {
    let asked = consumer.fetch_watermarks(&partition.topic, partition.number, ASK);
    asked.map_err(|error| Failure::of("read watermarks", error))
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
