//! What of an answer's body comes back: what can be searched, and of JSON what a rule names.

use agentcred_protocol::refusal::RefusalCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::agent::{READ, broker_refusal};
use crate::stage::{REAL_KEY, Stage};
use crate::upstream::{Upstream, answer, chunked, json};

const CUSTOMERS: &str = "/egress/stripe/v1/customers";
const JSON: (&str, &str) = ("content-type", "application/json");

/// One request, whose answer is this.
async fn ask(upstream_says: impl Into<Vec<u8>>) -> (Stage, reqwest::Response) {
    ask_with(upstream_says, |policy| policy).await
}

/// The same, under a changed configuration.
async fn ask_with(
    upstream_says: impl Into<Vec<u8>>,
    edit: impl FnOnce(String) -> String,
) -> (Stage, reqwest::Response) {
    let upstream = Upstream::answering(upstream_says).await;
    let stage = Stage::with_policy(upstream, |policy, _| edit(policy)).await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(stage.upstream.arrived().len(), 1);
    (stage, response)
}

async fn assert_unreadable(upstream_says: impl Into<Vec<u8>>, reason: &str) {
    let (stage, response) = ask(upstream_says).await;
    let refused = broker_refusal(response).await;
    assert_eq!((refused.code, refused.status.as_u16()), (RefusalCode::UnreadableAnswer, 502));
    assert_eq!(stage.last_reason(), reason);
}

