//! Whether the parts of a process are ready, and why not.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// The readiness of every part of a process. A part is named before it is ready, so that the
/// process is not ready before all of its parts are.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, NotReady>>>);

/// Why a part is not ready; `None` is ready.
type NotReady = Option<Cow<'static, str>>;

/// One part's own word on its readiness; dropped, the part is not ready any more.
#[derive(Debug)]
pub struct Ready {
    health: Health,
    name: &'static str,
}

impl Health {
    /// Registers a part, not ready yet.
    pub fn component(&self, name: &'static str) -> Ready {
        let ready = Ready {
            health: self.clone(),
            name,
        };
        ready.set_not_ready("starting");
        ready
    }

    pub fn is_ready(&self) -> bool {
        self.parts().values().all(Option::is_none)
    }

    /// Lists every part with the reason why it is not ready.
    pub(crate) fn report(&self) -> Value {
        let checks: Vec<_> = self
            .parts()
            .iter()
            .map(|(name, reason)| match reason {
                None => json!({"name": name, "ready": true}),
                Some(reason) => json!({"name": name, "ready": false, "reason": reason}),
            })
            .collect();
        json!({"ready": self.is_ready(), "checks": checks})
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<&'static str, NotReady>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ready {
    pub fn set_ready(&self) {
        self.health.parts().insert(self.name, None);
    }

    /// Takes the reason as an operator reads it: no secret, no text of a sender.
    pub fn set_not_ready(&self, reason: impl Into<Cow<'static, str>>) {
        self.health.parts().insert(self.name, Some(reason.into()));
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.set_not_ready("stopped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_all_of_its_parts_are() {
        let health = Health::default();
        let first = health.component("first");
        let second = health.component("second");
        first.set_ready();
        assert!(!health.is_ready());
        second.set_ready();
        assert!(health.is_ready());
        second.set_not_ready("no partitions");
        assert_eq!(
            health.report(),
            json!({"ready": false, "checks": [
                {"name": "first", "ready": true},
                {"name": "second", "ready": false, "reason": "no partitions"},
            ]})
        );
    }

    #[test]
    fn a_part_that_died_is_not_ready() {
        let health = Health::default();
        let part = health.component("part");
        part.set_ready();
        drop(part);
        assert!(!health.is_ready());
    }
}
