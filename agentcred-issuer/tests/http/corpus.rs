//! Attacks on paths and queries, made from encodings, separators and places by code alone: the
//! same ones in the same order each time.

use std::collections::BTreeSet;

/// Every attack, as the bytes of a request target. All of them start from what the nonce
/// allows, `/v1/customers`, and want something else.
pub(crate) fn attacks() -> Vec<Vec<u8>> {
    let mut seen = BTreeSet::new();
    let mut attacks = Vec::new();
    let all = traversals().chain(endings()).chain(services()).chain(queries());
    for attack in all {
        if seen.insert(attack.clone()) {
            attacks.push(attack);
        }
    }
    attacks
}

/// `/v1/customers` and as many steps up as it takes, in every spelling, then another object.
fn traversals() -> impl Iterator<Item = Vec<u8>> {
    let mut attacks = Vec::new();
    for base in BASES {
        for separator in SEPARATORS {
            for step in STEPS_UP {
                for depth in 1..=3 {
                    for goal in ["refunds", "v1/refunds", "v1/customers"] {
                        let mut attack = base.to_vec();
                        for _ in 0..depth {
                            attack.extend_from_slice(separator);
                            attack.extend_from_slice(step);
                        }
                        attack.extend_from_slice(separator);
                        attack.extend_from_slice(goal.as_bytes());
                        attacks.push(attack);
                    }
                }
            }
        }
    }
    attacks.into_iter()
}

/// An allowed path with something behind it that one parser keeps and another one drops.
fn endings() -> impl Iterator<Item = Vec<u8>> {
    let goals: [&[u8]; 4] = [b"", b"refunds", b"sources/card_1", b"../refunds"];
    BASES.into_iter().flat_map(move |base| {
        SEPARATORS
            .into_iter()
            .chain(STEPS_UP)
            .chain(MARKS)
            .flat_map(move |mark| goals.into_iter().map(move |goal| [base, mark, goal].concat()))
    })
}

/// Other services, and what another parser could take for one.
fn services() -> impl Iterator<Item = Vec<u8>> {
    let names: [&[u8]; 12] = [
        b"ledger",
        b"STRIPE",
        b"Stripe",
        b"stripe.",
        b"stripe%00",
        b"strip%65",
        b"stripe;ledger",
        b"./stripe",
        b"/stripe",
        b"stripe@ledger",
        b"*",
        b"",
    ];
    let paths: [&[u8]; 4] = [b"/v1/customers", b"/entries", b"/v1/refunds", b""];
    let separators = SEPARATORS.into_iter();
    let direct = names.into_iter().flat_map(move |name| {
        paths.into_iter().map(move |path| [b"/egress/", name, path].concat())
    });
    let through = separators.flat_map(|separator| {
        STEPS_UP.into_iter().map(move |step| {
            [b"/egress/stripe", separator, step, separator, b"ledger/entries"].concat()
        })
    });
    direct.chain(through)
}

/// Query keys that no rule names, in every spelling and place, and allowed keys that repeat.
fn queries() -> impl Iterator<Item = Vec<u8>> {
    let mut attacks = Vec::new();
    for key in QUERY_KEYS {
        for spelling in spellings(key) {
            for between in BETWEEN_PAIRS {
                let smuggled = [spelling.as_bytes(), b"=data.default_source"].concat();
                attacks.push([QUERIED, b"?", &smuggled].concat());
                attacks.push([QUERIED, b"?limit=3", between, &smuggled].concat());
                attacks.push([QUERIED, b"?", &smuggled, between, b"limit=3"].concat());
                attacks.push([QUERIED, b"?limit", between, &smuggled].concat());
                attacks.push([QUERIED, b"/cus_1?", &smuggled, between].concat());
            }
        }
    }
    attacks.into_iter()
}

