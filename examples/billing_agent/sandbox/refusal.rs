//! Error objects, as Stripe shapes them.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An answer that is an error: a status and Stripe's `{"error": {..}}`.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: ErrorObject,
}

#[derive(Debug, Serialize)]
struct ErrorObject {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<String>,
}

#[derive(Serialize)]
struct ErrorBody {
    error: ErrorObject,
}

impl Refusal {
    pub(super) fn no_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            None,
            "No API key was given. Send it as `Authorization: Bearer YOUR_SECRET_KEY`.",
        )
    }

    /// Stripe repeats a part of the key here; this does not.
    pub(super) fn wrong_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, None, "The API key given is not valid.")
    }

    pub(super) fn unknown_url(method: &Method, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        Self::new(StatusCode::NOT_FOUND, None, message)
    }

    /// The object named in the path does not exist.
    pub(super) fn missing(kind: &str, id: &str) -> Self {
        let message = format!("No such {kind}: '{id}'");
        Self::new(StatusCode::NOT_FOUND, Some("resource_missing"), message).about("id")
    }

    /// The object named in a parameter does not exist.
    pub(super) fn missing_reference(kind: &str, id: &str, param: &str) -> Self {
        let message = format!("No such {kind}: '{id}'");
        Self::new(StatusCode::BAD_REQUEST, Some("resource_missing"), message).about(param)
    }

    pub(super) fn unknown_parameter(param: &str) -> Self {
        let message = format!("Received unknown parameter: {param}");
        Self::new(StatusCode::BAD_REQUEST, Some("parameter_unknown"), message).about(param)
    }

    pub(super) fn missing_parameter(param: &str) -> Self {
        let message = format!("Missing required param: {param}.");
        Self::new(StatusCode::BAD_REQUEST, Some("parameter_missing"), message).about(param)
    }

    pub(super) fn bad_integer(param: &str, message: impl Into<String>) -> Self {
        let code = Some("parameter_invalid_integer");
        Self::new(StatusCode::BAD_REQUEST, code, message).about(param)
    }

    /// The parameter's value is none that this endpoint knows.
    pub(super) fn bad_value(param: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, None, message).about(param)
    }

    pub(super) fn already_refunded(charge: &str) -> Self {
        let message = format!("Charge {charge} has already been refunded.");
        let code = Some("charge_already_refunded");
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    fn new(status: StatusCode, code: Option<&'static str>, message: impl Into<String>) -> Self {
        let error = ErrorObject {
            kind: "invalid_request_error",
            code,
            message: message.into(),
            param: None,
        };
        Self { status, error }
    }

    fn about(mut self, param: &str) -> Self {
        self.error.param = Some(param.to_owned());
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(ErrorBody { error: self.error });
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"Stripe\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
