//! A key in the query, for APIs that take it nowhere else: servers and proxies log queries.

use bytes::Bytes;
use http::{Request, Uri};
use url::form_urlencoded;

use super::InvalidInjection;
use crate::secrets::{Secret, UnusableSecret};

/// The query parameter that a key goes into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    parameter: String,
}

impl Query {
    /// Reads `query = "api_key"`.
    pub(crate) fn new(parameter: &str) -> Result<Self, InvalidInjection> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if parameter.is_empty() || !parameter.bytes().all(is_plain) {
            return Err(InvalidInjection {
                key: "query",
                message: "must name a parameter in letters, digits, - . _ and ~",
            });
        }
        Ok(Self { parameter: parameter.to_owned() })
    }

    /// Whether a caller who may send `key`, as it stands in a query, could send this parameter,
    /// by the most generous reading of any server.
    pub(crate) fn is_named_by(&self, key: &str) -> bool {
        let decoded = form_urlencoded::parse(key.as_bytes()).next();
        let name = decoded.map_or_else(String::new, |(name, _)| name.into_owned());
        let name = name.trim();
        // `key[]` and `key[0]` are lists of `key` to many servers.
        let name = name.split_once('[').map_or(name, |(name, _)| name);
        name.eq_ignore_ascii_case(&self.parameter)
    }

    pub(super) fn put(
        &self,
        request: &mut Request<Bytes>,
        key: &Secret,
    ) -> Result<(), UnusableSecret> {
        let target = key.added_to_query(request.uri(), &self.parameter)?;
        *request.uri_mut() = Uri::from(target);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn sent(target: &'static str, key: &str) -> String {
        let key = Secret::new(Zeroizing::new(key.as_bytes().to_vec())).unwrap();
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = Uri::from_static(target);
        Query::new("api_key").unwrap().put(&mut request, &key).unwrap();
        request.uri().to_string()
    }

    #[test]
    fn a_key_is_added_and_means_only_itself() {
        assert_eq!(sent("/v1", "sk_live_1"), "/v1?api_key=sk_live_1");
        assert_eq!(sent("/v1?a=b", "sk_live_1"), "/v1?a=b&api_key=sk_live_1");
        assert_eq!(sent("/v1", "a&b=c#d%e+f/g"), "/v1?api_key=a%26b%3Dc%23d%25e%2Bf%2Fg");
    }

    #[test]
    fn every_spelling_of_the_parameter_is_known() {
        let query = Query::new("api_key").unwrap();
        for key in ["api_key", "API_KEY", "api%5Fkey", "api_key%5B%5D", "api_key[0]", "+api_key"] {
            assert!(query.is_named_by(key), "{key}");
        }
        for key in ["api", "key", "api_key2", "limit"] {
            assert!(!query.is_named_by(key), "{key}");
        }
    }

    #[test]
    fn a_parameter_that_needs_escapes_is_refused() {
        for parameter in ["", "a b", "a=b", "a&b", "a[]", "%61"] {
            assert_eq!(Query::new(parameter).unwrap_err().key, "query", "{parameter}");
        }
    }
}
