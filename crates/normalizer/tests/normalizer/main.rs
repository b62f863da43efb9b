//! Exactly once, proved on a real Kafka.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ledger;
mod once;
mod poison;
mod rosters;
mod setting;
