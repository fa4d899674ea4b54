//! Keys: an agent's own key pair and the public half that an issuer knows it by.

use std::fmt;

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A key that cannot be used. The text never holds a part of the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither PEM nor JWK, or of another kind than P-256 and Ed25519.
    #[error("not a P-256 or Ed25519 key as a JWK (RFC 7517) or PKCS #8 PEM")]
    Unsupported,
    /// A private key stands where a public one belongs.
    #[error(
        "this JWK holds a private key; put the public half here and move this file to the agent"
    )]
    Private,
    /// A public key stands where a private one belongs.
    #[error("this JWK holds only the public half of a key; the private half is needed here")]
    Public,
    /// The crypto library could not make a key.
    #[error("a key could not be generated")]
    Generation,
}

/// SHA-256 over the canonical JWK, in base64url (RFC 7638). It names a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// The thumbprint as text: 43 base64url characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The thumbprint of a public key.
    ///
    /// # Errors
    /// When the key is of a kind that has none.
    pub fn of(jwk: &Jwk) -> Result<Self, KeyError> {
        jwk.thumbprint(ThumbprintHash::SHA256).map(Self).map_err(|_| KeyError::Unsupported)
    }
}

/// A private key that signs assertions or proofs.
///
/// # Security
/// It has no `Clone` and no way to read the key back, but for [`Self::generate`], which hands
/// the text out once for a file.
pub struct SigningKey {
    key: EncodingKey,
    algorithm: Algorithm,
    public: Jwk,
    thumbprint: Thumbprint,
}

impl SigningKey {
    /// A new P-256 key that lives in this process only, as a task's proof key does.
    ///
    /// # Errors
    /// When the crypto library cannot make one.
    pub fn ephemeral() -> Result<Self, KeyError> {
        Self::from_p256(
            &EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .map_err(|_| KeyError::Generation)?,
        )
    }

    /// A new P-256 key and its private JWK, for a file that only the agent reads.
    ///
    /// # Errors
    /// When the crypto library cannot make one.
    pub fn generate() -> Result<(Self, Zeroizing<String>), KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| KeyError::Generation)?;
        let key = Self::from_p256(&pair)?;
        let d = pair.private_key().as_be_bytes().map_err(|_| KeyError::Generation)?;
        let d = Zeroizing::new(URL_SAFE_NO_PAD.encode(d.as_ref()));
        let AlgorithmParameters::EllipticCurve(public) = &key.public.algorithm else {
            return Err(KeyError::Generation);
        };
        let text = format!(
            "{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{}\",\"y\":\"{}\",\"d\":\"{}\"}}\n",
            public.x, public.y, *d
        );
        Ok((key, Zeroizing::new(text)))
    }

    /// Reads a private JWK or a PKCS #8 PEM.
    ///
    /// # Errors
    /// When it is neither, or holds no P-256 or Ed25519 private key.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        if text.contains("-----BEGIN") { Self::from_pem(text) } else { Self::from_jwk(text) }
    }

    /// The name of the key (RFC 7638).
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The public half, for the issuer's policy or the header of a proof.
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn encoding_key(&self) -> &EncodingKey {
        &self.key
    }

    fn new(key: EncodingKey, algorithm: Algorithm) -> Result<Self, KeyError> {
        let mut public =
            Jwk::from_encoding_key(&key, algorithm).map_err(|_| KeyError::Unsupported)?;
        let thumbprint = Thumbprint::of(&public)?;
        public.common.key_id = Some(thumbprint.0.clone());
        Ok(Self { key, algorithm, public, thumbprint })
    }

    fn from_p256(pair: &EcdsaKeyPair) -> Result<Self, KeyError> {
        let der = pair.to_pkcs8v1().map_err(|_| KeyError::Unsupported)?;
        Self::new(EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES256)
    }

    fn from_pem(text: &str) -> Result<Self, KeyError> {
        if let Ok(key) = EncodingKey::from_ec_pem(text.as_bytes()) {
            return Self::new(key, Algorithm::ES256);
        }
        let key = EncodingKey::from_ed_pem(text.as_bytes()).map_err(|_| KeyError::Unsupported)?;
        Self::new(key, Algorithm::EdDSA)
    }

    fn from_jwk(text: &str) -> Result<Self, KeyError> {
        let jwk: PrivateJwk = serde_json::from_str(text).map_err(|_| KeyError::Unsupported)?;
        let bytes = |field: &str| {
            URL_SAFE_NO_PAD.decode(field).map(Zeroizing::new).map_err(|_| KeyError::Unsupported)
        };
        let d = bytes(&jwk.d.ok_or(KeyError::Public)?)?;
        let x = bytes(&jwk.x)?;
        match (jwk.crv.as_str(), jwk.y) {
            ("P-256", Some(y)) => {
                let public = [&[4], x.as_slice(), bytes(&y)?.as_slice()].concat();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &d,
                    &public,
                );
                Self::from_p256(&pair.map_err(|_| KeyError::Unsupported)?)
            }
            ("Ed25519", None) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&d, &x)
                    .map_err(|_| KeyError::Unsupported)?;
                debug_assert_eq!(pair.public_key().as_ref(), x.as_slice());
                let der = pair.to_pkcs8v1().map_err(|_| KeyError::Unsupported)?;
                Self::new(EncodingKey::from_ed_der(der.as_ref()), Algorithm::EdDSA)
            }
            _ => Err(KeyError::Unsupported),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

