//! How a topic must be set up, and in what one that exists differs.

use std::fmt;

/// The largest record a topic takes: a body at its limit, and what mapping adds to it.
pub const RECORD_BYTES_MAX: i32 = 4 * 1024 * 1024;

/// How a topic must be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// The physical name.
    pub name: String,
    pub partitions: i32,
    /// Copies of each partition; min ISR is one less, at least one.
    pub replication: i32,
    pub cleanup: Cleanup,
    pub retention_ms: i64,
    /// The broker's clock stamps the records instead of the writer's.
    pub timestamps: Timestamps,
    /// The topic that keeps the state of each partition in its own one of the same number.
    pub kept_beside: Option<String>,
    pub outlives: Option<Outlived>,
}

/// Whose records a topic must outlive, and by how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlived {
    pub topic: String,
    pub by_ms: i64,
}

/// What Kafka removes from a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// What is older than the retention.
    Delete,
    /// All but the last record of each key.
    Compact,
    /// Both.
    CompactDelete,
}

/// Whose clock stamps the records of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    Writer,
    Broker,
}

/// In what a topic differs from its specification; each sentence names what it is and what it
/// should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A promise breaks: records are lost, repeated, reordered or not taken.
    Unsafe(String),
    /// The operator's choice, or nothing that we may look at.
    Remark(String),
}

/// Partitions and copies of a topic that exists.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) name: String,
    pub(super) partitions: i32,
    pub(super) replication: i32,
}

/// Settings as Kafka spells them.
#[derive(Clone, Debug)]
pub(super) struct Settings(pub(super) Vec<(String, String)>);

/// What is known of a topic that exists and of those it is judged with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) layout: &'a Layout,
    /// `None` if they could not be read.
    pub(super) settings: Option<&'a Settings>,
    pub(super) kept_beside: Option<&'a Layout>,
    pub(super) outlived: Option<&'a Settings>,
}

impl TopicSpec {
    /// Returns the topic's settings as Kafka spells them.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let timestamps = match self.timestamps {
            Timestamps::Writer => "CreateTime",
            Timestamps::Broker => "LogAppendTime",
        };
        vec![
            ("cleanup.policy", self.cleanup.to_string()),
            ("retention.ms", self.retention_ms.to_string()),
            ("retention.bytes", "-1".to_owned()),
            ("min.insync.replicas", min_isr(self.replication).to_string()),
            ("message.timestamp.type", timestamps.to_owned()),
            ("max.message.bytes", RECORD_BYTES_MAX.to_string()),
            ("unclean.leader.election.enable", "false".to_owned()),
        ]
    }

    pub(super) fn judge(&self, known: Known<'_>) -> Vec<Fault> {
        let (layout, mut faults) = (known.layout, Vec::new());
        if layout.partitions < self.partitions {
            let (has, wants) = (layout.partitions, self.partitions);
            let says = format!("it has {has} partitions, {wants} are needed");
            faults.push(Fault::Unsafe(says));
        }
        if let Some(beside) = known.kept_beside {
            faults.extend(grown(layout, beside));
        }
        faults.extend(few_copies(layout.replication, self.replication));
        let Some(settings) = known.settings else {
            faults.push(Fault::hidden());
            return faults;
        };
        for (key, wants) in self.settings() {
            let has = settings.get(key);
            if let Some(fault) = self.compare(key, has, &wants, known.outlived) {
                faults.push(fault);
            }
        }
        faults
    }

    fn compare(
        &self,
        key: &str,
        has: &str,
        wants: &str,
        outlived: Option<&Settings>,
    ) -> Option<Fault> {
        let unsafe_one = || Some(Fault::needed(key, has, wants));
        let remark = || Some(Fault::advised(key, has, wants));
        match key {
            "retention.ms" => match (&self.outlives, outlived) {
                (Some(other), Some(settings)) => too_short(has, settings, other),
                (Some(_), None) | (None, _) if reaches(has, wants) => None,
                (Some(_), None) | (None, _) => remark(),
            },
            "retention.bytes" if reaches(has, wants) => None,
            "retention.bytes" if self.outlives.is_none() => remark(),
            "min.insync.replicas" | "max.message.bytes" if number(has) >= number(wants) => None,
            "cleanup.policy" => match (policies(has), policies(wants)) {
                (has, wants) if has == wants => None,
                // One more removes what is needed, one less only keeps too much.
                (has, wants) if has.iter().any(|policy| !wants.contains(policy)) => unsafe_one(),
                _ => remark(),
            },
            "message.timestamp.type" if self.timestamps == Timestamps::Writer && has != wants => {
                remark()
            }
            _ if has == wants => None,
            _ => unsafe_one(),
        }
    }
}

