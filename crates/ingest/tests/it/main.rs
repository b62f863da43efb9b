//! What ingest promises, seen from outside; one binary, to link once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accepts;
mod canary;
mod given;
mod handshakes;
mod limits;
mod own_kafka;
mod refuses;
mod reload;
mod request_log;
mod roster;
mod starts;
mod unavailable;
