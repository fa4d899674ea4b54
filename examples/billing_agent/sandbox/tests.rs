//! The sandbox over HTTP: what it lists, pages, refuses, refunds and remembers.

use std::net::Ipv4Addr;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::{Sandbox, SandboxKey};

struct Caller {
    sandbox: Sandbox,
    client: Client,
    key: String,
}

impl Caller {
    async fn new() -> Self {
        let key = SandboxKey::random().unwrap();
        let text = key.expose().to_owned();
        let sandbox =
            Sandbox::start((Ipv4Addr::LOCALHOST, 0).into(), key, 1_800_000_000).await.unwrap();
        Self { sandbox, client: Client::new(), key: text }
    }

    async fn send(&self, request: RequestBuilder) -> (StatusCode, Value) {
        let response = request.bearer_auth(&self.key).send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap())
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.sandbox.url());
        self.send(self.client.get(url).query(query)).await
    }

    async fn refund(&self, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = format!("{}/v1/refunds", self.sandbox.url());
        self.send(self.client.post(url).form(form)).await
    }

    async fn customer(&self, email: &str) -> String {
        let (_, page) = self.get("/v1/customers", &[("email", email)]).await;
        text(&page["data"][0]["id"])
    }

    /// A charge of a customer whose charges nobody has refunded yet.
    async fn charge(&self) -> (String, i64) {
        let customer = self.customer("bob@example.com").await;
        let (_, page) = self.get("/v1/charges", &[("customer", &customer)]).await;
        let charge = &page["data"][0];
        (text(&charge["id"]), charge["amount"].as_i64().unwrap())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn error_of(answer: &(StatusCode, Value)) -> (u16, &str, &str) {
    let error = &answer.1["error"];
    let code = error["code"].as_str().unwrap_or_default();
    let param = error["param"].as_str().unwrap_or_default();
    (answer.0.as_u16(), code, param)
}

#[tokio::test]
async fn a_customer_is_found_by_the_exact_address() {
    let caller = Caller::new().await;
    let (status, page) = caller.get("/v1/customers", &[("email", "ada@example.com")]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(page["object"], "list");
    assert_eq!(page["url"], "/v1/customers");
    assert_eq!(page["has_more"], false);
    assert_eq!(page["data"].as_array().map(Vec::len), Some(1));
    let id = text(&page["data"][0]["id"]);
    let (_, customer) = caller.get(&format!("/v1/customers/{id}"), &[]).await;
    assert_eq!(customer, page["data"][0]);
    let (_, page) = caller.get("/v1/customers", &[("email", "ada@example")]).await;
    assert_eq!(page["data"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let caller = Caller::new().await;
    let customer = caller.customer("kestrel.pine@example.com").await;
    let mut ids: Vec<String> = Vec::new();
    let mut dates = Vec::new();
    loop {
        let after = ids.last().cloned().unwrap_or_default();
        let mut query = vec![("customer", customer.as_str()), ("status", "open")];
        query.push(("limit", "50"));
        if !ids.is_empty() {
            query.push(("starting_after", &after));
        }
        let (_, page) = caller.get("/v1/invoices", &query).await;
        let items = page["data"].as_array().unwrap();
        ids.extend(items.iter().map(|invoice| text(&invoice["id"])));
        dates.extend(items.iter().map(|invoice| invoice["created"].as_i64()));
        if page["has_more"] == false {
            break;
        }
        assert_eq!(items.len(), 50);
    }
    assert_eq!(ids.len(), 127);
    assert!(dates.is_sorted_by(|newer, older| newer >= older));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 127);
}

#[tokio::test]
async fn a_page_holds_ten_unless_asked() {
    let caller = Caller::new().await;
    let (_, page) = caller.get("/v1/invoices", &[]).await;
    assert_eq!(page["data"].as_array().map(Vec::len), Some(10));
    assert_eq!(page["has_more"], true);
}

#[tokio::test]
async fn search_finds_by_name_whatever_the_case() {
    let caller = Caller::new().await;
    let names = |page: &Value| {
        let data = page["data"].as_array().unwrap();
        data.iter().map(|c| text(&c["email"])).collect::<Vec<_>>()
    };
    let (_, page) = caller.get("/v1/customers/search", &[("query", "name:'maren SOLVIK'")]).await;
    assert_eq!(page["object"], "search_result");
    assert_eq!(names(&page).len(), 2);
    let (_, page) = caller.get("/v1/customers/search", &[("query", r"name~'o\'dann'")]).await;
    assert_eq!(names(&page), ["orla@example.com"]);
    let query = r#"name~"solvik" AND email:"maren@example.org""#;
    let (_, page) = caller.get("/v1/customers/search", &[("query", query)]).await;
    assert_eq!(names(&page), ["maren@example.org"]);
    for unreadable in
        ["", "name", "name:", "name:'x", "shoe:'9'", "name~'ab'", "name:'a' OR name:'b'"]
    {
        let answer = caller.get("/v1/customers/search", &[("query", unreadable)]).await;
        assert_eq!(error_of(&answer), (400, "", "query"), "{unreadable}");
    }
}

#[tokio::test]
async fn parameters_are_checked() {
    let caller = Caller::new().await;
    let ask = async |path: &str, name: &str, value: &str| caller.get(path, &[(name, value)]).await;
    let answer = ask("/v1/customers", "colour", "red").await;
    assert_eq!(error_of(&answer), (400, "parameter_unknown", "colour"));
    for limit in ["0", "101", "-1", "ten", "1.5"] {
        let answer = ask("/v1/invoices", "limit", limit).await;
        assert_eq!(error_of(&answer), (400, "parameter_invalid_integer", "limit"));
    }
    let answer = ask("/v1/invoices", "status", "late").await;
    assert_eq!(error_of(&answer), (400, "", "status"));
    let answer = ask("/v1/invoices", "starting_after", "in_none").await;
    assert_eq!(error_of(&answer), (400, "resource_missing", "starting_after"));
    let answer = ask("/v1/charges", "customer", "cus_none").await;
    assert_eq!(error_of(&answer), (400, "resource_missing", "customer"));
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let caller = Caller::new().await;
    for path in ["/v1/customers/cus_none", "/v1/invoices/in_none", "/v1/charges/ch_none"] {
        assert_eq!(error_of(&caller.get(path, &[]).await), (404, "resource_missing", "id"));
    }
    assert_eq!(error_of(&caller.get("/v1/payouts", &[]).await), (404, "", ""));
    let url = format!("{}/v1/customers", caller.sandbox.url());
    let answer = caller.send(caller.client.delete(url)).await;
    assert_eq!(error_of(&answer), (404, "", ""));
}

#[tokio::test]
async fn a_refund_takes_effect_once() {
    let caller = Caller::new().await;
    let (charge, amount) = caller.charge().await;
    let (status, refund) = caller.refund(&[("charge", &charge), ("amount", "100")]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&refund["object"], &refund["amount"]), (&"refund".into(), &100.into()));
    let (_, rest) = caller.refund(&[("charge", &charge), ("reason", "duplicate")]).await;
    assert_eq!(rest["amount"], amount - 100);
    let (_, after) = caller.get(&format!("/v1/charges/{charge}"), &[]).await;
    assert_eq!(after["amount_refunded"], amount);
    assert_eq!(after["refunded"], true);
    let again = caller.refund(&[("charge", &charge)]).await;
    assert_eq!(error_of(&again), (400, "charge_already_refunded", ""));
}

#[tokio::test]
async fn a_refund_that_cannot_be_changes_nothing() {
    let caller = Caller::new().await;
    let (charge, amount) = caller.charge().await;
    let more = (amount + 1).to_string();
    for (form, error) in [
        (vec![("charge", charge.as_str()), ("amount", more.as_str())], (400, "", "amount")),
        (vec![("charge", &charge), ("amount", "0")], (400, "parameter_invalid_integer", "amount")),
        (vec![("charge", &charge), ("reason", "mood")], (400, "", "reason")),
        (vec![("charge", &charge), ("to", "me")], (400, "parameter_unknown", "to")),
        (vec![("amount", "1")], (400, "parameter_missing", "charge")),
        (vec![("charge", "ch_none")], (400, "resource_missing", "charge")),
    ] {
        assert_eq!(error_of(&caller.refund(&form).await), error);
    }
    let (_, after) = caller.get(&format!("/v1/charges/{charge}"), &[]).await;
    assert_eq!(after["amount_refunded"], 0);
}

#[tokio::test]
async fn nobody_gets_in_without_the_key() {
    let caller = Caller::new().await;
    let url = format!("{}/v1/customers", caller.sandbox.url());
    let wrong = SandboxKey::random().unwrap();
    let attempts = [
        caller.client.get(&url),
        caller.client.get(&url).bearer_auth(wrong.expose()),
        caller.client.get(&url).basic_auth(&caller.key, None::<&str>),
        caller.client.get(&url).header("authorization", &caller.key),
    ];
    for attempt in attempts {
        let response = attempt.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(response.headers().contains_key("www-authenticate"));
        let body = response.text().await.unwrap();
        assert!(body.contains("invalid_request_error"));
        assert!(!body.contains(&caller.key) && !body.contains(wrong.expose()));
    }
}

#[tokio::test]
async fn every_request_is_numbered_and_remembered() {
    let caller = Caller::new().await;
    let url = format!("{}/v1/customers?limit=1", caller.sandbox.url());
    let number = |response: &Response| response.headers()["request-id"].clone();
    let first = caller.client.get(&url).bearer_auth(&caller.key).send().await.unwrap();
    let second = caller.client.get(&url).send().await.unwrap();
    assert_ne!(number(&first), number(&second));
    let seen = caller.sandbox.requests();
    let statuses: Vec<u16> = seen.iter().map(|request| request.status).collect();
    assert_eq!(statuses, [200, 401]);
    assert_eq!(seen[0].target, "/v1/customers?limit=1");
    assert_eq!(seen[0].method, "GET");
}

#[tokio::test]
async fn a_key_is_rolled_and_the_one_before_it_taken_until_the_next() {
    let mut caller = Caller::new().await;
    let first = caller.key.clone();
    let key = SandboxKey::random().unwrap();
    caller.key = key.expose().to_owned();
    caller.sandbox.roll(key);
    assert_eq!(caller.get("/v1/customers", &[]).await.0, StatusCode::OK);
    let second = std::mem::replace(&mut caller.key, first);
    assert_eq!(caller.get("/v1/customers", &[]).await.0, StatusCode::OK);
    caller.sandbox.roll(SandboxKey::random().unwrap());
    assert_eq!(caller.get("/v1/customers", &[]).await.0, StatusCode::UNAUTHORIZED);
    caller.key = second;
    assert_eq!(caller.get("/v1/customers", &[]).await.0, StatusCode::OK);
}
