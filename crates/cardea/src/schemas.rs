//! `cardea schemas`: the Avro schemas of the canonical topics.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use events::CanonicalTopic;
use events::schema::{self, Versioned};
use kafka::Cluster;
use registry::Client;
use serde_json::{Value, json};

use crate::exit::setting;
use crate::output;

/// Shows the Avro schemas of the canonical topics, checks a new one against them, registers them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListArgs),
    Print(PrintArgs),
    Check(CheckArgs),
    Register(RegisterArgs),
}

/// Lists every released version with its id on the wire.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea schemas list")]
struct ListArgs {
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

/// Prints a schema.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea schemas print access > access.avsc")]
struct PrintArgs {
    /// The canonical topic: access, credential, device or account.
    topic: CanonicalTopic,
    /// The version [default: the one that is written].
    #[arg(long, env = "CARDEA_VERSION", value_name = "NUMBER")]
    version: Option<i32>,
}

/// Checks whether a file could be the next version: it and every released one must read each other.
///
/// Ends with 1 if it could not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea schemas check schemas/access.avsc --topic access")]
struct CheckArgs {
    /// The file with the schema.
    file: PathBuf,
    /// The canonical topic that it is for.
    #[arg(long, env = "CARDEA_TOPIC")]
    topic: CanonicalTopic,
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

/// Registers every released version in a schema registry, the oldest of a topic first, and lists their
/// ids there.
///
/// What is registered already stays as it is; --schema-registry-mode lookup only asks.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cardea schemas register --schema-registry https://registry.example.org:8081"
)]
struct RegisterArgs {
    #[command(flatten)]
    kafka: kafka::Config,
    #[command(flatten)]
    registry: registry::Config,
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::List(args) => list(&args),
        Action::Print(args) => print(&args),
        Action::Check(args) => check(&args),
        Action::Register(args) => register(&args).await,
    }
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let all = schema::all();
    if args.json {
        let entry = |v: &Versioned| json!({"topic": v.topic, "version": v.version, "id": v.id});
        output::json(&all.iter().map(entry).collect::<Vec<Value>>())?;
    } else {
        let row =
            |v: &Versioned| vec![v.topic.to_string(), v.version.to_string(), v.id.to_string()];
        let rows: Vec<_> = all.iter().map(row).collect();
        output::table(&["TOPIC", "VERSION", "ID"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(args: &PrintArgs) -> anyhow::Result<ExitCode> {
    let topic = args.topic;
    let found = match args.version {
        None => schema::current(topic),
        Some(version) => {
            let mut all = schema::all().iter();
            let found = all.find(|v| v.topic == topic && v.version == version);
            setting(found.with_context(|| {
                format!("--version: {topic} has no version {version}; see `cardea schemas list`")
            }))?
        }
    };
    output::line(found.text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let file = args.file.display();
    let text = setting(fs::read_to_string(&args.file).with_context(|| format!("read {file}")))?;
    let objections = schema::objections(args.topic, &text);
    let sentences: Vec<String> = objections.iter().map(ToString::to_string).collect();
    if args.json {
        output::json(&json!({"compatible": sentences.is_empty(), "objections": sentences}))?;
    } else if sentences.is_empty() {
        output::line(format_args!(
            "{file} is compatible with every released version"
        ))?;
    } else {
        output::line(sentences.join("\n"))?;
    }
    Ok(if objections.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn register(args: &RegisterArgs) -> anyhow::Result<ExitCode> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let client = setting(Client::new(&args.registry))?;
    let client = setting(client.context("--schema-registry: no schema registry is named"))?;
    let mut registered = Vec::new();
    for version in schema::all() {
        let subject = registry::subject(&cluster, version.topic);
        let id = client.id(&subject, version).await?;
        registered.push((subject, version.version, id));
    }
    if args.json {
        let entry = |(subject, version, id): &(String, i32, i32)| json!({"subject": subject, "version": version, "id": id});
        output::json(&registered.iter().map(entry).collect::<Vec<Value>>())?;
    } else {
        let row = |(subject, version, id): &(String, i32, i32)| {
            vec![subject.clone(), version.to_string(), id.to_string()]
        };
        let rows: Vec<_> = registered.iter().map(row).collect();
        output::table(&["SUBJECT", "VERSION", "ID"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}
