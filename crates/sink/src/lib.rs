//! Delivers canonical events to endpoints, with patience.

mod address;
mod client;
mod config;
mod connector;
mod endpoint;
mod filter;
mod ledger;
pub mod metrics;
mod records;
mod requests;
mod rows;
mod schedule;
mod signature;
mod stage;
mod subscription;
pub mod subscriptions;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use events::{CanonicalTopic, Topic};
use kafka::{Cluster, Failure, InstanceConfig, Stop, Worker, WorkerConfig};
use tokio::runtime::Handle;
use tokio::sync::watch;

pub use config::{Config, ReachConfig};
pub use endpoint::{BadUrl, Endpoint, Reach};
pub use filter::{BadPattern, Pattern, Traits};
pub use signature::{BadSecret, Secret};
pub use subscription::{BadId, State, Subscription, SubscriptionId};

use metrics::Metrics;
use stage::{Deliver, Means};
use subscriptions::{Live, Snapshot};

/// A result waits so long at most when no record comes.
const POLL: Duration = Duration::from_millis(10);
/// A place in the window is free again only after a commit.
const COMMIT_INTERVAL: Duration = Duration::from_millis(50);

/// Starts the sink: a thread that follows the subscriptions, and one that delivers.
pub fn start(
    config: &Config,
    instance: &InstanceConfig,
    cluster: &Cluster,
    context: &service::Context,
) {
    let metrics = Metrics::register(&context.metrics);
    let stop = Stop::default();
    let (publish, live) = watch::channel(None);
    follow(cluster, context, publish, metrics.clone(), stop.clone());
    let means = Means {
        runtime: Handle::current(),
        live,
        metrics,
        clock: || service::clock::now().into(),
        random: rand::random,
        stop: stop.clone(),
    };
    let (config, cluster) = (config.clone(), cluster.clone());
    let instance = instance.instance.clone();
    let health = context.health.clone();
    health.announce("sink", 0);
    context.tasks.spawn_thread("sink", move || {
        let ready = health.component("sink");
        ready.set_not_ready("the subscriptions are not read yet");
        if !wait_until_read(&means.live, &means.stop) {
            return Ok(());
        }
        ready.set_not_ready("kafka has not answered yet");
        let worker = worker(&config, &cluster, &instance, means.clone())?;
        worker.run(|condition| ready.set(condition.hindrance()))?;
        Ok(())
    });
    context.at_shutdown("sink-stop", move || stop.request());
}

fn follow(
    cluster: &Cluster,
    context: &service::Context,
    publish: watch::Sender<Option<Arc<Snapshot>>>,
    metrics: Metrics,
    stop: Stop,
) {
    let cluster = cluster.clone();
    context.tasks.spawn_thread("sink-subscriptions", move || {
        subscriptions::follow(&cluster, &publish, &metrics, &stop)?;
        Ok(())
    });
}

/// An event is delivered to the subscriptions that are there when it is read, so none may be read
/// before they are. `false` if asked to stop before that.
fn wait_until_read(live: &Live, stop: &Stop) -> bool {
    while live.borrow().is_none() {
        if stop.requested() {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

/// Makes the worker, a member of the group `<prefix>sink`.
fn worker(
    config: &Config,
    cluster: &Cluster,
    instance: &str,
    means: Means,
) -> Result<Worker<Deliver>, Failure> {
    let stop = means.stop.clone();
    let stage = Deliver::new(config, cluster, means)?;
    let topics = CanonicalTopic::ALL.map(|topic| cluster.topic(Topic::Canonical(topic)));
    let worker = WorkerConfig {
        group: cluster.topic("sink"),
        instance: instance.to_owned(),
        topics: topics.into(),
        commit_interval: COMMIT_INTERVAL,
        commit_when_dry: Duration::ZERO,
        poll_timeout: POLL,
    };
    Worker::new(cluster, worker, stage, stop)
}
