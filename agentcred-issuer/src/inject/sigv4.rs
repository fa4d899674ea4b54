//! Requests signed with AWS Signature Version 4, by AWS's own signer: the key itself stays here.

use std::time::{Duration, SystemTime};

use agentcred_protocol::clock::UnixTime;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::Request;
use http::header::{self, HeaderName};
use zeroize::Zeroizing;

use super::InvalidInjection;
use crate::secrets::{Secret, UnusableSecret};

/// What a signature is good for, beside the request itself.
#[derive(Clone, Debug)]
pub(crate) struct SigV4 {
    region: String,
    service: String,
}

impl SigV4 {
    /// Reads `aws_sigv4 = { region = "eu-central-1", service = "s3" }`.
    pub(crate) fn new(region: &str, service: &str) -> Result<Self, InvalidInjection> {
        let is_name = |text: &str| {
            let is_plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !text.is_empty() && text.len() <= 64 && text.bytes().all(is_plain)
        };
        if !is_name(region) {
            let message = "must be a region of AWS, as eu-central-1";
            return Err(InvalidInjection { key: "region", message });
        }
        if !is_name(service) {
            let message = "must be a service of AWS by its signing name, as s3 or execute-api";
            return Err(InvalidInjection { key: "service", message });
        }
        Ok(Self { region: region.to_owned(), service: service.to_owned() })
    }

    /// Signs a request to which nothing is added later. Gives the signature.
    pub(crate) fn sign(
        &self,
        request: &mut Request<Bytes>,
        key: &Secret,
        now: UnixTime,
    ) -> Result<Secret, UnusableSecret> {
        let identity = key.aws_credentials()?.into();
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(now.millis());
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(time)
            .settings(self.settings())
            .build()
            .map_err(|_| UnusableSecret::NotAwsKey)?
            .into();
        // AWS asks for these and for no others. The signer traces what it signs, so no header
        // with another key may be among them.
        let is_signed = |name: &HeaderName| {
            matches!(*name, header::HOST | header::CONTENT_TYPE)
                || name.as_str().starts_with("x-amz-")
        };
        let headers = request.headers().iter().filter_map(|(name, value)| {
            is_signed(name).then_some((name.as_str(), value.to_str().ok()?))
        });
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.uri().to_string(),
            headers,
            SignableBody::Bytes(request.body()),
        );
        let signed = signable.and_then(|request| sign(request, &params));
        let (instructions, signature) = signed.map_err(|_| UnusableSecret::NotAwsKey)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Secret::new(Zeroizing::new(signature.into_bytes()))
    }

    /// S3 takes a path as it is and wants the body's hash in a header; all others encode the
    /// path once more.
    fn settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        if matches!(self.service.as_str(), "s3" | "s3-object-lambda" | "s3express") {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }
}

/// The headers that a signature makes beside `Authorization`.
pub(super) static HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-amz-content-sha256"),
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// 30 August 2015, 12:36:00 UTC: the time of AWS's test suite.
    const TIME: UnixTime = UnixTime::from_millis(1_440_938_160_000);

    fn key(text: &str) -> Secret {
        Secret::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
    }

    fn signed(method: &str, target: &str, key: &Secret) -> Request<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", "example.amazonaws.com")
            .header("user-agent", "not signed")
            .body(Bytes::new())
            .unwrap();
        SigV4::new("us-east-1", "service").unwrap().sign(&mut request, key, TIME).unwrap();
        request
    }

    fn signature(request: &Request<Bytes>) -> &str {
        let value = request.headers()["authorization"].to_str().unwrap();
        value.rsplit_once("Signature=").unwrap().1
    }

    /// Cases of the test suite that AWS publishes for Signature Version 4.
    #[test]
    fn signatures_are_the_ones_that_aws_publishes() {
        for (method, target, expected) in [
            ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "GET",
                "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "GET",
                "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "POST",
                "/?Param1=value1",
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            ),
        ] {
            let request = signed(method, target, &key(KEY));
            assert_eq!(signature(&request), expected, "{method} {target}");
            assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
        }
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let request = signed("GET", "/", &key(&format!("{KEY}:{token}")));
        assert_eq!(request.headers()["x-amz-security-token"], token);
        assert_eq!(
            signature(&request),
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
        );
    }

    #[test]
    fn the_signature_is_given_and_the_key_is_not_in_the_request() {
        let mut request = Request::new(Bytes::new());
        request.headers_mut().insert("host", "s3.example".parse().unwrap());
        let sigv4 = SigV4::new("eu-central-1", "s3").unwrap();
        let made = sigv4.sign(&mut request, &key(KEY), TIME).unwrap();
        assert!(made.scrubber().finds(signature(&request).as_bytes()));
        let shown = format!("{request:?}");
        assert!(shown.contains("x-amz-content-sha256") && !shown.contains("wJalr"), "{shown}");
    }

    #[test]
    fn a_key_of_one_part_and_a_region_that_is_none_are_refused() {
        let sigv4 = SigV4::new("us-east-1", "service").unwrap();
        for text in
            ["AKIDEXAMPLE", "AKIDEXAMPLE:", ":wJalrXUtnFEMI", "a:b:c:d-e-f", "AKID/x:secret"]
        {
            let refused = sigv4.sign(&mut Request::new(Bytes::new()), &key(text), TIME);
            assert_eq!(refused.unwrap_err(), UnusableSecret::NotAwsKey, "{text}");
        }
        assert_eq!(SigV4::new("EU", "s3").unwrap_err().key, "region");
        assert_eq!(SigV4::new("eu-central-1", "").unwrap_err().key, "service");
    }
}
