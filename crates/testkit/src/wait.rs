//! Waiting for a condition, never for a time.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use uuid::Uuid;

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
///
/// It is below the ports of outgoing connections, so that none of them takes it while a program is restarted.
pub fn free_port() -> u16 {
    loop {
        let (random, _) = Uuid::new_v4().as_u64_pair();
        let port = u16::try_from(20_000 + random % 10_000).expect("below 30,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
