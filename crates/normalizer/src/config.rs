//! The normalizer's settings.

use std::time::Duration;

/// How far back repeats are known; also a flag of the tool that creates the topics.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct DedupeWindow {
    /// For how long an event id is remembered, by the time of receipt; `seen` is kept longer by that.
    #[arg(long, env = "CARDEA_DEDUPE_WINDOW", default_value = "7d",
          value_name = "TIME", value_parser = window)]
    pub dedupe_window: Duration,
}

/// A window of less than a second would know nothing; one of a thousand days is an error in typing.
fn window(text: &str) -> Result<Duration, String> {
    let window = service::duration::parse(text)?;
    let days = window.as_secs() / 86_400;
    if window < Duration::from_secs(1) || days >= 1_000 {
        return Err("the window is at least 1s and less than 1000d".to_owned());
    }
    Ok(window)
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = service::duration::parse(text)?;
    let max = kafka::COMMIT_INTERVAL_MAX;
    if interval > max {
        return Err(format!("a transaction is kept open for {max:?} at most"));
    }
    Ok(interval)
}

/// Flags of the normalizer.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Threads that normalize; each has its own share of the raw partitions.
    #[arg(long, env = "CARDEA_WORKERS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    #[command(flatten)]
    pub dedupe: DedupeWindow,
    /// How old a transaction becomes under load; a quiet one is committed at once.
    #[arg(long, env = "CARDEA_COMMIT_INTERVAL", default_value = "100ms",
          value_name = "TIME", value_parser = interval)]
    pub commit_interval: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_interval_that_the_broker_would_not_wait_for_is_refused() {
        assert_eq!(interval("5s"), Ok(Duration::from_secs(5)));
        assert!(interval("5001ms").unwrap_err().contains("5s at most"));
    }
}
