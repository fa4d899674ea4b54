//! Secrets in the issuer's environment: simple, but every child process inherits them.

use std::ffi::OsString;

use zeroize::Zeroizing;

use super::{SecretError, SecretRef};

pub(super) fn read(name: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    read_from(name, |name| std::env::var_os(name))
}

pub(super) fn read_from(
    name: &str,
    variable: impl FnOnce(&str) -> Option<OsString>,
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    match variable(name) {
        Some(value) => Ok(Zeroizing::new(value.into_encoded_bytes())),
        None => Err(SecretError::Missing { reference: SecretRef::Env(name.to_owned()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_and_a_missing_one_named() {
        // Cargo sets this one for every test.
        let text = read("CARGO_PKG_NAME").unwrap();
        assert_eq!(text.as_slice(), b"agentcred-issuer");
        let error = read("AGENTCRED_NO_SUCH_VARIABLE").unwrap_err();
        assert_eq!(error.to_string(), "env:AGENTCRED_NO_SUCH_VARIABLE is not set");
    }
}
