//! Durations as people write them on a command line.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// Reads a duration such as `100ms`, `5s`, `6h` or `7d` (a day has 24 hours), for clap.
pub fn parse(text: &str) -> Result<Duration, String> {
    let hint = || {
        "write a number and its unit, such as 100ms, 5s, 6h or 7d, no more than 7304484d".to_owned()
    };
    let span: Span = text.parse().map_err(|_| hint())?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| hint())?;
    duration
        .try_into()
        .map_err(|_| "a duration cannot be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_from_milliseconds_to_days_are_read() {
        assert_eq!(parse("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse("7d"), Ok(Duration::from_secs(7 * 86_400)));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "7", "seven days", "1 year", "7304485d"] {
            assert!(parse(text).unwrap_err().contains("7d"), "{text}");
        }
        assert!(parse("7304484d").is_ok());
        assert!(parse("-5s").unwrap_err().contains("negative"));
    }
}
