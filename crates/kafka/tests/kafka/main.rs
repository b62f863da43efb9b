//! What only a real broker can prove of the loop.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod group;
mod own_kafka;
mod producer;
mod scan;
mod setting;
mod topics;
mod worker;
