//! Reads raw deliveries, drops repeats, writes canonical events: exactly once.

mod batch;
mod config;
mod ledger;
pub mod metrics;
mod names;
mod outgoing;
pub mod quarantine;
mod rebuild;
mod rosters;
mod seen;
mod stage;

use std::time::Duration;

use events::{Provider, Time, Topic};
use kafka::{Cluster, Failure, InstanceConfig, Scanner, Stage, Stop, Worker, WorkerConfig};
use registry::{Awaited, Live};

pub use config::{Config, DedupeWindow};
use metrics::Metrics;
use names::Names;
use seen::Window;
use stage::Normalize;

const POLL: Duration = Duration::from_millis(20);

/// Starts the workers; each runs on a thread of its own until the process is asked to end. None
/// reads before the schema ids are known.
pub fn start(
    config: &Config,
    instance: &InstanceConfig,
    cluster: &Cluster,
    ids: &Awaited,
    context: &service::Context,
) {
    let metrics = Metrics::register(&context.metrics);
    let stop = Stop::default();
    for number in 0..config.workers {
        let instance = format!("{}-{number}", instance.instance);
        let (config, cluster) = (config.clone(), cluster.clone());
        let (metrics, stop, ids) = (metrics.clone(), stop.clone(), ids.clone());
        let health = context.health.clone();
        health.announce("normalizer", number);
        context.tasks.spawn_thread("normalizer", move || {
            let clock = || service::clock::now().into();
            let ready = health.numbered("normalizer", number);
            ready.set_not_ready("the schema ids are not known yet");
            let Some(ids) = ids.wait(&stop) else {
                return Ok(());
            };
            ready.set_not_ready("kafka has not answered yet");
            let (metrics, stop) = (metrics.clone(), stop.clone());
            let worker = worker(&config, &cluster, &instance, ids, clock, metrics, stop)?;
            worker.run(|condition| ready.set(condition.hindrance()))?;
            Ok(())
        });
    }
    context.at_shutdown("normalizer-stop", move || stop.request());
}

/// Makes one worker, a member of the group `<prefix>normalizer`. `clock` bounds how far a
/// `received_at` may lie in the future.
pub fn worker(
    config: &Config,
    cluster: &Cluster,
    instance: &str,
    ids: Live,
    clock: fn() -> Time,
    metrics: Metrics,
    stop: Stop,
) -> Result<Worker<impl Stage + use<>>, Failure> {
    let stage = Normalize::new(cluster, config.dedupe.dedupe_window, ids, clock, metrics)?;
    let worker = WorkerConfig {
        group: cluster.topic("normalizer"),
        instance: instance.to_owned(),
        topics: Provider::ALL
            .into_iter()
            .map(|provider| cluster.topic(Topic::Raw(provider)))
            .collect(),
        commit_interval: config.commit_interval,
        commit_when_dry: Duration::ZERO,
        poll_timeout: POLL,
    };
    Worker::new(cluster, worker, stage, stop)
}

/// Reads back the ids that are remembered of one raw partition, as a worker does that is given it;
/// returns how many there are.
pub fn remembered(
    cluster: &Cluster,
    provider: Provider,
    number: i32,
    window: Duration,
) -> Result<usize, Failure> {
    let ledger = Names::new(cluster).ledger(provider, number);
    let rebuilt = rebuild::rebuild(&Scanner::new(cluster)?, &ledger, Window::new(window))?;
    Ok(rebuilt.seen.len())
}
