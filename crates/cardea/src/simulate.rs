//! `cardea simulate`: the traffic of a site.

mod patience;
mod plan;
mod tally;

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use events::Time;
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use ingest::SourcesFile;
use providers::{Delivery, Key, SecretEncoding};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use crate::exit::setting;
use crate::http::Client;
use crate::output;
use crate::sources::{self, Source};
use patience::{Patience, ending};
use plan::{Kind, Mix, Plan, Planned};
use tally::{Ending, Tally};

/// Without a count or a duration.
const COUNT_DEFAULT: u64 = 100;

/// Sends the traffic of a site: doors, badges, late uploads, redeliveries, bad signatures.
///
/// The same --seed gives the same deliveries, except for their times. Ends with 1 if a delivery did
/// not end as its proof deserves.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cardea simulate --rate 50 --duration 1m\n  \
    cardea simulate --source genea-demo --count 1000 --rate 200 --seed 7 --retry --json")]
pub(crate) struct Args {
    #[command(flatten)]
    file_of_sources: SourcesFile,
    /// The source that sends; may be given again [default: all of the file].
    #[arg(long, env = "CARDEA_SOURCE", value_name = "ID", value_delimiter = ',')]
    source: Vec<String>,
    #[command(flatten)]
    mix: Mix,
    /// Deliveries a second.
    #[arg(long, env = "CARDEA_RATE", default_value_t = 10, value_name = "PER_SECOND",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How many deliveries [default: 100, or as many as the duration allows].
    #[arg(long, env = "CARDEA_COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// For how long.
    #[arg(long, env = "CARDEA_DURATION", value_name = "TIME", value_parser = service::duration::parse)]
    duration: Option<Duration>,
    /// Makes a run repeatable [default: another one each time].
    #[arg(long, env = "CARDEA_SEED", value_name = "NUMBER")]
    seed: Option<u64>,
    /// So many deliveries at most wait for their answers.
    #[arg(long, env = "CARDEA_IN_FLIGHT", default_value_t = 64, value_name = "COUNT",
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    in_flight: u16,
    /// Repeat what was not taken, as often as its provider would.
    #[arg(long, env = "CARDEA_RETRY")]
    retry: bool,
    /// The address of ingest.
    #[arg(long, env = "CARDEA_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let begin = Time::from(service::clock::now());
    let site = Site {
        sources: chosen(&args, begin)?,
        client: setting(Client::new(&args.url))?,
        patience: if args.retry {
            Patience::AsProvider
        } else {
            Patience::Never
        },
    };
    let seed = args.seed.unwrap_or_else(rand::random);
    let plan = Plan::new(seed, args.mix.clone(), args.rate, &site.sources, begin);
    let count = count(args.count, args.duration, args.rate);

    let began_at = Instant::now();
    let tallies = site.play(plan, count, &args).await?;
    let seconds = began_at.elapsed().as_secs_f64();

    let mut total = Tally::default();
    tallies.iter().for_each(|tally| total.add(tally));
    if args.json {
        let ids = site.sources.iter().map(|source| source.id.to_string());
        let sources: serde_json::Map<_, _> = ids.zip(tallies.iter().map(|t| json!(t))).collect();
        output::json(
            &json!({"seed": seed, "seconds": seconds, "total": total, "sources": sources}),
        )?;
    } else {
        print(&site.sources, &tallies, &total)?;
        output::line(format_args!("seed {seed}, {seconds:.1} s"))?;
    }
    Ok(if total.wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The sources that play, and the ingest they send to.
struct Site {
    sources: Vec<Source>,
    client: Client,
    patience: Patience,
}

impl Site {
    /// Sends the plan's first deliveries, each when it is due; on Ctrl-C no more. Returns what came
    /// of it, by source.
    async fn play(&self, plan: Plan, count: u64, args: &Args) -> anyhow::Result<Vec<Tally>> {
        // Draws on stderr, and only on a terminal.
        let progress = ProgressBar::new(count);
        let begin = Instant::now();
        let step = Duration::from_secs(1) / args.rate;
        let due = (0..count)
            .map(|number| begin + step.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX)));
        let endings = stream::iter(plan.zip(due))
            .then(async |(planned, due)| {
                sleep_until(due).await;
                planned
            })
            .map(|planned| self.deliver(planned))
            .buffer_unordered(usize::from(args.in_flight))
            .take_until(tokio::signal::ctrl_c());
        let mut endings = pin!(endings);
        let mut tallies = vec![Tally::default(); self.sources.len()];
        while let Some(ended) = endings.next().await {
            let (source, kind, ending, retries) = ended?;
            tallies[source].count(kind, ending, retries);
            progress.inc(1);
        }
        progress.finish_and_clear();
        Ok(tallies)
    }