/// Returns how many copies must have a record before it counts, so that any one may be lost.
pub(super) fn min_isr(replication: i32) -> i32 {
    (replication - 1).max(1)
}

/// Fewer copies than planned are safe as long as they are as many as must have a record: fewer
/// brokers may be lost before it cannot be written, as while a partition is being moved.
pub(super) fn few_copies(has: i32, wants: i32) -> Option<Fault> {
    if has >= wants {
        return None;
    }
    let says = format!("its replication is {has}, {wants} is needed");
    Some(if has >= min_isr(wants) && has > 1 {
        Fault::Remark(says)
    } else {
        Fault::Unsafe(says)
    })
}

/// Kafka gives a key another partition when there are more of them, and Cardea alone makes the
/// topic beside: where the numbers differ, one was grown by hand.
fn grown(layout: &Layout, beside: &Layout) -> Option<Fault> {
    let (has, partitions, other) = (layout.partitions, beside.partitions, &beside.name);
    let says = || {
        format!(
            "it has {has} partitions, but `{other}`, which keeps the state of each, has \
             {partitions}: one of them was grown, and keys fall on other partitions now; let all be \
             worked off and go on with new topics under another --topic-prefix, or grow the smaller \
             one as well and accept that repeats of what came before come out again, and that no \
             order holds across the change"
        )
    };
    (has != partitions).then(|| Fault::Unsafe(says()))
}

fn too_short(has: &str, outlived: &Settings, by: &Outlived) -> Option<Fault> {
    const KEY: &str = "retention.ms";
    let wants = match number(outlived.get(KEY)) {
        Some(kept) if kept >= 0 => kept.saturating_add(by.by_ms).to_string(),
        Some(_) | None => "-1".to_owned(),
    };
    let because = |fault: String| format!("{fault} as it outlives `{}`", by.topic);
    let says = || Fault::needed(KEY, has, &wants).to_string();
    (!reaches(has, &wants)).then(|| Fault::Unsafe(because(says())))
}

