//! Tests of body rules: one refund rule, and the ways around it that there are not.

use proptest::prelude::*;

use super::*;
use crate::field_path::FieldPath;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn refunds() -> BodyRule {
    let one_of = |texts: &[&str]| Limit::OneOf(texts.iter().map(ToString::to_string).collect());
    let field = |limit, is_optional| Field { limit, is_optional };
    rule([
        ("charge", field(Limit::Any, false)),
        ("amount", field(Limit::Whole { min: 1, max: 5000 }, false)),
        ("currency", field(one_of(&["usd", "eur"]), false)),
        ("reason", field(one_of(&["requested by customer"]), true)),
        ("metadata.order", field(Limit::Any, true)),
    ])
}

fn rule<'p>(fields: impl IntoIterator<Item = (&'p str, Field)>) -> BodyRule {
    let shape = fields.into_iter().fold(Shape::empty(), |shape, (path, field)| {
        shape.insert(&FieldPath::read(path).unwrap(), field).unwrap()
    });
    BodyRule::new(shape)
}

/// A payment: an object in it, a list of objects, and a list of texts.
fn payments() -> BodyRule {
    let field = |limit, is_optional| Field { limit, is_optional };
    rule([
        ("card.number", field(Limit::Any, false)),
        ("card.address.country", field(Limit::OneOf(["de".to_owned()].into()), true)),
        ("items[].price", field(Limit::Whole { min: 0, max: 100 }, false)),
        ("items[].note", field(Limit::Any, true)),
        ("tags[]", field(Limit::OneOf(["a".to_owned(), "b".to_owned()].into()), true)),
    ])
}

fn pay(content_type: &str, body: &str) -> Result<(), BodyRefused> {
    let body = body.replace('[', "%5B").replace(']', "%5D");
    payments().check(Some(&content_type.parse().unwrap()), body.as_bytes())
}

