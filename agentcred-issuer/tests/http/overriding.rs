//! Requests that ask for another method, or for another protocol, than the one that was checked.

use agentcred_protocol::proof;
use agentcred_protocol::refusal::RefusalCode;
use http::Method;
use reqwest::Response;

use crate::agent::{READ, Wish, broker_refusal};
use crate::raw::RawClient;
use crate::stage::Stage;
use crate::upstream::Upstream;

const CUSTOMERS: &str = "/egress/stripe/v1/customers";
const REFUNDS: &str = "/egress/stripe/v1/refunds";
const REFUND: Wish<'_> = Wish { scope: "write:refunds", ..READ };

const HEADERS: [&str; 8] = [
    "x-http-method-override",
    "X-HTTP-Method-Override",
    "x-http-method",
    "x-method-override",
    "x_http_method_override",
    "x_method_override",
    "http-method-override",
    "x-original-method-override",
];

const VERBS: [&str; 9] =
    ["DELETE", "PUT", "PATCH", "POST", "GET", "HEAD", "delete", "TRACE", "DELETE, GET"];

/// Sends a request that is as it should be but for a header, a query or a body.
async fn send(
    stage: &Stage,
    wish: Wish<'_>,
    path: &str,
    query: &str,
    header: (&str, &str),
    body: &str,
) -> Response {
    let method = if wish.scope == READ.scope { Method::GET } else { Method::POST };
    let nonce = stage.agent.mint(wish).await;
    let proof = stage.agent.nonce_proof(&nonce, &method, path);
    let request = stage.agent.request(&nonce, &method, &format!("{path}{query}"));
    let request = request.header(proof::HEADER, proof).header(header.0, header.1);
    request.body(body.to_owned()).send().await.unwrap()
}

async fn assert_refused(stage: &Stage, response: Response, what: &str) {
    let refused = broker_refusal(response).await;
    assert_eq!(refused.code, RefusalCode::MethodOverride, "{what}");
    assert_eq!(refused.status, 400, "{what}");
    assert!(stage.upstream.arrived().is_empty(), "{what}");
}

#[tokio::test]
async fn no_header_changes_the_method() {
    let stage = Stage::set().await;
    for name in HEADERS {
        for verb in VERBS {
            for (wish, path) in [(READ, CUSTOMERS), (REFUND, REFUNDS)] {
                let response = send(&stage, wish, path, "", (name, verb), "").await;
                assert_refused(&stage, response, &format!("{name}: {verb}")).await;
            }
        }
    }
    // Without one, and with a header that is only named alike, both requests pass.
    for (wish, path) in [(READ, CUSTOMERS), (REFUND, REFUNDS)] {
        let response = send(&stage, wish, path, "", ("x-payment-method", "DELETE"), "").await;
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test]
async fn no_query_changes_the_method() {
    let stage = Stage::set().await;
    for name in [
        "_method",
        "_METHOD",
        "%5Fmethod",
        "%5fMETHOD",
        "X-HTTP-Method-Override",
        "%5f%6d%65%74%68%6f%64",
    ] {
        for verb in VERBS {
            let query = format!("?{name}={}", verb.replace(", ", "%2C"));
            for (wish, path) in [(READ, CUSTOMERS), (REFUND, REFUNDS)] {
                let response = send(&stage, wish, path, &query, ("accept", "*/*"), "").await;
                assert_refused(&stage, response, &query).await;
            }
        }
    }
    let response = send(&stage, READ, CUSTOMERS, "?limit=3", ("accept", "*/*"), "").await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn no_body_changes_the_method() {
    let stage = Stage::set().await;
    let form = "application/x-www-form-urlencoded";
    let parts = "multipart/form-data; boundary=b";
    for verb in VERBS {
        for (content_type, body) in [
            (form, format!("charge=ch_1&_method={verb}")),
            (form, format!("_METHOD={verb}&charge=ch_1")),
            (form, format!("%5Fmethod={verb}")),
            ("application/json", format!(r#"{{"charge":"ch_1","_method":"{verb}"}}"#)),
            ("application/json", format!(r#"{{"\u005f\u006dethod":"{verb}"}}"#)),
            (
                parts,
                format!(
                    "--b\r\ncontent-disposition: form-data; name=\"_method\"\r\n\r\n{verb}\r\n--b--\r\n"
                ),
            ),
        ] {
            let header = ("content-type", content_type);
            let response = send(&stage, REFUND, REFUNDS, "", header, &body).await;
            assert_refused(&stage, response, &body).await;
        }
    }
    let header = ("content-type", form);
    let response = send(&stage, REFUND, REFUNDS, "", header, "payment_method=_method").await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_change_of_protocol_is_refused_by_name() {
    let stage = Stage::set().await;
    for (connection, upgrade) in [
        ("upgrade", "websocket"),
        ("Upgrade", "WebSocket"),
        ("upgrade, http2-settings", "h2c"),
        ("close", "TLS/1.3"),
    ] {
        let nonce = stage.agent.mint(READ).await;
        let request = format!(
            "GET {CUSTOMERS} HTTP/1.1\r\nhost: b\r\nconnection: {connection}\r\nupgrade: {upgrade}\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             authorization: {}\r\ndpop: {}\r\n\r\n",
            nonce.authorization().unwrap().to_str().unwrap(),
            stage.agent.nonce_proof(&nonce, &Method::GET, CUSTOMERS).to_str().unwrap()
        );
        let answer = RawClient::connect(&stage.agent.issuer).await.until_closed(request.as_bytes());
        let answer = String::from_utf8(answer.await.unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("agentcred-error: protocol_switch\r\n"), "{answer}");
        assert!(answer.contains("WebSocket"), "{answer}");
    }
    assert!(stage.upstream.arrived().is_empty());
}

#[tokio::test]
async fn an_upstream_that_changes_the_protocol_is_not_followed() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                  upgrade: websocket\r\n\r\nwhat follows";
    let stage = Stage::before(Upstream::answering(switch).await).await;
    let nonce = stage.agent.mint(READ).await;
    let response = stage.agent.get(&nonce, CUSTOMERS).await;
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("upgrade"));
    assert!(!response.text().await.unwrap().contains("what follows"));
    assert_eq!(stage.last_reason(), "upstream_switched_protocols");
    assert_eq!(stage.audit_of("answer")[0]["status"], 101);
}
