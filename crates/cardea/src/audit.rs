//! `cardea audit`: proves or refutes, over the topics themselves, that every delivery was kept,
//! that every event came out once and in order, and that it was delivered.

mod delivered;
mod findings;
mod judge;
mod kept;
mod once;
mod pass;
mod records;
mod share;
mod span;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use events::{CanonicalTopic, Provider, Time, Topic};
use kafka::{Cluster, Topics};

use crate::exit::setting;
use crate::output;
use crate::reach::reached;
use findings::Findings;
use span::{Asked, Span};

/// Proves or refutes from the topics what Cardea promises: what was answered 2xx is in raw (P1),
/// each event came out exactly once (P2) and in order (P7), and reached every subscription that
/// wants it, waits for it, or is a dead letter (P5).
///
/// P1 is proved for the deliveries that the request log names, P5 for the subscriptions that there
/// are, from their last change on. Where Kafka has removed the oldest records because of their age,
/// only what came a dedupe window later is judged. Exit code 0: nothing refutes the promises; 1:
/// something does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cardea audit\n  \
    cardea audit --from 2026-05-12T00:00:00Z --to 2026-05-13T00:00:00Z --json | jq .offences")]
pub(crate) struct Args {
    #[command(flatten)]
    kafka: kafka::Config,
    #[command(flatten)]
    dedupe: normalizer::DedupeWindow,
    /// First time of receipt, such as 2026-05-12T18:00:00Z [default: all that can be judged].
    #[arg(long, env = "CARDEA_FROM", value_name = "TIME")]
    from: Option<Time>,
    /// Time of receipt that is past the span [default: now].
    #[arg(long, env = "CARDEA_TO", value_name = "TIME")]
    to: Option<Time>,
    /// How long it may take until every sink knows a new subscription; events that come before are
    /// not judged.
    #[arg(long, env = "CARDEA_SUBSCRIPTION_SETTLES", default_value = "1m",
          value_name = "TIME", value_parser = service::duration::parse)]
    subscription_settles: Duration,
    /// How many deliveries, events and keys are remembered at a time, about 150 bytes each; a span
    /// with more is read several times.
    #[arg(long, env = "CARDEA_REMEMBERED_MAX", default_value_t = 2_000_000, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(100..))]
    remembered_max: u32,
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let findings = reached(&args.kafka, audit(&args).await)?;
    if args.json {
        output::json(&findings.json())?;
    } else {
        show(&findings)?;
    }
    Ok(if findings.refute() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn audit(args: &Args) -> anyhow::Result<Findings> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let topics = Provider::ALL.into_iter().map(Topic::Raw);
    let topics = topics.chain(CanonicalTopic::ALL.map(Topic::Canonical));
    let topics = topics.chain([Topic::DeadLetters, Topic::Attempts]);
    let topics: Vec<_> = topics.map(|topic| cluster.topic(topic)).collect();
    let retentions = Topics::new(&cluster)?.retentions(&topics).await?;
    let asked = Asked {
        now: service::clock::now().into(),
        from: args.from,
        to: args.to,
        window: args.dedupe.dedupe_window,
        settled_after: args.subscription_settles,
    };
    let room = usize::try_from(args.remembered_max).unwrap_or(usize::MAX);
    tokio::task::block_in_place(|| {
        let span = Span::of(&cluster, asked, &retentions)?;
        ensure_not_empty(span.from, args.to.unwrap_or(asked.now))?;
        pass::audit(&cluster, &span, room)
    })
}

/// A span of which nothing is kept, or nothing ever was, would hold whatever had happened in it.
fn ensure_not_empty(from: Option<Time>, to: Time) -> anyhow::Result<()> {
    if let Some(from) = from.filter(|from| *from >= to) {
        bail!(
            "nothing can be judged of what was received before {to}: what is needed for it is kept \
             from {from} on, or --from is later than that"
        );
    }
    Ok(())
}

fn show(findings: &Findings) -> anyhow::Result<()> {
    if let Some(from) = findings.from {
        output::line(format_args!("judged: what was received from {from} on\n"))?;
    }
    let counts = findings.counts();
    let counts: Vec<_> = counts
        .iter()
        .map(|(_, what, count)| vec![(*what).to_owned(), count.to_string()])
        .collect();
    output::table(&["READ", "COUNT"], &counts)?;
    output::line("")?;
    let offences: Vec<_> = findings
        .offences()
        .iter()
        .map(|(promise, what, found)| {
            let verdict = if found.count == 0 { "holds" } else { "BROKEN" };
            let cells = [*promise, what, &found.count.to_string(), verdict];
            cells.map(str::to_owned).to_vec()
        })
        .collect();
    output::table(
        &["PROMISE", "WHAT WOULD BREAK IT", "COUNT", "VERDICT"],
        &offences,
    )?;
    for (_, what, found) in findings.offences() {
        for offender in &found.first {
            output::line(format_args!("{what}: {offender}"))?;
        }
    }
    Ok(())
}
