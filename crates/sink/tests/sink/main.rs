//! The sink on a real Kafka, with real endpoints.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod delivery;
mod ownership;
mod setting;
