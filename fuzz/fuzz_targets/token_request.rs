//! Token and revocation requests: what is accepted names everything once, and means the same in
//! whatever order and however it is escaped.
#![no_main]

use std::collections::BTreeMap;

use agentcred_protocol::request::{Revocation, TokenRequest};
use libfuzzer_sys::fuzz_target;
use url::form_urlencoded;

fuzz_target!(|body: &[u8]| {
    let _ = Revocation::from_form(body);
    let Ok(request) = TokenRequest::from_form(body) else { return };
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        let before = parameters.insert(name.clone(), value);
        assert!(before.is_none(), "{name} stands twice");
    }
    let again = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters.iter().rev())
        .finish();
    let again = TokenRequest::from_form(again.as_bytes()).expect("the same parameters");
    assert_eq!(format!("{again:?}"), format!("{request:?}"), "another order, another request");

    if let (TokenRequest::Nonce(asked), TokenRequest::Nonce(again)) = (&request, &again) {
        assert_eq!(again.grant.proof_hash(), asked.grant.proof_hash());
        assert_eq!(parameters["audience"], asked.service.as_str());
        assert_eq!(parameters["scope"].split(' ').count(), asked.scope.tokens().count());
        assert!(asked.ttl.seconds() > 0 && asked.call.num_uses.count() > 0);
    }
});
