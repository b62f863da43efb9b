//! `cardea topics`, and the same check when a service starts.

mod layout;

use std::iter::repeat;
use std::process::ExitCode;
use std::time::Duration;

use events::Topic;
use kafka::{Cluster, Failure, Fault, Finding, TopicSpec, Topics, Verdict};
use normalizer::DedupeWindow;
use serde_json::{Value, json};

use crate::exit::setting;
use crate::output;
use crate::reach::reached;

pub(crate) use layout::Layout;

/// Creates the topics, or says in what an existing one is wrong.
///
/// An existing topic is never changed. Ends with 1 if a topic is wrong, or is missing with --check.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea topics --brokers 127.0.0.1:9092 --partitions 12")]
pub(crate) struct Args {
    #[command(flatten)]
    kafka: kafka::Config,
    #[command(flatten)]
    layout: Layout,
    #[command(flatten)]
    dedupe: DedupeWindow,
    /// Only check; create nothing.
    #[arg(long, env = "CARDEA_CHECK")]
    check: bool,
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

const ONE_COPY: &str = "each partition has one copy: an accepted delivery survives `kill -9` of \
                        Kafka, but a power cut only with `flush.messages=1` on the raw topics";
const WAY_OUT: &str = "`cardea topics --check` lists it again; a topic that exists is changed with \
                       Kafka's own kafka-configs and kafka-reassign-partitions";

/// What is found of the topics that a service needs.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// Copies of each partition that are asked for.
    pub(crate) copies: i32,
    /// Which do not serve, and why, in one sentence.
    pub(crate) objection: Option<String>,
    /// In what others differ from the plan.
    pub(crate) remarks: Vec<String>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let (specs, findings) = reached(&args.kafka, find(&args, &cluster).await)?;
    let rows = specs.iter().map(Some).chain(repeat(None)).zip(&findings);
    if args.json {
        let rows = rows.map(|(spec, found)| to_json(spec, found));
        output::json(&rows.collect::<Vec<_>>())?;
    } else {
        let rows: Vec<_> = rows.map(|(spec, found)| row(spec, found)).collect();
        output::table(&["TOPIC", "STATE", "CLEANUP", "KEPT", "REMARK"], &rows)?;
    }
    if specs.iter().any(|spec| spec.replication == 1) {
        output::remark(ONE_COPY);
    }
    Ok(if judge(&findings).objection.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Creates or only checks; returns what is wanted of each topic and what is found, of Kafka's own
/// last.
async fn find(args: &Args, cluster: &Cluster) -> anyhow::Result<(Vec<TopicSpec>, Vec<Finding>)> {
    let topics = Topics::new(cluster)?;
    let copies = args.layout.copies(topics.broker_count().await?);
    let spec = |topic| {
        args.layout
            .spec(cluster, topic, copies, args.dedupe.dedupe_window)
    };
    let specs: Vec<TopicSpec> = Topic::all().into_iter().map(spec).collect();
    let mut findings = if args.check {
        topics.check(&specs).await?
    } else {
        topics.create(&specs).await?
    };
    findings.extend(topics.check_internal(copies).await?);
    Ok((specs, findings))
}

/// Judges the topics that a service needs, and those in which Kafka keeps its commits.
pub(crate) async fn judgement(
    cluster: &Cluster,
    layout: &Layout,
    needed: &[Topic],
    dedupe_window: Duration,
) -> Result<Judgement, Failure> {
    let topics = Topics::new(cluster)?;
    let copies = layout.copies(topics.broker_count().await?);
    let spec = |topic: &Topic| layout.spec(cluster, *topic, copies, dedupe_window);
    let specs: Vec<TopicSpec> = needed.iter().map(spec).collect();
    let mut findings = topics.check(&specs).await?;
    findings.extend(topics.check_internal(copies).await?);
    Ok(Judgement {
        copies,
        ..judge(&findings)
    })
}

fn judge(findings: &[Finding]) -> Judgement {
    let (mut missing, mut objections, mut remarks) = (Vec::new(), Vec::new(), Vec::new());
    for Finding { name, verdict } in findings {
        match verdict {
            Verdict::Good | Verdict::Created => {}
            Verdict::Missing => missing.push(name.as_str()),
            Verdict::Differs(faults) => {
                let (bad, harmless): (Vec<_>, Vec<_>) =
                    faults.iter().partition(|fault| is_unsafe(fault));
                if !bad.is_empty() {
                    objections.push(format!("topic `{name}`: {}", sentence(bad)));
                }
                if !harmless.is_empty() {
                    remarks.push(format!("topic `{name}`: {}", sentence(harmless)));
                }
            }
        }
    }
    if !objections.is_empty() {
        objections.push(WAY_OUT.to_owned());
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        objections.push(format!("missing, so run `cardea topics`: {missing}"));
    }
    Judgement {
        copies: 0,
        objection: (!objections.is_empty()).then(|| objections.join("; ")),
        remarks,
    }
}

fn is_unsafe(fault: &Fault) -> bool {
    match fault {
        Fault::Unsafe(_) => true,
        Fault::Remark(_) => false,
    }
}

fn sentence<'a>(faults: impl IntoIterator<Item = &'a Fault>) -> String {
    let says: Vec<_> = faults.into_iter().map(ToString::to_string).collect();
    says.join(", ")
}

fn state(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Created => "created",
        Verdict::Missing => "missing",
        Verdict::Differs(faults) if faults.iter().any(is_unsafe) => "wrong",
        Verdict::Differs(_) => "differs",
    }
}

