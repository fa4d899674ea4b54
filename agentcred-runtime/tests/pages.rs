//! Lists in pages: each is one use of the nonce, and none is missed or asked for twice.

#![expect(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::sync::{Arc, Mutex};

use agentcred_macros::credentialed_tool;
use agentcred_runtime as agentcred;
use agentcred_runtime::{
    EgressResponse, MemoryIssuer, NextPage, Nonce, Paged, RequestError, State, ToolError, testing,
    toolbox,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// A page with a cursor, as many APIs have it.
#[derive(Deserialize)]
struct Members {
    members: Vec<u32>,
    next_cursor: Option<String>,
}

impl Paged for Members {
    fn next_page(&self) -> NextPage {
        NextPage::cursor("cursor", self.next_cursor.as_deref())
    }
}

/// A page that goes on after its last entry, as Stripe's do.
#[derive(Deserialize)]
struct Listed {
    data: Vec<String>,
    has_more: bool,
}

impl Paged for Listed {
    fn next_page(&self) -> NextPage {
        if !self.has_more {
            return NextPage::none();
        }
        NextPage::after("starting_after", self.data.last().map(String::as_str))
    }
}

/// What the tool was refused for.
#[derive(Clone, Default)]
struct Refused(Arc<Mutex<Vec<RequestError>>>);

/// List the members.
#[credentialed_tool(crate = agentcred, service = "crm", scope = "read", ttl = "1m", uses = 3)]
async fn list_members(crm: Nonce, refused: State<Refused>) -> Result<Vec<u32>, ToolError> {
    let mut members = Vec::new();
    let mut pages = crm.get("/v1/members").query(&[("order", "new")]).pages::<Members>();
    loop {
        match pages.next().await {
            Ok(Some(page)) => members.extend(page.members),
            Ok(None) => return Ok(members),
            Err(error) => refused.0.lock().unwrap().push(error),
        }
        assert!(refused.0.lock().unwrap().len() < 2, "once is a hiccup");
    }
}

/// List what goes on after its last entry.
#[credentialed_tool(crate = agentcred, service = "crm", scope = "read", ttl = "1m", uses = 3)]
async fn list_after(crm: Nonce, refused: State<Refused>) -> Result<usize, ToolError> {
    let mut pages = crm.get("/v1/list").pages::<Listed>();
    let mut read = 0;
    while let Some(page) = pages.next().await.inspect_err(|error| {
        refused.0.lock().unwrap().push(error.clone());
    })? {
        read += page.data.len();
    }
    Ok(read)
}

/// What a tool gives back, what the upstream was asked, and what the tool was refused for.
struct Outcome {
    result: Option<Value>,
    asked: Vec<String>,
    refused: Vec<RequestError>,
}

/// Calls a tool whose upstream gives these answers, one for each request.
async fn call<const N: usize>(tool: &str, answers: [(StatusCode, Value); N]) -> Outcome {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let issuer = MemoryIssuer::new(move |request| {
        let mut heard = heard.lock().unwrap();
        heard.push(request.query.clone());
        let (status, body) = &answers[heard.len() - 1];
        EgressResponse::new(*status, body.to_string())
    })
    .grant("crm", "read");
    let refused = Refused::default();
    let tools = toolbox![ListMembers, ListAfter].state(refused.clone());
    let task = testing::task(tools, &issuer).await.unwrap();
    let result = task.call(tool, json!({})).await.into_result().ok();
    let (asked, refused) = (asked.lock().unwrap().clone(), refused.0.lock().unwrap().clone());
    Outcome { result, asked, refused }
}

fn page(members: &[u32], next: &Value) -> (StatusCode, Value) {
    (StatusCode::OK, json!({"members": members, "next_cursor": next}))
}

#[tokio::test]
async fn a_cursor_is_followed_to_its_end_and_is_no_query_of_its_own() {
    let last = [json!(null), json!("")];
    for last in last {
        let pages =
            [page(&[1, 2], &json!("b&order=old")), page(&[3], &json!("c")), page(&[4], &last)];
        let outcome = call("list_members", pages).await;
        assert_eq!(outcome.result, Some(json!([1, 2, 3, 4])));
        let asked = ["order=new", "order=new&cursor=b%26order%3Dold", "order=new&cursor=c"];
        assert_eq!(outcome.asked, asked);
        assert_eq!(outcome.refused, []);
    }
}

#[tokio::test]
async fn a_page_that_failed_is_asked_for_again_and_spends_another_use() {
    let broken = (StatusCode::BAD_GATEWAY, json!(null));
    let pages = [page(&[1], &json!("b")), broken, page(&[2], &json!(null))];
    let outcome = call("list_members", pages).await;
    assert_eq!(outcome.result, Some(json!([1, 2])));
    assert_eq!(outcome.asked[1..], ["order=new&cursor=b", "order=new&cursor=b"]);
    assert_eq!(outcome.refused, [RequestError::Status(StatusCode::BAD_GATEWAY)]);
}

#[tokio::test]
async fn a_list_with_more_pages_than_uses_says_how_many_to_ask_for() {
    let endless = [1, 2, 3].map(|number| page(&[number], &json!(number.to_string())));
    let outcome = call("list_members", endless).await;
    assert_eq!(outcome.asked.len(), 3, "the fourth is not sent");
    let said = outcome.refused[0].to_string();
    assert_eq!(
        said,
        "`list_members` made upstream request number 4 to `crm`, its nonce allows 3; say `uses = 4`"
    );
}

#[tokio::test]
async fn a_list_that_cannot_go_on_does_not_look_whole() {
    let listed = |data: &[&str], has_more: bool| {
        (StatusCode::OK, json!({"data": data, "has_more": has_more}))
    };
    let outcome = call("list_after", [listed(&["a", "b"], true), listed(&[], true)]).await;
    assert_eq!(
        (outcome.result, outcome.asked),
        (None, vec![String::new(), "starting_after=b".to_owned()])
    );
    assert_eq!(outcome.refused, [RequestError::LostPage]);

    let whole = call("list_after", [listed(&["a", "b"], true), listed(&[], false)]).await;
    assert_eq!((whole.result, whole.refused), (Some(json!(2)), vec![]));
}
