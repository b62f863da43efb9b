//! Sources that change while they are served.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use super::Sources;
use crate::config::Config;

/// A secret that is revoked is refused within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The sources that count now.
#[derive(Clone, Debug)]
pub(crate) struct LiveSources(Arc<RwLock<Arc<Sources>>>);

/// Takes over what the files of the sources say when they change.
#[derive(Clone)]
pub(crate) struct Follower {
    config: Config,
    live: LiveSources,
}

/// A file as it was when it was read; another stamp is another content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watched {
    path: PathBuf,
    stamp: Option<Stamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
    /// A volume of Kubernetes exchanges the file.
    inode: u64,
}

impl Watched {
    /// Looks at a file that is about to be read.
    pub(super) fn look(path: &Path) -> Self {
        let stamp = fs::metadata(path).ok().and_then(|metadata| {
            Some(Stamp {
                modified: metadata.modified().ok()?,
                bytes: metadata.len(),
                inode: metadata.ino(),
            })
        });
        Self {
            path: path.to_owned(),
            stamp,
        }
    }

    fn has_changed(&self) -> bool {
        Self::look(&self.path) != *self
    }
}

impl LiveSources {
    pub(crate) fn new(sources: Sources) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(sources))))
    }

    pub(crate) fn now(&self) -> Arc<Sources> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, sources: Sources) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sources);
    }
}

impl Follower {
    pub(crate) fn new(config: &Config, live: &LiveSources) -> Self {
        Self {
            config: config.clone(),
            live: live.clone(),
        }
    }

    /// Follows for as long as it is polled. Sources that cannot be used are told of once, tried
    /// again, and the old ones serve on.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = None;
        loop {
            looks.tick().await;
            let follower = self.clone();
            // A volume may hang.
            let looked = tokio::task::spawn_blocking(move || follower.look()).await;
            match looked.context("read sources")? {
                Ok(None) => {}
                Ok(Some(sources)) => {
                    told = None;
                    announce(&sources);
                    self.live.replace(sources);
                }
                Err(refused) => {
                    let refused = format!("{refused:#}");
                    if told.as_ref() != Some(&refused) {
                        error!(
                            error = refused,
                            "changed sources cannot be used, the old ones serve on"
                        );
                        told = Some(refused);
                    }
                }
            }
        }
    }

    fn look(&self) -> anyhow::Result<Option<Sources>> {
        if !self.live.now().files.iter().any(Watched::has_changed) {
            return Ok(None);
        }
        self.config.sources().map(Some)
    }
}

/// Logs what is served from now on.
pub(crate) fn announce(sources: &Sources) {
    info!(sources = sources.iter().count(), "sources read");
    for source in sources.not_live(service::clock::now().into()) {
        let source = &*source.id;
        error!(source, "no secret counts now, every delivery is refused");
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_gone_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sources.yaml");
        let look = || Watched::look(&path);
        let none = look();
        assert!(!none.has_changed());
        fs::write(&path, "first").unwrap();
        assert!(none.has_changed());
        let first = look();
        assert!(!first.has_changed());
        let other = folder.path().join("other");
        fs::write(&other, "other").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(first.has_changed());
        let second = look();
        fs::remove_file(&path).unwrap();
        assert!(second.has_changed());
    }
}
