//! Tokens that are signed rightly and say whatever the fuzzer wants them to say.

use std::sync::LazyLock;

use agentcred_protocol::clock::UnixTime;
use agentcred_protocol::key::VerifyingKey;
use agentcred_protocol::key_set::KeySet;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The moment of every verification.
pub const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed is a key"));

static JWK: LazyLock<String> = LazyLock::new(|| {
    let x = URL_SAFE_NO_PAD.encode(KEY.public_key().as_ref());
    format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#)
});

/// The public half of the key that signs.
pub static PUBLIC: LazyLock<VerifyingKey> =
    LazyLock::new(|| VerifyingKey::read(&JWK).expect("a public key"));

/// The same key as a set of one.
pub static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::read(&format!(r#"{{"keys":[{}]}}"#, *JWK)).expect("a key set"));

/// A JWS (RFC 7515 section 7.1) of this header and these claims, byte for byte. `$JWK` stands for
/// the public key.
pub fn jws(header: &str, claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text.replace("$JWK", &JWK));
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(KEY.sign(signed.as_bytes()).as_ref());
    format!("{signed}.{signature}")
}

/// The claims as another parser reads them: an object of which every name stands once. None when a
/// member that nobody asks for is a number that this parser, and it alone, must give a value.
pub fn read_strictly(claims: &str) -> Option<Value> {
    let claims = claims.replace("$JWK", &JWK);
    let value: Value = match serde_json::from_str(&claims) {
        Ok(value) => value,
        Err(error) if error.to_string().starts_with("number out of range") => return None,
        Err(error) => panic!("accepted claims are JSON: {error}"),
    };
    assert!(value.is_object(), "accepted claims are no object");
    Some(value)
}
