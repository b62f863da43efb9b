//! `cardea quarantine`: what could not be mapped, and its way back.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Subcommand;
use events::Provider;
use kafka::{Cluster, Failure, Producer};
use normalizer::quarantine::{self, Held};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::exit::setting;
use crate::output;
use crate::reach::reached;

const ACK_WITHIN: Duration = Duration::from_secs(10);
/// Records read ahead of those that are written.
const AHEAD: usize = 64;

/// Lists, shows and retries deliveries that could not be mapped.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListArgs),
    Show(ShowArgs),
    Retry(RetryArgs),
}

/// Lists what is in quarantine, with the reason.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea quarantine list --provider genea --reason bad_field")]
struct ListArgs {
    #[command(flatten)]
    kafka: kafka::Config,
    #[command(flatten)]
    filter: Filter,
    /// Print JSON, one line each.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

/// Prints the body of one delivery, byte for byte.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea quarantine show cardea.raw.genea/3/17 | jq .")]
struct ShowArgs {
    #[command(flatten)]
    kafka: kafka::Config,
    /// The position of its raw record, as `list` prints it.
    position: String,
}

/// Sends deliveries through the normalizer again, as after a mapping was mended.
///
/// What can be mapped now comes out once and leaves the quarantine; what cannot is in quarantine
/// with its new position.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cardea quarantine retry cardea.raw.genea/3/17\n  \
    cardea quarantine retry --all --provider genea")]
struct RetryArgs {
    #[command(flatten)]
    kafka: kafka::Config,
    /// Positions of raw records, as `list` prints them.
    #[arg(required_unless_present = "all", conflicts_with_all = ["all", "provider", "reason"])]
    positions: Vec<String>,
    /// All that the filters leave.
    #[arg(long, env = "CARDEA_ALL")]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

/// Which records: of several filters all must fit.
#[derive(Debug, clap::Args)]
struct Filter {
    /// Only of this provider.
    #[arg(long, env = "CARDEA_PROVIDER")]
    provider: Option<Provider>,
    /// Only with this reason, such as not_json.
    #[arg(long, env = "CARDEA_REASON")]
    reason: Option<String>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (kafka, ended) = match &args.action {
        Action::List(args) => (&args.kafka, list(args)),
        Action::Show(args) => (&args.kafka, show(args)),
        Action::Retry(args) => (&args.kafka, retry(args).await),
    };
    reached(kafka, ended)?;
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let held = args.filter.held(&cluster)?;
    if args.json {
        return held.iter().try_for_each(|held| output::json(&shown(held)));
    }
    let rows: Vec<_> = held.iter().map(row).collect();
    output::table(
        &["POSITION", "SOURCE", "RECEIVED", "REASON", "DETAIL"],
        &rows,
    )
}

fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let held = at(&cluster, std::slice::from_ref(&args.position))?;
    let mut body = Vec::new();
    quarantine::each(&cluster, &held, |whole| {
        body = whole.body;
        Ok(())
    })?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&body).context("write output")
}

async fn retry(args: &RetryArgs) -> anyhow::Result<()> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let held = if args.all {
        args.filter.held(&cluster)?
    } else {
        at(&cluster, &args.positions)?
    };
    let producer = Producer::new(&cluster, ACK_WITHIN)?;
    let (ahead, mut read) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        quarantine::each(&cluster, &held, |whole| {
            let sent = ahead.blocking_send(whole);
            sent.map_err(|_| Failure::fatal("the writer has failed and says why"))
        })
    });
    let mut count = 0;
    let written = loop {
        let Some(whole) = read.recv().await else {
            break Ok(());
        };
        match quarantine::retry(&producer, &whole).await {
            Ok(()) => count += 1,
            Err(failed) => break Err(failed),
        }
    };
    drop(read);
    let read = reading.await.context("read the quarantine")?;
    output::line(format_args!("{count} sent through the normalizer again"))?;
    written?;
    Ok(read?)
}

impl Filter {
    fn held(&self, cluster: &Cluster) -> anyhow::Result<Vec<Held>> {
        let providers = self
            .provider
            .map_or(Provider::ALL.to_vec(), |one| vec![one]);
        let mut held = quarantine::list(cluster, &providers).context("read the quarantine")?;
        if let Some(reason) = &self.reason {
            held.retain(|held| held.reason == *reason);
        }
        Ok(held)
    }
}

/// Finds records by their positions; each must be there.
fn at(cluster: &Cluster, positions: &[String]) -> anyhow::Result<Vec<Held>> {
    let mut held = quarantine::list(cluster, &Provider::ALL).context("read the quarantine")?;
    held.retain(|held| positions.contains(&held.position));
    for position in positions {
        ensure!(
            held.iter().any(|held| held.position == *position),
            "`{position}` is not in quarantine; see `cardea quarantine list`"
        );
    }
    Ok(held)
}

fn shown(held: &Held) -> Value {
    json!({
        "position": held.position,
        "provider": held.provider,
        "source": held.source,
        "received_at": held.received_at,
        "reason": held.reason,
        "detail": held.detail,
    })
}

fn row(held: &Held) -> Vec<String> {
    let received_at = held.received_at.map(|at| at.to_string());
    vec![
        held.position.clone(),
        held.source.clone(),
        received_at.unwrap_or_default(),
        held.reason.clone(),
        held.detail.clone(),
    ]
}
