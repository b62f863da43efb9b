//! Shows the log as a table: the last verified event of each source.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const PAUSE: Duration = Duration::from_millis(200);
const HEAD: [&str; 5] = ["SOURCE", "TYPE", "NATIVE TYPE", "EVENT", "STATUS"];

/// Returns the table, and whether each source has its row.
pub(crate) fn wait(
    log: &Path,
    skip: usize,
    sources: &[String],
    deadline: Duration,
) -> anyhow::Result<(String, bool)> {
    let started = Instant::now();
    loop {
        let lines = fs::read_to_string(log).unwrap_or_default();
        let webhooks: Vec<Value> = lines
            .lines()
            .skip(skip)
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let found: Vec<Option<&Value>> = sources
            .iter()
            .map(|source| last_of(&webhooks, source))
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

fn last_of<'a>(webhooks: &'a [Value], source: &str) -> Option<&'a Value> {
    let verified = webhooks
        .iter()
        .rev()
        .filter(|webhook| webhook["refused"].is_null());
    verified
        .map(|webhook| &webhook["event"])
        .find(|event| event["data"]["source"] == source)
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
    fn only_verified_events_after_the_skipped_lines_count() {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        let line = |source: &str, id: &str, refused: &str| {
            let data = format!(r#"{{"source":"{source}","native_type":"Event"}}"#);
            format!(
                r#"{{"refused":{refused},"event":{{"id":"{id}","type":"access.granted","data":{data}}}}}"#
            )
        };
        let lines = [
            line("old", "1", "null"),
            line("doors", "2", "null"),
            line("forged", "3", "\"mismatch\""),
        ];
        log.write_all(lines.join("\n").as_bytes()).unwrap();

        let sources = ["old", "doors", "forged"].map(str::to_owned);
        let (shown, complete) = wait(log.path(), 1, &sources, Duration::ZERO).unwrap();
        assert!(!complete);
        assert_eq!(
            shown,
            "SOURCE  TYPE            NATIVE TYPE  EVENT  STATUS\n\
             old     did not arrive\n\
             doors   access.granted  Event        2      delivered, signature verified\n\
             forged  did not arrive\n"
        );
        assert!(
            wait(log.path(), 1, &sources[1..2], Duration::ZERO)
                .unwrap()
                .1
        );
    }
}
