//! `cardea audit`: proves or refutes, over the topics themselves, that every event came out once
//! and in order.

mod findings;
mod judge;
mod pass;

use std::process::ExitCode;
use std::time::Duration;

use events::Time;
use kafka::Cluster;

use crate::exit::setting;
use crate::output;
use crate::reach::reached;
use findings::Findings;
use pass::Span;

/// Proves from the topics that each event came out exactly once (P2) and in order (P7).
///
/// Reads the raw deliveries of a time span and the dedupe window before it, the canonical events
/// and the quarantine, whose positions it remembers. Exit code 0: nothing refutes the promises; 1:
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
    /// First time of receipt, such as 2026-05-12T18:00:00Z [default: all that is kept].
    #[arg(long, env = "CARDEA_FROM", value_name = "TIME")]
    from: Option<Time>,
    /// Time of receipt that is past the span [default: now].
    #[arg(long, env = "CARDEA_TO", value_name = "TIME")]
    to: Option<Time>,
    /// How many events and keys are remembered at a time, about 150 bytes each; a span with more is
    /// read several times.
    #[arg(long, env = "CARDEA_REMEMBERED_MAX", default_value_t = 2_000_000, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1_000..))]
    remembered_max: u32,
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let findings = reached(&args.kafka, audit(args))?;
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

fn audit(args: &Args) -> anyhow::Result<Findings> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let window: Duration = args.dedupe.dedupe_window;
    let span = Span::of(&cluster, args.from, args.to, window)?;
    let room = usize::try_from(args.remembered_max).unwrap_or(usize::MAX);
    span.audit(room)
}

fn show(findings: &Findings) -> anyhow::Result<()> {
    let counts = [
        ("raw deliveries", findings.raw),
        ("not reached by the normalizer yet", findings.pending),
        ("in quarantine", findings.quarantined),
        ("distinct events", findings.events),
        ("delivered again", findings.redelivered),
    ];
    let counts: Vec<_> = counts
        .iter()
        .map(|(what, count)| vec![(*what).to_owned(), count.to_string()])
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
    output::table(&["PROMISE", "EVENTS", "COUNT", "VERDICT"], &offences)?;
    for (_, what, found) in findings.offences() {
        for offender in &found.first {
            let id = offender
                .event_id
                .map_or(String::new(), |id| format!("{id} "));
            output::line(format_args!("{what}: {id}{}", offender.raw))?;
        }
    }
    Ok(())
}
