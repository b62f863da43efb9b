//! `cardea send`: one delivery as a provider would send it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use events::{Provider, Time};
use ingest::SourcesFile;
use providers::Sample;
use serde_json::json;
use uuid::Uuid;

use crate::exit::setting;
use crate::http::{Answered, Client};
use crate::output;
use crate::sample::{Novelty, Payload, as_shipped, renewed};
use crate::sources::{self, Source};

/// Signs and sends one delivery as a provider would.
///
/// A sample sent twice is one event, as its id is the same; --fresh makes it another. Ends with 1
/// if a delivery is not accepted.
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true),
    after_help = "Examples:\n  \
        cardea send --list\n  \
        cardea send --source genea-demo --event access-granted --fresh\n  \
        cardea send --source cvent-demo --file message.json --path ContactCreated/1"
)]
pub(crate) struct Args {
    #[command(flatten)]
    file_of_sources: SourcesFile,
    /// The source that sends.
    #[arg(
        long,
        env = "CARDEA_SOURCE",
        value_name = "ID",
        required_unless_present = "list"
    )]
    source: Option<String>,
    /// A shipped sample, by its name.
    #[arg(long, env = "CARDEA_EVENT", value_name = "SAMPLE", group = "what")]
    event: Option<String>,
    /// A file with the body.
    #[arg(long, env = "CARDEA_FILE", value_name = "FILE", group = "what")]
    file: Option<PathBuf>,
    /// Every shipped sample of the source's provider.
    #[arg(long, env = "CARDEA_ALL_SAMPLES", group = "what")]
    all_samples: bool,
    /// Only list the shipped samples.
    #[arg(long, env = "CARDEA_LIST", group = "what")]
    list: bool,
    /// The path after the source, for a file.
    #[arg(
        long,
        env = "CARDEA_PATH",
        value_name = "TAIL",
        default_value = "",
        requires = "file"
    )]
    path: String,
    /// Give samples a new id and time.
    #[arg(long, env = "CARDEA_FRESH", conflicts_with = "file")]
    fresh: bool,
    /// The address of ingest.
    #[arg(long, env = "CARDEA_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Print JSON, one line a delivery.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.list {
        return list(args.json);
    }
    let id = args.source.as_deref().unwrap_or_default();
    let source = sources::find(&args.file_of_sources, id, now())?;
    let client = setting(Client::new(&args.url))?;
    let mut code = ExitCode::SUCCESS;
    for (name, payload) in payloads(&args, &source)? {
        let delivery = source.signed(&payload.tail, payload.body, now())?;
        let answered = client.send(&delivery).await?;
        if !answered.accepted() {
            code = ExitCode::FAILURE;
        }
        tell(&args, &source, &name, &answered)?;
    }
    Ok(code)
}

fn list(json: bool) -> anyhow::Result<ExitCode> {
    let all = Provider::ALL.into_iter();
    let samples = all.flat_map(|provider| {
        providers::samples(provider)
            .iter()
            .map(move |s| (provider, s))
    });
    if json {
        let entry = |(provider, sample): (Provider, &Sample)| {
            let Sample { name, tail, .. } = sample;
            json!({"provider": provider, "event": name, "path": tail})
        };
        output::json(&samples.map(entry).collect::<Vec<_>>())?;
    } else {
        let row = |(provider, sample): (Provider, &Sample)| {
            vec![
                provider.to_string(),
                sample.name.to_owned(),
                sample.tail.to_owned(),
            ]
        };
        output::table(
            &["PROVIDER", "EVENT", "PATH"],
            &samples.map(row).collect::<Vec<_>>(),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns what is to be sent, each with a name.
fn payloads(args: &Args, source: &Source) -> anyhow::Result<Vec<(String, Payload)>> {
    if let Some(file) = &args.file {
        let name = file.display().to_string();
        let body = setting(fs::read_to_string(file).with_context(|| format!("read {name}")))?;
        let tail = args.path.trim_matches('/').to_owned();
        return Ok(vec![(name, Payload { tail, body })]);
    }
    let provider = source.provider;
    let wanted = |sample: &&Sample| args.event.as_deref().is_none_or(|name| name == sample.name);
    let samples: Vec<_> = providers::samples(provider).iter().filter(wanted).collect();
    if samples.is_empty() {
        let name = args.event.as_deref().unwrap_or_default();
        return setting(Err(anyhow::anyhow!(
            "--event: {provider} has no sample `{name}`; see `cardea send --list`"
        )));
    }
    let payload = |sample: &Sample| {
        if args.fresh {
            renewed(provider, sample, &novelty())
        } else {
            as_shipped(sample)
        }
    };
    Ok(samples
        .into_iter()
        .map(|sample| (sample.name.to_owned(), payload(sample)))
        .collect())
}

fn now() -> Time {
    service::clock::now().into()
}

fn novelty() -> Novelty {
    Novelty {
        id: Uuid::new_v4(),
        at: now(),
        door: None,
        badge: None,
    }
}

fn tell(args: &Args, source: &Source, name: &str, answered: &Answered) -> anyhow::Result<()> {
    let Answered { status, body, .. } = answered;
    if args.json {
        let id = &source.id;
        return output::json(
            &json!({"source": id, "event": name, "status": status, "answer": body}),
        );
    }
    output::line(format!("{status} {name} {body}").trim_end())
}
