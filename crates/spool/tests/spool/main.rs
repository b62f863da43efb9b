//! What the spool promises, on real files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod failing;
mod given;
mod keeps;
