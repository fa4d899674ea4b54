//! DPoP proofs: a right signature is not enough, every claim must be the one it should be.
#![no_main]

use agentcred_fuzz::first_line;
use agentcred_fuzz::signed::{NOW, PUBLIC, jws, read_strictly};
use agentcred_protocol::proof::{MAX_AGE, ProvenRequest, verify};
use http::{HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use url::Url;

const URL: &str = "https://broker.example/egress/stripe/v1/customers";

// The header of a proof, a line feed, and its claims.
fuzz_target!(|data: &[u8]| {
    let url = Url::parse(&format!("{URL}?limit=3#part")).expect("a URL");
    let request = ProvenRequest { method: &Method::GET, url: &url, token_hash: Some("hash") };
    if let Ok(value) = HeaderValue::from_bytes(data) {
        assert!(verify(&value, request, NOW).is_err(), "nobody signed this");
    }
    let Some((header, claims)) = first_line(data) else { return };
    let proof = HeaderValue::from_str(&jws(header, claims)).expect("base64 and dots");
    let Ok(proven) = verify(&proof, request, NOW) else { return };

    assert_eq!(&proven.key, PUBLIC.thumbprint());
    let Some(header) = read_strictly(header) else { return };
    assert_eq!(header["typ"], "dpop+jwt");
    assert_eq!(header["alg"], "EdDSA");
    assert!(header["jwk"].get("d").is_none(), "a private key travelled");
    let Some(claims) = read_strictly(claims) else { return };
    assert_eq!(claims["htm"], "GET");
    assert_eq!(claims["htu"], URL);
    assert_eq!(claims["ath"], "hash");
    assert_eq!(claims["jti"], proven.id);
    assert!((1..=128).contains(&proven.id.len()));
    let signed = claims["iat"].as_u64().expect("a whole number");
    assert!(signed.abs_diff(NOW.seconds()) <= MAX_AGE.as_secs(), "too old or too new");
    assert!(proven.expires > NOW, "its id may be forgotten while it is good");
});
