//! A key in a header of any name, with what stands around it: `Bearer {secret}`.

use bytes::Bytes;
use http::Request;
use http::header::{self, HeaderName};

use super::InvalidInjection;
use crate::secrets::{Secret, UnusableSecret};
use crate::service::is_framing;

/// A header and what stands around the key in it.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    name: HeaderName,
    before: String,
    after: String,
}

impl Header {
    /// Reads `header = "authorization", format = "Bearer {secret}"`.
    pub(crate) fn new(name: &str, format: &str) -> Result<Self, InvalidInjection> {
        let refuse = |key, message| InvalidInjection { key, message };
        let name = HeaderName::try_from(name)
            .map_err(|_| refuse("header", "must be the name of an HTTP header"))?;
        if is_framing(&name) || name == header::CONTENT_TYPE {
            return Err(refuse(
                "header",
                "must not be a header that frames or routes the request; a key never travels there",
            ));
        }
        let (before, after) =
            around_the_key(format).map_err(|message| refuse("format", message))?;
        Ok(Self { name, before: before.to_owned(), after: after.to_owned() })
    }

    pub(super) fn name(&self) -> &HeaderName {
        &self.name
    }

    pub(super) fn put(
        &self,
        request: &mut Request<Bytes>,
        key: &Secret,
    ) -> Result<(), UnusableSecret> {
        let value = key.header_value(&self.before, &self.after)?;
        request.headers_mut().insert(&self.name, value);
        Ok(())
    }
}

/// What stands before and after `{secret}`.
pub(super) fn around_the_key(format: &str) -> Result<(&str, &str), &'static str> {
    let (before, after) = format
        .split_once(PLACEHOLDER)
        .ok_or("must hold {secret}, as in \"Bearer {secret}\" or \"user:{secret}\"")?;
    if after.contains(PLACEHOLDER) {
        return Err("must hold {secret} once");
    }
    if !format.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("must hold printable ASCII characters only");
    }
    Ok((before, after))
}

const PLACEHOLDER: &str = "{secret}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_injection_needs_a_free_header_and_one_placeholder() {
        assert!(Header::new("authorization", "Bearer {secret}").is_ok());
        assert!(Header::new("x-api-key", "{secret}").is_ok());
        for (header, format, key) in [
            ("connection", "{secret}", "header"),
            ("Transfer-Encoding", "{secret}", "header"),
            ("host", "{secret}", "header"),
            ("content-length", "{secret}", "header"),
            ("a b", "{secret}", "header"),
            ("authorization", "Bearer", "format"),
            ("authorization", "{secret}{secret}", "format"),
            ("authorization", "{secret}\r\nx: y", "format"),
        ] {
            assert_eq!(Header::new(header, format).unwrap_err().key, key, "{header} {format}");
        }
    }
}
