//! The end of a process: asked for by a signal, over when all is drained or the deadline passes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

/// Tells every part of the process that it is to end, and until when.
#[derive(Clone, Debug)]
pub struct Shutdown {
    drain_within: Duration,
    /// Until when the process may drain; `None` while nobody has asked it to end.
    drain_until: Arc<watch::Sender<Option<Instant>>>,
}

impl Shutdown {
    /// Makes a token that leaves this much time to drain.
    pub fn new(drain_within: Duration) -> Self {
        Self {
            drain_within,
            drain_until: Arc::new(watch::Sender::new(None)),
        }
    }

    /// Asks the process to end; asking again changes nothing.
    pub fn request(&self) {
        let until = Instant::now() + self.drain_within;
        self.drain_until.send_if_modified(|at| match at {
            Some(_) => false,
            None => {
                *at = Some(until);
                true
            }
        });
    }

    pub fn is_requested(&self) -> bool {
        self.drain_until.borrow().is_some()
    }

    /// Waits until the process is asked to end.
    pub async fn requested(&self) {
        self.drain_until().await;
    }

    /// Waits until the time to drain is over.
    pub async fn drained(&self) {
        let mut changes = self.drain_until.subscribe();
        loop {
            let until = self.drain_until().await;
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                _ = changes.changed() => {}
            }
        }
    }

    /// Listens for SIGTERM and SIGINT: the first asks the process to end, the second leaves it no
    /// more time.
    pub(crate) async fn on_signals(self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if self.is_requested() {
                warn!("asked again to end, not waiting any longer");
                self.drain_until.send_replace(Some(Instant::now()));
            } else {
                info!("asked to end, draining");
                self.request();
            }
        }
    }

    async fn drain_until(&self) -> Instant {
        let mut changes = self.drain_until.subscribe();
        let until = changes.wait_for(Option::is_some).await;
        let until = until.expect("self holds the sender");
        until.expect("waited for it to be there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_reaches_everyone_who_waits_and_everyone_who_comes_later() {
        let shutdown = Shutdown::new(Duration::ZERO);
        assert!(!shutdown.is_requested());
        let waiting = shutdown.clone();
        tokio::join!(waiting.requested(), async { shutdown.request() });
        shutdown.clone().requested().await;
        assert!(shutdown.is_requested());
    }

    #[tokio::test]
    async fn asking_again_does_not_prolong_the_deadline() {
        let shutdown = Shutdown::new(Duration::from_millis(100));
        shutdown.request();
        let until = shutdown.drain_until().await;
        shutdown.request();
        assert_eq!(shutdown.drain_until().await, until);
        shutdown.drained().await;
        assert!(Instant::now() >= until);
    }
}
