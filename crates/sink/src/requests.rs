//! The requests under way, bounded: the worker's thread starts them, the runtime carries them out.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

use crate::client::{Client, Message};
use crate::ledger::Ticket;
use crate::subscription::Subscription;
use crate::verdict::{Ending, Fault};

pub(crate) struct Requests {
    runtime: Handle,
    client: Client,
    /// One permit for each request under way. It comes back with the result, so that the channel
    /// has room for every result.
    permits: Arc<Semaphore>,
    results: Receiver<Outcome>,
    report_to: SyncSender<Outcome>,
}

/// The right to start one request.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: OwnedSemaphorePermit,
}

/// How one request ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ticket: Ticket,
    pub(crate) ending: Ending,
    _permit: Option<Permit>,
}

impl Requests {
    pub(crate) fn new(runtime: Handle, client: Client, max: usize) -> Self {
        let (report_to, results) = sync_channel(max);
        Self {
            runtime,
            client,
            permits: Arc::new(Semaphore::new(max)),
            results,
            report_to,
        }
    }

    /// Returns the right to start a request, unless as many as may be are under way.
    pub(crate) fn reserve(&self) -> Option<Permit> {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        permit.ok().map(|_permit| Permit { _permit })
    }

    pub(crate) fn start(
        &self,
        permit: Permit,
        ticket: Ticket,
        to: Arc<Subscription>,
        message: Message,
    ) {
        let report = Report {
            ticket,
            ending: Ending::Failed(Fault::Broken),
            permit: Some(permit),
            to: self.report_to.clone(),
        };
        let client = self.client.clone();
        self.runtime.spawn(async move {
            let ending = client.send(&to, message).await;
            report.of(ending);
        });
    }

    /// Returns the next result; waits for it no longer than that.
    pub(crate) fn hear(&self, patience: Duration) -> Option<Outcome> {
        match patience {
            Duration::ZERO => self.results.try_recv().ok(),
            patience => self.results.recv_timeout(patience).ok(),
        }
    }
}

/// Reports the end of a request, also when its task dies.
struct Report {
    ticket: Ticket,
    ending: Ending,
    permit: Option<Permit>,
    to: SyncSender<Outcome>,
}

impl Report {
    fn of(mut self, ending: Ending) {
        self.ending = ending;
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let outcome = Outcome {
            ticket: self.ticket,
            ending: self.ending,
            _permit: self.permit.take(),
        };
        if self.to.try_send(outcome).is_err() {
            debug!("the worker is gone, nobody hears of an attempt");
        }
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
    }
}
