//! Rules: which method, path, query and body a scope stands for.

use std::collections::BTreeSet;
use std::fmt;

use http::HeaderValue;
use url::form_urlencoded;

use crate::body::{BodyRefused, BodyRule};
use crate::bounds::Bounds;
use crate::method_override::is_override_field;
use crate::projection::Projection;
use crate::target::{Target, is_segment};

/// One kind of request that a scope allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    method: Method,
    path: PathTemplate,
    /// The allowed query keys, in the form in which they are sent.
    query: BTreeSet<String>,
    /// Those of them that may stand more than once.
    lists: BTreeSet<String>,
    /// What the body must be; none where any body may pass.
    body: Option<BodyRule>,
    /// What comes back of a JSON answer; none where all of it does.
    fields: Option<Projection>,
    bounds: Bounds,
}

/// A rule that is refused, and which of its keys is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidRule {
    pub(crate) key: &'static str,
    pub(crate) message: String,
}

impl Rule {
    /// Reads a rule as the policy writes it.
    pub(crate) fn new(
        method: &str,
        path: &str,
        query: &[String],
        lists: &[String],
        body: Option<BodyRule>,
    ) -> Result<Self, InvalidRule> {
        let method = Method::read(method).ok_or_else(|| InvalidRule {
            key: "method",
            message: format!("must be one of {}, in capitals", Method::NAMES.join(", ")),
        })?;
        if body.is_some() && !method.takes_body() {
            return Err(InvalidRule {
                key: "body",
                message: format!("must not be there: a {method} has none"),
            });
        }
        let refuse = |message: String| InvalidRule { key: "query_lists", message };
        let query = read_query(query)?;
        let lists = read_query(lists).map_err(|invalid| refuse(invalid.message))?;
        if !lists.is_subset(&query) {
            return Err(refuse("must name keys of `query`".to_owned()));
        }
        let (path, bounds) = (PathTemplate::read(path)?, Bounds::default());
        Ok(Self { method, path, query, lists, body, fields: None, bounds })
    }

    /// The same rule, of which no more than these fields come back.
    pub(crate) fn with_fields(self, fields: Option<Projection>) -> Self {
        Self { fields, ..self }
    }

    /// The same rule with bounds of its own.
    pub(crate) fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// How large and how long its requests may be.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// What comes back of a JSON answer; none where all of it does.
    pub(crate) fn fields(&self) -> Option<&Projection> {
        self.fields.as_ref()
    }

    /// Whether the other rule is for the same method and path.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        self.method == other.method && self.path == other.path
    }

    /// Whether it says anything of the body.
    pub(crate) fn limits_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether this rule allows the request but for its body.
    pub(crate) fn allows(&self, method: Method, target: &Target) -> bool {
        self.method == method
            && self.path.matches(target.path())
            && target.query_keys().all(|key| self.query.contains(key))
            && target.repeated_keys().all(|key| self.lists.contains(key))
    }

    /// Whether this rule allows the body of a request that it allows otherwise.
    pub(crate) fn check_body(
        &self,
        content_type: Option<&HeaderValue>,
        body: &[u8],
    ) -> Result<(), BodyRefused> {
        self.body.as_ref().map_or(Ok(()), |rule| rule.check(content_type, body))
    }
}

