//! What the crate promises, seen from outside; one binary, to link once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accessgrid;
mod alocity;
mod cvent;
mod fixtures;
mod genea;
mod given;
mod glofox;
mod gxp;
mod properties;
mod roster;
mod signatures;
mod unreadable;