fn faults(verdict: &Verdict) -> &[Fault] {
    match verdict {
        Verdict::Differs(faults) => faults,
        Verdict::Good | Verdict::Created | Verdict::Missing => &[],
    }
}

/// Kafka's own topics have no specification.
fn row(spec: Option<&TopicSpec>, found: &Finding) -> Vec<String> {
    let kept = |spec: &TopicSpec| match spec.retention_ms {
        -1 => "for ever".to_owned(),
        ms => format!(
            "{} d",
            Duration::from_millis(ms.unsigned_abs()).as_secs() / 86_400
        ),
    };
    vec![
        found.name.clone(),
        state(&found.verdict).to_owned(),
        spec.map_or_else(String::new, |spec| spec.cleanup.to_string()),
        spec.map_or_else(String::new, kept),
        sentence(faults(&found.verdict)),
    ]
}

fn to_json(spec: Option<&TopicSpec>, found: &Finding) -> Value {
    let remarks = faults(&found.verdict).iter().map(ToString::to_string);
    json!({
        "topic": found.name,
        "state": state(&found.verdict),
        "partitions": spec.map(|spec| spec.partitions),
        "replication": spec.map(|spec| spec.replication),
        "cleanup_policy": spec.map(|spec| spec.cleanup.to_string()),
        "retention_ms": spec.map(|spec| spec.retention_ms),
        "wrong": remarks.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_or_wrong_is_objected_to() {
        let found = |name: &str, verdict| Finding {
            name: name.to_owned(),
            verdict,
        };
        let unsafe_one = Fault::Unsafe("it has 3 partitions, 12 are needed".to_owned());
        let remark = Fault::Remark("it is kept for a day".to_owned());
        let mut findings = vec![
            found("raw.gxp", Verdict::Good),
            found("raw.genea", Verdict::Created),
            found("raw.cvent", Verdict::Differs(vec![remark.clone()])),
        ];
        let judged = judge(&findings);
        assert_eq!(judged.objection, None);
        assert_eq!(judged.remarks, ["topic `raw.cvent`: it is kept for a day"]);
        findings.push(found("access", Verdict::Missing));
        findings.push(found("device", Verdict::Missing));
        findings.push(found(
            "seen.gxp",
            Verdict::Differs(vec![unsafe_one, remark]),
        ));
        let objection = judge(&findings).objection.unwrap();
        assert!(
            objection.starts_with("topic `seen.gxp`: it has 3 partitions, 12 are needed; `cardea"),
            "{objection}"
        );
        assert!(objection.ends_with("missing, so run `cardea topics`: access, device"));
    }
}
