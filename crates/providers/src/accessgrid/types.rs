//! AccessGrid's event types, `ag.<family>.<what happened>`.

use events::{Change, EventType};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Pass,
    Template,
    TemplatePair,
    LandingPage,
    CredentialProfile,
    HidOrganisation,
    Balance,
    Webhook,
    Account,
}

impl Family {
    /// Splits a type into its family and what happened.
    pub(super) fn split(native_type: &str) -> Option<(Self, &str)> {
        let (word, what) = native_type.strip_prefix("ag.")?.split_once('.')?;
        let family = match word {
            "access_pass" => Self::Pass,
            "card_template" => Self::Template,
            "card_template_pair" => Self::TemplatePair,
            "landing_page" => Self::LandingPage,
            "credential_profile" => Self::CredentialProfile,
            "hid_org" => Self::HidOrganisation,
            "account_balance" => Self::Balance,
            "webhook" => Self::Webhook,
            "account" => Self::Account,
            _ => return None,
        };
        Some((family, what))
    }

    /// Returns the vendor's word for the resource. A balance belongs to an account.
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::Pass => "access_pass",
            Self::Template => "card_template",
            Self::TemplatePair => "card_template_pair",
            Self::LandingPage => "landing_page",
            Self::CredentialProfile => "credential_profile",
            Self::HidOrganisation => "hid_org",
            Self::Balance | Self::Account => "account",
            Self::Webhook => "webhook",
        }
    }

    /// Returns the first part of the ordering key. Frozen.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Template => "template",
            Self::TemplatePair
            | Self::LandingPage
            | Self::CredentialProfile
            | Self::HidOrganisation
            | Self::Balance
            | Self::Webhook
            | Self::Account => self.resource(),
        }
    }

    /// Returns the field that holds the id of the resource.
    pub(super) fn id_field(self) -> &'static str {
        match self {
            Self::Pass => "access_pass_id",
            Self::Template => "card_template_id",
            Self::TemplatePair => "card_template_pair_id",
            Self::LandingPage => "landing_page_id",
            Self::CredentialProfile => "credential_profile_id",
            Self::HidOrganisation => "account_org_id",
            Self::Balance | Self::Account => "account_id",
            Self::Webhook => "webhook_id",
        }
    }
}

/// Returns the canonical type and what changed; a type that is not listed here is unknown.
pub(super) fn canonical(native_type: &str) -> (EventType, Change) {
    let known = Family::split(native_type).and_then(|(family, what)| match family {
        Family::Pass => pass(what),
        Family::Template => template(what),
        Family::TemplatePair
        | Family::LandingPage
        | Family::CredentialProfile
        | Family::HidOrganisation
        | Family::Balance
        | Family::Webhook
        | Family::Account => administration(family, what),
    });
    known.unwrap_or((EventType::AccountUnknown, Change::Unknown))
}

/// `device_added`, `device_removed` and `installed` are spellings of older documents.
fn pass(what: &str) -> Option<(EventType, Change)> {
    Some(match what {
        "issued" => (EventType::CredentialCreated, Change::Created),
        "activated" => (EventType::CredentialActivated, Change::Activated),
        "suspended" => (EventType::CredentialSuspended, Change::Suspended),
        "resumed" => (EventType::CredentialResumed, Change::Resumed),
        "unlinked" => (EventType::CredentialRevoked, Change::Revoked),
        "deleted" => (EventType::CredentialDeleted, Change::Deleted),
        "expired" => (EventType::CredentialExpired, Change::Expired),
        "failed" => (EventType::CredentialFailed, Change::Failed),
        "viewed" | "updated" | "renewed" | "devices.added" | "devices.removed"
        | "devices.suspended" | "devices.resumed" | "device_added" | "device_removed"
        | "installed" => (EventType::CredentialUpdated, Change::Updated),
        _ => return None,
    })
}

fn template(what: &str) -> Option<(EventType, Change)> {
    Some(match what {
        "created" => (EventType::TemplateCreated, Change::Created),
        "updated" => (EventType::TemplateUpdated, Change::Updated),
        "requested_publishing" | "request_publishing" => (
            EventType::TemplatePublishRequested,
            Change::PublishRequested,
        ),
        "published" => (EventType::TemplatePublished, Change::Published),
        "deleted" => (EventType::TemplateDeleted, Change::Deleted),
        _ => return None,
    })
}

fn administration(family: Family, what: &str) -> Option<(EventType, Change)> {
    let changed = |change| Some((EventType::AccountChanged, change));
    let plain = |event_type| Some((event_type, Change::Unknown));
    match (family, what) {
        (Family::TemplatePair, "created") => changed(Change::Created),
        (Family::LandingPage | Family::CredentialProfile, "attached_to_template") => {
            changed(Change::Attached)
        }
        (Family::LandingPage | Family::CredentialProfile, "created") => changed(Change::Created),
        (Family::LandingPage, "updated") => changed(Change::Updated),
        (Family::CredentialProfile, "deleted") => changed(Change::Deleted),
        (Family::HidOrganisation, "created") => changed(Change::Created),
        (Family::HidOrganisation, "activated") => changed(Change::Activated),
        (Family::Balance, "low") => plain(EventType::AccountBalanceLow),
        (Family::Webhook, "cert_expiring") => plain(EventType::AccountCertificateExpiring),
        (Family::Account, "impersonation_started") => plain(EventType::AccountImpersonationStarted),
        (Family::Account, "impersonation_ended") => plain(EventType::AccountImpersonationEnded),
        _ => None,
    }
}
