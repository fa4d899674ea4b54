//! Token and revocation requests: what is accepted names everything once and reads back the same.
#![no_main]

use std::collections::BTreeSet;

use agentcred_protocol::request::{NonceWish, Revocation, TokenRequest, nonce_form, task_form};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let _ = Revocation::from_form(body);
    let Ok(request) = TokenRequest::from_form(body) else { return };
    let mut names = BTreeSet::new();
    for (name, _) in url::form_urlencoded::parse(body) {
        assert!(names.insert(name.clone()), "{name} stands twice");
    }
    match request {
        TokenRequest::Task(asked) => {
            let again = task_form(&asked.assertion, &asked.task);
            let Ok(TokenRequest::Task(again)) = TokenRequest::from_form(again.as_bytes()) else {
                panic!("a task request does not read back");
            };
            assert_eq!((&again.assertion, &again.task), (&asked.assertion, &asked.task));
        }
        TokenRequest::Nonce(asked) => {
            assert!((1..=1000).contains(&asked.call.num_uses.count()));
            assert!(asked.ttl.seconds() > 0);
            let wish = NonceWish {
                service: &asked.service,
                resource: &asked.resource,
                scope: &asked.scope,
                ttl: asked.ttl,
                call: &asked.call,
            };
            let again = nonce_form(&asked.grant, &wish).expect("a form");
            let Ok(TokenRequest::Nonce(again)) = TokenRequest::from_form(again.as_bytes()) else {
                panic!("a nonce request does not read back");
            };
            assert_eq!(again.grant.proof_hash(), asked.grant.proof_hash());
            assert_eq!((&again.service, &again.scope), (&asked.service, &asked.scope));
            assert_eq!((&again.resource, again.ttl), (&asked.resource, asked.ttl));
            assert_eq!(again.call, asked.call);
        }
    }
});
