//! AccessGrid: passes in phone wallets; CloudEvents 1.0 in structured mode.
//!
//! Open questions, and what is assumed:
//! - *How is the challenge answered?* Not public: 200, the token as JSON and in the same header.
//!   It comes before the webhook is verified, so no proof is asked for; what is echoed is short and
//!   printable.
//! - *Does it ask for consent with OPTIONS?* Not public: answered as CloudEvents wants, unproven.
//! - *Which spelling do the attributes have?* `specversion` in CloudEvents, `spec_version` on the
//!   vendor's page. Neither is needed here: `id` and `type` make the envelope.
//! - *Which generation of `data`?* Two exist, with `access_pass_id` or `id` for the pass, one
//!   `device` or many `devices`. Both are read.
//! - *What does `installed` mean?* Seen in the vendor's tests only: the pass reached a device.
//! - *What to answer to a broken body?* The vendor advises 400, which it would then repeat for six
//!   hours: such a body is taken, and quarantined.
//! - `card_number`, `tag_id`, `file_data` and `apple_user_id` open doors or tell who somebody is:
//!   they stay in the raw record (`json` withholds them at every depth, a test watches it).
//!
//! mTLS instead of the bearer token is the business of the server, not of this file.

mod data;
mod handshake;
mod types;

pub(crate) use handshake::handshake;

use events::{Account, Body, EventType, Time};

use self::types::Family;
use crate::delivery::{Delivery, Headers, Proof, Refusal, prove};
use crate::draft::{self, Draft, Identity, Reason, Unmappable};
use crate::json::{Fields, NotJson};
use crate::{Answer, Key, Outcome, Raw};

const AUTHORIZATION: &str = "authorization";

pub(crate) fn verify(delivery: &Delivery, live_keys: &[&Key]) -> Result<Proof, Refusal> {
    let token = bearer(&delivery.headers).ok_or(Refusal::Unproven)?;
    prove("bearer", None, live_keys, |key| {
        key.fits_token(token.as_bytes())
    })
}

/// The name of the scheme has no case (RFC 9110, section 11.1).
fn bearer(headers: &Headers) -> Option<&str> {
    let (scheme, token) = headers.only(AUTHORIZATION)?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
}

pub(crate) fn sign(key: &Key) -> Headers {
    Headers::from_iter([(AUTHORIZATION, format!("Bearer {}", key.token()))])
}

/// A CloudEvent, as far as it matters.
struct Envelope<'a> {
    id: String,
    native_type: String,
    time: Option<Time>,
    /// What the event is about, and its id.
    family: Option<Family>,
    subject: Option<String>,
    data: Fields<'a>,
    /// Extension attributes.
    rest: Fields<'a>,
}

impl<'a> Envelope<'a> {
    /// Returns `None` for JSON that is no CloudEvent.
    fn read(body: &'a [u8]) -> Result<Option<Self>, NotJson> {
        let mut fields = Fields::parse(body)?;
        fields.discard(&[
            "specversion",
            "spec_version",
            "source",
            "datacontenttype",
            "data_content_type",
        ]);
        let (Some(id), Some(native_type)) = (fields.text("id"), fields.text("type")) else {
            return Ok(None);
        };
        let mut data = fields.object("data").unwrap_or_default();
        let family = Family::split(&native_type).map(|(family, _)| family);
        let subject = family.and_then(|family| {
            let own_field = data.text(family.id_field());
            own_field.or_else(|| data.text("id"))
        });
        Ok(Some(Self {
            id,
            native_type,
            time: fields.time("time"),
            family,
            subject,
            data,
            rest: fields,
        }))
    }

    /// Names the pass, or whatever else the event is about; a family that is not known, or has no
    /// id, goes by the source alone.
    fn key(&self) -> String {
        match (self.family, &self.subject) {
            (Some(family), Some(id)) => format!("{}/{id}", family.key()),
            (Some(_), None) | (None, _) => String::new(),
        }
    }
}

pub(crate) fn ordering_key(delivery: &Delivery) -> Result<String, Refusal> {
    let entity = match Envelope::read(&delivery.body) {
        Ok(Some(envelope)) => envelope.key(),
        Ok(None) | Err(NotJson) => String::new(),
    };
    Ok(draft::key_of(&delivery.source, &entity))
}

pub(crate) fn map(raw: &Raw<'_>) -> Result<Vec<Draft>, Unmappable> {
    let envelope = Envelope::read(raw.body)?.ok_or_else(|| Unmappable {
        reason: Reason::UnknownEnvelope,
        detail: "`id` or `type` is missing".to_owned(),
    })?;
    let key = envelope.key();
    let Envelope {
        id,
        native_type,
        time,
        family,
        subject,
        data,
        rest,
    } = envelope;
    let (event_type, change) = types::canonical(&native_type);
    let (body, mut attributes) = match family {
        Some(Family::Pass) if event_type != EventType::AccountUnknown => {
            data::pass(change, subject, data)
        }
        Some(family) => data::administration(change, family, subject, data),
        None => (Body::Account(Account::default()), data.attributes()),
    };
    attributes.extend(rest.attributes());
    Ok(vec![Draft {
        event_type,
        native_type,
        // The key is part of the namespace, so that equal ids lie in one raw partition.
        identity: Identity::Provider {
            namespace: key.clone(),
            id,
        },
        occurred_at: time,
        key,
        attributes,
        body,
    }])
}

pub(crate) fn answer(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Accepted => Answer::json(200, &serde_json::json!({ "received": true })),
        Outcome::Unauthenticated
        | Outcome::Malformed { .. }
        | Outcome::TooLarge
        | Outcome::UnsupportedEncoding
        | Outcome::RateLimited { .. }
        | Outcome::Unavailable { .. } => outcome.plain(),
    }
}
