//! The promises of the testkit itself: what it says about Kafka is so, and it leaves nothing behind.

mod endpoint;
mod kafka;
mod own_kafka;
mod receiver;
