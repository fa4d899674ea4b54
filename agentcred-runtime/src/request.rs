//! Building one upstream request and sending it.

use std::time::Duration;

use http::{HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::egress::{EgressRequest, RequestError};
use crate::live::LiveNonce;
use crate::pages::{Paged, Pages};
use crate::response::Response;
use crate::upload::Upload;

/// An upstream request that has not been sent. Made by [`Nonce::get`](crate::Nonce::get) and
/// its siblings.
#[derive(Clone)]
#[must_use = "a request does nothing until `.send().await` or `.fetch().await`"]
pub struct RequestBuilder<'n> {
    live: &'n LiveNonce,
    request: Result<EgressRequest, RequestError>,
}

impl<'n> RequestBuilder<'n> {
    pub(crate) fn new(live: &'n LiveNonce, method: Method, path: String) -> Self {
        let sendable = path.starts_with('/')
            && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'));
        let request = if sendable {
            Ok(EgressRequest::new(method, path))
        } else {
            Err(RequestError::InvalidPath)
        };
        Self { live, request }
    }

    /// Adds query parameters, as `&[("limit", "10")]` or a struct.
    pub fn query(self, parameters: &(impl Serialize + ?Sized)) -> Self {
        let written = serde_urlencoded::to_string(parameters);
        self.set("query", written, |request, query| {
            if !request.query.is_empty() && !query.is_empty() {
                request.query.push('&');
            }
            request.query.push_str(&query);
        })
    }

    /// Sends parameters as a form body.
    pub fn form(self, parameters: &(impl Serialize + ?Sized)) -> Self {
        let written = serde_urlencoded::to_string(parameters);
        self.set("form", written, |request, form| {
            request.content_type = Some(FORM);
            request.body = form.into();
        })
    }

    /// Sends a value as a JSON body.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        let written = serde_json::to_vec(value);
        self.set("JSON body", written, |request, json| {
            request.content_type = Some(JSON);
            request.body = json.into();
        })
    }

    /// Sends a body that is read while it is sent, as a file of which memory should not hold all.
    /// The policy must allow so much (`max_request_body`).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use agentcred_runtime::{Nonce, RequestError, Upload};
    /// # #[derive(serde::Deserialize)] struct Stored { id: String }
    /// # async fn store(stripe: &Nonce, file: impl tokio::io::AsyncRead + Send + 'static, length: u64) -> Result<Stored, RequestError> {
    /// // `file` is a `tokio::fs::File`, or any other reader.
    /// let body = Upload::reader(length, file);
    /// let request = stripe.post("/v1/files").upload("text/csv", body);
    /// request.within(Duration::from_secs(600)).fetch::<Stored>().await
    /// # }
    /// ```
    ///
    /// It is sent once: neither a refusal nor a broken connection has it sent again. Forms, JSON and
    /// bodies of no type are read whole by the broker and are 1 MiB at most.
    pub fn upload(self, content_type: &str, body: Upload) -> Self {
        let written = HeaderValue::from_str(content_type);
        self.set("content type", written, |request, content_type| {
            request.content_type = Some(content_type);
            request.upload = Some(body);
        })
    }

    /// How long request and answer may take together, in place of 35 seconds. The policy must allow
    /// it (`max_time`), and the tool's own timeout still ends the call.
    pub fn within(self, time: Duration) -> Self {
        self.set("time", Ok::<_, ()>(time), |request, time| request.wait = Some(time))
    }

    /// Sends the request. It spends one use of the nonce.
    ///
    /// # Errors
    /// When the request could not be built, the nonce has no use left, or broker and upstream
    /// gave no answer. An upstream error status is an answer.
    pub async fn send(self) -> Result<Response, RequestError> {
        self.live.send(self.request?).await.map(Response::new)
    }

    /// Sends the request and reads a successful answer as JSON, in one step.
    ///
    /// ```no_run
    /// # use agentcred_runtime::{Nonce, RequestError};
    /// # #[derive(serde::Deserialize)] struct Customer;
    /// # async fn newest(stripe: &Nonce) -> Result<Vec<Customer>, RequestError> {
    /// stripe.get("/v1/customers").query(&[("limit", 10)]).fetch::<Vec<Customer>>().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Self::send`] and [`Response::json`].
    pub async fn fetch<T: DeserializeOwned>(self) -> Result<T, RequestError> {
        self.send().await?.json()
    }

    /// Reads a list page by page. The first page is this request's answer; each page that follows is
    /// the same request with the parameter that [`Paged::next_page`] adds to its query.
    ///
    /// ```no_run
    /// # use agentcred_runtime::{NextPage, Nonce, Paged, RequestError};
    /// # #[derive(serde::Deserialize)] struct Invoice;
    /// # #[derive(serde::Deserialize)] struct Page { data: Vec<Invoice> }
    /// # impl Paged for Page { fn next_page(&self) -> NextPage { NextPage::none() } }
    /// # async fn all(stripe: &Nonce) -> Result<Vec<Invoice>, RequestError> {
    /// let mut invoices = Vec::new();
    /// let mut pages = stripe.get("/v1/invoices").query(&[("limit", 100)]).pages::<Page>();
    /// while let Some(page) = pages.next().await? {
    ///     invoices.extend(page.data);
    /// }
    /// # Ok(invoices) }
    /// ```
    pub fn pages<P: Paged>(self) -> Pages<'n, P> {
        Pages::new(self)
    }

    /// Puts what was written into the request, or keeps the first error for [`Self::send`].
    fn set<W, E>(
        mut self,
        part: &'static str,
        written: Result<W, E>,
        put: impl FnOnce(&mut EgressRequest, W),
    ) -> Self {
        self.request = self.request.and_then(|mut request| match written {
            Ok(written) => {
                put(&mut request, written);
                Ok(request)
            }
            Err(_) => Err(RequestError::Unserialisable(part)),
        });
        self
    }
}

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
