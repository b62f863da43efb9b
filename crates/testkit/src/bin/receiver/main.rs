//! A small subscriber for trying Cardea out: checks Standard Webhooks signatures and shows what arrived.
//!
//! It shares no code with the sink, so that each proves the other.

mod serve;
mod show;
mod verify;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "receiver", about = "A small subscriber for trying Cardea out")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receives webhooks at POST /, shows the latest at GET /received as JSON lines.
    Serve {
        #[arg(long, default_value_t = 8090)]
        port: u16,
        /// Holds the subscription's secret, `whsec_…`; read anew for each webhook.
        #[arg(long)]
        secret_file: PathBuf,
        /// Gets a JSON line for each webhook.
        #[arg(long)]
        log: PathBuf,
    },
    /// Waits for an event of each source in the log, then shows them as a table.
    Show {
        #[arg(long)]
        log: PathBuf,
        #[command(flatten)]
        received: show::Window,
        #[arg(long, default_value_t = 60)]
        wait_s: u64,
        sources: Vec<String>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Serve {
            port,
            secret_file,
            log,
        } => serve::run(
            port,
            serve::Files {
                secret: secret_file,
                log,
            },
        )
        .map(|()| ExitCode::SUCCESS),
        Command::Show {
            log,
            received,
            wait_s,
            sources,
        } => {
            let (table, complete) =
                show::wait(&log, &received, &sources, Duration::from_secs(wait_s))?;
            std::io::stdout().write_all(table.as_bytes())?;
            Ok(if complete {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge of this program reads the clock"
)]
fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("the clock is past 1970").as_secs()
}
