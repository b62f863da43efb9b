//! The topics in which Kafka keeps offsets and the state of transactions: an acknowledged commit is
//! worth what their copies are.

use super::spec::{Fault, Layout, Settings, few_copies, min_isr};

/// A topic that Kafka makes for itself on first use, and the broker's settings it makes it by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Internal {
    pub(super) name: &'static str,
    replication: &'static str,
    min_isr: &'static str,
}

pub(super) const INTERNAL: [Internal; 2] = [
    Internal {
        name: "__consumer_offsets",
        replication: "offsets.topic.replication.factor",
        min_isr: MIN_ISR,
    },
    Internal {
        name: "__transaction_state",
        replication: "transaction.state.log.replication.factor",
        min_isr: "transaction.state.log.min.isr",
    },
];

const MIN_ISR: &str = "min.insync.replicas";

impl Internal {
    /// Judges one that exists.
    pub(super) fn judge(
        self,
        layout: &Layout,
        settings: Option<&Settings>,
        copies: i32,
    ) -> Vec<Fault> {
        let copied = few_copies(layout.replication, copies);
        let acknowledged = match settings {
            Some(settings) => at_least(settings, MIN_ISR, min_isr(copies), Fault::needed),
            None => Some(Fault::hidden()),
        };
        copied.into_iter().chain(acknowledged).collect()
    }

    /// Judges one that the brokers have yet to make.
    pub(super) fn foresee(self, broker: Option<&Settings>, copies: i32) -> Vec<Fault> {
        let Some(broker) = broker else {
            let says = "it is not there yet, and how the brokers make it cannot be read; grant this user \
                        DescribeConfigs on the cluster";
            return vec![Fault::Remark(says.to_owned())];
        };
        let copied = at_least(broker, self.replication, copies, foreseen);
        let acknowledged = at_least(broker, self.min_isr, min_isr(copies), foreseen);
        copied.into_iter().chain(acknowledged).collect()
    }
}

fn at_least(
    settings: &Settings,
    key: &str,
    wants: i32,
    fault: fn(&str, &str, &str) -> Fault,
) -> Option<Fault> {
    let has = settings.get(key);
    let enough = has.parse::<i32>().is_ok_and(|has| has >= wants);
    (!enough).then(|| fault(key, has, &wants.to_string()))
}

fn foreseen(key: &str, has: &str, wants: &str) -> Fault {
    Fault::Unsafe(format!(
        "it is not there yet, and the brokers' `{key}` is `{has}`, `{wants}` is needed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(all: &[(&str, &str)]) -> Settings {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Settings(all.iter().map(owned).collect())
    }

    fn layout(replication: i32) -> Layout {
        Layout {
            name: INTERNAL[1].name.to_owned(),
            partitions: 50,
            replication,
        }
    }

    fn told(faults: &[Fault]) -> Vec<String> {
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn hollow_copies_of_what_exists_are_unsafe() {
        let [_, transactions] = INTERNAL;
        let good = settings(&[("min.insync.replicas", "2")]);
        assert_eq!(transactions.judge(&layout(3), Some(&good), 3), []);
        let hollow = settings(&[("min.insync.replicas", "1")]);
        let faults = transactions.judge(&layout(1), Some(&hollow), 3);
        assert_eq!(
            told(&faults),
            [
                "its replication is 1, 3 is needed",
                "its `min.insync.replicas` is `1`, `2` is needed"
            ]
        );
        let hidden = transactions.judge(&layout(3), None, 3);
        assert_eq!(hidden, [Fault::hidden()]);
    }

    #[test]
    fn one_broker_keeps_one_copy() {
        let [offsets, _] = INTERNAL;
        let one = settings(&[("min.insync.replicas", "1")]);
        assert_eq!(offsets.judge(&layout(1), Some(&one), 1), []);
    }

    #[test]
    fn what_the_brokers_have_yet_to_make_is_foreseen() {
        let [offsets, transactions] = INTERNAL;
        let broker = settings(&[
            ("offsets.topic.replication.factor", "3"),
            ("min.insync.replicas", "2"),
            ("transaction.state.log.replication.factor", "1"),
            ("transaction.state.log.min.isr", "2"),
        ]);
        assert_eq!(offsets.foresee(Some(&broker), 3), []);
        let says = "it is not there yet, and the brokers' \
                    `transaction.state.log.replication.factor` is `1`, `3` is needed";
        assert_eq!(told(&transactions.foresee(Some(&broker), 3)), [says]);
        let hidden = transactions.foresee(None, 3);
        assert!(matches!(hidden[..], [Fault::Remark(_)]), "{hidden:?}");
    }
}
