//! Form bodies: read with no parameter twice, written without leaving copies behind.

use std::collections::BTreeMap;

use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::refusal::RefusalCode;

/// The parameters of a form body, none of them twice (RFC 6749 section 3.2).
pub(super) struct Form(BTreeMap<String, Zeroizing<String>>);

impl Form {
    pub(super) fn read(body: &[u8]) -> Result<Self, RefusalCode> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            let value = Zeroizing::new(value.into_owned());
            if parameters.insert(name.into_owned(), value).is_some() {
                return Err(RefusalCode::InvalidRequest);
            }
        }
        Ok(Self(parameters))
    }

    pub(super) fn take(&mut self, name: &str) -> Result<Zeroizing<String>, RefusalCode> {
        self.take_if_there(name).ok_or(RefusalCode::InvalidRequest)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn take_if_there(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.0.remove(name)
    }
}

pub(super) fn form(parameters: &[(&str, &str)]) -> Zeroizing<String> {
    // Three bytes for each one is the most that escaping makes of it, so it never grows.
    let capacity = parameters.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut serializer = form_urlencoded::Serializer::new(String::with_capacity(capacity));
    serializer.extend_pairs(parameters);
    Zeroizing::new(serializer.finish())
}
