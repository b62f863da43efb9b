//! The one place that reads the wall clock.

use jiff::Timestamp;

/// Returns the current time.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge of the program reads the clock here and passes the time on"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}
