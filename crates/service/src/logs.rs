//! Structured logs on stderr.

use std::io::{self, IsTerminal};
use std::panic;

use anyhow::{Context as _, bail};
use tracing::{error, field};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
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
    check_level(&config.log_level)?;
    let filter = EnvFilter::try_new(&config.log_level).context("--log-level")?;
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    let set = match config.log_format {
        Format::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    set.map_err(|_| anyhow::anyhow!("logs are already set up"))?;
    log_panics();
    Ok(())
}

/// Refuses what the filter would take for the name of a target.
fn check_level(filter: &str) -> anyhow::Result<()> {
    for part in filter.split(',') {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if level.trim().parse::<LevelFilter>().is_err() {
            bail!("--log-level: `{level}` is none of off, error, warn, info, debug, trace");
        }
    }
    Ok(())
}

/// A panic's message may hold what a sender sent, so the log names its place alone.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        error!(at = panic.location().map(field::display), "panic");
    }));
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_logged_by_its_place_alone() {
        let written = Written::default();
        let writer = written.clone();
        let lines = fmt().with_writer(move || writer.clone()).finish();
        log_panics();
        tracing::subscriber::with_default(lines, || {
            panic::catch_unwind(|| panic!("canary-5150")).unwrap_err();
        });
        drop(panic::take_hook());
        let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("logs.rs:"), "{log}");
        assert!(!log.contains("canary-5150"), "{log}");
    }

    #[test]
    fn a_level_is_taken_and_an_unknown_name_refused() {
        for known in ["info", "off", "WARN", "info,kafka=debug"] {
            check_level(known).unwrap();
        }
        for unknown in ["warning", "kafka", "info,kafka=loud"] {
            assert!(check_level(unknown).is_err(), "{unknown}");
        }
    }
}
