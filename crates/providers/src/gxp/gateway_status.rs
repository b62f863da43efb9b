//! `mqtt-gateway-status`: how a gateway and its readers fare.

use events::{Body, Device, DeviceRef, EventType, Reader, Time};

use super::required;
use crate::Refusal;
use crate::draft::{Draft, Identity};
use crate::json::{Fields, Value};

pub(super) struct GatewayStatus<'a> {
    gateway_id: String,
    status: String,
    readers: Vec<Reader>,
    timestamp: Option<Time>,
    rest: Fields<'a>,
}

impl<'a> GatewayStatus<'a> {
    pub(super) fn read(mut fields: Fields<'a>) -> Result<Self, Refusal> {
        Ok(Self {
            gateway_id: required(&mut fields, "gateway_id")?,
            status: required(&mut fields, "status")?,
            readers: fields
                .list("readers")
                .into_iter()
                .filter_map(reader)
                .collect(),
            timestamp: fields.time("timestamp"),
            rest: fields,
        })
    }

    pub(super) fn key(&self) -> String {
        format!("gateway/{}", self.gateway_id)
    }

    pub(super) fn draft(self) -> Draft {
        let key = self.key();
        let Self {
            gateway_id,
            status,
            readers,
            timestamp,
            rest,
        } = self;
        // Without a time nothing tells a repeated status from a gateway that went down twice.
        let identity = timestamp.map_or(Identity::Delivery, |at| {
            let mut parts = vec![
                b"mqtt-gateway-status".to_vec(),
                gateway_id.clone().into_bytes(),
                at.micros().to_be_bytes().to_vec(),
                status.clone().into_bytes(),
                (readers.len() as u64).to_be_bytes().to_vec(),
            ];
            parts.extend(readers.iter().flat_map(parts_of));
            Identity::Derived(parts)
        });
        let (event_type, connected) = match status.to_ascii_lowercase().as_str() {
            "online" | "connected" => (EventType::DeviceOnline, Some(true)),
            "offline" | "disconnected" => (EventType::DeviceOffline, Some(false)),
            _ => (EventType::DeviceHealth, None),
        };
        Draft {
            event_type,
            native_type: "mqtt-gateway-status".to_owned(),
            identity,
            occurred_at: timestamp,
            key,
            attributes: rest.attributes(),
            body: Body::Device(Device {
                device: Some(DeviceRef {
                    id: gateway_id,
                    ..DeviceRef::default()
                }),
                state_raw: Some(status),
                connected,
                readers,
                ..Device::default()
            }),
        }
    }
}

/// Two states of the readers may come within one second of the gateway's clock.
fn parts_of(reader: &Reader) -> [Vec<u8>; 3] {
    let last_scan_at = reader.last_scan_at.map(|at| at.micros().to_be_bytes());
    [
        reader.id.clone().into_bytes(),
        reader.status.clone().unwrap_or_default().into_bytes(),
        last_scan_at.map(Vec::from).unwrap_or_default(),
    ]
}

fn reader(value: Value<'_>) -> Option<Reader> {
    let mut fields = Fields::from(value);
    Some(Reader {
        id: fields.text("reader_id")?,
        status: fields.text("status"),
        last_scan_at: fields.time("last_scan"),
    })
}
