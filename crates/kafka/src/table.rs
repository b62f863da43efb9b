//! Follows a compacted topic: first all that it holds, then every change.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::{Cluster, Isolation};
use crate::failure::Failure;
use crate::scan::{away, fatal_only};
use crate::tail::{ASK, partitions};

const STEP: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(20);

/// A change of one row; `value` is `None` where the row was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub key: Bytes,
    pub value: Option<Bytes>,
}

/// A reader of a whole compacted topic. The rows belong to the caller.
pub struct Table {
    reader: BaseConsumer,
    /// Partitions whose end has not been reached yet.
    unread: BTreeSet<i32>,
}

impl Table {
    /// Begins to read; the topic must exist.
    pub fn open(cluster: &Cluster, topic: &str) -> Result<Self, Failure> {
        Self::open_within(cluster, topic, ASK)
    }

    /// Does the same for a caller that must not be held up: fails if no broker answers in that time.
    pub fn open_within(cluster: &Cluster, topic: &str, ask: Duration) -> Result<Self, Failure> {
        let reader = cluster
            .reader(Isolation::Committed)
            .map_err(|error| Failure::of("create reader", error))?;
        let unread: BTreeSet<i32> = partitions(&reader, topic, ask)?.into_iter().collect();
        let mut list = TopicPartitionList::new();
        for number in unread.iter().copied() {
            list.add_partition_offset(topic, number, Offset::Beginning)
                .map_err(|error| Failure::of("name an offset", error))?;
        }
        reader
            .assign(&list)
            .map_err(|error| Failure::of("assign reader", error))?;
        Ok(Self { reader, unread })
    }

    /// Hands over all rows that the topic holds now.
    pub fn load(&mut self, mut on_update: impl FnMut(Update)) -> Result<(), Failure> {
        let mut deadline = Instant::now() + PATIENCE;
        while !self.is_loaded() {
            let unread = self.unread.len();
            let update = self.poll(STEP)?;
            if update.is_some() || self.unread.len() < unread {
                deadline = Instant::now() + PATIENCE;
            } else if Instant::now() > deadline {
                return Err(away("load table"));
            }
            update.into_iter().for_each(&mut on_update);
        }
        Ok(())
    }

    /// Tells whether all that the topic held at first has been handed over.
    pub fn is_loaded(&self) -> bool {
        self.unread.is_empty()
    }

    /// Waits for the next change.
    pub fn poll(&mut self, timeout: Duration) -> Result<Option<Update>, Failure> {
        match self.reader.poll(timeout) {
            Some(Ok(record)) => Ok(Some(Update {
                key: Bytes::copy_from_slice(record.key().unwrap_or_default()),
                value: record.payload().map(Bytes::copy_from_slice),
            })),
            Some(Err(KafkaError::PartitionEOF(number))) => {
                self.unread.remove(&number);
                Ok(None)
            }
            Some(Err(error)) => fatal_only(error).map(|()| None),
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("unread", &self.unread)
            .finish_non_exhaustive()
    }
}
