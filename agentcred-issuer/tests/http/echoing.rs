//! No answer of a token endpoint repeats what was submitted to it.

use reqwest::{Response, StatusCode};

use crate::agent::READ;
use crate::inspecting;
use crate::stage::Stage;
use crate::upstream::{self, Upstream};

/// A form with a canary in the place of each of its values, one after the other.
fn spoiled(form: &str) -> impl Iterator<Item = String> {
    form.split('&').map(move |parameter| {
        let name = parameter.split('=').next().unwrap();
        form.replace(parameter, &format!("{name}=canary"))
    })
}

async fn is_echo(response: Response) -> bool {
    let headers = format!("{:?}", response.headers());
    headers.contains("canary") || response.text().await.unwrap().contains("canary")
}

#[tokio::test]
async fn a_request_for_a_nonce_is_not_echoed() {
    let stage = Stage::set().await;
    let grant = stage.agent.grant().await;
    for form in spoiled(&stage.agent.nonce_form(&grant, READ)) {
        let proof = stage.agent.token_proof();
        let response = stage.agent.post("/token", form.clone(), Some(proof)).await;
        assert_ne!(response.status(), StatusCode::OK, "{form}");
        assert!(!is_echo(response).await, "{form}");
    }
}

#[tokio::test]
async fn a_question_about_a_nonce_is_not_echoed() {
    let (stage, server, _) = inspecting::stage().await;
    let nonce = stage.agent.mint(READ).await;
    for endpoint in ["/introspect", "/consume", "/revoke"] {
        for form in spoiled(&(inspecting::form(&server, &nonce) + "&client_id=stripe-gate")) {
            let response = server.post(endpoint, form.clone(), None).await;
            assert!(!is_echo(response).await, "{endpoint}: {form}");
        }
    }
    assert!(!stage.audit_text().contains("canary"));
}

#[tokio::test]
async fn an_endpoint_that_echoes_is_noticed() {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for in_header in [false, true] {
        let upstream = Upstream::start(move |request| {
            let said = std::str::from_utf8(&request.body).unwrap();
            let (header, body) = if in_header { (said, "") } else { ("", said) };
            upstream::answer("400 Bad Request", &[("x-said", header)], body).into_bytes()
        })
        .await;
        let url = format!("http://{}/token", upstream.address);
        for form in spoiled("grant_type=a&token=b") {
            assert!(is_echo(http.post(&url).body(form).send().await.unwrap()).await);
        }
    }
}
