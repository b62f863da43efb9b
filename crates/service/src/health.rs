//! Whether the parts of a process are ready, and why not.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// The readiness of every part of a process. A part is named before it is ready, so that the
/// process is not ready before all of its parts are.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<Part, NotReady>>>);

/// A part's name, and its number among those of that name.
type Part = (&'static str, u16);

/// Why a part is not ready; `None` is ready.
type NotReady = Option<Cow<'static, str>>;

/// The word of one run of a part on its readiness; dropped, the part is not ready any more.
#[derive(Debug)]
pub struct Ready {
    health: Health,
    part: Part,
}

impl Health {
    /// Names a part before its first run.
    pub fn announce(&self, name: &'static str, number: u16) {
        self.set((name, number), Some("starting".into()));
    }

    /// Begins a run of the only part of that name, not ready yet.
    pub fn component(&self, name: &'static str) -> Ready {
        self.numbered(name, 0)
    }

    /// Begins a run of one of several parts of that name, not ready yet.
    pub fn numbered(&self, name: &'static str, number: u16) -> Ready {
        self.announce(name, number);
        Ready {
            health: self.clone(),
            part: (name, number),
        }
    }

    pub fn is_ready(&self) -> bool {
        self.parts().values().all(Option::is_none)
    }

    /// Lists every part with the reason why it is not ready.
    pub(crate) fn report(&self) -> Value {
        let checks: Vec<_> = self
            .parts()
            .iter()
            .map(|((name, number), reason)| match reason {
                None => json!({"name": name, "number": number, "ready": true}),
                Some(reason) => {
                    json!({"name": name, "number": number, "ready": false, "reason": reason})
                }
            })
            .collect();
        json!({"ready": self.is_ready(), "checks": checks})
    }

    fn set(&self, part: Part, reason: NotReady) {
        self.parts().insert(part, reason);
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<Part, NotReady>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ready {
    /// Takes what hinders the part, nothing if it is ready.
    pub fn set(&self, hindrance: Option<&'static str>) {
        self.health.set(self.part, hindrance.map(Cow::from));
    }

    pub fn set_ready(&self) {
        self.health.set(self.part, None);
    }

    /// Takes the reason as an operator reads it: no secret, no text of a sender.
    pub fn set_not_ready(&self, reason: impl Into<Cow<'static, str>>) {
        self.health.set(self.part, Some(reason.into()));
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
                {"name": "first", "number": 0, "ready": true},
                {"name": "second", "number": 0, "ready": false, "reason": "no partitions"},
            ]})
        );
    }

    #[test]
    fn parts_of_one_name_do_not_hide_each_other() {
        let health = Health::default();
        let workers = [0, 1].map(|number| health.numbered("worker", number));
        workers[1].set_ready();
        assert!(!health.is_ready());
        workers[0].set_ready();
        assert!(health.is_ready());
    }

    #[test]
    fn a_part_is_not_ready_before_and_between_its_runs() {
        let health = Health::default();
        health.announce("part", 0);
        assert!(!health.is_ready());
        let run = health.component("part");
        run.set_ready();
        assert!(health.is_ready());
        drop(run);
        assert!(!health.is_ready());
        health.component("part").set_ready();
        assert!(!health.is_ready());
    }
}
