//! The one integration binary of `service`: what it promises, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod front;
mod http;
mod process;
