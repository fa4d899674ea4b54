//! Client assertions: a right signature is not enough, every claim must be the one it should be.
#![no_main]

use std::time::Duration;

use agentcred_fuzz::first_line;
use agentcred_fuzz::signed::{NOW, PUBLIC, jws, read_strictly};
use agentcred_protocol::assertion::{Claimed, verify};
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
