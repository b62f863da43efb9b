//! Tasks and threads that cannot die unnoticed: a failed one ends the process, or is started
//! again where it stood.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures::FutureExt;
use prometheus::IntCounterVec;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tracing::{error, info};

use crate::metrics::{Metric, Metrics};
use crate::shutdown::Shutdown;

/// Tasks that failed and were started again, by the task's name.
const TASK_RESTARTS: Metric = Metric {
    name: "cardea_task_restarts_total",
    help: "Tasks that failed and were started again.",
    labels: &["task"],
};

const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A task that ran this long before it failed is not failing over and over.
const STEADY_AFTER: Duration = Duration::from_secs(60);

/// What the failure of one task means for the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The process ends: its supervisor starts it again.
    EndProcess,
    /// The task alone is started again, with backoff; the others go on (`cardea all`).
    RestartTask,
}

/// Runs the tasks and threads of a process.
#[derive(Clone)]
pub struct Tasks {
    shutdown: Shutdown,
    on_failure: OnFailure,
    restarts: IntCounterVec,
    /// Names of the tasks that are running.
    running: Arc<watch::Sender<Vec<&'static str>>>,
    first_failure: Arc<Mutex<Option<anyhow::Error>>>,
}

impl Tasks {
    pub fn new(shutdown: Shutdown, on_failure: OnFailure, metrics: &Metrics) -> Self {
        Self {
            shutdown,
            on_failure,
            restarts: metrics.counters(&TASK_RESTARTS),
            running: Arc::new(watch::Sender::new(Vec::new())),
            first_failure: Arc::default(),
        }
    }

    /// Starts a task; `start` is called again whenever it is to be started again. A task that is
    /// asked to end by [`Shutdown`] returns `Ok`.
    pub fn spawn<F, R>(&self, name: &'static str, start: F)
    where
        F: Fn() -> R + Send + 'static,
        R: Future<Output = anyhow::Result<()>> + Send,
    {
        self.running.send_modify(|names| names.push(name));
        let tasks = self.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that spawns: what dies here is dealt with"
        )]
        tokio::spawn(async move {
            if let Err(failure) = tasks.supervise(name, start).await {
                error!(task = name, error = format!("{failure:#}"), "task failed");
                tasks.keep_failure(failure.context(name));
                tasks.shutdown.request();
            }
            tasks.running.send_modify(|names| {
                if let Some(at) = names.iter().position(|own| *own == name) {
                    names.swap_remove(at);
                }
            });
        });
    }

    /// Starts work that blocks on a thread of its own, under the same rules as a task.
    pub fn spawn_thread<F>(&self, name: &'static str, work: F)
    where
        F: Fn() -> anyhow::Result<()> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        self.spawn(name, move || on_thread(name, Arc::clone(&work)));
    }

    /// Waits until every task has ended; after a request to end, no longer than the time to drain.
    /// Returns the first failure that was not healed.
    pub async fn join(&self) -> anyhow::Result<()> {
        let mut running = self.running.subscribe();
        let ended = tokio::select! {
            ended = running.wait_for(Vec::is_empty) => ended.map(drop).context("wait for tasks"),
            () = self.shutdown.drained() => {
                let names = self.running.borrow().join(", ");
                Err(anyhow!("tasks did not end within the time to drain: {names}"))
            }
        };
        match self.take_failure() {
            Some(failure) => Err(failure),
            None => ended,
        }
    }

    async fn supervise<F, R>(&self, name: &'static str, start: F) -> anyhow::Result<()>
    where
        F: Fn() -> R,
        R: Future<Output = anyhow::Result<()>>,
    {
        let mut failures = 0;
        loop {
            let started_at = Instant::now();
            let Err(failure) = caught(start()).await else {
                return Ok(());
            };
            if self.on_failure == OnFailure::EndProcess || self.shutdown.is_requested() {
                return Err(failure);
            }
            failures = match started_at.elapsed() {
                ran if ran >= STEADY_AFTER => 1,
                _ => failures + 1,
            };
            let backoff = backoff(failures);
            error!(
                task = name,
                error = format!("{failure:#}"),
                restart.after_s = backoff.as_secs_f64(),
                "task failed, starting it again"
            );
            self.restarts.with_label_values(&[name]).inc();
            tokio::select! {
                () = tokio::time::sleep(backoff) => info!(task = name, "task started again"),
                () = self.shutdown.requested() => return Err(failure),
            }
        }
    }

    fn keep_failure(&self, failure: anyhow::Error) {
        let mut first = self
            .first_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(failure);
    }

    fn take_failure(&self) -> Option<anyhow::Error> {
        let mut first = self
            .first_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first.take()
    }
}

