//! A key in basic credentials (RFC 7617), as the password or as the user name.

use bytes::Bytes;
use http::Request;
use http::header;

use super::InvalidInjection;
use super::header::around_the_key;
use crate::secrets::{Secret, UnusableSecret};

/// What stands beside the key: `user:{secret}` or `{secret}:password`.
#[derive(Clone, Debug)]
pub(crate) struct Basic {
    before: String,
    after: String,
}

impl Basic {
    /// Reads `basic = "user:{secret}"`. A password that stands in the configuration is no
    /// secret: APIs that take a key for the user name ask for none, or for a fixed word.
    pub(crate) fn new(format: &str) -> Result<Self, InvalidInjection> {
        let refuse = |message| InvalidInjection { key: "basic", message };
        let (before, after) = around_the_key(format).map_err(refuse)?;
        // A user name holds no colon, a password may (RFC 7617 section 2).
        let user = before.strip_suffix(':');
        let is_password = after.is_empty() && user.is_some_and(|user| !user.contains(':'));
        let is_user = before.is_empty() && after.starts_with(':');
        if !is_password && !is_user {
            return Err(refuse("must be \"user:{secret}\" or \"{secret}:password\""));
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    pub(super) fn put(
        &self,
        request: &mut Request<Bytes>,
        key: &Secret,
    ) -> Result<(), UnusableSecret> {
        let value = if self.before.is_empty() {
            key.basic_user(&self.after)?
        } else {
            key.basic_password(&self.before)?
        };
        request.headers_mut().insert(header::AUTHORIZATION, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn credentials(format: &str, key: &str) -> Result<String, UnusableSecret> {
        let key = Secret::new(Zeroizing::new(key.as_bytes().to_vec())).unwrap();
        let mut request = Request::new(Bytes::new());
        Basic::new(format).unwrap().put(&mut request, &key)?;
        Ok(request.headers()[header::AUTHORIZATION].to_str().unwrap().to_owned())
    }

    #[test]
    fn a_key_stands_in_either_place() {
        // RFC 7617 section 2.
        let expected = "Basic QWxhZGRpbjpvcGVuc2VzYW1l";
        assert_eq!(credentials("Aladdin:{secret}", "opensesame").unwrap(), expected);
        assert_eq!(credentials("{secret}:", "opensesame").unwrap(), "Basic b3BlbnNlc2FtZTo=");
        assert_eq!(
            credentials("{secret}:x:y", "opensesame").unwrap(),
            "Basic b3BlbnNlc2FtZTp4Onk="
        );
    }

    #[test]
    fn a_colon_ends_the_user_name_and_may_stand_in_a_password() {
        assert!(credentials("user:{secret}", "open:sesame").is_ok());
        assert_eq!(credentials("{secret}:", "open:sesame"), Err(UnusableSecret::HasColon));
    }

    #[test]
    fn anything_but_user_and_password_is_refused() {
        for format in
            ["{secret}", "user", "a:b:{secret}", "user{secret}:", ":{secret}:", "u:{secret}x"]
        {
            assert_eq!(Basic::new(format).unwrap_err().key, "basic", "{format}");
        }
    }
}
