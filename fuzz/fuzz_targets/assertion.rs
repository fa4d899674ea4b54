//! Client assertions: a right signature is not enough, every claim must be the one it should be.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use agentcred_fuzz::first_line;
use agentcred_fuzz::signed::{KEYS, NOW, PUBLIC, jws, read_strictly};
use agentcred_protocol::assertion::{Claimed, verify};
use agentcred_protocol::workload::{LONGEST_LIFETIME, WorkloadIssuer};
use libfuzzer_sys::fuzz_target;
use url::Url;

// The header of an assertion, a line feed, and its claims.
fuzz_target!(|data: &[u8]| {
    let issuer = Url::parse("https://issuer.example/").expect("a URL");
    let verify = |text: &str| verify(text, "billing-agent", &PUBLIC, &issuer, NOW);
    if let Ok(text) = str::from_utf8(data) {
        let _ = Claimed::of(text);
        assert!(verify(text).is_err(), "nobody signed this");
    }
    let Some((header, claims)) = first_line(data) else { return };
    let assertion = jws(header, claims);
    workload(&assertion, header, claims);
    let Ok(authenticated) = verify(&assertion) else { return };

    assert_eq!(&authenticated.key, PUBLIC.thumbprint());
    let Some(header) = read_strictly(header) else { return };
    assert_eq!(header["alg"], "EdDSA");
    assert!(header.get("crit").is_none_or(|crit| crit.is_null()), "an extension is ignored");
    if let Ok(claimed) = Claimed::of(&assertion) {
        assert_eq!(claimed.sub, "billing-agent", "what was believed first was not what was signed");
    }
    let Some(claims) = read_strictly(claims) else { return };
    assert_eq!(claims["iss"], "billing-agent");
    assert_eq!(claims["sub"], "billing-agent");
    let audience = match &claims["aud"] {
        serde_json::Value::Array(texts) if texts.len() == 1 => &texts[0],
        audience => audience,
    };
    let audience = audience.as_str().expect("one audience");
    assert_eq!(audience.trim_end_matches('/'), "https://issuer.example");
    assert_eq!(claims["jti"], authenticated.id);
    assert!((1..=256).contains(&authenticated.id.len()));
    assert!(authenticated.expires > NOW, "it is over");
    assert!(authenticated.expires.since(NOW) <= Duration::from_mins(5), "it is good for too long");
});

/// The same text as a token that a platform signed for a workload.
fn workload(assertion: &str, header: &str, claims: &str) {
    static MESH: LazyLock<WorkloadIssuer> = LazyLock::new(|| {
        let domain = Some("corp.example".to_owned());
        WorkloadIssuer::new(None, domain, "https://issuer.example/").expect("a trust domain")
    });
    let Ok(workload) = MESH.verify(assertion, &KEYS, NOW) else { return };
    let Some(header) = read_strictly(header) else { return };
    assert_eq!(header["alg"], "EdDSA");
    assert!(header.get("crit").is_none_or(|crit| crit.is_null()), "an extension is ignored");
    assert_ne!(header["typ"], "dpop+jwt", "a proof is no assertion");
    let Some(claims) = read_strictly(claims) else { return };
    assert_eq!(claims["sub"], workload.subject);
    let url = Url::parse(&workload.subject).expect("a SPIFFE id is a URL");
    assert_eq!((url.scheme(), url.host_str()), ("spiffe", Some("corp.example")));
    assert_eq!(url.as_str(), workload.subject, "a parser sees another subject");
    assert!(workload.expires > NOW, "it is over");
    assert!(workload.expires.since(NOW) <= LONGEST_LIFETIME, "it is good for too long");
}