#[test]
fn what_is_nested_has_limits_too() {
    for form in [
        "card[number]=1&items[0][price]=100",
        "items[0][price]=1&card[number]=1&items[0][note]=x&items[1][note]=y&items[1][price]=2",
        "card[address][country]=de&card[number]=1&items[0][price]=1&tags[]=a&tags[]=b",
        "card[number]=1&items[0][price]=1&tags[0]=a&tags[1]=b",
    ] {
        assert_eq!(pay(FORM, form), Ok(()), "{form}");
    }
    let json = |body: &str| payments().check(Some(&JSON.parse().unwrap()), body.as_bytes());
    for body in [
        r#"{"card":{"number":"1"},"items":[{"price":100}]}"#,
        r#"{"card":{"number":1,"address":{"country":"de"}},"items":[{"price":0,"note":""},{"price":1}],"tags":["a"]}"#,
        r#"{"card":{"number":1,"address":{}},"items":[{"price":0}],"tags":[]}"#,
    ] {
        assert_eq!(json(body), Ok(()), "{body}");
    }
    for (body, refused) in [
        (r#"{"card":{"number":1},"items":[{"price":1},{"price":101}]}"#, BodyRefused::OutsideLimit),
        (r#"{"card":{"number":1},"items":[{"price":"1"}]}"#, BodyRefused::OutsideLimit),
        (r#"{"card":{"number":1},"items":[{"price":1e0}]}"#, BodyRefused::OutsideLimit),
        (r#"{"card":{"number":1},"items":[{"price":-1}]}"#, BodyRefused::OutsideLimit),
        (r#"{"card":{"number":{"a":1}},"items":[{"price":1}]}"#, BodyRefused::OutsideLimit),
        (r#"{"card":1,"items":[{"price":1}]}"#, BodyRefused::OutsideLimit),
        (r#"{"card":[{"number":1}],"items":[{"price":1}]}"#, BodyRefused::OutsideLimit),
        (r#"{"card":{"number":1},"items":{"price":1}}"#, BodyRefused::OutsideLimit),
        (r#"{"card":{"number":1},"items":[[{"price":1}]]}"#, BodyRefused::OutsideLimit),
        (r#"{"card":{"number":1},"items":[{"price":1}],"tags":["c"]}"#, BodyRefused::OutsideLimit),
        (r#"{"card":{"number":1},"items":[]}"#, BodyRefused::Missing),
        (r#"{"card":{"number":1},"items":[{"price":1},{}]}"#, BodyRefused::Missing),
        (r#"{"card":{},"items":[{"price":1}]}"#, BodyRefused::Missing),
        (r#"{"card":{"number":1}}"#, BodyRefused::Missing),
        (r#"{"card":{"number":1,"cvc":1},"items":[{"price":1}]}"#, BodyRefused::Unknown),
        (r#"{"card.number":1,"items":[{"price":1}]}"#, BodyRefused::Unknown),
        (r#"{"card[number]":1,"items":[{"price":1}]}"#, BodyRefused::Unknown),
        (r#"{"card":{"number":1},"items":[{"price":1,"price":900}]}"#, BodyRefused::Repeated),
        (
            r#"{"card":{"number":1},"card":{"number":2},"items":[{"price":1}]}"#,
            BodyRefused::Repeated,
        ),
    ] {
        assert_eq!(json(body), Err(refused), "{body}");
    }
}

#[test]
fn brackets_that_servers_read_in_two_ways_are_refused() {
    for rest in [
        "&items[][price]=1",
        "&items[1][price]=1&items[0][price]=1",
        "&items[00][price]=1",
        "&items[+0][price]=1",
        "&items[a][price]=1",
        "&items[price]=1",
        "&items=1",
        "&items[0]=1",
        "&items[0][price]=1&items[2][price]=1",
        "&items[0][price]=1&items[1][price]=1&items[0][note]=x",
        "&items[0][price]=1&items[0][price]=900",
        "&items[0][price][]=1",
        "&items[0][price]=1&tags[]=a&tags[0]=b",
        "&items[0][price]=1&tags[0]=a&tags[]=b",
        "&items[0][price]=1&tags=a",
        "&items[0][price]=1&tags[][a]=a",
        "&items[0][price]=1&tags[[]]=a",
        "&items[0][price]=1&tags[]a=a",
        "&items[0][price]=1&card=1",
        "&items[0][price]=1&card[number]=2",
        "&items[0][price]=1&card[cvc]=2",
        "&items[0][price]=1&card.number=2",
        "&items[0][price]=1&card[number=2",
        "&items[0][price]=101",
        "&items[18446744073709551616][price]=1",
    ] {
        let form = format!("card[number]=1{rest}");
        assert!(pay(FORM, &form).is_err(), "{form}");
    }
    // Brackets that are not escaped are no form of a key that form encoding gives.
    let raw = "card[number]=1&items[0][price]=1";
    assert!(payments().check(Some(&FORM.parse().unwrap()), raw.as_bytes()).is_err());
}

fn check(content_type: &str, body: &str) -> Result<(), BodyRefused> {
    refunds().check(Some(&content_type.parse().unwrap()), body.as_bytes())
}

#[test]
fn a_body_within_the_limits_passes() {
    for form in [
        "charge=ch_1&amount=5000&currency=usd",
        "currency=eur&amount=1&charge=ch_1",
        "charge=ch_1&amount=5&currency=usd&reason=requested+by+customer",
        "charge=ch_1&amount=5&currency=usd&metadata%5Border%5D=a%20b",
    ] {
        assert_eq!(check(FORM, form), Ok(()), "{form}");
        assert_eq!(check("Application/X-WWW-Form-Urlencoded; charset=UTF-8", form), Ok(()));
    }
    for json in [
        r#"{"charge":"ch_1","amount":5000,"currency":"usd"}"#,
        r#" { "currency" : "eur", "amount" : 1, "charge" : 7 } "#,
        r#"{"charge":"ch_1","amount":5,"currency":"usd","reason":"requested by customer"}"#,
        r#"{"ch\u0061rge":null,"amount":5,"currency":"us\u0064"}"#,
    ] {
        assert_eq!(check(JSON, json), Ok(()), "{json}");
        assert_eq!(check("application/json;charset=utf-8", json), Ok(()));
    }
}

#[test]
fn amounts_have_one_spelling_and_a_limit() {
    for amount in [
        "5001",
        "0",
        "99999999999999999999",
        "9007199254740993",
        "-1",
        "-0",
        "5e3",
        "5E3",
        "5.0",
        "1e400",
        "0x10",
        "05",
        "00",
        "",
        "%35",
        "+5",
        "5+",
        "1_000",
        "1,000",
        "five",
        "NaN",
        "Infinity",
        "\u{665}",
        "5%00",
        "5\n",
        " 5",
        "null",
        "true",
    ] {
        let form = format!("charge=ch_1&amount={amount}&currency=usd");
        assert!(check(FORM, &form).is_err(), "{form}");
        let json = format!(r#"{{"charge":"ch_1","amount":{amount},"currency":"usd"}}"#);
        // White space around a JSON number is no part of it.
        assert_eq!(check(JSON, &json).is_ok(), amount.trim() == "5" && amount != "5", "{json}");
    }
    for amount in [r#""5""#, r#""5000""#, r#""""#, "[5]", r#"{"a":5}"#, "null", "true", "[]"] {
        let json = format!(r#"{{"charge":"ch_1","amount":{amount},"currency":"usd"}}"#);
        assert_eq!(check(JSON, &json), Err(BodyRefused::OutsideLimit), "{json}");
    }
}

#[test]
fn a_choice_is_one_of_its_texts_letter_by_letter() {
    for currency in ["USD", "usd ", "us", "usdx", "gbp", "", "%75sd", "usd%00", "usd,eur", "u"] {
        let form = format!("charge=ch_1&amount=5&currency={currency}");
        assert!(check(FORM, &form).is_err(), "{form}");
        let json = format!(r#"{{"charge":"ch_1","amount":5,"currency":"{currency}"}}"#);
        assert_eq!(check(JSON, &json), Err(BodyRefused::OutsideLimit), "{json}");
    }
    for currency in ["1", "null", r#"["usd"]"#, r#"{"usd":1}"#] {
        let json = format!(r#"{{"charge":"ch_1","amount":5,"currency":{currency}}}"#);
        assert_eq!(check(JSON, &json), Err(BodyRefused::OutsideLimit), "{json}");
    }
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    for form in [
        "charge=ch_1&amount=5&amount=9000&currency=usd",
        "amount=9000&charge=ch_1&amount=5&currency=usd",
        "charge=a&charge=b&amount=5&currency=usd",
    ] {
        assert_eq!(check(FORM, form), Err(BodyRefused::Repeated), "{form}");
    }
    for json in [
        r#"{"charge":"ch_1","amount":5,"amount":9000,"currency":"usd"}"#,
        r#"{"charge":"ch_1","amount":9000,"currency":"usd","amount":5}"#,
        r#"{"charge":"ch_1","amount":5,"\u0061mount":9000,"currency":"usd"}"#,
    ] {
        assert_eq!(check(JSON, json), Err(BodyRefused::Repeated), "{json}");
    }
}

#[test]
fn a_field_that_no_rule_names_is_refused() {
    for key in [
        "refund_application_fee",
        "Amount",
        "amount ",
        "amount%00",
        "amount[]",
        "amount%5B%5D",
        "amount[0]",
        "%61mount",
        "a.amount",
        "expand%5B%5D",
        "_method",
        "metadata[order]",
        "+amount",
    ] {
        let form = format!("charge=ch_1&amount=5&currency=usd&{key}=9000");
        assert!(check(FORM, &form).is_err(), "{form}");
    }
    for key in ["Amount", "amount ", r"amount\u0000", "amount[]", "__proto__", "_method", ""] {
        let json = format!(r#"{{"charge":"ch_1","amount":5,"currency":"usd","{key}":9000}}"#);
        assert_eq!(check(JSON, &json), Err(BodyRefused::Unknown), "{json}");
    }
}

#[test]
fn a_limited_field_that_is_left_out_is_refused() {
    assert_eq!(check(FORM, "charge=ch_1&currency=usd"), Err(BodyRefused::Missing));
    assert_eq!(check(FORM, ""), Err(BodyRefused::Missing));
    assert_eq!(check(JSON, r#"{"charge":"ch_1","currency":"usd"}"#), Err(BodyRefused::Missing));
    assert_eq!(check(JSON, "{}"), Err(BodyRefused::Missing));
    assert_eq!(refunds().check(None, b""), Err(BodyRefused::Missing));
}

#[test]
fn what_is_no_plain_form_or_object_is_refused() {
    for form in
        ["&", "amount", "amount=5&", "amount=5&&charge=a", "a=b;c=d", "charge=<", "\u{feff}"]
    {
        assert!(check(FORM, form).is_err(), "{form}");
    }
    for json in [
        "",
        "null",
        "[]",
        "5",
        "\"a\"",
        "{",
        r#"{"amount":5,}"#,
        r#"{"amount":5}{}"#,
        "\u{feff}{}",
        "{'amount':5}",
        r#"{"amount":5 /* */}"#,
        r#"{"charge":"\ud800"}"#,
        "{}\0",
        "{amount:5}",
        r#"[{"charge":"ch_1","amount":5,"currency":"usd"}]"#,
    ] {
        assert_eq!(check(JSON, json), Err(BodyRefused::Malformed), "{json}");
    }
    let deep = format!(r#"{{"charge":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(check(JSON, &deep), Err(BodyRefused::Malformed));
}

#[test]
fn a_body_of_another_type_is_refused() {
    let json = r#"{"charge":"ch_1","amount":5,"currency":"usd"}"#;
    for content_type in [
        "text/plain",
        "application/xml",
        "application/json;charset=utf-16",
        "application/json5",
        "application/json; charset=utf-8; charset=utf-7",
        "multipart/form-data; boundary=a",
        "",
        "application/json, application/x-www-form-urlencoded",
        "application/x-ndjson",
        "application/json; boundary=a",
    ] {
        assert_eq!(check(content_type, json), Err(BodyRefused::ContentType), "{content_type}");
    }
    assert_eq!(refunds().check(None, json.as_bytes()), Err(BodyRefused::ContentType));
    // One type cannot be taken for the other.
    assert!(check(FORM, json).is_err());
    assert!(check(JSON, "charge=ch_1&amount=5&currency=usd").is_err());
}

#[test]
fn a_rule_without_fields_takes_no_body() {
    let nothing = BodyRule::new(Shape::empty());
    assert_eq!(nothing.check(None, b""), Ok(()));
    assert_eq!(nothing.check(Some(&FORM.parse().unwrap()), b""), Ok(()));
    assert_eq!(nothing.check(Some(&FORM.parse().unwrap()), b"a=b"), Err(BodyRefused::Unknown));
}

proptest! {
    /// What passes means the same to the parsers that upstreams use.
    #[test]
    fn a_form_that_passes_is_within_the_limits_for_another_parser(
        body in "(charge=ch|amount=[0-9e+.%-]{0,6}|currency=(usd|eur|gbp|%75sd)|&|&&|;){3,9}"
    ) {
        if check(FORM, &body).is_ok() {
            let pairs: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).collect();
            let amounts: Vec<_> = pairs.iter().filter(|(key, _)| key == "amount").collect();
            prop_assert_eq!(amounts.len(), 1);
            prop_assert!((1..=5000).contains(&amounts[0].1.parse::<i64>().unwrap()));
        }
    }

    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let rule = refunds();
        for content_type in [FORM, JSON] {
            let _ = rule.check(Some(&content_type.parse().unwrap()), &body);
        }
    }
}