/// A key as it is, and as a lenient parser would still take it for the same.
fn spellings(key: &str) -> Vec<String> {
    let escaped = |prefix: &str| {
        let bytes: Vec<_> = key.bytes().map(|byte| format!("{prefix}{byte:02x}")).collect();
        bytes.concat()
    };
    let (first, rest) = key.split_at(1);
    vec![
        key.to_owned(),
        key.to_ascii_uppercase(),
        escaped("%"),
        escaped("%25"),
        escaped("%u00"),
        format!("%{:02X}{rest}", first.as_bytes()[0]),
        key.replace('[', "%5B").replace(']', "%5D"),
        key.replace('[', "%5b").replace(']', "%5d"),
        format!("{key}[]"),
        format!("{key}[0]"),
        format!("{key}%00"),
        format!("+{key}"),
        format!("%20{key}"),
        format!("limit[{key}]"),
        format!("a.{key}"),
    ]
}

const QUERIED: &[u8] = b"/egress/stripe/v1/customers";

const BASES: [&[u8]; 4] = [
    b"/egress/stripe/v1/customers",
    b"/egress/stripe/v1/customers/cus_1",
    b"/egress/stripe",
    b"/egress/stripe/v1/customers/cus_1?limit=3",
];

/// One step up, or what has been taken for it: dots, half and whole, in percent encoding once
/// and twice, overlong UTF-8, `%u`, look-alikes, and with things between that get dropped.
const STEPS_UP: [&[u8]; 30] = [
    b"..",
    b".",
    b"%2e%2e",
    b"%2E%2E",
    b"%2e.",
    b".%2e",
    b".%2E",
    b"%2e",
    b"%252e%252e",
    b"%25252e%25252e",
    b"%c0%ae%c0%ae",
    b"%c0.%c0.",
    b"%e0%80%ae%e0%80%ae",
    b"%f0%80%80%ae%f0%80%80%ae",
    b"%u002e%u002e",
    b"%uff0e%uff0e",
    b"%ef%bc%8e%ef%bc%8e",
    "\u{ff0e}\u{ff0e}".as_bytes(),
    "\u{2025}".as_bytes(),
    b"..;",
    b"..;x=1",
    b"..%00",
    b"..%20",
    b"..%09",
    b".\t.",
    b".%0d%0a.",
    b"...",
    b"....",
    b"\xc0\xae\xc0\xae",
    b"%32%65%32%65",
];

/// A slash, or what has been taken for one.
const SEPARATORS: [&[u8]; 26] = [
    b"/",
    b"\\",
    b"//",
    b"/./",
    b"/\\",
    b"\\/",
    b"%2f",
    b"%2F",
    b"%5c",
    b"%5C",
    b"%252f",
    b"%255c",
    b"%25252f",
    b"%c0%af",
    b"%c1%9c",
    b"%e0%80%af",
    b"%u2215",
    b"%u002f",
    "\u{2215}".as_bytes(),
    "\u{ff0f}".as_bytes(),
    b"%ef%bc%8f",
    b";/",
    b"/;/",
    b"%00/",
    b"/%20/",
    b"\xc0\xaf",
];

/// What ends a path for one parser and is part of it for another.
const MARKS: [&[u8]; 31] = [
    b"/",
    b"/.",
    b"/..",
    b"%00",
    b"%0",
    b"%",
    b"%zz",
    b"\0",
    b"%20",
    b"+",
    b"%09",
    b"%0a",
    b"%0d%0aX:%20y",
    b"\t",
    b"\x7f",
    b"#",
    b"%23",
    b"?",
    b"%3f",
    b"??",
    b";",
    b";jsessionid=1",
    b",",
    b"|",
    b"*",
    b"@evil.example/",
    b":80",
    b"~",
    b".json",
    b"\xff",
    b"%ff",
];

const QUERY_KEYS: [&str; 16] = [
    "expand",
    "expand[]",
    "expand[0]",
    "_method",
    "_METHOD",
    "email",
    "limit",
    "access_token",
    "stripe_account",
    "on_behalf_of",
    "callback",
    "fields",
    "include",
    "page",
    "__proto__",
    "constructor[prototype]",
];

const BETWEEN_PAIRS: [&[u8]; 9] =
    [b"&", b";", b"&&", b"%26", b"&amp;", b"%0a", b"&limit=3&", b"#", b"?"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_large_and_the_same_each_time() {
        let attacks = attacks();
        assert!(attacks.len() >= 20_000, "{}", attacks.len());
        assert_eq!(attacks, super::attacks());
    }
}
