//! `cardea verify`: why a delivery on file is accepted or refused.

mod judge;

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use events::Time;
use ingest::{ReplayWindow, SourcesFile};
use providers::{Delivery, Key};

use crate::exit::setting;
use crate::output;
use crate::sources;
use judge::{Clock, Judgement, judge};

/// Says why a source accepts or refuses a delivery, and what it becomes.
///
/// A signed time is judged as if the delivery came now. Ends with 1 if it is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    cardea verify --source genea-demo --body delivery.json \\\n    \
    --header 'X-Sequr-Signature: sha1=0123456789abcdef0123456789abcdef01234567'")]
pub(crate) struct Args {
    #[command(flatten)]
    file_of_sources: SourcesFile,
    /// The source that it was sent to.
    #[arg(long, env = "CARDEA_SOURCE", value_name = "ID")]
    source: String,
    /// The file with the body, byte for byte as it came; `-` reads stdin.
    #[arg(long, env = "CARDEA_BODY", value_name = "FILE")]
    body: PathBuf,
    /// A header that came with it; may be given again.
    #[arg(
        long,
        env = "CARDEA_HEADER",
        value_name = "NAME: VALUE",
        hide_env_values = true
    )]
    header: Vec<Header>,
    /// The path after the source.
    #[arg(long, env = "CARDEA_PATH", value_name = "TAIL", default_value = "")]
    path: String,
    #[command(flatten)]
    replay: ReplayWindow,
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

/// One request header; its value may be a proof or a token.
#[derive(Clone)]
struct Header {
    name: String,
    value: String,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let now = Time::from(service::clock::now());
    let source = sources::find(&args.file_of_sources, &args.source, now)?;
    let body = setting(read(&args.body))?;
    let headers = args
        .header
        .iter()
        .map(|header| (&header.name, header.value.clone()));
    let delivery = Delivery {
        headers: headers.collect(),
        ..source.delivery(args.path.trim_matches('/'), body)
    };
    let keys: Vec<&Key> = source.keys.iter().collect();
    let clock = Clock {
        now,
        replay_window: args.replay.replay_window,
    };
    let judgement = judge(&delivery, &keys, clock);
    if args.json {
        output::json(&judgement)?;
    } else {
        output::line(&judgement)?;
    }
    Ok(match judgement {
        Judgement::Accepted { .. } => ExitCode::SUCCESS,
        Judgement::Refused { .. } => ExitCode::FAILURE,
    })
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut body = Vec::new();
        io::stdin().read_to_end(&mut body).context("read stdin")?;
        return Ok(body);
    }
    fs::read(file).with_context(|| format!("read {}", file.display()))
}

impl FromStr for Header {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once(':').ok_or("write it as NAME: VALUE")?;
        Ok(Self {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
        })
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

/// Writes one line a fact.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { reasons } => write!(f, "refused: {}", reasons.join("\n         ")),
            Self::Accepted {
                scheme,
                key_id,
                signed_at,
                ordering_key,
                events,
                quarantined,
            } => {
                writeln!(f, "accepted: {scheme}, key {key_id}")?;
                if let Some(at) = signed_at {
                    writeln!(f, "signed at: {at}")?;
                }
                write!(f, "ordering key: {ordering_key}")?;
                for event in events {
                    write!(f, "\nevent: {event}")?;
                }
                match quarantined {
                    Some(reason) => write!(f, "\nquarantine: {reason}"),
                    None => Ok(()),
                }
            }
        }
    }
}
