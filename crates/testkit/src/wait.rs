//! Waiting for a condition, never for a time.

use std::net::TcpListener;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks until the condition holds.
///
/// # Panics
/// When it does not within the deadline, naming `what` was waited for.
pub async fn wait_until(what: &str, deadline: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(
            started.elapsed() < deadline,
            "still waiting after {deadline:?} for {what}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Finds a port of 127.0.0.1 that nobody listens on; for programs that cannot be given port 0.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind a free port");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}
