//! `cardea subscriptions`: who is delivered what, where.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Subcommand;
use kafka::{Cluster, Producer};
use serde_json::{Value, json};
use sink::subscriptions::{self, Draft};
use sink::{Endpoint, Pattern, ReachConfig, Secret, Subscription, SubscriptionId};
use uuid::Uuid;

use crate::exit::setting;
use crate::output;
use crate::reach::reached;

const ACK_WITHIN: Duration = Duration::from_secs(10);

/// Creates, lists and deletes subscriptions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(CreateArgs),
    List(ListArgs),
    Delete(DeleteArgs),
}

/// Creates a subscription; it is delivered the events to come.
///
/// The secret, with which the receiver verifies (Standard Webhooks), is shown this once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cardea subscriptions create --url https://example.org/hook --event-types 'access.*,portal.forced'\n  \
    cardea subscriptions create --url https://example.org/hook --event-types '*' --source hq-doors")]
struct CreateArgs {
    #[command(flatten)]
    kafka: kafka::Config,
    /// The endpoint that events are delivered to.
    #[arg(long, env = "CARDEA_URL")]
    url: Endpoint,
    /// Event types, canonical or native (gxp:access.granted), with `*` at the end for all that
    /// begin so; may be given again.
    #[arg(
        long,
        env = "CARDEA_EVENT_TYPES",
        value_name = "TYPE",
        value_delimiter = ',',
        required = true
    )]
    event_types: Vec<Pattern>,
    /// Only events of this source; may be given again.
    #[arg(long, env = "CARDEA_SOURCE", value_name = "ID", value_delimiter = ',')]
    source: Vec<String>,
    /// What people call it.
    #[arg(long, env = "CARDEA_NAME", default_value = "subscription")]
    name: String,
    #[command(flatten)]
    reach: ReachConfig,
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

/// Lists the subscriptions, without their secrets.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cardea subscriptions list --json")]
struct ListArgs {
    #[command(flatten)]
    kafka: kafka::Config,
    /// Print JSON.
    #[arg(long, env = "CARDEA_JSON")]
    json: bool,
}

/// Deletes a subscription; what is still owed to it is forgotten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    cardea subscriptions delete sub_0123456789abcdef0123456789abcdef")]
struct DeleteArgs {
    #[command(flatten)]
    kafka: kafka::Config,
    /// The subscription's id.
    id: SubscriptionId,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (kafka, ended) = match &args.action {
        Action::Create(args) => (&args.kafka, create(args).await),
        Action::List(args) => (&args.kafka, list(args)),
        Action::Delete(args) => (&args.kafka, delete(args).await),
    };
    reached(kafka, ended)?;
    Ok(ExitCode::SUCCESS)
}

async fn create(args: &CreateArgs) -> anyhow::Result<()> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let draft = Draft {
        name: args.name.clone(),
        url: args.url.clone(),
        event_types: args.event_types.clone(),
        sources: args.source.clone(),
    };
    let id = SubscriptionId::from(Uuid::new_v4());
    let secret = Secret::of(rand::random());
    let now = service::clock::now().into();
    let new = setting(draft.build(args.reach.reach(), id, secret, now))?;
    // Without the topic there is no error but a write that is never acknowledged.
    subscriptions::exists(&cluster, id)?;
    let producer = Producer::new(&cluster, ACK_WITHIN)?;
    let created = subscriptions::create(&cluster, &producer, &new).await;
    created.context("write the subscription")?;
    let secret = new.secret.expose();
    if args.json {
        let mut shown = shown(&new);
        shown["secret"] = secret.into();
        output::json(&shown)
    } else {
        output::line(format_args!("{id}\nsecret {secret} (not shown again)"))
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let all = subscriptions::list(&cluster).context("read the subscriptions")?;
    if args.json {
        return output::json(&all.iter().map(|one| shown(one)).collect::<Vec<_>>());
    }
    let rows: Vec<_> = all.iter().map(|one| row(one)).collect();
    output::table(&["ID", "NAME", "URL", "TYPES", "SOURCES", "CREATED"], &rows)
}

async fn delete(args: &DeleteArgs) -> anyhow::Result<()> {
    let cluster = setting(Cluster::new(&args.kafka))?;
    let id = args.id;
    let exists = subscriptions::exists(&cluster, id).context("read the subscriptions")?;
    ensure!(
        exists,
        "there is no subscription {id}; see `cardea subscriptions list`"
    );
    let producer = Producer::new(&cluster, ACK_WITHIN)?;
    let deleted = subscriptions::delete(&cluster, &producer, id).await;
    deleted.context("delete the subscription")?;
    output::line(format_args!("{id} deleted"))
}

/// What may be shown of a subscription at any time: all but its secret.
fn shown(subscription: &Subscription) -> Value {
    let Subscription {
        id,
        name,
        url,
        event_types,
        sources,
        state,
        secret: _,
        created_at,
    } = subscription;
    json!({
        "id": id,
        "name": name,
        "url": url,
        "event_types": event_types,
        "sources": sources,
        "state": state,
        "created_at": created_at,
    })
}

fn row(subscription: &Subscription) -> Vec<String> {
    let types: Vec<_> = subscription
        .event_types
        .iter()
        .map(ToString::to_string)
        .collect();
    let sources = match subscription.sources.as_slice() {
        [] => "all".to_owned(),
        some => some.join(","),
    };
    vec![
        subscription.id.to_string(),
        subscription.name.clone(),
        subscription.url.to_string(),
        types.join(","),
        sources,
        subscription.created_at.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use sink::Reach;

    use super::*;

    fn subscription() -> Subscription {
        let draft = Draft {
            name: "receiver".to_owned(),
            url: "https://example.org/hook".parse().unwrap(),
            event_types: vec!["access.*".parse().unwrap(), "gxp:*".parse().unwrap()],
            sources: Vec::new(),
        };
        let id = SubscriptionId::from(Uuid::from_u128(7));
        let at = events::Time::from_seconds(1_767_225_600).unwrap();
        draft
            .build(Reach::Public, id, Secret::of([7; 32]), at)
            .unwrap()
    }

    #[test]
    fn neither_list_shows_the_secret() {
        let subscription = subscription();
        let secret = subscription.secret.expose();
        assert!(!shown(&subscription).to_string().contains(secret));
        assert!(!row(&subscription).join(" ").contains(secret));
    }

    #[test]
    fn a_row_says_who_wants_what_where() {
        assert_eq!(
            row(&subscription())[1..],
            [
                "receiver",
                "https://example.org/hook",
                "access.*,gxp:*",
                "all",
                "2026-01-01T00:00:00Z"
            ]
        );
    }
}
