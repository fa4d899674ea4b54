//! What a request at the broker asks of the upstream: a path and a query, checked byte by byte.

use std::collections::BTreeSet;

use agentcred_protocol::refusal::RefusalCode;
use http::uri::PathAndQuery;
use url::form_urlencoded;

use crate::method_override::is_override_field;

/// A path and query that mean the same to every parser. They are refused rather than
/// normalised, so the bytes that are checked are the bytes that are sent.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    sent: PathAndQuery,
    query_keys: BTreeSet<String>,
    /// Keys that stand more than once: two parsers could read two things, unless a rule says
    /// that they are lists.
    repeated_keys: BTreeSet<String>,
}

/// Why a path or query is refused, for the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Longer than [`LONGEST_PATH`] or [`LONGEST_QUERY`].
    TooLong,
    /// An empty or dot segment, or a character that is not unreserved (RFC 3986 section 2.3).
    Path,
    /// Not `key=value` pairs of plain and percent-encoded characters.
    Query,
    /// A key that servers take for the method.
    MethodOverride,
}

impl Malformed {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "target_too_long",
            Self::Path => "malformed_path",
            Self::Query => "malformed_query",
            Self::MethodOverride => "method_override_query",
        }
    }

    /// What the caller is told.
    pub(crate) const fn code(self) -> RefusalCode {
        match self {
            Self::MethodOverride => RefusalCode::MethodOverride,
            Self::TooLong | Self::Path | Self::Query => RefusalCode::InsufficientScope,
        }
    }
}

impl Target {
    /// Reads the path, with its leading slash, and the query of an upstream request.
    pub(crate) fn read(path: &str, query: Option<&str>) -> Result<Self, Malformed> {
        if path.len() > LONGEST_PATH || query.is_some_and(|query| query.len() > LONGEST_QUERY) {
            return Err(Malformed::TooLong);
        }
        let segments = path.strip_prefix('/').ok_or(Malformed::Path)?;
        if !segments.split('/').all(is_segment) {
            return Err(Malformed::Path);
        }
        let mut query_keys = BTreeSet::new();
        let mut repeated_keys = BTreeSet::new();
        let mut text = path.to_owned();
        if let Some(query) = query {
            for pair in query.split('&') {
                let (key, value) = pair.split_once('=').ok_or(Malformed::Query)?;
                if !is_query_key(key) || !is_query_value(value) {
                    return Err(Malformed::Query);
                }
                let mut plain = form_urlencoded::parse(key.as_bytes());
                if plain.any(|(plain, _)| is_override_field(&plain)) {
                    return Err(Malformed::MethodOverride);
                }
                if !query_keys.insert(key.to_owned()) {
                    repeated_keys.insert(key.to_owned());
                }
            }
            text.push('?');
            text.push_str(query);
        }
        let sent = PathAndQuery::try_from(text.as_str()).map_err(|_| Malformed::Path)?;
        // Whatever the library makes of it, what is sent is what was checked.
        if sent.as_str() != text {
            return Err(Malformed::Path);
        }
        Ok(Self { sent, query_keys, repeated_keys })
    }

    /// The path, for rules and the audit.
    pub(crate) fn path(&self) -> &str {
        self.sent.path()
    }

    /// The keys of the query, in the form in which they are sent.
    pub(crate) fn query_keys(&self) -> impl Iterator<Item = &str> {
        self.query_keys.iter().map(String::as_str)
    }

    /// The keys that stand more than once.
    pub(crate) fn repeated_keys(&self) -> impl Iterator<Item = &str> {
        self.repeated_keys.iter().map(String::as_str)
    }

    /// What stands in the request line.
    pub(crate) fn sent(&self) -> &PathAndQuery {
        &self.sent
    }
}

/// Whether text is one path segment of unreserved characters, and not a dot segment.
pub(crate) fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && text.bytes().all(is_unreserved)
}

/// A query key has the one form that form encoding gives it: anything else could slip past
/// the list of allowed keys.
fn is_query_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| is_unreserved(byte) || byte == b'%')
}

pub(crate) fn is_query_value(value: &str) -> bool {
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let plain = is_unreserved(byte) || b"+*!():,@/$".contains(&byte);
        let mut hex_digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        let escaped = byte == b'%' && hex_digit() && hex_digit();
        if !plain && !escaped {
            return false;
        }
    }
    true
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The longest path, in bytes.
const LONGEST_PATH: usize = 2048;

/// The longest query, in bytes.
const LONGEST_QUERY: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_targets_are_sent_as_they_came() {
        for (path, query) in [
            ("/v1/customers", None),
            ("/v1/customers/cus_1~a.b-c", Some("limit=3")),
            ("/v1/customers", Some("email=ada%40example.com&name=Ada+L&expand%5B%5D=x")),
            ("/...", Some("a=")),
        ] {
            let target = Target::read(path, query).unwrap();
            let expected = query.map_or(path.to_owned(), |query| format!("{path}?{query}"));
            assert_eq!(target.sent().as_str(), expected);
        }
    }

    #[test]
    fn paths_that_parsers_disagree_about_are_refused() {
        for path in [
            "",
            "/",
            "//",
            "/v1/",
            "/v1//customers",
            "/.",
            "/v1/..",
            "/v1/../refunds",
            "/v1/./customers",
            "/v1/%2e%2e/refunds",
            "/v1/customers%2Frefunds",
            "/v1\\refunds",
            "/v1/customers;x=1",
            "/v1/customers/a b",
            "/v1/customers/\u{e9}",
            "/v1/customers/\0",
            "/v1/customers/\t",
            "/v1/customers/a:b",
            "/v1/customers/*",
            "v1/customers",
        ] {
            assert_eq!(Target::read(path, None).unwrap_err(), Malformed::Path, "{path:?}");
        }
        let long = format!("/{}", "a".repeat(2048));
        assert_eq!(Target::read(&long, None).unwrap_err(), Malformed::TooLong);
    }

    #[test]
    fn queries_that_parsers_disagree_about_are_refused() {
        for query in [
            "", "a", "=b", "a=1&", "&a=1", "a=1&&b=2", "a=1;b=2", "a=%", "a=%4", "a=%zz", "a[]=1",
            "a+b=1", "a=b=c", "a=\"", "a=<", "a='", "a=#", "a=\u{e9}",
        ] {
            let refused = Target::read("/v1", Some(query)).unwrap_err();
            assert_eq!(refused, Malformed::Query, "{query:?}");
        }
    }

    #[test]
    fn keys_that_stand_twice_are_told() {
        let target = Target::read("/v1", Some("a=1&b=2&a=3&a=4")).unwrap();
        assert_eq!(target.query_keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(target.repeated_keys().collect::<Vec<_>>(), ["a"]);
    }

    proptest! {
        #[test]
        fn what_passes_means_the_same_to_a_url_parser(path in "/[ -~]{0,40}", query in "[ -~]{0,40}") {
            if let Ok(target) = Target::read(&path, Some(&query)) {
                let url = url::Url::parse(&format!("https://h.example{}", target.sent())).unwrap();
                prop_assert_eq!(url.path(), path);
                prop_assert_eq!(url.query().unwrap(), query);
            }
        }
    }
}
