//! The normalizer's settings.

use std::time::Duration;

/// Flags of the normalizer.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Threads that normalize; each has its own share of the raw partitions.
    #[arg(long, env = "CARDEA_WORKERS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// For how long an event id is remembered, by the time of receipt.
    #[arg(long, env = "CARDEA_DEDUPE_WINDOW", default_value = "7d", value_parser = service::duration::parse)]
    pub dedupe_window: Duration,
    /// How old a transaction becomes under load; a quiet one is committed at once.
    #[arg(long, env = "CARDEA_COMMIT_INTERVAL", default_value = "100ms", value_parser = service::duration::parse)]
    pub commit_interval: Duration,
}
