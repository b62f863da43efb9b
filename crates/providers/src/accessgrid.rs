//! AccessGrid: passes in phone wallets; CloudEvents 1.0 in structured mode.
//!
//! Open questions, and what is assumed:
//! - *How is the challenge answered?* Not public: 200, the token as JSON and in the same header.
//!   It comes before the webhook is verified, so no proof is asked for; what is echoed is short and
//!   printable.
//! - *Which spelling do the attributes have?* `specversion` in CloudEvents, `spec_version` on the
//!   vendor's page. Neither is needed here: `id` and `type` make the envelope.
//! - *Which generation of `data`?* Two exist, with `access_pass_id` or `id` for the pass, one
//!   `device` or many `devices`. Both are read.
//! - *What does `installed` mean?* Seen in the vendor's tests only: the pass reached a device.
//! - *What to answer to a broken body?* The vendor advises 400, which it would then repeat for six
//!   hours: such a body is taken, and quarantined.
//! - `card_number`, `tag_id`, `file_data` and `apple_user_id` open doors or tell who somebody is:
//!   they stay in the raw record.
//!
//! mTLS instead of the bearer token is the business of the server, not of this file.

mod data;
mod handshake;
mod types;

pub(crate) use handshake::handshake;

use events::Time;

use self::types::Family;
use crate::delivery::{Delivery, Headers, Proof, Refusal};
use crate::draft::{self, Draft, Identity, Reason, Unmappable};
use crate::json::{Fields, NotJson};
use crate::{Answer, Key, Outcome, Raw};

const AUTHORIZATION: &str = "authorization";

pub(crate) fn verify(delivery: &Delivery, live_keys: &[&Key]) -> Result<Proof, Refusal> {
    let token = bearer(&delivery.headers).ok_or(Refusal::Unproven)?;
    let key = live_keys
        .iter()
        .find(|key| key.fits_token(token.as_bytes()))
        .ok_or(Refusal::Unproven)?;
    Ok(Proof {
        scheme: "bearer",
        key_id: key.id().clone(),
        signed_at: None,
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
struct Envelope {
    id: String,
    native_type: String,
    time: Option<Time>,
    data: Fields,
    /// Extension attributes.
    rest: Fields,
}

impl Envelope {
    /// Returns `None` for JSON that is no CloudEvent.
    fn read(body: &[u8]) -> Result<Option<Self>, NotJson> {
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
        Ok(Some(Self {
            id,
            native_type,
            time: fields.time("time"),
            data: fields.object("data").unwrap_or_default(),
            rest: fields,
        }))
    }

    /// Names the pass, or whatever else the event is about; a family that is not known, or has no
    /// id, goes by the source alone.
    fn key(&self) -> String {
        let Some((family, _)) = Family::split(&self.native_type) else {
            return String::new();
        };
        match data::id(family, &mut self.data.clone()) {
            Some(id) => format!("{}/{id}", family.key()),
            None => String::new(),
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
        data,
        rest,
    } = envelope;
    let (event_type, change) = types::canonical(&native_type);
    let (body, mut attributes) = data::read(event_type, change, &native_type, data);
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
