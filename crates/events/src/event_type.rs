//! The canonical event types, each with its topic.

use std::fmt;
use std::str::FromStr;

use crate::topic::{CanonicalTopic, UnknownName, find};

/// What happened, in one word of the canonical vocabulary (`ce_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    AccessGranted,
    AccessDenied,
    /// A scan without a decision.
    AccessRequested,
    CredentialCreated,
    CredentialUpdated,
    CredentialActivated,
    CredentialSuspended,
    CredentialResumed,
    CredentialRevoked,
    CredentialDeleted,
    CredentialExpired,
    CredentialFailed,
    PersonCreated,
    PersonUpdated,
    PersonDeleted,
    EntitlementCreated,
    EntitlementUpdated,
    EntitlementCancelled,
    EntitlementCheckedIn,
    PortalOpened,
    PortalClosed,
    PortalForced,
    PortalHeld,
    PortalSecured,
    PortalLocked,
    PortalUnlocked,
    PortalModeChanged,
    /// A state of the portal that the provider's documents do not name.
    PortalChanged,
    DeviceOnline,
    DeviceOffline,
    DeviceHealth,
    AuditCreated,
    AuditUpdated,
    AuditDeleted,
    AuditOther,
    TemplateCreated,
    TemplateUpdated,
    TemplatePublishRequested,
    TemplatePublished,
    TemplateDeleted,
    /// A landing page, profile or organisation changed; the body says which and how.
    AccountChanged,
    AccountBalanceLow,
    AccountCertificateExpiring,
    AccountImpersonationStarted,
    AccountImpersonationEnded,
    /// Known, but it fits nowhere else.
    AccountOther,
    /// Not known, in a known envelope.
    AccountUnknown,
}

impl EventType {
    pub const ALL: [Self; 47] = [
        Self::AccessGranted,
        Self::AccessDenied,
        Self::AccessRequested,
        Self::CredentialCreated,
        Self::CredentialUpdated,
        Self::CredentialActivated,
        Self::CredentialSuspended,
        Self::CredentialResumed,
        Self::CredentialRevoked,
        Self::CredentialDeleted,
        Self::CredentialExpired,
        Self::CredentialFailed,
        Self::PersonCreated,
        Self::PersonUpdated,
        Self::PersonDeleted,
        Self::EntitlementCreated,
        Self::EntitlementUpdated,
        Self::EntitlementCancelled,
        Self::EntitlementCheckedIn,
        Self::PortalOpened,
        Self::PortalClosed,
        Self::PortalForced,
        Self::PortalHeld,
        Self::PortalSecured,
        Self::PortalLocked,
        Self::PortalUnlocked,
        Self::PortalModeChanged,
        Self::PortalChanged,
        Self::DeviceOnline,
        Self::DeviceOffline,
        Self::DeviceHealth,
        Self::AuditCreated,
        Self::AuditUpdated,
        Self::AuditDeleted,
        Self::AuditOther,
        Self::TemplateCreated,
        Self::TemplateUpdated,
        Self::TemplatePublishRequested,
        Self::TemplatePublished,
        Self::TemplateDeleted,
        Self::AccountChanged,
        Self::AccountBalanceLow,
        Self::AccountCertificateExpiring,
        Self::AccountImpersonationStarted,
        Self::AccountImpersonationEnded,
        Self::AccountOther,
        Self::AccountUnknown,
    ];

    /// Returns the name on the wire, such as `access.granted`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessGranted => "access.granted",
            Self::AccessDenied => "access.denied",
            Self::AccessRequested => "access.requested",
            Self::CredentialCreated => "credential.created",
            Self::CredentialUpdated => "credential.updated",
            Self::CredentialActivated => "credential.activated",
            Self::CredentialSuspended => "credential.suspended",
            Self::CredentialResumed => "credential.resumed",
            Self::CredentialRevoked => "credential.revoked",
            Self::CredentialDeleted => "credential.deleted",
            Self::CredentialExpired => "credential.expired",
            Self::CredentialFailed => "credential.failed",
            Self::PersonCreated => "person.created",
            Self::PersonUpdated => "person.updated",
            Self::PersonDeleted => "person.deleted",
            Self::EntitlementCreated => "entitlement.created",
            Self::EntitlementUpdated => "entitlement.updated",
            Self::EntitlementCancelled => "entitlement.cancelled",
            Self::EntitlementCheckedIn => "entitlement.checked_in",
            Self::PortalOpened => "portal.opened",
            Self::PortalClosed => "portal.closed",
            Self::PortalForced => "portal.forced",
            Self::PortalHeld => "portal.held",
            Self::PortalSecured => "portal.secured",
            Self::PortalLocked => "portal.locked",
            Self::PortalUnlocked => "portal.unlocked",
            Self::PortalModeChanged => "portal.mode_changed",
            Self::PortalChanged => "portal.changed",
            Self::DeviceOnline => "device.online",
            Self::DeviceOffline => "device.offline",
            Self::DeviceHealth => "device.health",
            Self::AuditCreated => "audit.created",
            Self::AuditUpdated => "audit.updated",
            Self::AuditDeleted => "audit.deleted",
            Self::AuditOther => "audit.other",
            Self::TemplateCreated => "template.created",
            Self::TemplateUpdated => "template.updated",
            Self::TemplatePublishRequested => "template.publish_requested",
            Self::TemplatePublished => "template.published",
            Self::TemplateDeleted => "template.deleted",
            Self::AccountChanged => "account.changed",
            Self::AccountBalanceLow => "account.balance_low",
            Self::AccountCertificateExpiring => "account.certificate_expiring",
            Self::AccountImpersonationStarted => "account.impersonation_started",
            Self::AccountImpersonationEnded => "account.impersonation_ended",
            Self::AccountOther => "account.other",
            Self::AccountUnknown => "account.unknown",
        }
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

impl EventType {
    /// Returns the topic by the type's first word.
    pub fn topic(self) -> CanonicalTopic {
        match self.name().split_once('.').map_or("", |(family, _)| family) {
            "access" => CanonicalTopic::Access,
            "credential" | "person" | "entitlement" => CanonicalTopic::Credential,
            "portal" | "device" => CanonicalTopic::Device,
            _ => CanonicalTopic::Account,
        }
    }
}
