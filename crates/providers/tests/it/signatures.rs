//! Signatures that were computed by other programs, and what must not pass for one.

use providers::{Key, Provider, Refusal, SecretEncoding, Verified};

use crate::given::{at, delivery, key};

const SECRET: &str = "whsec_test_0123456789";
/// 2026-01-01T00:00:00Z.
const SIGNED_AT_S: i64 = 1_767_225_600;
const GLOFOX_BODY: &str = include_str!("../../fixtures/glofox/access-updated.json");
const GLOFOX_MAC: &str = "b4d11ca6941908525e03119ab9f088094a67f570e96ebf1fcbc86456e63e6bf8";
const ALOCITY_BODY: &str = r#"{"serialNumber":"SN-0001","doorState":1}"#;
const ALOCITY_MAC: &str = "4CL5OHSM1sJ8jjokIpB/ltzjakn8uZHto8EjZhGHUho=";
const BASE64_SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const GENEA_BODY: &str = r#"{"uuid":"12722658","event_time":"2021-01-28T10:46:56.804Z","event_type":"AUDIT","event_action":"CREATED"}"#;
const GENEA_MAC: &str = "sha1=de199de9ca860217e9efbc91a61db8473ee484ff";

fn verify(
    key: &Key,
    provider: Provider,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Verified, Refusal> {
    providers::verify(delivery(provider, "", headers, body), &[key])
}

fn text_key(provider: Provider) -> Key {
    key(provider, "key-1", SECRET)
}

#[test]
fn glofox_vector_fits_in_each_header_and_case() {
    let key = text_key(Provider::Glofox);
    let fits =
        |name: &str, mac: &str| verify(&key, Provider::Glofox, &[(name, mac)], GLOFOX_BODY).is_ok();
    assert!(fits("Signature", GLOFOX_MAC));
    assert!(fits("x-glofox-signature", GLOFOX_MAC));
    assert!(fits("x-signature", &GLOFOX_MAC.to_uppercase()));
    assert!(!fits("authorization", GLOFOX_MAC));
    assert!(!fits("signature", &GLOFOX_MAC[2..]));
    assert!(!fits("signature", ""));
}

#[test]
fn the_first_of_glofox_headers_counts() {
    let key = text_key(Provider::Glofox);
    let wrong = "00".repeat(32);
    let both = |first: &str, second: &str| {
        let headers = [("signature", first), ("x-signature", second)];
        verify(&key, Provider::Glofox, &headers, GLOFOX_BODY).is_ok()
    };
    assert!(both(GLOFOX_MAC, &wrong));
    assert!(!both(&wrong, GLOFOX_MAC));
}

#[test]
fn a_bad_first_header_of_glofox_is_not_made_good_by_the_next() {
    let key = text_key(Provider::Glofox);
    let good = ("x-signature", GLOFOX_MAC);
    let twice = ("signature", GLOFOX_MAC);
    for headers in [&[twice, twice, good][..], &[("signature", "no hex"), good]] {
        let refused = verify(&key, Provider::Glofox, headers, GLOFOX_BODY);
        assert_eq!(refused.unwrap_err(), Refusal::Unproven);
    }
}

#[test]
fn a_signature_that_came_twice_is_none() {
    let key = text_key(Provider::Glofox);
    let headers = [("signature", GLOFOX_MAC), ("signature", GLOFOX_MAC)];
    let refused = verify(&key, Provider::Glofox, &headers, GLOFOX_BODY);
    assert_eq!(refused.unwrap_err(), Refusal::Unproven);
}

#[test]
fn alocity_vectors_fit_text_and_base64_secrets() {
    let vectors = [
        (SECRET, SecretEncoding::Text, ALOCITY_MAC),
        (
            BASE64_SECRET,
            SecretEncoding::Text,
            "85vBnMKu0aVYvPkHUi5MLkco6C2am0yPH4tSv9vN5fM=",
        ),
        (
            BASE64_SECRET,
            SecretEncoding::Base64,
            "8vryAQb5LcrBQVgoK08QXsWNwtXHfUrv+S/bHnELhg0=",
        ),
    ];
    for (secret, encoding, mac) in vectors {
        let key = Key::new(Provider::Alocity, "key-1", &secret.into(), encoding).unwrap();
        let header = format!("t:{SIGNED_AT_S},sig:{mac}");
        let headers = [("Alocity-Signature", header.as_str())];
        let verified = verify(&key, Provider::Alocity, &headers, ALOCITY_BODY).unwrap();
        assert_eq!(verified.signed_at(), Some(at("2026-01-01T00:00:00Z")));
    }
}

#[test]
fn alocity_header_is_read_tolerantly() {
    let key = text_key(Provider::Alocity);
    let fits = |header: &str| {
        let headers = [("alocity-signature", header)];
        verify(&key, Provider::Alocity, &headers, ALOCITY_BODY).is_ok()
    };
    let (t, unpadded) = (SIGNED_AT_S, ALOCITY_MAC.trim_end_matches('='));
    let url_safe = ALOCITY_MAC.replace('+', "-").replace('/', "_");
    assert!(fits(&format!("t={t}; SIG={ALOCITY_MAC}")));
    assert!(fits(&format!("sig:{ALOCITY_MAC} T:{t}")));
    assert!(fits(&format!("t: {t}, sig: {ALOCITY_MAC}")));
    assert!(fits(&format!("t:{t},sig:{unpadded}")));
    assert!(fits(&format!("t:{t},sig:{url_safe}")));
    assert!(fits(&format!("v:1,t:{t},sig:AAAA,sig:{ALOCITY_MAC}")));

    assert!(!fits(&format!("t:{t},t:{t},sig:{ALOCITY_MAC}")));
    assert!(!fits(&format!("t:{},sig:{ALOCITY_MAC}", t + 1)));
    assert!(!fits(&format!("t:{t}.0,sig:{ALOCITY_MAC}")));
    assert!(!fits(&format!("t:{t}")));
    assert!(!fits(&format!("sig:{ALOCITY_MAC}")));
    assert!(!fits(""));
}

#[test]
fn more_alocity_signatures_than_anybody_rotates_are_refused() {
    let key = text_key(Provider::Alocity);
    let fits = |wrong: usize, other: &str| {
        let wrong = format!(",sig:{other}").repeat(wrong);
        let header = format!("t:{SIGNED_AT_S}{wrong},sig:{ALOCITY_MAC}");
        let headers = [("alocity-signature", header.as_str())];
        verify(&key, Provider::Alocity, &headers, ALOCITY_BODY).is_ok()
    };
    let other = format!("{}=", "A".repeat(43));
    assert!(fits(7, &other));
    for wrong in [8, 4_000] {
        assert!(!fits(wrong, &other));
        assert!(!fits(wrong, "AAAA"));
    }
}

#[test]
fn genea_vector_fits_with_its_prefix_only() {
    let key = text_key(Provider::Genea);
    let fits = |mac: &str| {
        let headers = [("X-Sequr-Signature", mac)];
        verify(&key, Provider::Genea, &headers, GENEA_BODY).is_ok()
    };
    assert!(fits(GENEA_MAC));
    assert!(!fits(GENEA_MAC.trim_start_matches("sha1=")));
    assert!(!fits(&GENEA_MAC.replace("sha1", "sha256")));
}

#[test]
fn a_key_of_another_source_does_not_fit() {
    let other = key(Provider::Glofox, "key-2", "another");
    let headers = [("signature", GLOFOX_MAC)];
    assert!(verify(&other, Provider::Glofox, &headers, GLOFOX_BODY).is_err());
}