/// More retention than asked for is no fault; -1 is for ever.
fn reaches(has: &str, wants: &str) -> bool {
    match (number(has), number(wants)) {
        (Some(-1), _) => true,
        (Some(has), Some(wants)) => wants >= 0 && has >= wants,
        (None, _) | (_, None) => false,
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn policies(text: &str) -> Vec<&str> {
    let mut policies: Vec<_> = text.split(',').map(str::trim).collect();
    policies.sort_unstable();
    policies
}

impl Fault {
    pub(super) fn needed(key: &str, has: &str, wants: &str) -> Self {
        Self::Unsafe(format!("its `{key}` is `{has}`, `{wants}` is needed"))
    }

    fn advised(key: &str, has: &str, wants: &str) -> Self {
        Self::Remark(format!("its `{key}` is `{has}`, `{wants}` is advised"))
    }

    pub(super) fn hidden() -> Self {
        Self::Remark("its settings cannot be read; grant this user DescribeConfigs".to_owned())
    }
}

impl Settings {
    pub(super) fn get(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map_or("", |(_, value)| value)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsafe(says) | Self::Remark(says) => f.write_str(says),
        }
    }
}

impl fmt::Display for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delete => "delete",
            Self::Compact => "compact",
            Self::CompactDelete => "compact,delete",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn spec() -> TopicSpec {
        TopicSpec {
            name: "seen.genea".to_owned(),
            partitions: 12,
            replication: 3,
            cleanup: Cleanup::Delete,
            retention_ms: 38 * DAY_MS,
            timestamps: Timestamps::Broker,
            kept_beside: None,
            outlives: None,
        }
    }

    /// Judges a topic that is as it must be but for one setting.
    fn judge(spec: &TopicSpec, key: &str, value: &str) -> Vec<Fault> {
        let mut settings = spec.settings();
        let changed = settings.iter_mut().find(|(name, _)| *name == key);
        changed.unwrap().1 = value.to_owned();
        judge_with(spec, &layout(12), Some(&spelled(settings)), None)
    }

    fn judge_with(
        spec: &TopicSpec,
        layout: &Layout,
        settings: Option<&Settings>,
        outlived: Option<&Settings>,
    ) -> Vec<Fault> {
        spec.judge(Known {
            layout,
            settings,
            kept_beside: None,
            outlived,
        })
    }

    fn spelled(settings: Vec<(&'static str, String)>) -> Settings {
        let owned = settings.into_iter();
        Settings(owned.map(|(key, value)| (key.to_owned(), value)).collect())
    }

    fn layout(partitions: i32) -> Layout {
        Layout {
            name: "raw.genea".to_owned(),
            partitions,
            replication: 3,
        }
    }

    fn safe(faults: &[Fault]) -> bool {
        faults.iter().all(|fault| matches!(fault, Fault::Remark(_)))
    }

    #[test]
    fn hollow_acknowledgements_and_unclean_leaders_are_unsafe() {
        for (key, value) in [
            ("min.insync.replicas", "1"),
            ("unclean.leader.election.enable", "true"),
            ("max.message.bytes", "1048588"),
            ("message.timestamp.type", "CreateTime"),
            ("cleanup.policy", "compact"),
            ("cleanup.policy", "compact,delete"),
        ] {
            assert!(!safe(&judge(&spec(), key, value)), "{key} {value}");
        }
        let fault = judge(&spec(), "min.insync.replicas", "1").remove(0);
        let says = "its `min.insync.replicas` is `1`, `2` is needed";
        assert_eq!(fault.to_string(), says);
    }

    #[test]
    fn what_keeps_more_or_is_safer_is_no_fault() {
        for (key, value) in [
            ("min.insync.replicas", "3"),
            ("max.message.bytes", "9999999"),
            ("retention.ms", "-1"),
        ] {
            assert_eq!(judge(&spec(), key, value), [], "{key} {value}");
        }
        let both = TopicSpec {
            cleanup: Cleanup::CompactDelete,
            ..spec()
        };
        assert_eq!(judge(&both, "cleanup.policy", "delete, compact"), []);
    }

    #[test]
    fn a_shorter_retention_is_the_operators_choice_and_named() {
        for (key, value) in [("retention.ms", "1000"), ("retention.bytes", "1000")] {
            let faults = judge(&spec(), key, value);
            assert!(faults.len() == 1 && safe(&faults), "{faults:?}");
        }
        let both = TopicSpec {
            cleanup: Cleanup::CompactDelete,
            timestamps: Timestamps::Writer,
            ..spec()
        };
        for (key, value) in [
            ("cleanup.policy", "delete"),
            ("message.timestamp.type", "LogAppendTime"),
        ] {
            let faults = judge(&both, key, value);
            assert!(faults.len() == 1 && safe(&faults), "{faults:?}");
        }
    }

    #[test]
    fn seen_must_outlive_raw_however_long_that_is_kept() {
        let spec = TopicSpec {
            outlives: Some(Outlived {
                topic: "raw.genea".to_owned(),
                by_ms: 8 * DAY_MS,
            }),
            ..spec()
        };
        let kept = |days: i64| vec![("retention.ms", (days * DAY_MS).to_string())];
        let judged = |seen_days: i64, raw: Vec<(&'static str, String)>| {
            let seen = TopicSpec {
                retention_ms: seen_days * DAY_MS,
                ..spec.clone()
            };
            let settings = spelled(seen.settings());
            judge_with(&spec, &layout(12), Some(&settings), Some(&spelled(raw)))
        };
        assert_eq!(judged(38, kept(30)), []);
        assert_eq!(judged(11, kept(3)), []);
        assert!(!safe(&judged(10, kept(3))));
        assert!(!safe(&judged(38, kept(31))));
        let for_ever = vec![("retention.ms", "-1".to_owned())];
        let fault = judged(38, for_ever).remove(0).to_string();
        assert!(fault.contains("`-1` is needed"), "{fault}");
        assert!(!safe(&judge(&spec, "retention.bytes", "1000")));
    }

    #[test]
    fn a_topic_that_was_grown_is_told_from_the_one_beside_it() {
        let beside = |partitions| Layout {
            name: "seen.genea".to_owned(),
            ..layout(partitions)
        };
        assert_eq!(grown(&layout(12), &beside(12)), None);
        let fault = grown(&layout(13), &beside(12)).unwrap();
        let says = fault.to_string();
        assert!(says.contains("it has 13 partitions") && says.contains("`seen.genea`"));
        assert!(!safe(&[fault]));
    }

    #[test]
    fn settings_that_may_not_be_read_are_remarked_and_copies_judged_all_the_same() {
        let faults = judge_with(&spec(), &layout(12), None, None);
        assert_eq!(faults, [Fault::hidden()]);
        let one_copy = Layout {
            replication: 1,
            ..layout(12)
        };
        assert!(!safe(&judge_with(&spec(), &one_copy, None, None)));
    }
}
