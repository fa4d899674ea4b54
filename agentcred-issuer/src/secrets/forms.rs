//! The forms in which a key leaves, each made here and marked sensitive where it can be.

use aws_credential_types::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::PathAndQuery;
use http::{HeaderValue, Uri};
use serde_json::json;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::{Secret, UnusableSecret};

impl Secret {
    /// The header value that carries the key, marked sensitive so that header dumps hide it.
    pub(crate) fn header_value(
        &self,
        before: &str,
        after: &str,
    ) -> Result<HeaderValue, UnusableSecret> {
        marked(&joined(&[before.as_bytes(), &self.text, after.as_bytes()]))
    }

    /// Basic credentials with the key for the password; `before` is the user name and a colon.
    pub(crate) fn basic_password(&self, before: &str) -> Result<HeaderValue, UnusableSecret> {
        basic(&joined(&[before.as_bytes(), &self.text]))
    }

    /// Basic credentials with the key for the user name; `after` is a colon and the password.
    pub(crate) fn basic_user(&self, after: &str) -> Result<HeaderValue, UnusableSecret> {
        if self.text.contains(&b':') {
            return Err(UnusableSecret::HasColon);
        }
        basic(&joined(&[&self.text, after.as_bytes()]))
    }

    /// Basic credentials of an OAuth client, whose two halves are form-encoded first (RFC 6749
    /// section 2.3.1).
    pub(crate) fn client_basic(&self, id: &str) -> Result<HeaderValue, UnusableSecret> {
        let id: String = byte_serialize(id.as_bytes()).collect();
        basic(&joined(&[id.as_bytes(), b":", self.form_encoded().as_bytes()]))
    }

    /// A form with the credentials of an OAuth client in it (RFC 6749 section 2.3.1).
    pub(crate) fn client_form(&self, form: &str, id: &str) -> Zeroizing<Vec<u8>> {
        let id: String = byte_serialize(id.as_bytes()).collect();
        self.form_field(&format!("{form}&client_id={id}"), "client_secret")
    }

    /// A form with the key in one more field.
    pub(crate) fn form_field(&self, form: &str, name: &str) -> Zeroizing<Vec<u8>> {
        joined(&[form, "&", name, "=", &*self.form_encoded()].map(str::as_bytes))
    }

    /// A JSON object of a plain field and one with the key.
    pub(crate) fn json_field(&self, name: &str, value: &str, key_name: &str) -> Zeroizing<Vec<u8>> {
        let mut object = json!({ name: value }).to_string();
        object.pop();
        // Sized at once: a vector that grows would leave a copy behind.
        let room = object.len() + key_name.len() + self.text.len() * 2 + 8;
        let mut whole = Zeroizing::new(Vec::with_capacity(room));
        whole.extend_from_slice(object.as_bytes());
        whole.extend_from_slice(format!(",\"{key_name}\":\"").as_bytes());
        for byte in self.text.iter() {
            // A key is visible ASCII, of which JSON escapes these two.
            if matches!(byte, b'"' | b'\\') {
                whole.push(b'\\');
            }
            whole.push(*byte);
        }
        whole.extend_from_slice(b"\"}");
        whole
    }

    /// A path and query with the key added, encoded so that it is one value to every server.
    pub(crate) fn added_to_query(
        &self,
        uri: &Uri,
        parameter: &str,
    ) -> Result<PathAndQuery, UnusableSecret> {
        let before = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let mark = if uri.query().is_some() { "&" } else { "?" };
        let encoded = self.form_encoded();
        let parts = [before, mark, parameter, "=", &encoded].map(str::as_bytes);
        PathAndQuery::try_from(joined(&parts).as_slice()).map_err(|_| UnusableSecret::NotPrintable)
    }

    /// The parts of `ID:SECRET` or `ID:SECRET:SESSION_TOKEN`, none of which holds a colon.
    pub(crate) fn aws_credentials(&self) -> Result<Credentials, UnusableSecret> {
        let refuse = || UnusableSecret::NotAwsKey;
        let text = std::str::from_utf8(&self.text).map_err(|_| refuse())?;
        let mut parts = text.split(':');
        let id = parts.next().filter(|id| is_access_key_id(id)).ok_or_else(refuse)?;
        let key = parts.next().filter(|key| !key.is_empty()).ok_or_else(refuse)?;
        let token = parts.next();
        if parts.next().is_some() || token.is_some_and(str::is_empty) {
            return Err(refuse());
        }
        Ok(Credentials::new(id, key, token.map(str::to_owned), None, "agentcred"))
    }

    fn form_encoded(&self) -> Zeroizing<String> {
        // Sized at once: a string that grows would leave a copy behind.
        let mut encoded = Zeroizing::new(String::with_capacity(self.text.len() * 3));
        encoded.extend(byte_serialize(&self.text));
        encoded
    }
}

/// The id stands in a header in the clear, between marks of its own.
fn is_access_key_id(text: &str) -> bool {
    (8..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn basic(credentials: &[u8]) -> Result<HeaderValue, UnusableSecret> {
    let encoded = Zeroizing::new(STANDARD.encode(credentials));
    marked(&joined(&[b"Basic ", encoded.as_bytes()]))
}

fn marked(value: &[u8]) -> Result<HeaderValue, UnusableSecret> {
    let mut value = HeaderValue::from_bytes(value).map_err(|_| UnusableSecret::NotPrintable)?;
    value.set_sensitive(true);
    Ok(value)
}

fn joined(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut whole = Zeroizing::new(Vec::with_capacity(parts.iter().map(|it| it.len()).sum()));
    for part in parts {
        whole.extend_from_slice(part);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_of_a_client_are_form_encoded() {
        let secret = Secret::new(Zeroizing::new(b"p+s/w=d:x&y".to_vec())).unwrap();
        let basic = secret.client_basic("an id").unwrap();
        let expected = STANDARD.encode("an+id:p%2Bs%2Fw%3Dd%3Ax%26y");
        assert_eq!(basic, format!("Basic {expected}"));
        assert!(basic.is_sensitive());
        let form = secret.client_form("grant_type=client_credentials", "an id");
        let expected =
            "grant_type=client_credentials&client_id=an+id&client_secret=p%2Bs%2Fw%3Dd%3Ax%26y";
        assert_eq!(form.as_slice(), expected.as_bytes());
    }

    #[test]
    fn a_key_in_json_is_escaped() {
        let secret = Secret::new(Zeroizing::new(br#"a"b\c,"x":1"#.to_vec())).unwrap();
        let object = secret.json_field("role_id", "r\"1", "secret_id");
        let read: serde_json::Value = serde_json::from_slice(&object).unwrap();
        assert_eq!(read, json!({ "role_id": "r\"1", "secret_id": r#"a"b\c,"x":1"# }));
    }
}
