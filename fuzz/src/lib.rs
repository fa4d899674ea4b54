//! What fuzz targets share: a policy, a signer, and the property that a naive check breaks.
//!
//! Each target asserts more than that nothing panics: what is accepted must be strictly well
//! formed in the eyes of another parser, and what was checked must be what is sent.

use std::path::Path;
use std::sync::LazyLock;

use agentcred_issuer::Config;
use agentcred_issuer::fuzzing::Gate;
use agentcred_protocol::encodings::encodings;
use aho_corasick::AhoCorasick;

pub mod signed;

/// A secret of the length and alphabet of a real one, and nobody's.
pub const SECRET: &[u8] = b"sk_fuzz_9fQ2xVb7LmT4wRk8ZsYc3HdE";

/// The gate to `stripe` for a nonce with every scope of [`POLICY`].
pub static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let config = Config::parse(POLICY, Path::new("")).expect("the policy is sound");
    Gate::of(&config, "stripe", "read write").expect("the policy has the service")
});

/// Whether [`SECRET`] stands there in any form that is searched for, or 12 characters of it.
pub fn is_given_away(bytes: &[u8]) -> bool {
    static FORMS: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let mut forms: Vec<_> = encodings(SECRET).iter().map(|form| form.to_vec()).collect();
        forms.extend(SECRET.windows(12).map(<[u8]>::to_vec));
        let search = AhoCorasick::builder().ascii_case_insensitive(true).build(forms);
        search.expect("few forms")
    });
    FORMS.is_match(bytes)
}

const POLICY: &str = r#"
[audit]
file = "audit.jsonl"
[services.stripe]
origin = "http://127.0.0.1:1"
secret = "env:UNUSED"
inject = { header = "authorization", format = "Bearer {secret}" }
allow_networks = ["127.0.0.0/8"]
request_headers = ["stripe-version"]
response_headers = ["x-more"]
[[services.stripe.scopes.read]]
method = "GET"
path = "/v1/customers"
query = ["limit", "email", "expand[]"]
query_lists = ["expand[]"]
[[services.stripe.scopes.read]]
method = "GET"
path = "/v1/customers/{id}"
[[services.stripe.scopes.write]]
method = "POST"
path = "/v1/refunds"
[services.stripe.scopes.write.body]
charge = {}
amount = { min = 1, max = 5000 }
currency = { in = ["usd", "eur"] }
reason = { in = ["requested by customer"], optional = true }
[[services.stripe.scopes.write]]
method = "POST"
path = "/v1/payments"
[services.stripe.scopes.write.body]
"card.number" = {}
"items[].price" = { max = 100 }
"items[].note" = { optional = true }
"tags[]" = { in = ["a", "b"], optional = true }
"#;

/// Input as lines of text: the first one and the rest.
pub fn first_line(data: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(data).ok()?;
    Some(text.split_once('\n').unwrap_or((text, "")))
}

/// What must hold of every path that is passed on: whoever parses it sees a customer, by the
/// very bytes that were checked.
pub fn stays_with_customers(path: &str, sent: &str) {
    assert_eq!(sent, path, "what is sent is not what was checked");
    let url = url::Url::parse(&format!("https://api.example{sent}")).expect("a URL");
    assert_eq!(url.path(), path, "a URL parser sees another path");
    assert_eq!(url.query(), None, "a URL parser sees a query");
    assert_eq!(url.host_str(), Some("api.example"), "a URL parser sees another host");
    let segments: Vec<_> = url.path_segments().expect("segments").collect();
    assert!(
        matches!(segments[..], ["v1", "customers"] | ["v1", "customers", _]),
        "the path leaves its prefix: {segments:?}"
    );
}