/// Returns how long to wait after that many failures in a row.
fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (BACKOFF_MIN * 2_u32.pow(doublings)).min(BACKOFF_MAX)
}

/// Turns a panic into a failure; its message may hold anything, so it goes no further.
async fn caught(task: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    match AssertUnwindSafe(task).catch_unwind().await {
        Ok(ended) => ended,
        Err(_) => bail!("task panicked"),
    }
}

async fn on_thread<F>(name: &'static str, work: Arc<F>) -> anyhow::Result<()>
where
    F: Fn() -> anyhow::Result<()> + Send + Sync + 'static,
{
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || ended.send(work()))
        .context("start thread")?;
    // A panic drops the sender.
    end.await.map_err(|_| anyhow!("thread panicked"))?
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("running", &*self.running.borrow())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn tasks(on_failure: OnFailure, drain_within: Duration) -> (Tasks, Shutdown) {
        let shutdown = Shutdown::new(drain_within);
        let tasks = Tasks::new(shutdown.clone(), on_failure, &Metrics::new());
        (tasks, shutdown)
    }

    #[tokio::test]
    async fn a_dead_task_ends_the_process() {
        let (tasks, shutdown) = tasks(OnFailure::EndProcess, Duration::from_secs(5));
        tasks.spawn("doomed", async || bail!("broken"));
        let waiting = shutdown.clone();
        tasks.spawn("waiting", move || {
            let waiting = waiting.clone();
            async move {
                waiting.requested().await;
                Ok(())
            }
        });
        let failure = tasks.join().await.unwrap_err();
        assert_eq!(format!("{failure:#}"), "doomed: broken");
        assert!(shutdown.is_requested());
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_on_a_task_and_on_a_thread() {
        let (tasks, _) = tasks(OnFailure::EndProcess, Duration::from_secs(5));
        tasks.spawn("task", async || panic!("as the test wants"));
        assert!(tasks.join().await.is_err());
        tasks.spawn_thread("thread", || panic!("as the test wants"));
        assert!(tasks.join().await.is_err());
    }

    #[tokio::test]
    async fn a_failed_thread_is_started_again_while_the_others_go_on() {
        let (tasks, shutdown) = tasks(OnFailure::RestartTask, Duration::from_secs(5));
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        tasks.spawn_thread("moody", move || {
            match counted.fetch_add(1, Ordering::Relaxed) {
                0 => bail!("not today"),
                _ => Ok(()),
            }
        });
        tasks.join().await.unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        assert!(!shutdown.is_requested());
    }

    #[tokio::test]
    async fn a_task_that_does_not_drain_is_named() {
        let (tasks, shutdown) = tasks(OnFailure::EndProcess, Duration::from_millis(50));
        tasks.spawn("stuck", futures::future::pending);
        shutdown.request();
        let failure = tasks.join().await.unwrap_err();
        assert!(failure.to_string().ends_with(": stuck"), "{failure}");
    }

    #[test]
    fn the_backoff_doubles_up_to_its_limit() {
        assert_eq!(backoff(1), BACKOFF_MIN);
        assert_eq!(backoff(2), BACKOFF_MIN * 2);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
    }
}
