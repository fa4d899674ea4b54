//! An upstream's answer as a tool reads it.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::egress::{EgressResponse, RequestError};

/// What the upstream answered, without the real key.
pub struct Response(EgressResponse);

impl Response {
    pub(crate) fn new(answer: EgressResponse) -> Self {
        Self(answer)
    }

    /// The upstream's status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The headers that the broker lets through.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The content of a successful answer, read as JSON.
    ///
    /// # Errors
    /// [`RequestError::Status`] when the upstream's status is not a success, and
    /// [`RequestError::Decode`] when the content is not a `T`. Neither repeats any content.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, RequestError> {
        let body = self.success()?;
        serde_json::from_slice(&body).map_err(|error| RequestError::Decode {
            problem: match error.classify() {
                Category::Syntax => "invalid JSON",
                Category::Data => "a missing field or another type",
                Category::Eof | Category::Io => "an unexpected end",
            },
            line: error.line(),
            column: error.column(),
        })
    }

    /// The content of a successful answer as text; bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// [`RequestError::Status`] when the upstream's status is not a success.
    pub fn text(self) -> Result<String, RequestError> {
        Ok(String::from_utf8_lossy(&self.success()?).into_owned())
    }

    /// The content whatever the status, as for reading an upstream's error object.
    pub fn into_body(self) -> Bytes {
        self.0.body
    }

    fn success(self) -> Result<Bytes, RequestError> {
        if self.0.status.is_success() {
            Ok(self.0.body)
        } else {
            Err(RequestError::Status(self.0.status))
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).finish_non_exhaustive()
    }
}
