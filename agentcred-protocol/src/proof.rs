//! Proof of possession (DPoP, RFC 9449): whoever sends a token also holds its key.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Method};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::clock::UnixTime;
use crate::key::{SigningKey, Thumbprint, VerifyingKey};

/// The request header that carries a proof (RFC 9449 section 4.1).
pub const HEADER: &str = "dpop";

/// The response header with the server nonce that the next proof should carry (RFC 9449 section 8.1).
pub const SERVER_NONCE_HEADER: &str = "dpop-nonce";

/// How old a proof may be. Its id has to be remembered for twice as long as this.
pub const MAX_AGE: Duration = Duration::from_mins(1);

const TYPE: &str = "dpop+jwt";
const LONGEST_PROOF: usize = 4096;
const LONGEST_ID: usize = 128;
const LONGEST_SERVER_NONCE: usize = 256;

/// A proof that proves nothing. One text for every cause: the caller learns no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the DPoP proof is not valid for this request")]
pub struct InvalidProof;

/// The request that a proof is for.
#[derive(Clone, Copy, Debug)]
pub struct ProvenRequest<'a> {
    /// The method, `htm`.
    pub method: &'a Method,
    /// The URL, `htu`; its query and fragment do not count.
    pub url: &'a Url,
    /// The hash of the token that goes with it, `ath`: see
    /// [`Token::proof_hash`](crate::token::Token::proof_hash). None at the token endpoint,
    /// where no token is presented as one.
    pub token_hash: Option<&'a str>,
}

/// Makes the value of the `DPoP` header for one request. `id` must be new: it is spent.
///
/// # Errors
/// When the crypto library cannot sign.
pub fn sign(
    key: &SigningKey,
    request: ProvenRequest<'_>,
    id: &str,
    now: UnixTime,
) -> Result<HeaderValue, InvalidProof> {
    sign_with_server_nonce(key, request, None, id, now)
}

/// As [`sign`], with the last server nonce that the server gave, if it gave one: the proof was
/// made after that and not in advance (RFC 9449 section 8).
///
/// # Errors
/// When the crypto library cannot sign.
pub fn sign_with_server_nonce(
    key: &SigningKey,
    request: ProvenRequest<'_>,
    server_nonce: Option<&str>,
    id: &str,
    now: UnixTime,
) -> Result<HeaderValue, InvalidProof> {
    let mut header = Header::new(key.algorithm());
    header.typ = Some(TYPE.to_owned());
    let mut jwk = key.public().clone();
    jwk.common.key_id = None;
    header.jwk = Some(jwk);
    let claims = Claims {
        jti: id.to_owned(),
        htm: request.method.to_string(),
        htu: without_query(request.url),
        iat: now.seconds(),
        ath: request.token_hash.map(str::to_owned),
        nonce: server_nonce.map(str::to_owned),
    };
    let text =
        jsonwebtoken::encode(&header, &claims, key.encoding_key()).map_err(|_| InvalidProof)?;
    HeaderValue::from_str(&text).map_err(|_| InvalidProof)
}

/// A verified proof: this key signed for this request just now.
#[derive(Clone, Debug)]
#[must_use = "a proof is good once: remember its id until it is too old"]
pub struct Proven {
    /// The key that signed: `jkt` (RFC 9449 section 6.1).
    pub key: Thumbprint,
    /// The proof's `jti`.
    pub id: String,
    /// The server nonce that it carries. Whether it is a good one is for the server to say.
    pub server_nonce: Option<String>,
    /// When the proof stops being acceptable and its id may be forgotten.
    pub expires: UnixTime,
}

/// Checks a proof by the list of RFC 9449 section 4.3. That its id is new is for the caller,
/// who remembers ids, to see to.
///
/// # Errors
/// When any check fails.
pub fn verify(
    proof: &HeaderValue,
    request: ProvenRequest<'_>,
    now: UnixTime,
) -> Result<Proven, InvalidProof> {
    let text = proof.to_str().map_err(|_| InvalidProof)?;
    if text.len() > LONGEST_PROOF {
        return Err(InvalidProof);
    }
    let header = jsonwebtoken::decode_header(text).map_err(|_| InvalidProof)?;
    let algorithm_is_ours = matches!(header.alg, Algorithm::ES256 | Algorithm::EdDSA);
    if header.typ.as_deref() != Some(TYPE)
        || !algorithm_is_ours
        || header.crit.is_some()
        || carries_private_key(text)
    {
        return Err(InvalidProof);
    }
    let key = VerifyingKey::from_jwk(&header.jwk.ok_or(InvalidProof)?).map_err(|_| InvalidProof)?;
    let mut validation = Validation::new(key.algorithm());
    validation.set_required_spec_claims::<&str>(&[]);
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Claims>(text, key.decoding_key(), &validation)
        .map_err(|_| InvalidProof)?
        .claims;
    let signed = UnixTime::from_millis(claims.iat.saturating_mul(1000));
    let right = claims.htm == request.method.as_str()
        && claims.htu == without_query(request.url)
        && claims.ath.as_deref() == request.token_hash
        && (1..=LONGEST_ID).contains(&claims.jti.len())
        && claims.nonce.as_ref().is_none_or(|nonce| nonce.len() <= LONGEST_SERVER_NONCE)
        && signed <= now + MAX_AGE
        && now.since(signed) <= MAX_AGE;
    if !right {
        return Err(InvalidProof);
    }
    Ok(Proven {
        key: key.thumbprint().clone(),
        id: claims.jti,
        server_nonce: claims.nonce,
        expires: signed + MAX_AGE + MAX_AGE,
    })
}

