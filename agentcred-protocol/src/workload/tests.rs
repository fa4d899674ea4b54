//! Workloads' tokens: which are believed.

use super::*;
use crate::key::SigningKey;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
const VAULT: &str = "https://vault.example";
const BILLING: &str = "spiffe://corp.example/ns/billing/sa/agent";
const ACCOUNT: &str = "system:serviceaccount:billing:agent";
const CLUSTER: &str = "https://kubernetes.default.svc";

/// An issuer with one key.
struct Platform {
    issuer: WorkloadIssuer,
    key: SigningKey,
    keys: KeySet,
}

impl Platform {
    fn of(issuer: Option<&str>, trust_domain: Option<&str>) -> Self {
        let key = SigningKey::ephemeral().unwrap();
        let keys = KeySet::read(&json!({ "keys": [key.public()] }).to_string()).unwrap();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let issuer = WorkloadIssuer::new(owned(issuer), owned(trust_domain), VAULT).unwrap();
        Self { issuer, key, keys }
    }

    fn sign(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, self.key.encoding_key()).unwrap()
    }

    fn verify(&self, claims: &Value) -> Result<AuthenticatedWorkload, InvalidAssertion> {
        let assertion = self.sign(&Header::new(self.key.algorithm()), claims);
        self.issuer.verify(&assertion, &self.keys, NOW)
    }
}

fn claims(sub: &str) -> Value {
    json!({ "sub": sub, "aud": [VAULT], "exp": NOW.seconds() + 300 })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[test]
fn a_jwt_svid_needs_no_issuer_and_is_good_as_often_as_it_is_read() {
    let domain = Platform::of(None, Some("corp.example"));
    for _ in 0..2 {
        let workload = domain.verify(&claims(BILLING)).unwrap();
        assert_eq!(workload.subject, BILLING);
        assert_eq!(workload.expires, NOW + std::time::Duration::from_mins(5));
    }
}

#[test]
fn a_service_account_is_of_the_cluster_that_signed() {
    let cluster = Platform::of(Some(CLUSTER), None);
    let claims = with(claims(ACCOUNT), "iss", json!(CLUSTER));
    assert_eq!(cluster.verify(&claims).unwrap().subject, ACCOUNT);
    assert!(cluster.verify(&with(claims, "iss", json!("https://evil.example"))).is_err());
    assert!(cluster.verify(&super::tests::claims(ACCOUNT)).is_err());
}

#[test]
fn a_token_with_anything_wrong_is_refused() {
    let domain = Platform::of(None, Some("corp.example"));
    let day = LONGEST_LIFETIME.as_secs();
    for (name, value) in [
        ("aud", json!("https://other.example")),
        ("aud", json!([VAULT, "https://other.example"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", json!(NOW.seconds())),
        ("exp", json!(NOW.seconds() + day + 1)),
        ("exp", Value::Null),
        ("nbf", json!(NOW.seconds() + 60)),
        ("iat", json!(NOW.seconds() + 60)),
        ("sub", json!("spiffe://evil.example/billing")),
        ("sub", json!("spiffe://corp.example.evil.example/billing")),
        ("sub", json!("spiffe://corp.example")),
        ("sub", json!("spiffe://corp.example/")),
        ("sub", json!("spiffe://corp.example/a/../billing")),
        ("sub", json!("spiffe://corp.example/a//billing")),
        ("sub", json!("spiffe://corp.example/b%69lling")),
        ("sub", json!("SPIFFE://corp.example/billing")),
        ("sub", Value::Null),
    ] {
        let changed = with(claims(BILLING), name, value.clone());
        assert!(domain.verify(&changed).is_err(), "{name}: {value}");
    }
    // The control: as long as it may be good.
    assert!(domain.verify(&with(claims(BILLING), "exp", json!(NOW.seconds() + day))).is_ok());
}

#[test]
fn only_a_key_of_the_set_by_its_own_algorithm_counts() {
    let (domain, other) =
        (Platform::of(None, Some("corp.example")), SigningKey::ephemeral().unwrap());
    let verify = |token: &str| domain.issuer.verify(token, &domain.keys, NOW);
    let header = Header::new(domain.key.algorithm());
    let strange = jsonwebtoken::encode(&header, &claims(BILLING), other.encoding_key()).unwrap();
    assert!(verify(&strange).is_err());
    let secret = EncodingKey::from_secret(json!(domain.key.public()).to_string().as_bytes());
    let shared = jsonwebtoken::encode(&Header::default(), &claims(BILLING), &secret).unwrap();
    assert!(verify(&shared).is_err());
    let misnamed = Header { kid: Some("another".to_owned()), ..header.clone() };
    assert!(verify(&domain.sign(&misnamed, &claims(BILLING))).is_err());
    let extended = Header { crit: Some(vec!["exp".to_owned()]), ..header.clone() };
    assert!(verify(&domain.sign(&extended, &claims(BILLING))).is_err());
    for (typ, is_taken) in [("jwt", true), ("JOSE", true), ("dpop+jwt", false), ("at+jwt", false)] {
        let typed = Header { typ: Some(typ.to_owned()), ..header.clone() };
        assert_eq!(verify(&domain.sign(&typed, &claims(BILLING))).is_ok(), is_taken, "{typ}");
    }
}

#[test]
fn an_issuer_has_something_to_be_told_by() {
    let new = |issuer: Option<&str>, domain: Option<&str>| {
        WorkloadIssuer::new(issuer.map(str::to_owned), domain.map(str::to_owned), VAULT)
    };
    assert_eq!(new(None, None).unwrap_err(), InvalidWorkloadIssuer::Nameless);
    for domain in ["", "spiffe://corp.example", "corp.example/a", "Corp.example"] {
        assert_eq!(new(None, Some(domain)).unwrap_err(), InvalidWorkloadIssuer::TrustDomain);
    }
}
