//! Bytes in and out of Kafka: settings, topics, the producer of ingest, the transactional
//! read-process-write loop, compacted tables. Knows nothing of events, providers and HTTP.

mod committed;
mod config;
mod extent;
mod failure;
mod group;
mod pace;
mod partition_of;
mod patient;
mod producer;
mod scan;
mod stage;
mod table;
mod tail;
mod topics;
mod transactor;
mod worker;

pub use committed::group_offsets;
pub use config::{Cluster, Config, ConfigError, InstanceConfig};
pub use extent::{Extent, Extents};
pub use failure::Failure;
pub use group::{GroupConsumer, Partition, Polled, Rebalance, headers_of};
pub use pace::COMMIT_INTERVAL_MAX;
pub use partition_of::partition_of;
pub use patient::{NotSent, PatientProducer};
pub use producer::{Producer, RAW_BYTES_MAX, SendError, Written};
pub use rdkafka::message::{BorrowedMessage, Headers, Message};
pub use scan::Scanner;
pub use stage::{Reached, Stage};
pub use table::{Table, Update};
pub use tail::{Start, Tail};
pub use topics::{
    Cleanup, Fault, Finding, Outlived, RECORD_BYTES_MAX, Timestamps, TopicSpec, Topics, Verdict,
};
pub use transactor::{Record, Transactor};
pub use worker::{Condition, Stop, Worker, WorkerConfig, check_worker};