/// The methods that a rule can allow. Methods are case-sensitive (RFC 9110 section 9.1), and
/// one that is not here is never passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    const NAMES: [&'static str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a request of this method asks for nothing but to be told (RFC 9110 section
    /// 9.2.1), so that asking twice does no harm.
    pub(crate) const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }

    /// Whether a request of this method may have a body. One on GET or HEAD has no meaning
    /// (RFC 9110 section 9.3.1), and some servers take it for the next request.
    pub(crate) const fn takes_body(self) -> bool {
        !matches!(self, Self::Get | Self::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A path whose segments are fixed text or `{name}`, which stands for any one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PathTemplate(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Fixed(String),
    Any,
}

impl PathTemplate {
    fn read(text: &str) -> Result<Self, InvalidRule> {
        let refuse = |message: &str| InvalidRule { key: "path", message: message.to_owned() };
        let segments = text
            .strip_prefix('/')
            .ok_or_else(|| refuse("must start with /, as /v1/customers/{id}"))?;
        let mut names = BTreeSet::new();
        let mut template = Vec::new();
        for segment in segments.split('/') {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            match name {
                Some(name) if is_placeholder_name(name) => {
                    if !names.insert(name) {
                        return Err(refuse("must not name a placeholder twice"));
                    }
                    template.push(Segment::Any);
                }
                None if is_segment(segment) => template.push(Segment::Fixed(segment.to_owned())),
                _ => {
                    return Err(refuse(
                        "must consist of segments of letters, digits, -, ., _ and ~, or of whole \
                         placeholders as {id}; empty and dot segments, * and % are not taken",
                    ));
                }
            }
        }
        Ok(Self(template))
    }

    fn matches(&self, path: &str) -> bool {
        let Some(segments) = path.strip_prefix('/') else { return false };
        let mut segments = segments.split('/');
        self.0.iter().all(|expected| {
            segments.next().is_some_and(|segment| match expected {
                Segment::Fixed(text) => text == segment,
                Segment::Any => true,
            })
        }) && segments.next().is_none()
    }
}

fn is_placeholder_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn read_query(keys: &[String]) -> Result<BTreeSet<String>, InvalidRule> {
    let refuse = |message: &str| InvalidRule { key: "query", message: message.to_owned() };
    let mut allowed = BTreeSet::new();
    for key in keys {
        if key.is_empty() || key.len() > 128 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refuse("must be keys of 1 to 128 printable characters without spaces"));
        }
        if is_override_field(key) {
            return Err(refuse(
                "must not allow a key of the method, as _method: many servers take its value for the method",
            ));
        }
        if !allowed.insert(form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>()) {
            return Err(refuse("must not name a key twice"));
        }
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, query: &[&str]) -> Result<Rule, InvalidRule> {
        let query: Vec<_> = query.iter().map(ToString::to_string).collect();
        let lists: Vec<_> = query.iter().filter(|key| key.ends_with("[]")).cloned().collect();
        Rule::new("GET", path, &query, &lists, None)
    }

    fn allows(rule: &Rule, method: Method, path: &str, query: Option<&str>) -> bool {
        rule.allows(method, &Target::read(path, query).unwrap())
    }

    #[test]
    fn a_rule_allows_its_method_path_and_query_and_nothing_else() {
        let rule = rule("/v1/customers/{id}", &["limit", "expand[]"]).unwrap();
        assert!(allows(&rule, Method::Get, "/v1/customers/cus_1", None));
        assert!(allows(&rule, Method::Get, "/v1/customers/cus_1", Some("limit=3")));
        assert!(allows(&rule, Method::Get, "/v1/customers/cus_1", Some("expand%5B%5D=x")));
        let repeated = Some("expand%5B%5D=x&limit=3&expand%5B%5D=y");
        assert!(allows(&rule, Method::Get, "/v1/customers/cus_1", repeated));
        assert!(!allows(&rule, Method::Get, "/v1/customers/cus_1", Some("limit=3&limit=4")));
        assert!(!allows(&rule, Method::Post, "/v1/customers/cus_1", None));
        assert!(!allows(&rule, Method::Head, "/v1/customers/cus_1", None));
        for path in [
            "/v1/customers",
            "/v1/customers/cus_1/sources",
            "/v1/refunds/cus_1",
            "/v1/Customers/cus_1",
            "/v2/customers/cus_1",
            "/v1",
        ] {
            assert!(!allows(&rule, Method::Get, path, None), "{path}");
        }
        for query in ["page=2", "limit=3&page=2", "Limit=3", "l%69mit=3", "expand%5b%5d=x"] {
            assert!(!allows(&rule, Method::Get, "/v1/customers/cus_1", Some(query)), "{query}");
        }
    }

    #[test]
    fn templates_that_are_none_are_refused() {
        for path in [
            "",
            "v1",
            "/",
            "/v1/",
            "//v1",
            "/v1/../x",
            "/v1/*",
            "/v1/{id",
            "/v1/id}",
            "/v1/{}",
            "/v1/{id}x",
            "/v1/{ID}",
            "/v1/{id}/{id}",
            "/v1/%41",
            "/v1/a b",
            "/v1?x",
        ] {
            assert_eq!(rule(path, &[]).unwrap_err().key, "path", "{path}");
        }
    }

    #[test]
    fn methods_are_a_closed_list_in_capitals() {
        for method in ["get", "Get", "TRACE", "CONNECT", "OPTIONS", "*", ""] {
            assert_eq!(
                Rule::new(method, "/v1", &[], &[], None).unwrap_err().key,
                "method",
                "{method}"
            );
        }
    }

    #[test]
    fn a_list_that_is_no_query_key_is_refused() {
        let query = ["limit".to_owned()];
        let lists = ["expand[]".to_owned()];
        let refused = Rule::new("GET", "/v1", &query, &lists, None).unwrap_err();
        assert_eq!(refused.key, "query_lists");
    }

    #[test]
    fn query_keys_that_override_or_repeat_are_refused() {
        for query in [&["_method"][..], &["_METHOD"], &["a", "a"], &[""], &["a b"]] {
            assert_eq!(rule("/v1", query).unwrap_err().key, "query", "{query:?}");
        }
    }
}
