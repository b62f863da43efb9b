//! `cardea topics`, and the same check when a service starts.

mod layout;

use std::process::ExitCode;
use std::time::Duration;

use events::Topic;
use kafka::{Cluster, Failure, Finding, TopicSpec, Verdict};
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

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let (specs, findings) = reached(&args.kafka, find(&args, &cluster).await)?;
    let rows = specs.iter().zip(&findings);
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
    Ok(if judge(&findings).is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Creates or only checks; returns what is wanted of each topic and what is found.
async fn find(args: &Args, cluster: &Cluster) -> anyhow::Result<(Vec<TopicSpec>, Vec<Finding>)> {
    let copies = args.layout.copies(kafka::broker_count(cluster).await?);
    let spec = |topic| {
        args.layout
            .spec(cluster, topic, copies, args.dedupe.dedupe_window)
    };
    let specs: Vec<TopicSpec> = Topic::all().into_iter().map(spec).collect();
    let findings = if args.check {
        kafka::check(cluster, &specs).await?
    } else {
        kafka::create(cluster, &specs).await?
    };
    Ok((specs, findings))
}

/// Says which of the topics do not serve, and why; `None` if all do.
///
/// How long a topic is kept is the operator's choice here: `cardea topics` names what differs.
pub(crate) async fn objection(
    cluster: &Cluster,
    layout: &Layout,
    topics: &[Topic],
) -> Result<Option<String>, Failure> {
    let copies = layout.copies(kafka::broker_count(cluster).await?);
    let spec = |topic: &Topic| TopicSpec {
        retention_ms: 0,
        ..layout.spec(cluster, *topic, copies, Duration::ZERO)
    };
    let specs: Vec<TopicSpec> = topics.iter().map(spec).collect();
    let findings = kafka::check(cluster, &specs).await?;
    Ok(judge(&findings))
}

/// Says in one sentence what is to be mended, if anything is.
fn judge(findings: &[Finding]) -> Option<String> {
    let mut missing = Vec::new();
    let mut objections = Vec::new();
    for Finding { name, verdict } in findings {
        match verdict {
            Verdict::Good | Verdict::Created => {}
            Verdict::Missing => missing.push(name.as_str()),
            Verdict::Wrong(sentences) => {
                objections.push(format!("topic `{name}`: {}", sentences.join(", ")));
            }
        }
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        objections.push(format!("missing, so run `cardea topics`: {missing}"));
    }
    (!objections.is_empty()).then(|| objections.join("; "))
}

fn state(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Created => "created",
        Verdict::Missing => "missing",
        Verdict::Wrong(_) => "wrong",
    }
}

fn sentences(verdict: &Verdict) -> &[String] {
    match verdict {
        Verdict::Wrong(sentences) => sentences,
        Verdict::Good | Verdict::Created | Verdict::Missing => &[],
    }
}

fn row(spec: &TopicSpec, found: &Finding) -> Vec<String> {
    let kept = match spec.retention_ms {
        -1 => "for ever".to_owned(),
        ms => format!(
            "{} d",
            Duration::from_millis(ms.unsigned_abs()).as_secs() / 86_400
        ),
    };
    vec![
        found.name.clone(),
        state(&found.verdict).to_owned(),
        spec.cleanup.to_string(),
        kept,
        sentences(&found.verdict).join(", "),
    ]
}

fn to_json(spec: &TopicSpec, found: &Finding) -> Value {
    json!({
        "topic": found.name,
        "state": state(&found.verdict),
        "partitions": spec.partitions,
        "replication": spec.replication,
        "cleanup_policy": spec.cleanup.to_string(),
        "retention_ms": spec.retention_ms,
        "wrong": sentences(&found.verdict),
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
        let wrong = vec!["it has 3 partitions, 12 are needed".to_owned()];
        let mut findings = vec![
            found("raw.gxp", Verdict::Good),
            found("raw.genea", Verdict::Created),
        ];
        assert_eq!(judge(&findings), None);
        findings.push(found("access", Verdict::Missing));
        findings.push(found("device", Verdict::Missing));
        findings.push(found("seen.gxp", Verdict::Wrong(wrong)));
        assert_eq!(
            judge(&findings).unwrap(),
            "topic `seen.gxp`: it has 3 partitions, 12 are needed; \
             missing, so run `cardea topics`: access, device"
        );
    }
}
