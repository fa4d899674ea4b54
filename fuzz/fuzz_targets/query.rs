//! Queries: one that passes has the same few keys for every parser, and is sent as it was checked.
#![no_main]

use std::collections::BTreeSet;

use agentcred_fuzz::GATE;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    let Some(sent) = GATE.line("GET", "/v1/customers", Some(query)) else { return };
    assert_eq!(sent, format!("/v1/customers?{query}"), "what is sent is not what was checked");
    let url = url::Url::parse(&format!("https://api.example{sent}")).expect("a URL");
    assert_eq!(url.query(), Some(query), "a URL parser sees another query");
    assert_eq!(url.fragment(), None);

    let mut keys = BTreeSet::new();
    for (key, _) in url::form_urlencoded::parse(query.as_bytes()) {
        assert!(["limit", "email", "expand[]"].contains(&&*key), "{key} is not allowed");
        assert!(keys.insert(key.clone()) || key == "expand[]", "{key} stands twice");
    }
    // Some parsers take these for separators too.
    assert!(!query.contains([';', '#', '?', '\\', '\0', '\r', '\n', ' ']));
    assert!(
        !url::form_urlencoded::parse(query.replace(';', "&").as_bytes())
            .any(|(key, _)| key.eq_ignore_ascii_case("_method"))
    );
});
