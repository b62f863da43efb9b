//! Who is let in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, error};

use super::HttpConfig;
use super::crowd::{Crowd, Member};
use super::metrics::{HttpMetrics, Reason};
use super::proxies::TrustedProxies;

/// File descriptors come back with connections that end.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Accepts connections as long as there is room for them.
pub(crate) struct Door {
    listener: TcpListener,
    room: Arc<Semaphore>,
    crowd: Crowd,
    proxies: TrustedProxies,
    metrics: HttpMetrics,
}

/// A connection that was let in.
pub(crate) struct Guest {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
}

/// What a connection takes of the limits until it is dropped.
pub(crate) struct Place {
    open: IntGauge,
    _of_all: OwnedSemaphorePermit,
    _of_its_sender: Option<Member>,
}

impl Door {
    pub(crate) fn new(listener: TcpListener, config: &HttpConfig) -> Self {
        Self {
            listener,
            room: Arc::new(Semaphore::new(config.limits.connections_max)),
            crowd: Crowd::new(config.limits.connections_each_max),
            proxies: config.proxies.clone(),
            metrics: config.metrics.clone(),
        }
    }

    /// Waits for the next connection that may stay.
    pub(crate) async fn next(&self) -> Guest {
        loop {
            let of_all = Arc::clone(&self.room).acquire_owned().await;
            let of_all = of_all.expect("the semaphore is never closed");
            let (stream, peer) = self.accept().await;
            if let Some(guest) = self.admit(stream, peer, of_all) {
                return guest;
            }
        }
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(failed) if is_of_one_connection(&failed) => {}
                Err(failed) => {
                    error!(error = %failed, "connection cannot be accepted");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        of_all: OwnedSemaphorePermit,
    ) -> Option<Guest> {
        let address = peer.ip().to_canonical();
        let of_its_sender = match self.proxies.contains(address) {
            true => None,
            false => {
                let member = self.crowd.admit(address);
                if member.is_none() {
                    debug!(peer = %address, "connection closed, its sender has too many");
                    self.metrics.turn_away(Reason::Crowd);
                    return None;
                }
                member
            }
        };
        let open = self.metrics.connections.clone();
        open.inc();
        let place = Place {
            open,
            _of_all: of_all,
            _of_its_sender: of_its_sender,
        };
        Some(Guest {
            stream,
            peer,
            place,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.dec();
    }
}

fn is_of_one_connection(failed: &io::Error) -> bool {
    matches!(
        failed.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
