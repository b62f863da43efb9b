//! How many partitions the raw topics have: asked of Kafka, and kept beside the spool for a start
//! without Kafka. They never change.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

const FILE: &str = "partitions.json";

/// Partitions by topic.
type ByTopic = BTreeMap<String, i32>;

#[derive(Clone, Debug)]
pub(crate) struct Counts {
    known: watch::Sender<ByTopic>,
    file: PathBuf,
}

impl Counts {
    /// Reads what an earlier process has learnt. A file that cannot be read says nothing.
    pub(crate) fn load(dir: &Path) -> Self {
        let file = dir.join(FILE);
        let known = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|failed| {
                warn!(error = %failed, "the partitions of the topics are asked for anew");
                ByTopic::new()
            }),
            Err(_) => ByTopic::new(),
        };
        Self {
            known: watch::Sender::new(known),
            file,
        }
    }

    /// Waits until the partitions of a topic are known.
    pub(crate) async fn of(&self, topic: &str, deadline: Instant) -> Option<i32> {
        if let Some(count) = self.known.borrow().get(topic) {
            return Some(*count);
        }
        let mut changes = self.known.subscribe();
        let known = changes.wait_for(|known| known.contains_key(topic));
        let known = timeout_at(deadline, known).await.ok()?.ok()?;
        known.get(topic).copied()
    }

    /// Takes what Kafka says.
    pub(crate) fn learn(&self, topic: &str, count: i32) {
        let mut known = self.known.borrow().clone();
        match known.insert(topic.to_owned(), count) {
            Some(before) if before == count => return,
            Some(before) => warn!(topic, before, count, "a raw topic has other partitions"),
            None => {}
        }
        if let Err(failed) = self.keep(&known) {
            warn!(error = %failed, "a start without kafka would not know the topics");
        }
        self.known.send_replace(known);
    }

    fn keep(&self, known: &ByTopic) -> io::Result<()> {
        let text = serde_json::to_vec(known).map_err(io::Error::other)?;
        let new = self.file.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.file)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_was_learnt_is_known_after_a_restart_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let soon = || Instant::now() + Duration::from_millis(20);
        let counts = Counts::load(dir.path());
        assert_eq!(counts.of("raw.genea", soon()).await, None);
        let waiting = counts.clone();
        let late = Instant::now() + Duration::from_secs(10);
        let (known, ()) = tokio::join!(waiting.of("raw.genea", late), async {
            counts.learn("raw.genea", 12);
        });
        assert_eq!(known, Some(12));
        let again = Counts::load(dir.path());
        assert_eq!(again.of("raw.genea", soon()).await, Some(12));
        assert_eq!(again.of("raw.gxp", soon()).await, None);
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(Counts::load(dir.path()).of("raw.genea", soon()).await, None);
    }
}