/// A public key that signatures are checked with.
#[derive(Clone)]
pub struct VerifyingKey {
    key: DecodingKey,
    algorithm: Algorithm,
    thumbprint: Thumbprint,
}

impl VerifyingKey {
    /// Reads a public JWK as JSON.
    ///
    /// # Errors
    /// When it is not a public P-256 or Ed25519 key. A private key is refused: it does not
    /// belong at the issuer.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let json: serde_json::Value =
            serde_json::from_str(text).map_err(|_| KeyError::Unsupported)?;
        if json.get("d").is_some() {
            return Err(KeyError::Private);
        }
        Self::from_jwk(&serde_json::from_value(json).map_err(|_| KeyError::Unsupported)?)
    }

    /// Takes a public JWK.
    ///
    /// # Errors
    /// When it is not a P-256 or Ed25519 key.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            _ => return Err(KeyError::Unsupported),
        };
        let key = DecodingKey::from_jwk(jwk).map_err(|_| KeyError::Unsupported)?;
        Ok(Self { key, algorithm, thumbprint: Thumbprint::of(jwk)? })
    }

    /// The name of the key (RFC 7638).
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn decoding_key(&self) -> &DecodingKey {
        &self.key
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

/// The members of a private JWK that are read (RFC 7518 section 6.2, RFC 8037 section 2).
#[derive(Deserialize)]
struct PrivateJwk {
    crv: String,
    x: String,
    y: Option<String>,
    d: Option<Zeroizing<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_reads_back_as_the_same_key() {
        let (key, text) = SigningKey::generate().unwrap();
        assert_eq!(SigningKey::read(&text).unwrap().thumbprint(), key.thumbprint());
        assert!(matches!(VerifyingKey::read(&text), Err(KeyError::Private)));
        let public = serde_json::to_string(key.public()).unwrap();
        assert_eq!(VerifyingKey::read(&public).unwrap().thumbprint(), key.thumbprint());
        assert!(matches!(SigningKey::read(&public), Err(KeyError::Public)));
    }

    #[test]
    fn an_ed25519_jwk_signs_as_rfc_8037_appendix_a_names_it() {
        let text = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let key = SigningKey::read(text).unwrap();
        assert_eq!(key.thumbprint().as_str(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(key.algorithm(), Algorithm::EdDSA);
    }

    #[test]
    fn the_thumbprint_of_rfc_7638_section_3_1_is_ours() {
        let text = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
        let jwk = serde_json::from_str(text).unwrap();
        let thumbprint = Thumbprint::of(&jwk).unwrap();
        assert_eq!(thumbprint.as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "{}",
            "null",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"oct","k":"c2VjcmV0"}"#,
        ] {
            assert!(SigningKey::read(text).is_err(), "{text}");
            assert!(VerifyingKey::read(text).is_err(), "{text}");
        }
    }
}
