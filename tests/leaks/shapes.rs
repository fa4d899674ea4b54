//! A second opinion: what a credential looks like, by somebody who knows none of them.
//!
//! The oracle of the test kit knows the secret and looks for it. This judge knows shapes alone, as a
//! scanner does that goes over logs, and shares no code with the oracle or with the redaction.

use agentcred::protocol::assertion;
use agentcred::protocol::clock::UnixTime;
use agentcred::protocol::key::SigningKey;
use agentcred::protocol::token::NonceToken;
use agentcred::testing::Echo;
use aws_lc_rs::rand::SystemRandom;
use regex::bytes::RegexSet;

/// The shapes, each with a name for whoever reads the failure. Lengths are those of whole tokens: a
/// hash or a public id is shorter, so that chance does not make one.
const SHAPES: [(&str, &str); 12] = [
    ("nonce or grant", r"ac[ng]_[A-Za-z0-9_-]{44}"),
    ("nonce or grant, backwards", r"[A-Za-z0-9_-]{49}_[ng]ca"),
    ("nonce or grant, in hex", r"(?i)6163(6e|67)5f[0-9a-f]{60}"),
    ("nonce or grant, percent-encoded", r"(?i)%61%63%6[e7]%5f(%[0-9a-f]{2}){16}"),
    ("nonce or grant, in base64", r"YWN[un]X[A-Za-z0-9+/_-]{60}"),
    ("nonce or grant, in base64 from its third byte", r"Fj(bl|Z1)[A-Za-z0-9+/_-]{60}"),
    ("nonce or grant, in base64 from its second byte", r"hY2[5d]f[A-Za-z0-9+/_-]{60}"),
    ("signed token", r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    ("authorization", r"(?i)\b(dpop|bearer|basic) [A-Za-z0-9._~+/=-]{16,}"),
    ("private key, in PEM", r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s[A-Za-z0-9+/=\s]{40}"),
    ("private key, as a JWK", r#""d" ?: ?"[A-Za-z0-9_-]{40,}""#),
    ("the upstream's key", r"[sr]k_(live|test)_[A-Za-z0-9]{16,}"),
];

/// The judge.
pub(crate) struct Shapes(RegexSet);

impl Shapes {
    pub(crate) fn new() -> Self {
        Self(RegexSet::new(SHAPES.map(|(_, shape)| shape)).unwrap())
    }

    /// The names of the shapes that are seen in a text.
    pub(crate) fn seen_in(&self, text: &[u8]) -> Vec<&'static str> {
        self.0.matches(text).iter().map(|number| SHAPES[number].0).collect()
    }
}

/// Texts that hold a credential made for this test, with the shape that each must be seen as.
fn examples() -> Vec<(usize, String)> {
    let nonce = NonceToken::mint(&SystemRandom::new()).unwrap().authorization().unwrap();
    let header = nonce.to_str().unwrap().to_owned();
    let nonce = header.trim_start_matches("DPoP ");
    let (key, jwk) = SigningKey::generate().unwrap();
    let issuer = "https://issuer.example/".parse().unwrap();
    let agent = "crowd".parse().unwrap();
    let assertion = assertion::sign(&key, &agent, &issuer, "id-1", UnixTime::from_millis(1));
    vec![
        (0, nonce.to_owned()),
        (0, nonce.replace("acn_", "acg_")),
        (1, Echo::Reversed.encode(nonce)),
        (2, Echo::Hex.encode(nonce)),
        (3, Echo::Percent.encode(nonce)),
        (4, Echo::Base64.encode(nonce)),
        (5, Echo::Base64.encode(&format!("user:x:{nonce}"))),
        (6, Echo::Base64OfPair.encode(nonce)),
        (7, assertion.unwrap()),
        (8, header.clone()),
        (9, format!("-----BEGIN PRIVATE KEY-----\n{}", "MIGHAgEA".repeat(6))),
        (10, jwk.to_string()),
        (11, "rk_test_9fQ2xVb7LmT4wRk8ZsYc3HdE".to_owned()),
    ]
}

#[test]
fn every_shape_is_seen_and_nothing_else() {
    let (shapes, examples) = (Shapes::new(), examples());
    for (number, (name, _)) in SHAPES.iter().enumerate() {
        assert!(examples.iter().any(|(shape, _)| *shape == number), "{name} has no example");
    }
    for (shape, example) in examples {
        let line = format!("INFO call: {{\"answer\": \"{example}\"}}");
        assert!(shapes.seen_in(line.as_bytes()).contains(&SHAPES[shape].0), "{line}");
    }
    let harmless = r#"{"nonce_id":"n_0123456789abcdef","args_hash":"sha-256:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG","token_type":"DPoP"}"#;
    assert_eq!(shapes.seen_in(harmless.as_bytes()), Vec::<&str>::new());
}
