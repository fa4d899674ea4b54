//! Bodies: one that passes is within its limits for another parser of forms and of JSON.
#![no_main]

use std::collections::BTreeMap;

use agentcred_fuzz::GATE;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const PATH: &str = "/v1/refunds";
const NESTED: &str = "/v1/payments";

fuzz_target!(|body: &[u8]| {
    let passes = |media_type: &str| GATE.body("POST", PATH, media_type, body) == Some(true);
    assert!(!passes("text/plain") && !passes("application/json; charset=utf-16"));
    if passes("application/x-www-form-urlencoded") {
        assert!(!passes("application/json"), "a body is form and JSON at once");
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            assert!(fields.insert(name.clone(), value).is_none(), "{name} stands twice");
        }
        let amount: u64 = fields.remove("amount").expect("an amount").parse().expect("digits");
        assert!((1..=5000).contains(&amount), "{amount}");
        let currency = fields.remove("currency").expect("a currency");
        assert!(["usd", "eur"].contains(&&*currency));
        assert!(fields.remove("reason").is_none_or(|reason| reason == "requested by customer"));
        assert!(fields.remove("charge").is_some() && fields.is_empty(), "{fields:?}");
    }
    if passes("application/json") {
        let value: Value = serde_json::from_slice(body).expect("JSON");
        let mut fields = value.as_object().expect("an object").clone();
        let amount = fields.remove("amount").expect("an amount").as_u64().expect("whole");
        assert!((1..=5000).contains(&amount), "{amount}");
        let currency = fields.remove("currency").expect("a currency");
        assert!(["usd", "eur"].iter().any(|it| currency == *it));
        assert!(fields.remove("reason").is_none_or(|reason| reason == "requested by customer"));
        let charge = fields.remove("charge").expect("a charge");
        assert!(!charge.is_object() && !charge.is_array() && fields.is_empty(), "{fields:?}");
    }
    nested(body);
});

fn nested(body: &[u8]) {
    let passes = |media_type: &str| GATE.body("POST", NESTED, media_type, body) == Some(true);
    if passes("application/json") {
        let value: Value = serde_json::from_slice(body).expect("JSON");
        let fields = value.as_object().expect("an object");
        assert!(fields.keys().all(|name| ["card", "items", "tags"].contains(&name.as_str())));
        let card = fields["card"].as_object().expect("an object");
        assert!(card.len() == 1 && !card["number"].is_object() && !card["number"].is_array());
        let items = fields["items"].as_array().expect("a list");
        assert!(!items.is_empty());
        for item in items {
            assert!(item["price"].as_u64().expect("whole") <= 100);
            let mut names = item.as_object().expect("an object").keys();
            assert!(names.all(|name| ["price", "note"].contains(&name.as_str())));
        }
        let tags = fields.get("tags").map(|tags| tags.as_array().expect("a list"));
        assert!(tags.is_none_or(|tags| tags.iter().all(|tag| tag == "a" || tag == "b")));
    }
    if passes("application/x-www-form-urlencoded") {
        let mut keys = BTreeMap::<_, usize>::new();
        let mut next = 0_u64;
        for (key, value) in url::form_urlencoded::parse(body) {
            let rest = key.strip_prefix("items[");
            if let Some((number, field)) = rest.and_then(|rest| rest.split_once(']')) {
                let number: u64 = number.parse().expect("a number");
                // In order, so that lists of PHP, Rack and Node are the same list.
                assert!(number == next || number + 1 == next, "{key} is out of order");
                next = number + 1;
                match field {
                    "[price]" => assert!(value.parse::<u64>().expect("digits") <= 100),
                    "[note]" => {}
                    _ => panic!("{key}"),
                }
            } else if key.starts_with("tags[") {
                assert!(value == "a" || value == "b");
            } else {
                assert_eq!(key, "card[number]");
            }
            if key != "tags[]" {
                let count = keys.entry(key.clone()).or_default();
                *count += 1;
                assert_eq!(*count, 1, "{key} stands twice");
            }
        }
        assert!(keys.contains_key("card[number]") && next > 0);
    }
}
