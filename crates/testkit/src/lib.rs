//! What tests need and users never see: a real Kafka, a subscriber's endpoint, and patience with a limit.

mod cluster;
pub mod endpoint;
mod kafka;
pub mod proxy;
mod script;
mod topics;
mod wait;

pub use crate::cluster::Cluster;
pub use crate::endpoint::{Answer, Endpoint};
pub use crate::kafka::Kafka;
pub use crate::proxy::Proxy;
pub use crate::topics::{
    Isolation, OwnedRecord, commit_offset, create_topic, delete_group, delete_records,
    delete_topics, grow_topic, read_topic, write_record,
};
pub use crate::wait::{free_port, wait_until};
