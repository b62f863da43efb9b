//! What a delivery becomes, without Kafka: as if the raw topic held it.

use events::{RawPosition, Time};
use providers::{Delivery, Mapped, Raw, Unmappable};
use uuid::Uuid;

/// Maps a delivery that is taken to be proven. What only its delivery id tells apart has the same
/// event id each time.
pub(crate) fn map(
    delivery: &Delivery,
    signed_at: Option<Time>,
    received_at: Time,
) -> Result<Vec<Mapped>, Unmappable> {
    providers::map(&Raw {
        provider: delivery.provider,
        source: &delivery.source,
        tenant: &delivery.tenant,
        delivery_id: Uuid::nil(),
        received_at,
        signed_at,
        tail: &delivery.tail,
        decision: None,
        position: RawPosition {
            topic: String::new(),
            partition: 0,
            offset: 0,
            index: 0,
        },
        body: &delivery.body,
    })
}
