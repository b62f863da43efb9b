//! Sample bodies of every provider, by event kind: fixtures of the tests and of `cardea send`.

use crate::Provider;

/// A body as the provider sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The event kind, unique per provider; also the name of its file.
    pub name: &'static str,
    /// The path after the source to which it is sent; mostly empty.
    pub tail: &'static str,
    pub body: &'static str,
}

/// Lists the files of `fixtures/<provider>/`; `at` gives the tail.
macro_rules! samples {
    ($provider:literal: $($name:literal $(at $tail:literal)?),* $(,)?) => {
        &[$(Sample {
            name: $name,
            tail: concat!($($tail)?),
            body: include_str!(concat!("../fixtures/", $provider, "/", $name, ".json")),
        }),*]
    };
}

const GLOFOX: &[Sample] = samples! { "glofox":
    "access-updated",
    "access-created",
    "member-created",
    "member-updated",
    "booking-created-live",
    "booking-created",
    "booking-updated",
    "booking-attended",
    "booking-deleted",
    "course-booking-created",
    "course-booking-deleted",
    "membership-created",
    "membership-updated",
    "membership-deleted",
    "service-created",
    "service-updated",
    "service-deleted",
    "event-created",
    "event-updated",
    "event-deleted",
    "eagreement-created",
    "eagreement-updated",
    "invoice-updated",
    "push-notification-created",
    "push-notification-undocumented",
    "unknown-type",
    "no-type",
};

const ALOCITY: &[Sample] = samples! { "alocity":
    "accesslog-granted",
    "accesslog-bare",
    "accesslog-by-device",
    "accesslog-type-is-no-result",
    "accesslog-without-id",
    "accesslog-unreadable" at "accesslog.created",
    "accesslog-not-schedule",
    "accesslog-unknown-user",
    "accesslog-in-lockdown",
    "accesslog-non-live-user",
    "accesslog-undocumented",
    "accesslog-card-format-error",
    "accesslog-lockdown-start",
    "accesslog-lockdown-end",
    "accesslog-doorbell",
    "door-healthcheck",
    "door-healthcheck-online",
    "door-healthcheck-offline",
    "door-state",
    "door-state-at-path" at "door.state",
    "door-state-closed",
    "lock-state",
    "lock-state-locked",
    "lock-state-unlocked" at "webhooks/lock.state",
    "user-card",
    "user-card-undocumented",
    "user-card-flat",
    "user-face-enrolled",
    "user-face-updated",
    "user-face-removed",
    "user-face-flat-enrolled",
    "user-face-flat-removed",
    "unknown-code",
    "unknown-shape",
};

const GXP: &[Sample] = samples! { "gxp":
    "mqtt-gateway-status" at "mqtt-gateway-status",
    "mqtt-gateway-status.without-time" at "mqtt-gateway-status",
    "mqtt-gateway-status.unknown-status" at "mqtt-gateway-status",
    "access-event" at "access-event",
    "cvent.registration.created" at "cvent",
    "cvent.registration.updated" at "cvent",
    "cvent.registration.cancelled" at "cvent",
    "cvent.attendee.checked_in" at "cvent",
    "cvent.registration.merged" at "cvent",
    "attendee-sync" at "attendee-sync",
    "attendee-sync.create" at "attendee-sync",
    "attendee-sync.update" at "attendee-sync",
    "attendee.created",
    "attendee.updated",
    "attendee.deleted",
    "access.granted",
    "access.denied",
    "credential.created",
    "credential.revoked",
    "form.response.created",
    "form.response.updated",
    "badge.printed",
    "unknown-envelope",
};

const GENEA: &[Sample] = samples! { "genea":
    "access-granted",
    "access-granted-live",
    "access-granted-unlocked",
    "access-denied-card-not-found",
    "access-denied-anti-passback",
    "access-denied-undocumented",
    "door-forced",
    "door-held",
    "door-forced-and-held",
    "door-alarm-unexplained",
    "door-secured",
    "door-mode-unlocked",
    "door-mode-card-only",
    "door-remote-unlock",
    "door-remote-lock",
    "door-quick-grant",
    "reader-status",
    "unknown-action",
    "audit-card-created",
    "audit-card-updated",
    "audit-card-deleted",
    "audit-card-other",
    "audit-user-created",
    "audit-user-updated",
    "audit-user-deleted",
    "audit-user-other",
    "audit-door-created",
    "audit-door-updated",
    "audit-door-deleted",
    "audit-other",
    "vertx-granted",
    "vertx-unknown",
    "no-envelope",
};

const ACCESSGRID: &[Sample] = samples! { "accessgrid":
    "ag.access_pass.issued",
    "ag.access_pass.issued.second-generation",
    "ag.access_pass.activated",
    "ag.access_pass.devices.removed",
    "ag.access_pass.suspended",
    "ag.access_pass.resumed",
    "ag.access_pass.unlinked",
    "ag.access_pass.deleted",
    "ag.card_template.published",
    "ag.card_template_pair.created",
    "ag.landing_page.attached_to_template",
    "ag.credential_profile.created",
    "ag.hid_org.activated",
    "ag.account_balance.low",
    "ag.webhook.cert_expiring",
    "ag.account.impersonation_started",
    "ag.access_pass.teleported",
    "spelling-of-the-page",
    "broken",
    "unknown-envelope",
};

const CVENT: &[Sample] = samples! { "cvent":
    "InviteeOrGuestCancelled" at "InviteeOrGuestCancelled/fb8fcfce-691d-4ef1-a4bf-3239105f2eb9",
    "InviteeOrGuestCancelled.two-records" at "InviteeOrGuestCancelled/9b2f4c11-0000-4ef1-a4bf-3239105f2eb9",
    "InviteeAttendsCventSession" at "InviteeAttendsCventSession/cf862ef3-6da0-478b-b82a-aacb48004680",
    "InviteeMarkedAsSessionNoShow" at "InviteeMarkedAsSessionNoShow/1c0d2e3f-6da0-478b-b82a-aacb48004680",
    "InviteeOrGuestEmailSent" at "InviteeOrGuestEmailSent/6512f44f-e0a0-405a-b745-c0100351518d",
    "InviteeSubstitutedInAnEvent" at "InviteeSubstitutedInAnEvent/5ddb3c67-e1c9-49b7-8df4-89ce4d921d66",
    "registered-for-event" at "InviteeOrGuestRegistered/0a1b2c3d-691d-4ef1-a4bf-3239105f2eb9",
    "marked-event-participant" at "InviteeOrGuestMarkedAsParticipant/1a1b2c3d-691d-4ef1-a4bf-3239105f2eb9",
    "contact-created" at "ContactCreated/2a1b2c3d-691d-4ef1-a4bf-3239105f2eb9",
    "unknown-type" at "SomethingNew/3a1b2c3d-691d-4ef1-a4bf-3239105f2eb9",
    "unknown-envelope",
};

/// Returns the samples of a provider.
pub fn samples(provider: Provider) -> &'static [Sample] {
    match provider {
        Provider::Glofox => GLOFOX,
        Provider::Alocity => ALOCITY,
        Provider::Gxp => GXP,
        Provider::Genea => GENEA,
        Provider::Accessgrid => ACCESSGRID,
        Provider::Cvent => CVENT,
    }
}
