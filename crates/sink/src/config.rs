//! The sink's settings.

use std::time::Duration;

use crate::endpoint::Reach;
use crate::schedule::{STEP_MAX, Schedule};

/// Flags of the sink.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// How many attempts may be unrecorded, so that a crash repeats them; those that take longer than
    /// a second are recorded while they are under way.
    #[arg(long, env = "CARDEA_SINK_WINDOW", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub sink_window: u32,
    /// How many requests may be under way at once.
    #[arg(long, env = "CARDEA_SINK_REQUESTS", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub sink_requests: u32,
    /// How many events may wait for their next attempt or be under way; at so many, no new ones are read.
    #[arg(long, env = "CARDEA_SINK_OWED", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub sink_owed: u32,
    /// How many bytes these events may have in all, each counted once for each subscription; at so many, no
    /// new ones are read. What is owed already is read whole at a start, and may be more.
    #[arg(long, env = "CARDEA_SINK_OWED_BYTES", default_value_t = 256 * 1024 * 1024, value_parser = clap::value_parser!(u64).range(1..))]
    pub sink_owed_bytes: u64,
    /// How long an endpoint may take to answer.
    #[arg(long, env = "CARDEA_ATTEMPT_TIMEOUT", default_value = "15s", value_parser = service::duration::parse)]
    pub attempt_timeout: Duration,
    /// The waits between attempts, separated by commas, each at most 24 h; by default ten of 5 s to 24 h, 72 h in all.
    #[arg(long, env = "CARDEA_RETRY_SCHEDULE", value_delimiter = ',', value_parser = step)]
    pub retry_schedule: Vec<Duration>,
    #[command(flatten)]
    pub reach: ReachConfig,
}

/// The flag of every command that deals with endpoints.
#[derive(Clone, Debug, clap::Args)]
pub struct ReachConfig {
    /// Permits endpoints with http and in private networks, for development and for receivers of one's own.
    #[arg(long, env = "CARDEA_ALLOW_PRIVATE_ENDPOINTS")]
    pub allow_private_endpoints: bool,
}

impl Config {
    pub(crate) fn schedule(&self) -> Schedule {
        match self.retry_schedule.as_slice() {
            [] => Schedule::default(),
            steps => Schedule::new(steps.to_vec()),
        }
    }
}

fn step(text: &str) -> Result<Duration, String> {
    let step = service::duration::parse(text)?;
    if step > STEP_MAX {
        return Err("a wait between attempts is at most 24h".to_owned());
    }
    Ok(step)
}

impl ReachConfig {
    pub fn reach(&self) -> Reach {
        if self.allow_private_endpoints {
            Reach::Any
        } else {
            Reach::Public
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_more_than_a_day_is_refused() {
        assert_eq!(step("24h"), Ok(STEP_MAX));
        assert!(step("25h").unwrap_err().contains("24h"));
    }
}
