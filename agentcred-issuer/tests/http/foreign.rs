//! JWTs as clients and identity providers of others sign them, with every member open to a test.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// A P-256 key that names itself as it likes.
pub(crate) struct Signer {
    key: EncodingKey,
    kid: Option<String>,
}

impl Signer {
    pub(crate) fn named(kid: &str) -> Self {
        Self { kid: Some(kid.to_owned()), ..Self::nameless() }
    }

    pub(crate) fn nameless() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self { key, kid: None }
    }

    /// The public half, with the name that the key has.
    pub(crate) fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::ES256).unwrap();
        jwk.common.key_id.clone_from(&self.kid);
        json!(jwk)
    }

    pub(crate) fn header(&self) -> Header {
        Header { kid: self.kid.clone(), ..Header::new(Algorithm::ES256) }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    pub(crate) fn sign_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).unwrap()
    }
}
