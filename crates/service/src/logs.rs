//! Structured logs on stderr.

use std::io::{self, IsTerminal};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Flags of every command that logs.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// How log lines are written.
    #[arg(long, env = "CARDEA_LOG_FORMAT", value_enum, default_value_t = Format::Text, global = true)]
    pub log_format: Format,
    /// What is logged: a level, or levels by target, such as `info,kafka=debug`.
    #[arg(long, env = "CARDEA_LOG_LEVEL", default_value = "info", global = true)]
    pub log_level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One readable line each, with colours on a terminal.
    Text,
    /// One JSON object each.
    Json,
}

/// Sends log lines to stderr for the rest of the process; to be called once.
pub fn init(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_level).context("--log-level")?;
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    let set = match config.log_format {
        Format::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    set.map_err(|_| anyhow::anyhow!("logs are already set up"))
}
