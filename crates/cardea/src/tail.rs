//! `cardea tail`: canonical events as JSON lines.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use events::{Body, CanonicalTopic, CredentialRef, Event, EventType, Portal, Time, Topic, wire};
use kafka::{Cluster, Message, Start, Tail};
use registry::Resolver;

use crate::exit::setting;
use crate::output;
use crate::reach::reached;

const POLL: Duration = Duration::from_millis(200);

/// Prints canonical events as they come, one line of CloudEvents JSON each.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cardea tail --type 'access.*' --portal READER-001\n  \
    cardea tail --from beginning --count 10 | jq .data.occurred_at")]
pub(crate) struct Args {
    #[command(flatten)]
    kafka: kafka::Config,
    #[command(flatten)]
    filter: Filter,
    /// Where to begin: now, beginning, or a time such as 2026-05-12T18:00:00Z.
    #[arg(long, env = "CARDEA_FROM", default_value = "now", value_name = "WHEN")]
    from: From,
    /// End after so many events.
    #[arg(long, env = "CARDEA_COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Which events are shown: all filters must fit, of several values of one any.
#[derive(Clone, Debug, Default, clap::Args)]
struct Filter {
    /// Event type, such as access.granted or access.*; may be given again.
    #[arg(
        long = "type",
        env = "CARDEA_TYPE",
        value_delimiter = ',',
        value_name = "TYPE"
    )]
    types: Vec<TypePattern>,
    /// Source; may be given again.
    #[arg(long, env = "CARDEA_SOURCE", value_delimiter = ',', value_name = "ID")]
    source: Vec<String>,
    /// Portal, by its id; may be given again.
    #[arg(long, env = "CARDEA_PORTAL", value_delimiter = ',', value_name = "ID")]
    portal: Vec<String>,
    /// Credential, by its id; may be given again.
    #[arg(
        long,
        env = "CARDEA_CREDENTIAL",
        value_delimiter = ',',
        value_name = "ID"
    )]
    credential: Vec<String>,
}

/// An event type, or all that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TypePattern {
    Exact(EventType),
    Family(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct From(Start);

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    reached(&args.kafka, follow(args))?;
    Ok(ExitCode::SUCCESS)
}

fn follow(args: &Args) -> anyhow::Result<()> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let topics = args.filter.topics();
    let topics: Vec<_> = topics
        .into_iter()
        .map(|t| cluster.topic(Topic::Canonical(t)))
        .collect();
    let tail = Tail::open(&cluster, &topics, args.from.0)?;
    let mut schemas = Resolver::new(&cluster);
    let mut shown = 0;
    while args.count.is_none_or(|count| shown < count) {
        let Some(record) = tail.poll(POLL)? else {
            continue;
        };
        let position = || {
            format!(
                "{} {} {}",
                record.topic(),
                record.partition(),
                record.offset()
            )
        };
        let bytes = record.payload().unwrap_or_default();
        let event = match schemas.decode(record.topic(), bytes) {
            Ok(event) => event,
            Err(error) => {
                output::remark(format_args!("cardea: record {}: {error}", position()));
                continue;
            }
        };
        if args.filter.fits(&event) {
            let key = String::from_utf8_lossy(record.key().unwrap_or_default());
            output::json(&wire::cloudevent_json(&event, &key))?;
            shown += 1;
        }
    }
    Ok(())
}

impl Filter {
    /// Returns the topics in which such events can be.
    fn topics(&self) -> Vec<CanonicalTopic> {
        let wanted = |topic: &CanonicalTopic| {
            let types = EventType::ALL.into_iter();
            let mut types = types.filter(|event_type| event_type.topic() == *topic);
            types.any(|event_type| self.fits_type(event_type))
        };
        CanonicalTopic::ALL.into_iter().filter(wanted).collect()
    }

    fn fits(&self, event: &Event) -> bool {
        let envelope = &event.envelope;
        self.fits_type(envelope.event_type)
            && named(&self.source, Some(&envelope.source))
            && named(&self.portal, portal(&event.body).map(|portal| &portal.id))
            && named(
                &self.credential,
                credential(&event.body).and_then(|c| c.id.as_ref()),
            )
    }

    fn fits_type(&self, event_type: EventType) -> bool {
        self.types.is_empty() || self.types.iter().any(|pattern| pattern.fits(event_type))
    }
}

/// Tells whether an id is among the wanted ones; where none is named, all are wanted.
fn named(wanted: &[String], id: Option<&String>) -> bool {
    wanted.is_empty() || id.is_some_and(|id| wanted.contains(id))
}

fn portal(body: &Body) -> Option<&Portal> {
    match body {
        Body::Access(access) => access.portal.as_ref(),
        Body::Device(device) => device.portal.as_ref(),
        Body::Credential(_) | Body::Account(_) => None,
    }
}

fn credential(body: &Body) -> Option<&CredentialRef> {
    match body {
        Body::Access(access) => access.credential.as_ref(),
        Body::Credential(credential) => credential.credential.as_ref(),
        Body::Device(_) | Body::Account(_) => None,
    }
}

impl TypePattern {
    fn fits(&self, event_type: EventType) -> bool {
        match self {
            Self::Exact(exact) => *exact == event_type,
            Self::Family(start) => event_type.name().starts_with(start),
        }
    }
}

impl FromStr for TypePattern {
    type Err = events::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix('*') {
            Some(start) => Ok(Self::Family(start.to_owned())),
            None => text.parse().map(Self::Exact),
        }
    }
}

impl FromStr for From {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "now" => Start::Now,
            "beginning" => Start::Beginning,
            time => {
                let at: Time = time
                    .parse()
                    .map_err(|_| "write now, beginning or an RFC 3339 time")?;
                Start::Stamped {
                    millis: at.millis(),
                }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> TypePattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_type_is_one_or_all_that_begin_alike() {
        assert!(pattern("access.granted").fits(EventType::AccessGranted));
        assert!(!pattern("access.granted").fits(EventType::AccessDenied));
        assert!(pattern("access.*").fits(EventType::AccessDenied));
        assert!(pattern("*").fits(EventType::DeviceOnline));
        assert!("access.opened".parse::<TypePattern>().is_err());
    }

    #[test]
    fn only_topics_that_can_have_such_events_are_read() {
        let topics = |types: &[&str]| {
            let types = types.iter().map(|text| pattern(text)).collect();
            let filter = Filter {
                types,
                ..Filter::default()
            };
            filter.topics()
        };
        assert_eq!(topics(&[]), CanonicalTopic::ALL);
        assert_eq!(topics(&["portal.*"]), [CanonicalTopic::Device]);
        assert_eq!(
            topics(&["access.denied", "person.*"]),
            [CanonicalTopic::Access, CanonicalTopic::Credential]
        );
    }

    #[test]
    fn an_id_fits_where_none_is_asked_for_or_it_is_among_those() {
        let wanted = ["a".to_owned(), "b".to_owned()];
        assert!(named(&[], None));
        assert!(named(&wanted, Some(&"b".to_owned())));
        assert!(!named(&wanted, Some(&"c".to_owned())));
        assert!(!named(&wanted, None));
    }

    #[test]
    fn a_start_is_a_word_or_a_time() {
        assert_eq!("now".parse(), Ok(From(Start::Now)));
        let at = Start::Stamped {
            millis: 1_767_225_600_000,
        };
        assert_eq!("2026-01-01T00:00:00Z".parse(), Ok(From(at)));
        assert!("yesterday".parse::<From>().is_err());
    }
}