    async fn deliver(&self, planned: Planned) -> anyhow::Result<(usize, Kind, Ending, u32)> {
        let source = &self.sources[planned.source];
        let delivery = delivery(source, &planned)?;
        let mut retries = 0;
        loop {
            let answered = self.client.send(&delivery).await.ok();
            let ending = ending(answered.as_ref());
            let asked = answered.and_then(|answered| answered.retry_after);
            let wait = match ending {
                Ending::Accepted | Ending::Refused => None,
                Ending::Unavailable => self.patience.wait(source.provider, retries, asked),
            };
            let Some(wait) = wait else {
                return Ok((planned.source, planned.kind, ending, retries));
            };
            retries += 1;
            sleep(wait).await;
        }
    }
}

fn delivery(source: &Source, planned: &Planned) -> anyhow::Result<Delivery> {
    let Planned {
        payload, signed_at, ..
    } = planned;
    match planned.kind {
        Kind::Live | Kind::Late | Kind::Redelivered => {
            source.signed(&payload.tail, payload.body.clone(), *signed_at)
        }
        Kind::Forged => forger(source)?.signed(&payload.tail, payload.body.clone(), *signed_at),
    }
}

/// Somebody who knows all of a source but its secret.
fn forger(source: &Source) -> anyhow::Result<Source> {
    let secret = "not the secret".into();
    let key = Key::new(source.provider, "forged", &secret, SecretEncoding::Text)?;
    Ok(Source {
        keys: vec![key],
        ..source.clone()
    })
}

/// Returns the sources that send; none named means all of the file.
fn chosen(args: &Args, now: Time) -> anyhow::Result<Vec<Source>> {
    let file = &args.file_of_sources;
    match args.source.as_slice() {
        [] => sources::all(file, now),
        ids => ids.iter().map(|id| sources::find(file, id, now)).collect(),
    }
}

/// The count, the duration or both bound a run.
fn count(count: Option<u64>, duration: Option<Duration>, rate: u32) -> u64 {
    let in_time = duration.map(|time| {
        let deliveries = time.as_millis().saturating_mul(u128::from(rate)) / 1_000;
        u64::try_from(deliveries).unwrap_or(u64::MAX).max(1)
    });
    match (count, in_time) {
        (Some(count), Some(in_time)) => count.min(in_time),
        (Some(count), None) => count,
        (None, Some(in_time)) => in_time,
        (None, None) => COUNT_DEFAULT,
    }
}

fn print(sources: &[Source], tallies: &[Tally], total: &Tally) -> anyhow::Result<()> {
    let row = |name: &str, tally: &Tally| {
        let cells = tally.cells().map(|cell| cell.to_string());
        [name.to_owned()].into_iter().chain(cells).collect()
    };
    let named = sources.iter().zip(tallies);
    let mut rows: Vec<Vec<String>> = named
        .map(|(source, tally)| row(&source.id, tally))
        .collect();
    rows.push(row("total", total));
    let header: Vec<&str> = ["SOURCE"].into_iter().chain(Tally::COLUMNS).collect();
    output::table(&header, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_bounded_by_count_and_duration() {
        let minute = Some(Duration::from_secs(60));
        assert_eq!(count(None, None, 10), COUNT_DEFAULT);
        assert_eq!(count(Some(5), None, 10), 5);
        assert_eq!(count(None, minute, 10), 600);
        assert_eq!(count(Some(5), minute, 10), 5);
        assert_eq!(count(Some(5_000), minute, 10), 600);
    }
}
