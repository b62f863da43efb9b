//! The canonical event types, each with its topic.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::topic::{CanonicalTopic, UnknownName, find};

/// Makes the enum, its list, its names and its topics from one table, so that none can be forgotten.
macro_rules! event_types {
    ($($topic:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)* })*) => {
        /// What happened, in one word of the canonical vocabulary (`ce_type`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $($($(#[$doc])* $variant,)*)*
        }

        impl EventType {
            pub const ALL: [Self; [$($($name),*),*].len()] = [$($(Self::$variant),*),*];

            /// Returns the name on the wire, such as `access.granted`.
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$variant => $name,)*)*
                }
            }

            /// Returns the topic whose body events of this type have.
            pub const fn topic(self) -> CanonicalTopic {
                match self {
                    $($(Self::$variant)|* => CanonicalTopic::$topic,)*
                }
            }
        }
    };
}

event_types! {
    Access {
        AccessGranted = "access.granted",
        AccessDenied = "access.denied",
        /// A scan without a decision.
        AccessRequested = "access.requested",
    }
    Credential {
        CredentialCreated = "credential.created",
        CredentialUpdated = "credential.updated",
        CredentialActivated = "credential.activated",
        CredentialSuspended = "credential.suspended",
        CredentialResumed = "credential.resumed",
        CredentialRevoked = "credential.revoked",
        CredentialDeleted = "credential.deleted",
        CredentialExpired = "credential.expired",
        CredentialFailed = "credential.failed",
        PersonCreated = "person.created",
        PersonUpdated = "person.updated",
        PersonDeleted = "person.deleted",
        EntitlementCreated = "entitlement.created",
        EntitlementUpdated = "entitlement.updated",
        EntitlementCancelled = "entitlement.cancelled",
        EntitlementCheckedIn = "entitlement.checked_in",
    }
    Device {
        PortalOpened = "portal.opened",
        PortalClosed = "portal.closed",
        PortalForced = "portal.forced",
        PortalHeld = "portal.held",
        PortalSecured = "portal.secured",
        PortalLocked = "portal.locked",
        PortalUnlocked = "portal.unlocked",
        PortalModeChanged = "portal.mode_changed",
        /// A state of the portal that the provider's documents do not name.
        PortalChanged = "portal.changed",
        DeviceOnline = "device.online",
        DeviceOffline = "device.offline",
        DeviceHealth = "device.health",
    }
    Account {
        AuditCreated = "audit.created",
        AuditUpdated = "audit.updated",
        AuditDeleted = "audit.deleted",
        AuditOther = "audit.other",
        TemplateCreated = "template.created",
        TemplateUpdated = "template.updated",
        TemplatePublishRequested = "template.publish_requested",
        TemplatePublished = "template.published",
        TemplateDeleted = "template.deleted",
        /// A landing page, profile or organisation changed; the body says which and how.
        AccountChanged = "account.changed",
        AccountBalanceLow = "account.balance_low",
        AccountCertificateExpiring = "account.certificate_expiring",
        AccountImpersonationStarted = "account.impersonation_started",
        AccountImpersonationEnded = "account.impersonation_ended",
        /// Known, but it fits nowhere else.
        AccountOther = "account.other",
        /// Not known, in a known envelope.
        AccountUnknown = "account.unknown",
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EventType {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find("event type", name, &Self::ALL, Self::name)
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_name() {
        for event_type in EventType::ALL {
            assert_eq!(event_type.name().parse(), Ok(event_type));
        }
        assert!("access.Granted".parse::<EventType>().is_err());
    }

    #[test]
    fn the_first_word_tells_the_topic() {
        for event_type in EventType::ALL {
            let (family, _) = event_type.name().split_once('.').unwrap();
            let topic = match family {
                "access" => CanonicalTopic::Access,
                "credential" | "person" | "entitlement" => CanonicalTopic::Credential,
                "portal" | "device" => CanonicalTopic::Device,
                "audit" | "template" | "account" => CanonicalTopic::Account,
                other => panic!("{other} belongs to no topic"),
            };
            assert_eq!(event_type.topic(), topic, "{event_type}");
        }
    }
}
