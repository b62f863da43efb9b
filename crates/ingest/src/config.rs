//! Settings of ingest.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;

use crate::front::FrontConfig;
use crate::keep::KEEP_WITHIN;
use crate::sources::Sources;

/// Which file names the sources; also a flag of the tools that act for one.
#[derive(Clone, Debug, clap::Args)]
pub struct SourcesFile {
    /// The file that names the sources, their tenants and secrets.
    #[arg(long, env = "CARDEA_SOURCES", default_value = "sources.yaml")]
    pub sources: PathBuf,
}

/// How long a proof serves; also a flag of the tool that judges deliveries.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ReplayWindow {
    /// How old a signed time may be; where no time is signed, event ids alone stop repeats.
    #[arg(long, env = "CARDEA_REPLAY_WINDOW", default_value = "7d",
          value_name = "TIME", value_parser = service::duration::parse)]
    pub replay_window: Duration,
}

/// Where deliveries wait on disk; also a flag of the tools that look there.
#[derive(Clone, Debug, clap::Args)]
pub struct SpoolFolder {
    /// The folder in which accepted deliveries wait while Kafka is away; of one ingest only.
    #[arg(
        long,
        env = "CARDEA_SPOOL_DIR",
        default_value = ".cardea/spool",
        value_name = "FOLDER"
    )]
    pub spool_dir: PathBuf,
}

/// How deliveries wait on disk.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct SpoolConfig {
    #[command(flatten)]
    pub folder: SpoolFolder,
    /// Keep nothing on disk: while Kafka is away, deliveries are refused.
    #[arg(long, env = "CARDEA_NO_SPOOL")]
    pub no_spool: bool,
    /// The most that waiting deliveries may take on disk; beyond it they are refused.
    #[arg(long, env = "CARDEA_SPOOL_BYTES_MAX", default_value_t = 1_073_741_824,
          value_name = "BYTES", value_parser = clap::value_parser!(u64).range(SPOOL_BYTES_MIN..))]
    pub spool_bytes_max: u64,
    /// How fast waiting deliveries go to Kafka when it is back, in bytes a second.
    #[arg(long, env = "CARDEA_SPOOL_DRAIN_RATE", default_value_t = 16_777_216,
          value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1_024..))]
    pub spool_drain_rate: u64,
}

/// A few of the largest deliveries.
const SPOOL_BYTES_MIN: u64 = 16_777_216;

/// Flags of ingest.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    #[command(flatten)]
    pub sources_file: SourcesFile,
    #[command(flatten)]
    pub front: FrontConfig,
    /// The largest body taken, for sources that set none of their own.
    #[arg(long, env = "CARDEA_BODY_BYTES_MAX", default_value_t = 1_048_576,
          value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=BODY_BYTES_MAX))]
    pub body_bytes_max: u32,
    /// Memory for the bodies of all requests that are being worked on; beyond it they are told to
    /// come again.
    #[arg(long, env = "CARDEA_BODY_MEMORY_MAX", default_value_t = 268_435_456,
          value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    pub body_memory_max: u32,
    #[command(flatten)]
    pub replay: ReplayWindow,
    #[command(flatten)]
    pub spool: SpoolConfig,
}

/// What fits into a raw record beside its headers.
pub(crate) const BODY_BYTES_MAX: i64 = 4_000_000;

/// What a delivery may ask of us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) body_bytes_max: usize,
    pub(crate) replay_window: Duration,
    /// From a request's beginning until its delivery must be durable; the rest of the 4.5 s (P4) is
    /// for the answer.
    pub(crate) keep_within: Duration,
}

impl Config {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            body_bytes_max: self.body_bytes_max as usize,
            replay_window: self.replay.replay_window,
            keep_within: KEEP_WITHIN,
        }
    }

    /// Reads the sources and the secrets they name.
    pub(crate) fn sources(&self) -> anyhow::Result<Sources> {
        let sources = Sources::load(&self.sources_file.sources)?;
        self.check_room(&sources)?;
        Ok(sources)
    }

    /// Refuses a memory in which a body that is allowed never finds room.
    fn check_room(&self, sources: &Sources) -> anyhow::Result<()> {
        let memory = self.body_memory_max as usize;
        for source in sources.iter() {
            let largest = source
                .body_bytes_max
                .unwrap_or(self.body_bytes_max as usize);
            ensure!(
                largest <= memory,
                "--body-memory-max: {memory} bytes hold no body of source `{}`, which may have {largest}",
                source.id
            );
        }
        Ok(())
    }
}
