//! The commands that run services: each alone, or all in one process.

mod check;
#[cfg(test)]
mod metrics_doc;

use std::process::ExitCode;
use std::time::Duration;

use events::{CanonicalTopic, Provider, Topic};
use ingest::Ingest;
use kafka::{Cluster, InstanceConfig};
use registry::Client;
use service::{Context, OnFailure, logs};

use crate::exit::setting;
use crate::topics::Layout;
use check::Question;

/// Flags of every command that runs services.
#[derive(Debug, clap::Args)]
struct Process {
    #[command(flatten)]
    service: service::Config,
    #[command(flatten)]
    logs: logs::Config,
    #[command(flatten)]
    kafka: kafka::Config,
}

/// Runs every service in one process, for a small site; a failed one is started again in place.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea all --sources sources.yaml")]
pub(crate) struct AllArgs {
    #[command(flatten)]
    process: Process,
    #[command(flatten)]
    layout: Layout,
    #[command(flatten)]
    instance: InstanceConfig,
    #[command(flatten)]
    ingest: ingest::Config,
    #[command(flatten)]
    normalizer: normalizer::Config,
    #[command(flatten)]
    registry: registry::Config,
    #[command(flatten)]
    sink: sink::Config,
    #[command(flatten)]
    console: console::Config,
}

/// Takes deliveries, proves them, writes them raw, answers as their providers expect.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cardea ingest --sources sources.yaml --ingest-address 0.0.0.0:8080"
)]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    process: Process,
    #[command(flatten)]
    layout: Layout,
    #[command(flatten)]
    ingest: ingest::Config,
}

/// Reads raw deliveries, drops repeats, writes canonical events, exactly once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea normalizer --instance normalizer-0 --workers 2")]
pub(crate) struct NormalizerArgs {
    #[command(flatten)]
    process: Process,
    #[command(flatten)]
    layout: Layout,
    #[command(flatten)]
    instance: InstanceConfig,
    #[command(flatten)]
    normalizer: normalizer::Config,
    #[command(flatten)]
    registry: registry::Config,
}

/// Delivers canonical events to the endpoints of the subscriptions, signed, with patience.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea sink --instance sink-0")]
pub(crate) struct SinkArgs {
    #[command(flatten)]
    process: Process,
    #[command(flatten)]
    layout: Layout,
    #[command(flatten)]
    instance: InstanceConfig,
    #[command(flatten)]
    sink: sink::Config,
}

/// Serves the schema registry's read API, for any Confluent deserializer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea console --console-address 0.0.0.0:8081")]
pub(crate) struct ConsoleArgs {
    #[command(flatten)]
    process: Process,
    #[command(flatten)]
    console: console::Config,
    #[command(flatten)]
    registry: registry::Config,
}

pub(crate) async fn all(args: AllArgs) -> anyhow::Result<ExitCode> {
    let start = async |cluster: &Cluster, context: &Context| {
        let ingest = setting(Ingest::prepare(&args.ingest, cluster, &context.metrics))?;
        setting(kafka::check_worker(cluster))?;
        let registry = setting(Client::new(&args.registry))?;
        let window = args.normalizer.dedupe.dedupe_window;
        check(cluster, &args.layout, Topic::all(), window, context).await?;
        let ids = registry::start(registry.clone(), cluster, context);
        normalizer::start(&args.normalizer, &args.instance, cluster, &ids, context);
        sink::start(&args.sink, &args.instance, cluster, context);
        console::start(&args.console, cluster.topic_prefix(), registry, context);
        ingest.start(context).await?;
        Ok(())
    };
    args.process.run(OnFailure::RestartTask, start).await
}

pub(crate) async fn ingest(args: IngestArgs) -> anyhow::Result<ExitCode> {
    let start = async |cluster: &Cluster, context: &Context| {
        let ingest = setting(Ingest::prepare(&args.ingest, cluster, &context.metrics))?;
        let topics = Provider::ALL.into_iter().map(Topic::Raw);
        let topics = topics.chain([Topic::Requests, Topic::Rosters]).collect();
        check(cluster, &args.layout, topics, Duration::ZERO, context).await?;
        ingest.start(context).await?;
        Ok(())
    };
    args.process.run(OnFailure::EndProcess, start).await
}

pub(crate) async fn normalizer(args: NormalizerArgs) -> anyhow::Result<ExitCode> {
    let start = async |cluster: &Cluster, context: &Context| {
        setting(kafka::check_worker(cluster))?;
        let of_provider =
            |provider| [Topic::Raw, Topic::Quarantine, Topic::Seen].map(|t| t(provider));
        let topics = Provider::ALL.into_iter().flat_map(of_provider);
        let topics = topics
            .chain(CanonicalTopic::ALL.map(Topic::Canonical))
            .chain([Topic::SchemaIds, Topic::Rosters])
            .collect();
        let registry = setting(Client::new(&args.registry))?;
        let window = args.normalizer.dedupe.dedupe_window;
        check(cluster, &args.layout, topics, window, context).await?;
        let ids = registry::start(registry, cluster, context);
        normalizer::start(&args.normalizer, &args.instance, cluster, &ids, context);
        Ok(())
    };
    args.process.run(OnFailure::EndProcess, start).await
}

pub(crate) async fn sink(args: SinkArgs) -> anyhow::Result<ExitCode> {
    let start = async |cluster: &Cluster, context: &Context| {
        setting(kafka::check_worker(cluster))?;
        let of_topic = |topic| [Topic::Canonical, Topic::Retries].map(|t| t(topic));
        let topics = CanonicalTopic::ALL.into_iter().flat_map(of_topic);
        let own = [
            Topic::SchemaIds,
            Topic::Subscriptions,
            Topic::DeadLetters,
            Topic::Attempts,
        ];
        let topics = topics.chain(own).collect();
        check(cluster, &args.layout, topics, Duration::ZERO, context).await?;
        sink::start(&args.sink, &args.instance, cluster, context);
        Ok(())
    };
    args.process.run(OnFailure::EndProcess, start).await
}

pub(crate) async fn console(args: ConsoleArgs) -> anyhow::Result<ExitCode> {
    let start = async |cluster: &Cluster, context: &Context| {
        let registry = setting(Client::new(&args.registry))?;
        console::start(&args.console, cluster.topic_prefix(), registry, context);
        Ok(())
    };
    args.process.run(OnFailure::EndProcess, start).await
}

impl Process {
    /// Runs services until the process is asked to end. Settings are checked before a port opens.
    async fn run<S>(&self, on_failure: OnFailure, start: S) -> anyhow::Result<ExitCode>
    where
        S: AsyncFnOnce(&Cluster, &Context) -> anyhow::Result<()>,
    {
        setting(logs::init(&self.logs))?;
        let cluster = setting(Cluster::new(&self.kafka))?;
        let start = async |context: &Context| start(&cluster, context).await;
        service::run(&self.service, on_failure, start).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Checks the topics that a service reads and writes; the window matters to who writes `seen`.
async fn check(
    cluster: &Cluster,
    layout: &Layout,
    topics: Vec<Topic>,
    dedupe_window: Duration,
    context: &Context,
) -> anyhow::Result<()> {
    let question = Question {
        cluster: cluster.clone(),
        layout: layout.clone(),
        topics,
        dedupe_window,
    };
    question.ask(context).await
}