fn binary(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{content_type}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The customers' rule with `fields`.
fn with_fields(policy: &str, fields: &str) -> String {
    let rule = "query = [\"limit\", \"email\"]\n";
    let edited = policy.replacen(rule, &format!("{rule}fields = [{fields}]\n"), 1);
    assert_ne!(edited, policy);
    edited
}

#[tokio::test]
async fn a_key_spelled_with_escapes_is_taken_out_of_json() {
    let escaped: String = REAL_KEY
        .char_indices()
        .map(|(at, c)| if at % 6 == 0 { format!("\\u{:04x}", c as u32) } else { c.to_string() })
        .collect();
    let body = format!(r#"{{"total":1.50,"note":"key {escaped} here","{escaped}":1}}"#);
    let (_, response) = ask(json(&body)).await;
    let expected = r#"{"total":1.50,"note":"key [redacted] here","[redacted]":1}"#;
    assert_eq!(response.text().await.unwrap(), expected);
    // As text, whose escapes nobody undoes, the same bytes pass: it is the texts that are searched.
    let (_, response) = ask(answer("200 OK", &[("content-type", "text/plain")], &body)).await;
    assert!(response.text().await.unwrap().contains(&escaped));
}

#[tokio::test]
async fn a_key_spread_over_the_texts_of_json_lets_nothing_back() {
    let pieces: Vec<_> = REAL_KEY.as_bytes().chunks(8).map(|it| it.escape_ascii()).collect();
    let list: Vec<_> = pieces.iter().map(|piece| format!("\"{piece}\"")).collect();
    let fields: Vec<_> = pieces.iter().map(|piece| format!("{{\"part\":\"{piece}\"}}")).collect();
    let names: Vec<_> = pieces.iter().map(|piece| format!("\"{piece}\":true")).collect();
    for body in [
        format!("{{\"parts\":[{}]}}", list.join(",")),
        format!("[{}]", fields.join(",")),
        format!("{{{}}}", names.join(",")),
    ] {
        assert_unreadable(json(&body), "upstream_spread_a_secret").await;
        assert_unreadable(
            answer("404 Not Found", &[("content-type", "application/problem+json")], &body),
            "upstream_spread_a_secret",
        )
        .await;
    }
    // Pieces that are not the key's pass.
    let (_, response) = ask(json(r#"{"parts":["sk_live_","9gQ2","xVb8"]}"#)).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_key_spread_over_headers_lets_nothing_back() {
    let in_headers = |pieces: [&str; 4]| {
        let names = ["request-id", "x-request-id", "x-ratelimit-a", "x-ratelimit-b"];
        let headers: Vec<_> = names.into_iter().zip(pieces).collect();
        answer("200 OK", &headers, "{}")
    };
    let pieces = [&REAL_KEY[..9], &REAL_KEY[9..18], &REAL_KEY[18..27], &REAL_KEY[27..]];
    assert_unreadable(in_headers(pieces), "upstream_spread_a_secret").await;
    // Each alone is too short to be told from anything else, and others together are no key.
    let (_, response) = ask(in_headers([pieces[1], "a", pieces[0], "b"])).await;
    assert_eq!(response.headers()["request-id"], pieces[1]);
}

#[tokio::test]
async fn large_json_passes_and_is_searched_while_it_does() {
    let padding = format!("\"{}\"", "a".repeat(300 * 1024));
    let body = format!("{{\"padding\":{padding},\"key\":\"{REAL_KEY}\"}}");
    let (_, response) = ask(json(&body)).await;
    let expected = format!("{{\"padding\":{padding},\"key\":\"[redacted]\"}}");
    assert_eq!(response.text().await.unwrap(), expected);
}

// Leak channel 11, control within.
#[tokio::test]
async fn compressed_answers_are_refused_though_no_header_says_so() {
    let text = format!(r#"{{"key":"{REAL_KEY}"}}"#);
    // python3: gzip, zlib at two levels, bz2 and lzma of that text; node: brotli.
    for packed in PACKED {
        let packed = STANDARD.decode(packed).unwrap();
        for content_type in
            ["content-type: application/json\r\n", "content-type: text/plain\r\n", ""]
        {
            assert_unreadable(binary(content_type, &packed), "upstream_packed_its_answer").await;
        }
    }
    for packed in &PACKED[..PACKED.len() - 1] {
        let packed = STANDARD.decode(packed).unwrap();
        let bytes = binary("content-type: application/octet-stream\r\n", &packed);
        assert_unreadable(bytes, "upstream_packed_its_answer").await;
    }
    let (_, response) = ask(binary("content-type: image/png\r\n", b"\x89PNG\r\n\x1a\n\0")).await;
    assert_eq!(response.bytes().await.unwrap(), b"\x89PNG\r\n\x1a\n\0".as_slice());
    let (_, response) = ask(json(&text)).await;
    assert_eq!(response.text().await.unwrap(), r#"{"key":"[redacted]"}"#);
}

// Leak channel 11, control within.
#[tokio::test]
async fn compressed_events_are_cut_off() {
    for packed in PACKED {
        let packed = STANDARD.decode(packed).unwrap();
        // Whole, and so that the first piece alone is plain.
        for pieces in [vec![packed.as_slice()], vec![&packed[..1], &packed[1..]]] {
            let upstream = Upstream::answering(events(pieces)).await;
            let stage = Stage::before(upstream).await;
            let nonce = stage.agent.mint(READ).await;
            let proof = stage.agent.nonce_proof(&nonce, &http::Method::GET, CUSTOMERS);
            let request = stage.agent.request(&nonce, &http::Method::GET, CUSTOMERS);
            // The cut may come before the head of the answer went out.
            if let Ok(response) = request.header("dpop", proof).send().await {
                assert!(response.bytes().await.is_err());
            }
        }
    }
    // The control: events that are what they say pass in the same pieces.
    let (_, response) = ask(events([b"d".as_slice(), b"ata: 1\n\n"])).await;
    assert_eq!(response.text().await.unwrap(), "data: 1\n\n");
}

/// Events in these pieces.
fn events<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    [format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes(), &chunked(pieces)].concat()
}

// Leak channel 11, control within.
#[tokio::test]
async fn an_answer_in_another_transfer_coding_is_refused() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n";
    let body = chunked([b"{}".as_slice()]);
    for coding in ["br, chunked", "gzip, chunked", "identity, chunked"] {
        let head = format!("{head}transfer-encoding: {coding}\r\n\r\n");
        let says = [head.as_bytes(), &body].concat();
        assert_unreadable(says, "upstream_encoded_its_answer").await;
    }
    let head = format!("{head}transfer-encoding: chunked\r\n\r\n");
    let (_, response) = ask([head.as_bytes(), &body].concat()).await;
    assert_eq!(response.text().await.unwrap(), "{}");
}

#[tokio::test]
async fn an_unknown_charset_is_refused() {
    for charset in ["utf-16", "UTF-16LE", "utf-7", "ibm037", "\"utf-32\""] {
        let content_type = format!("application/json; charset={charset}");
        let says = answer("200 OK", &[("content-type", &content_type)], "{}");
        assert_unreadable(says, "upstream_charset_unknown").await;
    }
    let says = answer("200 OK", &[JSON, ("content-type", "text/plain")], "{}");
    assert_unreadable(says, "upstream_repeated_its_content_type").await;
    for charset in ["utf-8", "UTF-8", "iso-8859-1"] {
        let content_type = format!("application/json; charset={charset}");
        let (_, response) = ask(answer("200 OK", &[("content-type", &content_type)], "{}")).await;
        assert_eq!(response.status(), 200);
    }
}

const CUSTOMER: &str = r#"{"data":[{"id":"cus_1","email":"ada@example.com","ssn":"078-05-1120"},
    {"id":"cus_2","ssn":"219-09-9999","deep":{"ssn":"1"}}],"total":2,"secret":"s"}"#;

#[tokio::test]
async fn fields_that_a_rule_does_not_name_do_not_come_back() {
    let edit = |policy: String| with_fields(&policy, "\"data[].id\", \"data[].email\", \"total\"");
    let (_, response) = ask_with(json(CUSTOMER), edit).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let expected =
        r#"{"data":[{"email":"ada@example.com","id":"cus_1"},{"id":"cus_2"}],"total":2}"#;
    assert_eq!(response.text().await.unwrap(), expected);
    // Without `fields` all of it does.
    let (_, response) = ask(json(CUSTOMER)).await;
    assert_eq!(response.text().await.unwrap(), CUSTOMER);
}

#[tokio::test]
async fn of_an_error_a_status_and_a_short_code_come_back() {
    let edit = |policy: String| with_fields(&policy, "\"data[].id\"");
    for (body, code) in [
        (
            r#"{"error":{"code":"resource_missing","message":"cus_1, 078-05-1120"}}"#,
            "resource_missing",
        ),
        (r#"{"error":"078 05 1120"}"#, "unknown"),
        ("<html>078-05-1120</html>", "unknown"),
        (&format!(r#"{{"error":{{"code":"{REAL_KEY}"}}}}"#), "[redacted]"),
    ] {
        let says = answer("404 Not Found", &[JSON], body);
        let (_, response) = ask_with(says, edit).await;
        assert_eq!(response.status(), 404);
        let expected = format!(r#"{{"error":{{"code":"{code}"}}}}"#);
        assert_eq!(response.text().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn what_has_no_fields_is_refused_where_a_rule_names_some() {
    let edit = |policy: String| with_fields(&policy, "\"data[].id\"");
    for (content_type, body, reason) in [
        ("text/html", "<html></html>", "upstream_answer_no_json"),
        ("text/csv", "id,ssn\n", "upstream_answer_no_json"),
        ("application/octet-stream", "{}", "upstream_answer_no_json"),
        ("application/json", "no json", "upstream_answer_not_projectable"),
        ("application/json", r#"[{"id":1}]"#, "upstream_answer_not_projectable"),
        ("application/json", r#"{"data":[]} {"data":[]}"#, "upstream_answer_not_projectable"),
    ] {
        let says = answer("200 OK", &[("content-type", content_type)], body);
        let (stage, response) = ask_with(says, edit).await;
        assert_eq!(broker_refusal(response).await.code, RefusalCode::UnreadableAnswer, "{body}");
        assert_eq!(stage.last_reason(), reason, "{body}");
    }
    // Of what grows larger than the rule allows nothing is passed on.
    let large = |policy: String| {
        edit(policy).replacen("fields =", "max_response_body = \"1KiB\"\nfields =", 1)
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    for (padding, is_small) in [(10, true), (2000, false)] {
        let body = format!(r#"{{"data":[],"padding":"{}"}}"#, "a".repeat(padding));
        let body = chunked(body.as_bytes().chunks(100));
        let says = [head.as_bytes(), &body].concat();
        let (_, response) = ask_with(says, large).await;
        assert_eq!(response.status().is_success(), is_small, "{padding}");
    }
    // Nothing is nothing, whatever a rule names.
    let (_, response) = ask_with("HTTP/1.1 204 No Content\r\n\r\n", edit).await;
    assert_eq!(response.status(), 204);
}

/// A text with the key, compressed in turn by each; brotli, which has no mark, is the last.
const PACKED: [&str; 6] = [
    "H4sIAAAAAAACA6tWyk6tVLJSKs6Oz8ksS423TAs0qghLMvfJDTEpD8q2iCqOTDb2SHFVqgUAFAgUeyoAAAA=",
    "eAGrVspOrVSyUirOjs/JLEuNt0wLNKoISzL3yQ0xKQ/Ktogqjkw29khxVaoFADUUDjM=",
    "eNqrVspOrVSyUirOjs/JLEuNt0wLNKoISzL3yQ0xKQ/Ktogqjkw29khxVaoFADUUDjM=",
    "QlpoOTFBWSZTWbLc+h0AABQfgBAAHPACRDUwny4J6iAAIwGhtJo0NqMJm1QY0xGEaYAABAsmm45dl43eKUCHTWfshjMVLnqqYAB3yvxdyRThQkLLc+h0",
    "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQApeyJrZXkiOiJza19saXZlXzlmUTJ4VmI3TG1UNHdSazhac1ljM0hkRSJ9AAAAXBNolnXeMxsAAUIqelFyOR+2830BAAAAAARZWg==",
    "ixSAeyJrZXkiOiJza19saXZlXzlmUTJ4VmI3TG1UNHdSazhac1ljM0hkRSJ9Aw==",
];