#[derive(Serialize, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// RFC 9449 section 4.3, check 7. The typed header drops a private member, so the raw one is
/// asked.
fn carries_private_key(proof: &str) -> bool {
    let header = proof.split('.').next().unwrap_or_default();
    URL_SAFE_NO_PAD
        .decode(header)
        .ok()
        .and_then(|json| serde_json::from_slice::<serde_json::Value>(&json).ok())
        .is_none_or(|json| json.pointer("/jwk/d").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_proof_names_its_key() {
        let key = SigningKey::ephemeral().unwrap();
        let url = url("https://broker.example/egress/stripe/v1/customers?limit=3");
        let request = ProvenRequest { method: &Method::GET, url: &url, token_hash: Some("hash") };
        let proof = sign(&key, request, "id-1", NOW).unwrap();
        let proven = verify(&proof, request, NOW).unwrap();
        assert_eq!(&proven.key, key.thumbprint());
        assert_eq!(proven.id, "id-1");
    }

    #[test]
    fn another_method_url_token_or_time_is_refused() {
        let key = SigningKey::ephemeral().unwrap();
        let (here, there) = (url("https://b.example/a"), url("https://b.example/b"));
        let request = ProvenRequest { method: &Method::GET, url: &here, token_hash: Some("hash") };
        let proof = sign(&key, request, "id-1", NOW).unwrap();
        let later = NOW + MAX_AGE + Duration::from_secs(1);
        let earlier = UnixTime::from_millis(NOW.millis() - 61_000);
        assert!(verify(&proof, ProvenRequest { method: &Method::POST, ..request }, NOW).is_err());
        assert!(verify(&proof, ProvenRequest { url: &there, ..request }, NOW).is_err());
        assert!(
            verify(&proof, ProvenRequest { token_hash: Some("other"), ..request }, NOW).is_err()
        );
        assert!(verify(&proof, ProvenRequest { token_hash: None, ..request }, NOW).is_err());
        assert!(verify(&proof, request, later).is_err());
        assert!(verify(&proof, request, earlier).is_err());
    }

    #[test]
    fn a_proof_that_carries_its_private_key_is_refused() {
        let claims = r#"{"jwk":{"kty":"EC","d":"AAAA"}}"#;
        let text = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(claims));
        assert!(carries_private_key(&text));
    }

    /// The proof of RFC 9449 section 5, figure 2, with its own key, URL and time.
    #[test]
    fn the_example_of_rfc_9449_verifies() {
        let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik\
                     VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR\
                     nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE\
                     QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj\
                     oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia\
                     WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg\
                     4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
        let url = url("https://server.example.com/token");
        let request = ProvenRequest { method: &Method::POST, url: &url, token_hash: None };
        let proven = verify(
            &HeaderValue::from_static(proof),
            request,
            UnixTime::from_millis(1_562_262_616_000),
        )
        .unwrap();
        assert_eq!(proven.id, "-BwC3ESc6acc2lTc");
        // The `jkt` of figure 8 of the same RFC.
        assert_eq!(proven.key.as_str(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    /// The request of RFC 9449 section 7.1, figure 12, with its access token.
    #[test]
    fn the_resource_request_of_rfc_9449_verifies() {
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        let hash = URL_SAFE_NO_PAD.encode(digest);
        assert_eq!(hash, "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik\
                     VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR\
                     nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE\
                     QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj\
                     oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z\
                     WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF\
                     c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E\
                     OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
        let url = url("https://resource.example.org/protectedresource");
        let request = ProvenRequest { method: &Method::GET, url: &url, token_hash: Some(&hash) };
        let now = UnixTime::from_millis(1_562_262_618_000);
        assert!(verify(&HeaderValue::from_static(proof), request, now).is_ok());
        let other = ProvenRequest { token_hash: Some("another"), ..request };
        assert!(verify(&HeaderValue::from_static(proof), other, now).is_err());
    }

    #[test]
    fn a_proof_carries_the_server_nonce_that_it_was_given() {
        let key = SigningKey::ephemeral().unwrap();
        let url = url("https://server.example.com/token");
        let request = ProvenRequest { method: &Method::POST, url: &url, token_hash: None };
        // The server nonce of RFC 9449 section 8.
        let nonce = "eyJ7S_zG.eyJH0-Z.HX4w-7v";
        let proof = sign_with_server_nonce(&key, request, Some(nonce), "id-1", NOW).unwrap();
        let proven = verify(&proof, request, NOW).unwrap();
        assert_eq!(proven.server_nonce.as_deref(), Some(nonce));
        let endless = "n".repeat(LONGEST_SERVER_NONCE + 1);
        let proof = sign_with_server_nonce(&key, request, Some(&endless), "id-2", NOW).unwrap();
        assert!(verify(&proof, request, NOW).is_err());
    }

    proptest! {
        #[test]
        fn no_header_makes_verifying_panic(text in "[ -~]{0,200}") {
            let url = url("https://b.example/");
            let request = ProvenRequest { method: &Method::GET, url: &url, token_hash: None };
            prop_assert!(verify(&HeaderValue::from_str(&text).unwrap(), request, NOW).is_err());
        }
    }
}
