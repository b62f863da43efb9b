//! The whole program, as a process, between real HTTP and a real Kafka.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod crash;
mod main_job;
mod own_kafka;
mod program;
mod quarantine;
mod readme;
mod roster;
mod sender;
