//! gxp: to be written.

use crate::delivery::{Delivery, Headers, Proof, Refusal};
use crate::draft::{Draft, Reason, Unmappable};
use crate::{Answer, Key, Outcome, Raw};

pub(crate) fn verify(_delivery: &Delivery, _live_keys: &[&Key]) -> Result<Proof, Refusal> {
    Err(Refusal::Unproven)
}

pub(crate) fn ordering_key(delivery: &Delivery) -> Result<String, Refusal> {
    Ok(crate::draft::key_of(&delivery.source, ""))
}

pub(crate) fn map(_raw: &Raw<'_>) -> Result<Vec<Draft>, Unmappable> {
    Err(Unmappable {
        reason: Reason::UnknownEnvelope,
        detail: String::new(),
    })
}

pub(crate) fn answer(_tail: &str, outcome: &Outcome) -> Answer {
    outcome.plain()
}

pub(crate) fn sign(_tail: &str, _key: &Key, _body: &[u8]) -> Headers {
    Headers::default()
}
