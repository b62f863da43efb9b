//! Shows the log as a table: the last verified event of each source that ingest received in a window of time.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

const PAUSE: Duration = Duration::from_millis(200);
const HEAD: [&str; 5] = ["SOURCE", "TYPE", "NATIVE TYPE", "EVENT", "STATUS"];

/// When ingest received what is to be shown, both ends included.
#[derive(Debug, clap::Args)]
pub(crate) struct Window {
    /// An RFC 3339 time.
    #[arg(long)]
    from: Timestamp,
    /// An RFC 3339 time.
    #[arg(long)]
    to: Timestamp,
}

impl Window {
    fn holds(&self, event: &Value) -> bool {
        let received_at = event["data"]["received_at"].as_str();
        received_at
            .and_then(|time| time.parse().ok())
            .is_some_and(|time| (self.from..=self.to).contains(&time))
    }
}

/// Returns the table, and whether each source has its row.
pub(crate) fn wait(
    log: &Path,
    received: &Window,
    sources: &[String],
    deadline: Duration,
) -> anyhow::Result<(String, bool)> {
    let started = Instant::now();
    loop {
        let lines = fs::read_to_string(log).unwrap_or_default();
        let webhooks: Vec<Value> = lines
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let found: Vec<Option<&Value>> = sources
            .iter()
            .map(|source| last_of(&webhooks, received, source))
            .collect();
        let complete = found.iter().all(Option::is_some);
        if complete || started.elapsed() >= deadline {
            let rows = sources
                .iter()
                .zip(found)
                .map(|(source, event)| row(source, event));
            return Ok((table(rows.collect()), complete));
        }
        sleep(PAUSE);
    }
}

fn last_of<'a>(webhooks: &'a [Value], received: &Window, source: &str) -> Option<&'a Value> {
    let verified = webhooks
        .iter()
        .rev()
        .filter(|webhook| webhook["refused"].is_null());
    verified
        .map(|webhook| &webhook["event"])
        .find(|event| event["data"]["source"] == source && received.holds(event))
}

fn row(source: &str, event: Option<&Value>) -> [String; 5] {
    let Some(event) = event else {
        return [source, "did not arrive", "", "", ""].map(str::to_owned);
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    [
        source.to_owned(),
        text(&event["type"]),
        text(&event["data"]["native_type"]),
        text(&event["id"]),
        "delivered, signature verified".to_owned(),
    ]
}

fn table(rows: Vec<[String; 5]>) -> String {
    let rows: Vec<[String; 5]> = [HEAD.map(str::to_owned)].into_iter().chain(rows).collect();
    let widths: [usize; 5] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_verified_events_received_in_the_window_count() {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        let line = |source: &str, id: &str, refused: &str, second: &str| {
            let received_at = format!("2026-01-01T00:00:{second}Z");
            let data = format!(
                r#"{{"source":"{source}","native_type":"Event","received_at":"{received_at}"}}"#
            );
            format!(
                r#"{{"refused":{refused},"event":{{"id":"{id}","type":"access.granted","data":{data}}}}}"#
            )
        };
        let lines = [
            line("early", "1", "null", "04.999999"),
            line("doors", "2", "null", "05"),
            line("doors", "3", "null", "05.1"),
            line("doors", "4", "null", "05.100001"),
            line("forged", "5", "\"mismatch\"", "05.1"),
        ];
        log.write_all(lines.join("\n").as_bytes()).unwrap();

        let sources = ["early", "doors", "forged"].map(str::to_owned);
        let received = Window {
            from: "2026-01-01T00:00:05.000000Z".parse().unwrap(),
            to: "2026-01-01T00:00:05.100000Z".parse().unwrap(),
        };
        let (shown, complete) = wait(log.path(), &received, &sources, Duration::ZERO).unwrap();
        assert!(!complete);
        assert_eq!(
            shown,
            "SOURCE  TYPE            NATIVE TYPE  EVENT  STATUS\n\
             early   did not arrive\n\
             doors   access.granted  Event        3      delivered, signature verified\n\
             forged  did not arrive\n"
        );
        assert!(
            wait(log.path(), &received, &sources[1..2], Duration::ZERO)
                .unwrap()
                .1
        );
    }
}
