//! Users' tokens: which are believed.

use super::*;
use crate::key::SigningKey;
use aws_lc_rs::encoding::AsDer as _;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
const ISSUER: &str = "https://login.example";

/// The issuer, and the keys that it has.
struct Trusted(UserIssuer, KeySet);

impl Trusted {
    fn by(key_set: &str) -> Self {
        Self(UserIssuer::new(ISSUER, "agentcred"), KeySet::read(key_set).unwrap())
    }

    fn verify(
        &self,
        token: &UserToken,
        now: UnixTime,
    ) -> Result<AuthenticatedUser, InvalidUserToken> {
        self.0.verify(token, &self.1, now)
    }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": "agentcred",
        "exp": NOW.seconds() + 60, "iat": NOW.seconds(),
    })
}

fn key_set(keys: &[&SigningKey]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| json!(key.public())).collect();
    json!({ "keys": keys }).to_string()
}

fn signed(key: &SigningKey, claims: &Value) -> UserToken {
    let header = Header::new(key.algorithm());
    UserToken::new(jsonwebtoken::encode(&header, claims, key.encoding_key()).unwrap()).unwrap()
}

fn with(change: &[(&str, Value)]) -> Value {
    let mut claims = claims();
    for (name, value) in change {
        claims[*name] = value.clone();
    }
    claims
}

#[test]
fn a_sound_token_names_its_user_until_it_ends() {
    let key = SigningKey::ephemeral().unwrap();
    let issuer = Trusted::by(&key_set(&[&key]));
    let token = signed(&key, &claims());
    let user = issuer.verify(&token, NOW).unwrap();
    assert_eq!(user.subject, "ada");
    assert!(issuer.verify(&token, user.expires).is_err());
    let for_several = signed(&key, &with(&[("aud", json!(["other", "agentcred"]))]));
    assert!(issuer.verify(&for_several, NOW).is_ok());
}

#[test]
fn a_token_with_anything_wrong_is_refused() {
    let key = SigningKey::ephemeral().unwrap();
    let issuer = Trusted::by(&key_set(&[&key]));
    let later = NOW.seconds() + 3600;
    for change in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("exp", json!(NOW.seconds())),
        ("nbf", json!(later)),
        ("iat", json!(later)),
        ("sub", json!("")),
        ("sub", json!("a\nb")),
        ("sub", json!("x".repeat(256))),
        ("sub", Value::Null),
        ("exp", Value::Null),
    ] {
        let token = signed(&key, &with(std::slice::from_ref(&change)));
        assert!(issuer.verify(&token, NOW).is_err(), "{change:?}");
    }
    let other_key = SigningKey::ephemeral().unwrap();
    assert!(issuer.verify(&signed(&other_key, &claims()), NOW).is_err());
}

#[test]
fn neither_no_algorithm_nor_the_public_key_as_a_secret_is_believed() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key = SigningKey::ephemeral().unwrap();
    let set = key_set(&[&key]);
    let issuer = Trusted::by(&set);
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let unsigned = format!("{}.{}.AA", part(json!({ "alg": "none" })), part(claims()));
    assert!(issuer.verify(&UserToken::new(unsigned).unwrap(), NOW).is_err());
    let secret = EncodingKey::from_secret(set.as_bytes());
    let header = Header::new(Algorithm::HS256);
    let token = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    assert!(issuer.verify(&UserToken::new(token).unwrap(), NOW).is_err());
}

#[test]
fn an_rsa_key_is_used_for_the_algorithm_that_it_names_alone() {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let private: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pem = pem(private.as_ref());
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let mut jwk = json!(Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap());
    let token = |algorithm| {
        let text = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).unwrap();
        UserToken::new(text).unwrap()
    };
    jwk["alg"] = json!("RS256");
    let set = json!({ "keys": [jwk] }).to_string();
    let issuer = Trusted::by(&set);
    assert!(issuer.verify(&token(Algorithm::RS256), NOW).is_ok());
    assert!(issuer.verify(&token(Algorithm::PS256), NOW).is_err());
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

#[test]
fn after_a_rotation_both_keys_are_good_and_an_id_picks_one() {
    let (old, new) = (SigningKey::ephemeral().unwrap(), SigningKey::ephemeral().unwrap());
    let issuer = Trusted::by(&key_set(&[&old, &new]));
    for key in [&old, &new] {
        assert!(issuer.verify(&signed(key, &claims()), NOW).is_ok());
    }
    let mut named = json!(new.public());
    named["kid"] = json!("new");
    let set = json!({ "keys": [named] }).to_string();
    let issuer = Trusted::by(&set);
    let mut header = Header::new(new.algorithm());
    header.kid = Some("old".to_owned());
    let misnamed = jsonwebtoken::encode(&header, &claims(), new.encoding_key()).unwrap();
    assert!(issuer.verify(&UserToken::new(misnamed).unwrap(), NOW).is_err());
}

#[test]
fn a_token_says_whose_it_is_before_that_is_proven() {
    let issuer = UserIssuer::new(ISSUER, "agentcred");
    let token = |claims: &Value| signed(&SigningKey::ephemeral().unwrap(), claims);
    assert!(issuer.is_named_by(&token(&claims())));
    assert!(!issuer.is_named_by(&token(&with(&[("iss", json!("https://evil.example"))]))));
    assert!(!issuer.is_named_by(&UserToken::new("aaa.bbb.ccc").unwrap()));
}

#[test]
fn a_token_shows_nothing_of_itself() {
    assert_eq!(format!("{:?}", UserToken::new("aaa.bbb.ccc").unwrap()), "UserToken(..)");
    for text in ["", "a.b", "a.b.", "a.b.c.d", "a b.c.d", &format!("{}.b.c", "a".repeat(20_000))] {
        assert_eq!(UserToken::new(text).unwrap_err(), NotAToken);
    }
}
