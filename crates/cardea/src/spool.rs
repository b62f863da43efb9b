//! `cardea spool`: what waits on disk for Kafka, and its way there.

use std::process::ExitCode;

use clap::Subcommand;
use ingest::SpoolFolder;
use ingest::spooling::tools::{self, Spooled};
use kafka::Cluster;

use crate::exit::setting;
use crate::output;

/// Lists and drains a spool that no running ingest has.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListArgs),
    Drain(DrainArgs),
}

/// Lists the deliveries that wait, partition by partition, each in its order.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea spool list --spool-dir /var/lib/cardea/spool")]
struct ListArgs {
    #[command(flatten)]
    folder: SpoolFolder,
    /// Print JSON, one line each.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

/// Sends the deliveries that wait to Kafka, as for a copy of ingest that was removed.
///
/// Its volume must be here, and the copy gone: an ingest drains its own spool by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea spool drain --spool-dir /mnt/ingest-2/spool")]
struct DrainArgs {
    #[command(flatten)]
    kafka: kafka::Config,
    #[command(flatten)]
    folder: SpoolFolder,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::List(args) => list(&args)?,
        Action::Drain(args) => drain(&args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let listed = tools::list(&args.folder)?;
    if args.json {
        return listed.iter().try_for_each(output::json);
    }
    let rows: Vec<_> = listed.iter().map(row).collect();
    let header = ["TOPIC", "PARTITION", "SOURCE", "RECEIVED", "DELIVERY"];
    output::table(&header, &rows)
}

async fn drain(args: &DrainArgs) -> anyhow::Result<()> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let drained = tools::drain(&args.folder, &cluster).await?;
    if drained.damaged > 0 {
        output::remark(format_args!(
            "cardea: {} damaged parts could not be read and are gone",
            drained.damaged
        ));
    }
    output::line(format_args!(
        "{} deliveries sent to kafka",
        drained.deliveries
    ))
}

fn row(spooled: &Spooled) -> Vec<String> {
    let received_at = spooled.received_at.map(|at| at.to_string());
    vec![
        spooled.topic.clone(),
        spooled.partition.to_string(),
        spooled.source.clone().unwrap_or_default(),
        received_at.unwrap_or_default(),
        spooled.delivery_id.clone().unwrap_or_default(),
    ]
}
